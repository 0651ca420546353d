// Cuts a model's text into what can be checked: names, numbers, times, links, words and marks. What is none of these is `odd`.
import { isCommonWord } from './vocabulary.ts';
import {
  isNoneWord,
  isTimesWord,
  numberOfWord,
  ordinalOf,
  type Reading,
  readingsOf,
  spanOf,
  UNIT_WORDS,
} from './quantities.ts';

export type Token =
  | { readonly kind: 'name' | 'link' | 'time' | 'mark' | 'odd'; readonly text: string }
  /** In lower case. */
  | { readonly kind: 'word'; readonly text: string; readonly isNegation: boolean }
  | {
      readonly kind: 'number';
      readonly text: string;
      readonly readings: readonly Reading[];
      /** "no", "nothing": a claim that there is none. */
      readonly isNone: boolean;
      /** "twice", "4 times". */
      readonly isTimes: boolean;
    };

const UNITS = UNIT_WORDS.map((unit) => unit.replace('%', '%')).join('|');
/** A unit may stand apart where it is more than one letter, or one of `s h d w`; "5 m" is nothing that anybody writes. */
const NUMBER = new RegExp(
  String.raw`((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)(?:[ -]?(?!m\b)(${UNITS})|(m))?(?![A-Za-z0-9_])`,
  'iuy',
);
const TIME = /[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+Z?)?|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9])/uy;
const ORDINAL = /[0-9]+(?:st|nd|rd|th)\b/iuy;
const LINK = /(?:[a-z][a-z0-9+.-]*:\/\/|www\.)[^\s]+|[A-Z][A-Z0-9]+-[0-9]+\b/uy;
const CHUNK = /[A-Za-z][A-Za-z0-9_'’./:@#-]*/uy;
const PLAIN_WORD = /^[A-Za-z]+(?:['’][a-z]+)?(?:-[A-Za-z]+(?:['’]s)?)*$/u;
const POSSESSIVE = /['’]s?(?![A-Za-z])/uy;
const MARK = /[,;:.()→–—]/uy;
const SPACE = /\s+/uy;
const WEEKDAYS: ReadonlySet<string> = new Set('monday tuesday wednesday thursday friday saturday sunday'.split(' '));
const NEGATIONS: ReadonlySet<string> = new Set(['not', 'without', 'neither', 'nor', 'cannot', 'never']);
const CONTRACTIONS: ReadonlySet<string> = new Set(
  "wasn't weren't isn't aren't didn't doesn't don't hasn't haven't hadn't couldn't".split(' '),
);

/** The tokens of a text. `names` are recognised as a whole, the longest first, unless they are common words anyway. */
export function tokensOf(text: string, names: readonly string[]): readonly Token[] {
  const known = [...new Set(names)]
    .filter((name) => !isCommonWord(name.toLowerCase()))
    .sort((a, b) => b.length - a.length);
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const space = match(SPACE);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    const name = known.find(
      (one) => text.startsWith(one, at) && !/^(?:[\w/]|[-.:@][\w/])/u.test(text.slice(at + one.length)),
    );
    const [token, length] =
      name === undefined ? next(match, text, at) : [{ kind: 'name', text: name } as const, name.length];
    tokens.push(...(token === undefined ? [] : [token]));
    at += length;
  }
  return withSpans(tokens);
}

type Match = (pattern: RegExp) => RegExpExecArray | null;

function next(match: Match, text: string, at: number): readonly [Token | undefined, number] {
  const link = match(LINK);
  if (link !== null) {
    const whole = link[0].replace(/[.,;:)]+$/u, '');
    return [{ kind: 'link', text: whole }, whole.length];
  }
  const time = match(TIME);
  if (time !== null) {
    const whole = time[0].replace(/[.:]+$/u, '');
    return [{ kind: 'time', text: whole }, whole.length];
  }
  const ordinal = match(ORDINAL);
  if (ordinal !== null) {
    return [numberToken(ordinal[0], ordinalOf(ordinal[0].toLowerCase()) ?? Number.NaN), ordinal[0].length];
  }
  const number = match(NUMBER);
  if (number !== null) {
    const [whole, digits = '', unit, short] = number;
    const readings = readingsOf(digits, unit ?? short ?? '');
    return [
      readings.length === 0
        ? { kind: 'odd', text: whole }
        : { kind: 'number', text: whole, readings, isNone: false, isTimes: false },
      whole.length,
    ];
  }
  const possessive = match(POSSESSIVE);
  if (possessive !== null) {
    return [undefined, possessive[0].length];
  }
  const chunk = match(CHUNK);
  if (chunk !== null) {
    const whole = chunk[0].replace(/[.,:;'’/@#-]+$/u, '');
    return [
      PLAIN_WORD.test(whole) || /^p[0-9]{2}$/u.test(whole) ? wordToken(whole) : { kind: 'odd', text: whole },
      whole.length,
    ];
  }
  const mark = match(MARK);
  if (mark !== null) {
    return [{ kind: 'mark', text: mark[0] }, 1];
  }
  const odd = String.fromCodePoint(text.codePointAt(at) ?? 0);
  return [{ kind: 'odd', text: odd }, odd.length];
}

function wordToken(whole: string): Token {
  const lower = whole.toLowerCase().replaceAll('’', "'");
  const word = lower.replace(/'s$/u, '');
  if (WEEKDAYS.has(word)) {
    return { kind: 'time', text: word };
  }
  const number = numberOfWord(word) ?? (word === 'first' ? undefined : ordinalOf(word));
  if (number !== undefined && word !== 'second') {
    return { ...numberToken(whole, number), isNone: isNoneWord(word), isTimes: isTimesWord(word) };
  }
  const isContraction = CONTRACTIONS.has(lower);
  return { kind: 'word', text: isContraction ? 'not' : word, isNegation: isContraction || NEGATIONS.has(word) };
}

function numberToken(text: string, value: number): Extract<Token, { kind: 'number' }> {
  return {
    kind: 'number',
    text,
    readings: [{ unit: 'count', value, half: 0.5, decimals: 0 }],
    isNone: false,
    isTimes: false,
  };
}

/** "two days", "the last day", "4 times", and "15 to 70%", whose first number has the unit of the second. */
function withSpans(tokens: readonly Token[]): readonly Token[] {
  const out: Token[] = [];
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index] as Token;
    const after = tokens[index + 1];
    const span = after?.kind === 'word' ? spanOf(after.text) : undefined;
    if (token.kind === 'number' && span !== undefined && isPlain(token)) {
      out.push(inSeconds(`${token.text} ${after?.text ?? ''}`, (token.readings[0]?.value ?? 0) * span));
      index += 1;
    } else if (token.kind === 'word' && span !== undefined && ['a', 'an', 'last', 'past', 'per'].includes(token.text)) {
      out.push(token, inSeconds(after?.text ?? '', span));
      index += 1;
    } else if (token.kind === 'number' && after?.kind === 'word' && /^times?$/u.test(after.text)) {
      out.push({ ...token, isTimes: true }, after);
      index += 1;
    } else if (token.kind === 'number' && isPlain(token) && isBetween(after)) {
      const second = tokens[index + 2];
      const shares = second?.kind === 'number' && second.text.endsWith('%');
      out.push(shares ? { ...token, readings: readingsOf(token.text, '%') } : token);
    } else {
      out.push(token);
    }
  }
  return out;
}

function isPlain(token: Extract<Token, { kind: 'number' }>): boolean {
  return !token.isNone && token.readings.every(({ unit }) => unit === 'count');
}

function isBetween(token: Token | undefined): boolean {
  return (
    (token?.kind === 'word' && ['to', 'and', 'or'].includes(token.text)) ||
    (token?.kind === 'mark' && /[→–]/u.test(token.text))
  );
}

function inSeconds(text: string, value: number): Token {
  return {
    kind: 'number',
    text,
    readings: [{ unit: 'seconds', value, half: 0, decimals: 0 }],
    isNone: false,
    isTimes: false,
  };
}
