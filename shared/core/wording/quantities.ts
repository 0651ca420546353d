// Numbers as people write them: digits and words, units of memory, CPU, time and shares. Reads what stands there; whether it is
// true is for the check.
import type { Unit } from './evidence.ts';

/** One way to understand a number; `500m` is half a core, and could be 500 minutes. */
export interface Reading {
  readonly unit: Exclude<Unit, 'time'>;
  /** Pieces, a share of one, bytes, millicores, seconds. */
  readonly value: number;
  /** Half of the last digit that was written, in the same unit: what rounding may have taken away. */
  readonly half: number;
  /** Digits after the point, as written. */
  readonly decimals: number;
}

const SMALL = 'zero one two three four five six seven eight nine ten eleven twelve'.split(' ');
const TEENS = 'thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(' ');
const NUMBER_WORDS: ReadonlyMap<string, number> = new Map([...SMALL, ...TEENS].map((word, value) => [word, value]));
const TIMES_WORDS: ReadonlyMap<string, number> = new Map([
  ['once', 1],
  ['twice', 2],
  ['thrice', 3],
  ['both', 2],
]);
const NONE_WORDS: ReadonlySet<string> = new Set(['no', 'none', 'nothing', 'nobody', 'neither']);
const ORDINALS: ReadonlyMap<string, number> = new Map(
  'first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth'
    .split(' ')
    .map((word, index) => [word, index + 1]),
);
/** Sizes without a number that can be checked. */
const VAGUE: ReadonlySet<string> = new Set(
  'dozen dozens couple half halved quarter thirds doubled double tripled triple quadrupled hundred hundreds thousand thousands million millions billion billions'.split(
    ' ',
  ),
);

const BYTES: Readonly<Record<string, number>> = {
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  b: 1,
  bytes: 1,
};
const SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  sec: 1,
  secs: 1,
  second: 1,
  seconds: 1,
  min: 60,
  mins: 60,
  minute: 60,
  minutes: 60,
  h: 3600,
  hr: 3600,
  hrs: 3600,
  hour: 3600,
  hours: 3600,
  d: 86_400,
  day: 86_400,
  days: 86_400,
  w: 604_800,
  week: 604_800,
  weeks: 604_800,
};
const MILLICORES: Readonly<Record<string, number>> = {
  core: 1000,
  cores: 1000,
  cpus: 1000,
  millicore: 1,
  millicores: 1,
};

/** Every spelling of a unit, the longest first, for a pattern. */
export const UNIT_WORDS: readonly string[] = [
  '%',
  'percent',
  'm',
  'ms',
  ...Object.keys({ ...BYTES, ...SECONDS, ...MILLICORES }),
].sort((a, b) => b.length - a.length);

/** The readings of digits with the unit that follows them; empty for a unit that means nothing here. */
export function readingsOf(digits: string, unit: string): readonly Reading[] {
  const plain = digits.replaceAll(',', '');
  const number = Number(plain);
  const decimals = plain.includes('.') ? plain.length - plain.indexOf('.') - 1 : 0;
  const as = (kind: Reading['unit'], factor: number): Reading => ({
    unit: kind,
    value: number * factor,
    half: (0.5 * factor) / 10 ** decimals,
    decimals,
  });
  const name = unit.toLowerCase();
  if (name === '') {
    return [as('count', 1)];
  }
  if (name === '%' || name === 'percent') {
    return [as('share', 0.01)];
  }
  if (name === 'm') {
    return [as('millicores', 1), as('seconds', 60)];
  }
  const [bytes, seconds, millicores] = [BYTES[name], SECONDS[name], MILLICORES[name]];
  return [
    ...(bytes === undefined ? [] : [as('bytes', bytes)]),
    ...(seconds === undefined ? [] : [as('seconds', seconds)]),
    ...(millicores === undefined ? [] : [as('millicores', millicores)]),
  ];
}

/** `four`, `twice`, `nothing`; `undefined` for other words. */
export function numberOfWord(word: string): number | undefined {
  return NONE_WORDS.has(word) ? 0 : (NUMBER_WORDS.get(word) ?? TIMES_WORDS.get(word));
}

export function isNoneWord(word: string): boolean {
  return NONE_WORDS.has(word);
}

export function isTimesWord(word: string): boolean {
  return TIMES_WORDS.has(word) && word !== 'both';
}

/** `third` and `3rd`; `undefined` for other words. */
export function ordinalOf(word: string): number | undefined {
  const digits = /^([0-9]+)(?:st|nd|rd|th)$/.exec(word)?.[1];
  return digits === undefined ? ORDINALS.get(word) : Number(digits);
}

export function isVague(word: string): boolean {
  return VAGUE.has(word);
}

/** Seconds of `day` in "the last day"; `undefined` for words that are no span of time. */
export function spanOf(word: string): number | undefined {
  return word.length > 2 ? SECONDS[word] : undefined;
}
