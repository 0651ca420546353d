// Claims of a clause: what was done, and what became of whom. Each must be so in the evidence for everyone whom it is said of.
import { type EvidenceItem, LOWERED, RAISED } from './evidence.ts';
import { findPhrases, isSamePhrase } from './phrases.ts';
import { type Clause, groupAt } from './subjects.ts';
import type { Token } from './tokens.ts';

const NEGATION_REACH = 3;

/** Whether "not" or "without" stands shortly before `index`. */
export function negatedBefore(clause: readonly Token[], index: number): boolean {
  return clause
    .slice(Math.max(0, index - NEGATION_REACH), index)
    .some((token) => (token.kind === 'word' && token.isNegation) || (token.kind === 'number' && token.isNone));
}

/** The first claim that the evidence does not bear out, in words. `bound` are places that a number has spoken for. */
export function checkClaims(input: Clause, bound: ReadonlySet<number>): string | undefined {
  return checkDeeds(input, bound) ?? checkStates(input, bound);
}

function checkDeeds(input: Clause, bound: ReadonlySet<number>): string | undefined {
  const { clause, evidence } = input;
  const verbs = [...RAISED, ...LOWERED, ...evidence.items.flatMap(({ deeds }) => deeds.flatMap(({ said }) => said))];
  const isConditional = clause.some(({ kind, text }) => kind === 'word' && text === 'would');
  for (const { phrase, start } of findPhrases(clause, verbs)) {
    if (bound.has(start)) {
      continue;
    }
    const group = groupAt(input, start);
    const items = group?.items ?? evidence.items;
    const state = isConditional ? 'planned' : 'done';
    const has = (item: EvidenceItem): boolean =>
      item.deeds.some((deed) => deed.state === state && deed.said.some((said) => isSamePhrase(said, phrase)));
    const isSo = group === undefined ? items.some(has) : items.every(has);
    const isDenied = negatedBefore(clause, start);
    const about = group === undefined ? '' : ` of ${group.names.join(' and ')}`;
    if (isDenied ? items.some(has) : !isSo) {
      return `the claim "${isDenied ? 'not ' : ''}${phrase}"${about} is not in the evidence`;
    }
  }
  return undefined;
}

function checkStates(input: Clause, bound: ReadonlySet<number>): string | undefined {
  const { clause, evidence } = input;
  const states = evidence.items.flatMap((item) => item.states);
  for (const { phrase, start } of findPhrases(clause, states)) {
    const group = groupAt({ ...input, carried: undefined }, start) ?? (bound.has(start) ? undefined : input.carried);
    if (group === undefined || bound.has(start)) {
      continue;
    }
    const has = (item: EvidenceItem): boolean => item.states.some((state) => isSamePhrase(state, phrase));
    const isDenied = negatedBefore(clause, start);
    if (isDenied ? group.items.some(has) : !group.items.every(has)) {
      return `"${isDenied ? 'not ' : ''}${phrase}" is not so of ${group.names.join(' and ')}`;
    }
  }
  return undefined;
}
