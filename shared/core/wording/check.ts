// The check on what a model says: each number, name, time, link and claim of its sentences must be in the evidence, and belong to
// what the sentence says it of. What cannot be shown to be true is refused; a template stands in its place. Pure.
import type { Evidence, EvidenceItem, Fact } from './evidence.ts';
import { checkClaims, negatedBefore } from './claims.ts';
import { type Found, findPhrases, isOfEvidence, isSamePhrase, stemOf, stemsOf } from './phrases.ts';
import { isVague, type Reading } from './quantities.ts';
import { type Clause, groupAt, groupsOf, type Group } from './subjects.ts';
import { type Token, tokensOf } from './tokens.ts';
import { isCommonWord } from './vocabulary.ts';

export type Checked = { readonly ok: true } | { readonly ok: false; readonly why: string };

export interface Limits {
  readonly characters: number;
  readonly sentences: number;
}

/** Two or three sentences that a person reads at a glance. */
export const SUMMARY_LIMITS: Limits = { characters: 600, sentences: 4 };
const SENTENCE_CHARACTERS = 320;
/** ASCII, and the marks that our own sentences use. No mrkdwn, no quotes, no at sign. */
const CHARACTERS = /^[A-Za-z0-9 ,;:.()%/'’→–—_\-\n]*$/u;

/** Whether every sentence of the text can be made from the evidence; `why` names the first thing that cannot. */
export function checkWording(text: string, evidence: Evidence, limits: Limits = SUMMARY_LIMITS): Checked {
  const refused = (why: string): Checked => ({ ok: false, why });
  if (text.trim() === '') {
    return refused('it is empty');
  }
  if (text.length > limits.characters) {
    return refused(`it is longer than ${String(limits.characters)} characters`);
  }
  const names = namesOf(evidence);
  const unnamed = names.reduce((rest, name) => rest.replaceAll(name, ' '), text);
  if (!CHARACTERS.test(unnamed)) {
    const odd = [...unnamed].find((character) => !CHARACTERS.test(character)) ?? '';
    return refused(`it has the character U+${(odd.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`);
  }
  const sentences = sentencesOf(tokensOf(text, names));
  if (sentences.length > limits.sentences) {
    return refused(`it has more than ${String(limits.sentences)} sentences`);
  }
  const known = knownStems(evidence);
  let carried: Group | undefined;
  for (const sentence of sentences) {
    const length = sentence.reduce((sum, token) => sum + token.text.length + 1, 0);
    if (length > SENTENCE_CHARACTERS) {
      return refused(`a sentence is longer than ${String(SENTENCE_CHARACTERS)} characters`);
    }
    if (!sentence.some((token) => isOfEvidence(token, known))) {
      return refused('a sentence tells nothing of the evidence');
    }
    for (const clause of clausesOf(sentence)) {
      const groups = groupsOf(clause, evidence);
      const why = checkClause({ clause, groups, carried, evidence, known });
      if (why !== undefined) {
        return refused(why);
      }
      carried = groups.at(-1) ?? carried;
    }
  }
  return { ok: true };
}

export function namesOf({ names, items }: Evidence): readonly string[] {
  return [...names, ...items.flatMap((item) => item.names)].filter((name) => name !== '');
}

function knownStems({ facts, items }: Evidence): ReadonlySet<string> {
  const said = [...facts, ...items.flatMap((item) => item.facts)].flatMap((fact) =>
    fact.unit === 'time' ? [] : fact.said,
  );
  const deeds = items.flatMap((item) => item.deeds.flatMap((deed) => deed.said));
  const wholes = facts.flatMap((fact) => (fact.unit === 'count' && fact.wholeOf !== undefined ? [fact.wholeOf] : []));
  return stemsOf([...said, ...deeds, ...wholes, ...items.flatMap((item) => item.states)]);
}

function sentencesOf(tokens: readonly Token[]): readonly (readonly Token[])[] {
  return split(tokens, (token) => token.kind === 'mark' && token.text === '.');
}

const CLAUSE_WORDS: ReadonlySet<string> = new Set(['while', 'whereas', 'but', 'although', 'though']);

/** A comma begins a clause only before "and" or such a word: names and sizes are listed with commas too. */
function clausesOf(sentence: readonly Token[]): readonly (readonly Token[])[] {
  return split(sentence, (token, index) => {
    const after = sentence[index + 1];
    const isJoint = after?.kind === 'word' && (after.text === 'and' || CLAUSE_WORDS.has(after.text));
    return (
      (token.kind === 'mark' && (token.text === ';' || (token.text === ',' && isJoint && index > 0))) ||
      (token.kind === 'word' && CLAUSE_WORDS.has(token.text))
    );
  });
}

function split(
  tokens: readonly Token[],
  isEnd: (token: Token, index: number) => boolean,
): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  for (const [index, token] of tokens.entries()) {
    if (isEnd(token, index)) {
      parts.push([]);
    } else {
      parts.at(-1)?.push(token);
    }
  }
  return parts.filter((part) => part.length > 0);
}

function checkClause(input: Clause): string | undefined {
  const { clause, evidence, known } = input;
  for (const token of clause) {
    const why = checkToken(token, evidence, known);
    if (why !== undefined) {
      return why;
    }
  }
  const bound = new Set<number>();
  for (const [index, token] of clause.entries()) {
    if (token.kind === 'number') {
      const why = checkNumber(input, index, token, bound);
      if (why !== undefined) {
        return why;
      }
    }
  }
  return checkClaims(input, bound);
}

/** What a single token shows by itself. */
function checkToken(token: Token, evidence: Evidence, known: ReadonlySet<string>): string | undefined {
  const shown = JSON.stringify(token.text.slice(0, 60));
  switch (token.kind) {
    case 'odd':
      return `${shown} is nothing that the evidence names`;
    case 'link':
      return evidence.links.includes(token.text) ? undefined : `the link or key ${shown} is not ours`;
    case 'time':
      return isTold(token.text, evidence) ? undefined : `the time ${shown} is not in the evidence`;
    case 'word':
      if (isVague(token.text)) {
        return `${shown} is no number that can be checked`;
      }
      return isCommonWord(token.text) || known.has(stemOf(token.text)) || token.text === 'not'
        ? undefined
        : `the word ${shown} is not one that the evidence gives`;
    case 'name':
    case 'mark':
    case 'number':
      return undefined;
  }
}

const WEEKDAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');

function isTold(said: string, { facts, items }: Evidence): boolean {
  const times = [...facts, ...items.flatMap((item) => item.facts)].filter((fact) => fact.unit === 'time');
  return times.some(({ value }) => {
    const iso = new Date(value).toISOString();
    const weekday = WEEKDAYS[new Date(value).getUTCDay()];
    return [
      iso,
      iso.slice(0, 10),
      iso.slice(11, 16),
      iso.slice(11, 19),
      iso.replace(/\.000Z$/u, 'Z'),
      weekday,
    ].includes(said);
  });
}

/** A number is true when a fact of the right unit and value is called what the sentence calls it, of whom the sentence speaks. */
function checkNumber(
  input: Clause,
  index: number,
  token: Extract<Token, { kind: 'number' }>,
  bound: Set<number>,
): string | undefined {
  const { clause, evidence } = input;
  const shown = JSON.stringify(token.text);
  if (token.isNone && clause[index + 1]?.text === 'longer') {
    return undefined;
  }
  const group = groupAt(input, index);
  const facts = [...evidence.facts, ...(group?.items ?? evidence.items).flatMap((item) => item.facts)];
  const candidates = facts.filter((fact) => token.readings.some((reading) => isValue(fact, reading)));
  const isCount = token.readings.every(({ unit }) => unit === 'count');
  if (isCount) {
    return checkCount(input, index, token, candidates, bound);
  }
  if (candidates.length === 0) {
    return `${shown} is not in the evidence${group === undefined ? '' : ` of ${group.names.join(' and ')}`}`;
  }
  if (candidates.every(({ unit }) => unit === 'share') && isCounted(input, index + 1)) {
    return `${shown} is a share of something that is counted`;
  }
  const isSpan = token.readings.every(({ unit }) => unit === 'seconds');
  if (!isSpan && !candidates.some((fact) => isCalled(fact, clause, index))) {
    return `${shown} is a value of something else in the evidence`;
  }
  return checkEnd(clause, index, token, group?.items ?? evidence.items);
}

/** Whether what is counted, and not measured, is named at `index`: "4% OOM kills". */
function isCounted({ clause, evidence }: Clause, index: number): boolean {
  const counts = [...evidence.facts, ...evidence.items.flatMap((item) => item.facts)];
  const said = counts.flatMap((fact) => (fact.unit === 'count' ? fact.said : []));
  return findPhrases(clause, said).some(({ start }) => start === index);
}

function isValue(fact: Fact, reading: Reading): boolean {
  if (fact.unit === 'time' || fact.unit !== reading.unit) {
    return false;
  }
  switch (fact.unit) {
    case 'count':
      return reading.decimals === 0 && fact.value === reading.value;
    case 'share': {
      const factor = 10 ** reading.decimals;
      // The tiny addition takes back what binary fractions take away: 0.145 is a little less than it says.
      const rounded = Math.floor(fact.value * 100 * factor + 0.5 + 1e-9) / factor;
      return reading.decimals <= 1 && Math.abs(rounded - reading.value * 100) < 1e-6;
    }
    case 'bytes':
    case 'millicores': {
      const distance = Math.abs(fact.value - reading.value);
      const isRounded = fact.isMeasured === true && reading.decimals <= 1 && distance <= reading.half;
      return distance <= Math.abs(fact.value) * 1e-9 || isRounded;
    }
    case 'seconds':
      return fact.value === reading.value;
  }
}

/** Words of which a value can be called by one alone; those of a list say the same. */
const DIMENSIONS: readonly (readonly (readonly string[])[])[] = [
  [['memory'], ['cpu']],
  [['limit'], ['request']],
  [
    ['average', 'averaged', 'averaging', 'mean'],
    ['p95', 'percentile'],
    ['maximum', 'highest'],
  ],
];
const BREAKS: ReadonlySet<string> = new Set(['and', 'to', 'from', 'by', 'after', 'since', 'because', 'then']);

/** Whether the clause's own words for the value (memory or CPU, limit or request, average or p95) are the fact's. */
function isCalled(fact: Fact, clause: readonly Token[], index: number): boolean {
  if (fact.unit === 'time') {
    return true;
  }
  const called = fact.said.flatMap((phrase) => phrase.toLowerCase().split(/\s+/u));
  return DIMENSIONS.every((dimension) => {
    const same = dimensionAt(clause, index, dimension);
    const isOfThese = dimension.some((words) => words.some((word) => called.includes(word)));
    return same === undefined || !isOfThese || same.some((word) => called.includes(word));
  });
}

type Same = readonly string[];

/** The words of a dimension that a number belongs to: right after it, else the last ones before it, else the first ones after. */
function dimensionAt(clause: readonly Token[], index: number, dimension: readonly Same[]): Same | undefined {
  const at = (token: Token | undefined): Same | undefined =>
    token?.kind === 'word'
      ? dimension.find((words) => words.some((word) => token.text === word || token.text === `${word}s`))
      : undefined;
  for (let next = index + 1; next < Math.min(clause.length, index + 6); next += 1) {
    const token = clause[next];
    const isBreak =
      token?.kind === 'number' || token?.kind === 'mark' || (token?.kind === 'word' && BREAKS.has(token.text));
    if (isBreak) {
      break;
    }
    if (at(token) !== undefined) {
      return at(token);
    }
  }
  const before = clause
    .slice(0, index)
    .reverse()
    .map(at)
    .find((word) => word !== undefined);
  return (
    before ??
    clause
      .slice(index + 1)
      .map(at)
      .find((word) => word !== undefined)
  );
}

/** A size after "from" is one that a deed began at, one after "to" or an arrow one that a deed ended at. */
function checkEnd(
  clause: readonly Token[],
  index: number,
  token: Extract<Token, { kind: 'number' }>,
  items: readonly EvidenceItem[],
): string | undefined {
  if (!token.readings.some(({ unit }) => unit === 'bytes' || unit === 'millicores')) {
    return undefined;
  }
  const before = clause[index - 1];
  const after = clause[index + 1];
  const isArrow = (one: Token | undefined): boolean => one?.kind === 'mark' && one.text === '→';
  const end =
    before?.text === 'from' || isArrow(after) ? 'from' : before?.text === 'to' || isArrow(before) ? 'to' : undefined;
  if (end === undefined) {
    return undefined;
  }
  const ends = items.flatMap((item) => item.deeds.map((deed) => deed[end]));
  const isEnd = ends.some((one) =>
    token.readings.some((reading) => one?.unit === reading.unit && Math.abs(one.value - reading.value) < 1e-6),
  );
  return isEnd ? undefined : `no change went ${end} ${token.text}`;
}

const COUNT_WINDOW = 6;
const LABEL_BEFORE = 3;
const PLURAL_FILLERS: ReadonlySet<string> = new Set(
  'of in out were was and to are is have had has got from by with that which or since after before until on at for as more other others times time'.split(
    ' ',
  ),
);

/** A count belongs to a label: the first one after it in reach, else one right before it; "of 4 pods" to the whole. */
function checkCount(
  { clause, evidence }: Clause,
  index: number,
  token: Extract<Token, { kind: 'number' }>,
  candidates: readonly Fact[],
  bound: Set<number>,
): string | undefined {
  const shown = JSON.stringify(token.text);
  const counts = [...evidence.facts, ...evidence.items.flatMap((item) => item.facts)].filter(
    (fact) => fact.unit === 'count',
  );
  const labels = findPhrases(
    clause,
    counts.flatMap(({ said }) => said),
  );
  const label = token.isTimes
    ? (labelBefore(clause, index, labels) ?? labelAfter(clause, index, labels))
    : (labelAfter(clause, index, labels) ?? labelBefore(clause, index, labels));
  const isNegated = negatedBefore(clause, index);
  const noun = clause[index + 1];
  const isWhole = candidates.some(
    (fact) =>
      fact.unit === 'count' &&
      fact.wholeOf !== undefined &&
      noun?.kind === 'word' &&
      isSamePhrase(noun.text, fact.wholeOf),
  );
  if (isWhole && clause[index - 1]?.text === 'of') {
    return undefined;
  }
  if (label !== undefined) {
    bound.add(label.start);
    const isTrue = candidates.some(
      (fact) => fact.unit === 'count' && fact.said.some((said) => isSamePhrase(said, label.phrase)),
    );
    return isTrue && !isNegated ? undefined : `${shown} is not the number of "${label.phrase}" in the evidence`;
  }
  return isWhole && !isNegated ? undefined : `${shown} counts nothing that the evidence counts`;
}

function labelAfter(clause: readonly Token[], index: number, labels: readonly Found[]): Found | undefined {
  // "2 of 55 pods were changed": the whole stands between a part and its label.
  const isPart = clause[index + 1]?.text === 'of' && clause[index + 2]?.kind === 'number';
  const first = index + (isPart ? 3 : 1);
  for (let next = first; next <= Math.min(clause.length - 1, first + COUNT_WINDOW); next += 1) {
    const found = labels.find(({ start }) => start === next);
    if (found !== undefined) {
      return found;
    }
    const token = clause[next];
    const isStop =
      token?.kind === 'number' ||
      token?.kind === 'mark' ||
      (token?.kind === 'word' && ['and', 'or', 'then'].includes(token.text));
    if (isStop) {
      return undefined;
    }
  }
  return undefined;
}

/** A number right before a plural that no fact counts ("4 restarts") is a count of that, whatever stands before it. */
function labelBefore(clause: readonly Token[], index: number, labels: readonly Found[]): Found | undefined {
  const noun = clause[index + 1];
  const isOther =
    noun?.kind === 'word' &&
    /s$/u.test(noun.text) &&
    !PLURAL_FILLERS.has(noun.text) &&
    !/^(?:pod|container)s$/u.test(noun.text);
  const found = labels.filter(({ end }) => end <= index && index - end <= LABEL_BEFORE).at(-1);
  const between = found === undefined ? [] : clause.slice(found.end, index);
  return isOther || between.some(({ kind }) => kind === 'number') ? undefined : found;
}
