// Foreign text on its way into a prompt: visible characters only, one line, a cap, and a fence that it cannot close.
import { hashOf } from '../core/fingerprint.ts';

const LINE_CHARACTERS = 320;

/** One line without control, invisible, bidi and private characters. */
export function plainLine(text: string, most: number = LINE_CHARACTERS): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\uFE00-\uFE0F\u{E0100}-\u{E01EF}\s]+/gu, ' ')
    .trim();
  const characters = [...line];
  // A number that is cut would be another number: the cut goes back to a blank.
  return characters.length <= most ? line : `${characters.slice(0, most).join('').replace(/\S*$/u, '').trimEnd()} …`;
}

/**
 * The text between two marks that hold a hash of it: nobody can write the mark of a text into that text, since it would change the
 * hash. The same text has the same marks, so that a run can be repeated.
 */
export function fenced(text: string): string {
  const mark = `EVIDENCE-${hashOf({ fenced: text }).slice(0, 16)}`;
  return `<<<${mark}\n${text}\n${mark}>>>`;
}

/**
 * An estimate of a text's tokens that is rather too high: four letters a token and never more than one word, each digit, mark and
 * letter of another script by itself. Vocabularies of small models split numbers and names about like that.
 */
export function estimatedTokens(text: string): number {
  let tokens = 0;
  for (const [piece] of text.matchAll(/[A-Za-z]+|[^\sA-Za-z]/gu)) {
    tokens += /^[A-Za-z]/u.test(piece) ? Math.ceil(piece.length / 4) : 1;
  }
  return tokens;
}
