// Of whom a clause speaks at each of its places: names that stand together are one group, and what is said belongs to the nearest.
import type { Evidence, EvidenceItem } from './evidence.ts';
import type { Token } from './tokens.ts';

export interface Group {
  readonly names: readonly string[];
  readonly items: readonly EvidenceItem[];
  /** Places of the tokens, the end not included. */
  readonly start: number;
  readonly end: number;
}

export interface Clause {
  readonly clause: readonly Token[];
  readonly groups: readonly Group[];
  /** Whom the sentence before was about: "it". */
  readonly carried: Group | undefined;
  readonly evidence: Evidence;
  /** Stems of the words that the evidence brings. */
  readonly known: ReadonlySet<string>;
}

/** Groups of the clause in their order. The scope's own names speak of nobody. */
export function groupsOf(clause: readonly Token[], evidence: Evidence): readonly Group[] {
  const groups: Group[] = [];
  for (const [index, token] of clause.entries()) {
    const items = token.kind === 'name' ? evidence.items.filter(({ names }) => names.includes(token.text)) : [];
    if (items.length === 0) {
      continue;
    }
    const last = groups.at(-1);
    const gap = last === undefined ? [] : clause.slice(last.end, index);
    const isJoined = last !== undefined && gap.every(isJoint);
    if (isJoined) {
      const joined = [...new Set([...last.items, ...items])];
      groups[groups.length - 1] = { ...last, names: [...last.names, token.text], items: joined, end: index + 1 };
    } else {
      groups.push({ names: [token.text], items, start: index, end: index + 1 });
    }
  }
  return groups;
}

function isJoint(token: Token): boolean {
  return (
    (token.kind === 'mark' && token.text === ',') ||
    (token.kind === 'word' && ['and', 'or', 'both', 'the', 'pod', 'pods', 'container', 'workload'].includes(token.text))
  );
}

const LINKING: ReadonlySet<string> = new Set(['for', 'of', 'on']);
const BETWEEN: ReadonlySet<string> = new Set(
  'the its memory cpu limit limits request requests pod pods container workload and or'.split(' '),
);

/**
 * The group that what stands at `index` is said of: the one that "for", "of" or "on" names right after it, else the last one before
 * it, else the first one after it, else whom the sentence before was about.
 */
export function groupAt(
  {
    clause,
    groups,
    carried,
  }: { readonly clause: readonly Token[]; readonly groups: readonly Group[]; readonly carried: Group | undefined },
  index: number,
): Group | undefined {
  return (
    linkedAfter(clause, groups, index) ??
    groups.filter(({ end }) => end <= index).at(-1) ??
    groups.find(({ start }) => start > index) ??
    carried
  );
}

function linkedAfter(clause: readonly Token[], groups: readonly Group[], index: number): Group | undefined {
  const next = groups.find(({ start }) => start > index);
  const between = next === undefined ? [] : clause.slice(index + 1, next.start);
  const isLinked =
    between.some((token) => token.kind === 'word' && LINKING.has(token.text)) &&
    between.every((token) => token.kind === 'word' && (LINKING.has(token.text) || BETWEEN.has(token.text)));
  return isLinked ? next : undefined;
}
