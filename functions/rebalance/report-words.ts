// The sentences between the header and the JSON, and the evidence of which a model may make others. Both are made by code from
// what was decided and what became of it; neither decides anything.
import type { Evidence, EvidenceItem, Fact, SizeEnd } from '../../shared/core/wording/evidence.ts';
import { LOWERED, RAISED } from '../../shared/core/wording/evidence.ts';
import { cpuMillicores, memoryBytes } from '../../shared/core/quantity.ts';
import type { Decision } from '../../shared/core/decision.ts';
import type { DecidedOutcome, OutcomeState } from '../../shared/core/report.ts';
import { durationSeconds } from '../../shared/core/policy.ts';
import { shortened } from './decide-wording.ts';
import { isDone, isEscalated, wanted } from './report-summary.ts';
import type { SummaryLists } from './report-summary.ts';
import { Change } from './schema-facts.ts';
import type { RebalanceFacts } from './schema-facts.ts';

/** Named in a sentence; the lists below tell the rest. */
const NAMED = 2;
const LABEL_CHARACTERS = 80;
/** The prompt takes far fewer; this bounds what is kept with a run. */
const MOST_ITEMS = 40;
const LINE_CHARACTERS = 300;

/** One to three sentences: what was changed, who is needed, what waits. */
export function templateWords(decided: readonly DecidedOutcome[]): string {
  const changed = onceEach(decided.filter(isDone));
  const escalated = decided.filter(isEscalated);
  const waiting = decided.filter(({ outcome }) => outcome?.state === 'waiting');
  const observed = decided.filter(({ outcome }) => outcome?.state === 'observed');
  const sentences = [
    ...(changed.length === 0 ? [] : [changedSentence(changed)]),
    ...(escalated.length === 0 ? [] : [escalatedSentence(escalated)]),
    ...(waiting.length === 0
      ? []
      : [`${changes(waiting.length)} ${waiting.length === 1 ? 'waits' : 'wait'} for approval.`]),
    ...(observed.length === 0
      ? []
      : [`${changes(observed.length)} would be made if policy let them: it only observes here.`]),
  ];
  return sentences.length === 0 ? 'Nothing had to be changed, and nothing needs a person.' : sentences.join(' ');
}

/** A template is changed once for all its pods. */
function onceEach(changed: readonly DecidedOutcome[]): readonly DecidedOutcome[] {
  return [...new Map(changed.map((one) => [JSON.stringify(one.decision.action?.target ?? null), one])).values()];
}

function changes(count: number): string {
  return count === 1 ? '1 change' : `${count} changes`;
}

function changedSentence(changed: readonly DecidedOutcome[]): string {
  const would = changed.some(({ outcome }) => outcome?.state === 'planned') ? 'would get' : 'got';
  const named = changed
    .slice(0, NAMED)
    .map(({ decision }) => `${changedName(decision)} ${would} ${wanted(decision.action)}`);
  const more = changed.length - named.length;
  return `${named.join('; ')}${more === 0 ? '' : `; and ${changes(more)} more`}.`;
}

/** The workload where its template was changed, else the pod. */
function changedName({ action, subject }: Decision): string {
  return action?.kind === 'cluster.patch-template' ? action.guard.workload : podOf(subject);
}

function escalatedSentence(escalated: readonly DecidedOutcome[]): string {
  const [first] = escalated;
  const reason = shortened(first?.decision.reason.label ?? '', LABEL_CHARACTERS);
  const name = podOf(first?.decision.subject ?? {});
  return escalated.length === 1
    ? `${name} needs a person: ${reason}.`
    : `${escalated.length} containers need a person, ${name} among them: ${reason}.`;
}

function podOf(subject: Readonly<Record<string, string>>): string {
  return subject['pod'] ?? '';
}

/** The facts that sentences may be made of: the counts of the message, and an item for each container that is not merely skipped. */
export function wordingEvidence(
  facts: RebalanceFacts,
  lists: SummaryLists,
  decided: readonly DecidedOutcome[],
  window: string,
): Evidence {
  const rebalanced = new Set(lists.rebalanced.map(({ name }) => name)).size;
  const counts: readonly Fact[] = [
    { unit: 'count', value: facts.pods.length, said: ['scanned', 'checked', 'looked at'], wholeOf: 'pods' },
    { unit: 'count', value: rebalanced, said: ['rebalanced', 'changed', 'adjusted', 'resized'] },
    { unit: 'count', value: lists.escalated.length, said: ['escalated', 'needs a person'] },
    { unit: 'count', value: lists.skipped.length, said: ['skipped', 'left alone', 'unchanged'] },
  ];
  return {
    names: [facts.namespace, facts.cluster],
    facts: [...counts, ...timeFacts(facts, window)],
    lines: [
      `Namespace ${facts.namespace}: ${facts.pods.length} pods scanned, ${rebalanced} rebalanced, ${lists.escalated.length} escalated, ${lists.skipped.length} skipped.`,
    ],
    items: telling(decided).map((one) => itemOf(facts, one)),
    links: [],
  };
}

/** When the run looked, and how far back. */
export function timeFacts(facts: RebalanceFacts, window: string): readonly Fact[] {
  return [
    { unit: 'seconds', value: durationSeconds(window), said: [] },
    { unit: 'time', value: facts.now },
  ];
}

/** What is not merely skipped, the most telling first. */
export function telling(decided: readonly DecidedOutcome[]): readonly DecidedOutcome[] {
  return decided
    .filter(({ decision, outcome }) => decision.verdict !== 'skip' || outcome !== undefined)
    .sort((a, b) => rankOf(a) - rankOf(b))
    .slice(0, MOST_ITEMS);
}

/** Changes first, then who is needed, then what was not done. */
function rankOf(decided: DecidedOutcome): number {
  return isDone(decided) ? 0 : isEscalated(decided) ? 1 : 2;
}

function itemOf(facts: RebalanceFacts, decided: DecidedOutcome): EvidenceItem {
  const { decision, outcome } = decided;
  const change = Change.safeParse({ from: decision.action?.from, to: decision.action?.to });
  const state = isEscalated(decided) ? 'escalated' : (outcome?.state ?? 'skipped');
  return {
    names: namesOf(facts, decided),
    facts: [...measuredFacts(decision.reason.evidence), ...(change.success ? sizeFacts(change.data) : [])],
    states: state === 'escalated' ? [...STATES.escalated, decision.reason.label] : STATES[state],
    deeds: change.success && isDone(decided) ? deedsOf(change.data, outcome?.state === 'planned') : [],
    line: shortened(`${podOf(decision.subject)}: ${STATE_WORDS[state]}. ${decision.reason.sentence}`, LINE_CHARACTERS),
  };
}

/** By which sentences may call a container. */
export function namesOf(facts: RebalanceFacts, { decision }: DecidedOutcome): readonly string[] {
  const { pod = '', container = '' } = decision.subject;
  const owner = facts.pods.find(({ name }) => name === pod)?.owner;
  return [`${pod}/${container}`, pod, container, ...(owner === null || owner === undefined ? [] : [owner.name])];
}

type WordedState = OutcomeState | 'escalated' | 'skipped';

const CHANGED = ['rebalanced', 'changed', 'adjusted', 'resized'];
const NOT_DONE = ['unchanged', 'not changed'];
const STATES: Readonly<Record<WordedState, readonly string[]>> = {
  applied: CHANGED,
  repeated: CHANGED,
  planned: [],
  waiting: ['waits for approval', ...NOT_DONE],
  observed: ['observed', ...NOT_DONE],
  refused: ['refused', 'held back', ...NOT_DONE],
  stale: NOT_DONE,
  failed: ['escalated', 'needs a person', 'failed'],
  unknown: ['escalated', 'needs a person'],
  begun: ['unchanged so far'],
  escalated: ['escalated', 'needs a person'],
  skipped: ['skipped', 'left alone', ...NOT_DONE],
};
const STATE_WORDS: Readonly<Record<WordedState, string>> = {
  applied: 'changed',
  repeated: 'changed',
  planned: 'would be changed',
  waiting: 'waits for approval',
  observed: 'only observed',
  refused: 'refused by a guardrail',
  stale: 'not changed, it differed by then',
  failed: 'the change failed, needs a person',
  unknown: 'the change has an unknown end, needs a person',
  begun: 'begun, its end shows later',
  escalated: 'escalated, needs a person',
  skipped: 'skipped',
};

/** What a rule's evidence calls its values; the rest of it is for the record. */
const MEASURED: Readonly<
  Record<string, { readonly unit: 'share' | 'count' | 'bytes'; readonly said: readonly string[] }>
> = {
  memoryAverageRatio: { unit: 'share', said: ['average memory limit'] },
  memoryRequestRatio: { unit: 'share', said: ['average memory request'] },
  memoryP95Ratio: { unit: 'share', said: ['memory p95'] },
  cpuAverageRatio: { unit: 'share', said: ['average CPU limit request'] },
  cpuP95Ratio: { unit: 'share', said: ['CPU p95'] },
  oomKills: { unit: 'count', said: ['OOM kills', 'OOM-killed', 'killed', 'out-of-memory kills'] },
  memoryAverageBytes: { unit: 'bytes', said: ['memory average'] },
  memoryMaximumBytes: { unit: 'bytes', said: ['memory maximum'] },
};

/** What the rule itself measured, as it counted it. */
export function measuredFacts(evidence: Readonly<Record<string, number | string | boolean | null>>): readonly Fact[] {
  return Object.entries(evidence).flatMap(([key, value]): Fact[] => {
    const known = Object.hasOwn(MEASURED, key) ? MEASURED[key] : undefined;
    if (known === undefined || typeof value !== 'number') {
      return [];
    }
    return [
      known.unit === 'bytes'
        ? { ...known, unit: 'bytes', value, isMeasured: true }
        : { ...known, unit: known.unit, value },
    ];
  });
}

export const SIZES = [
  ['limits', 'memory', 'memory limit'],
  ['limits', 'cpu', 'CPU limit'],
  ['requests', 'memory', 'memory request'],
  ['requests', 'cpu', 'CPU request'],
] as const;

export function sizeOf(text: string | undefined, resource: 'memory' | 'cpu'): SizeEnd | undefined {
  if (text === undefined) {
    return undefined;
  }
  return resource === 'memory'
    ? { unit: 'bytes', value: memoryBytes(text) }
    : { unit: 'millicores', value: cpuMillicores(text) };
}

function sizeFacts(change: Change): readonly Fact[] {
  return SIZES.flatMap(([list, resource, said]) =>
    [change.from[list][resource], change.to[list][resource]].flatMap((text): Fact[] => {
      const size = sizeOf(text, resource);
      return size === undefined ? [] : [{ ...size, said: [said] }];
    }),
  );
}

function deedsOf(change: Change, isPlanned: boolean): EvidenceItem['deeds'] {
  return SIZES.flatMap(([list, resource]) => {
    const [from, to] = [sizeOf(change.from[list][resource], resource), sizeOf(change.to[list][resource], resource)];
    if (to === undefined) {
      return [];
    }
    const isRaise = from === undefined || to.value > from.value;
    const other = resource === 'cpu' ? 'memory' : 'CPU';
    // "more memory" is no word for more CPU.
    const said = (isRaise ? RAISED : LOWERED).filter((verb) => !verb.endsWith(` ${other}`));
    return [{ state: isPlanned ? 'planned' : 'done', said, ...(from && { from }), to }] as const;
  });
}
