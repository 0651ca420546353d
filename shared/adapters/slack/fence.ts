// Text for a fenced code block of Slack: it may not end the fence, and JSON in it parses to the same value when people copy it.
import { escapeEntities } from './mrkdwn.ts';

/** Invisible or able to reorder what people see: controls, format characters (bidi, zero width), line and paragraph separators. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The text between the fences, escaped; Slack shows it unescaped. Line breaks and tabs stay. */
export function fencedText(text: string): string {
  const lines = text.replaceAll(/\r\n?/g, '\n');
  return escapeEntities(isJson(lines) ? visibleJson(lines) : visibleText(lines));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Such characters and backticks stand only in JSON's strings, where `\u` means the same. */
function visibleJson(text: string): string {
  return text
    .replace(HIDDEN, (character) => (isLayout(character) ? character : codeUnits(character)))
    .replaceAll('```', `\`\`${codeUnits('`')}`);
}

function visibleText(text: string): string {
  return text
    .replace(HIDDEN, (character) => (isLayout(character) ? character : '\uFFFD'))
    .replaceAll('```', '``\u02CB');
}

function isLayout(character: string): boolean {
  return character === '\n' || character === '\t';
}

function codeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}
