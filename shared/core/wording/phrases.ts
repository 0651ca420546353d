// Phrases of the evidence in a line of tokens: `needs a person` is found in "needed a person", whatever the ending of its words.
import type { Token } from './tokens.ts';
import { isCommonWord } from './vocabulary.ts';

/** A phrase that stands in the tokens from `start` up to and without `end`. */
export interface Found {
  readonly phrase: string;
  readonly start: number;
  readonly end: number;
}

/** A word without its usual endings: enough for `killed` to be `kills`, and nothing that a person would read. */
export function stemOf(word: string): string {
  const lower = word.toLowerCase();
  const stem = lower.length > 4 ? lower.replace(/(?:ing|ed|es|s|e)$/u, '') : lower.replace(/s$/u, '');
  return stem.length < 2 ? lower : stem;
}

function wordsOf(phrase: string): readonly string[] {
  return phrase.split(/\s+/u).map(stemOf);
}

/** Every place at which one of the phrases stands; of two that begin at one place, the longer. */
export function findPhrases(tokens: readonly Token[], phrases: Iterable<string>): readonly Found[] {
  const all = [...new Set(phrases)].map((phrase) => ({ phrase, words: wordsOf(phrase) }));
  const stems = tokens.map((token) => (token.kind === 'word' ? stemOf(token.text) : undefined));
  return stems.flatMap((_, start): Found[] => {
    const here = all.filter(({ words }) => words.every((word, offset) => stems[start + offset] === word));
    const [longest] = here.sort((a, b) => b.words.length - a.words.length);
    return longest === undefined ? [] : [{ phrase: longest.phrase, start, end: start + longest.words.length }];
  });
}

/** Whether two phrases are the same but for endings. */
export function isSamePhrase(a: string, b: string): boolean {
  return wordsOf(a).join(' ') === wordsOf(b).join(' ');
}

/** The words of phrases, by their stems, for the vocabulary. */
export function stemsOf(phrases: Iterable<string>): ReadonlySet<string> {
  return new Set([...phrases].flatMap(wordsOf));
}

/** A name, a number, a time, a link, or a word that the evidence alone brings: what is not about it cannot be held against it. */
export function isOfEvidence(token: Token, known: ReadonlySet<string>): boolean {
  return token.kind === 'word' ? !isCommonWord(token.text) && known.has(stemOf(token.text)) : token.kind !== 'mark';
}
