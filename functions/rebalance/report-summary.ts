// The summary in its agreed shape: every pod in exactly one list, by its strongest verdict. Its keys and their order are an
// interface for others.
import type { ActionProposal } from '../../shared/core/action.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { isFailure } from '../../shared/core/report.ts';
import type { DecidedOutcome, OutcomeState } from '../../shared/core/report.ts';
import { changeInWords, shortened } from './decide-wording.ts';
import { Change } from './schema-facts.ts';
import type { ContainerFacts, PodFacts, RebalanceFacts } from './schema-facts.ts';

export interface SummaryLists {
  readonly rebalanced: readonly JsonObject[];
  readonly escalated: readonly JsonObject[];
  readonly skipped: readonly JsonObject[];
}

/** A container with its decision. */
interface Judged {
  readonly container: ContainerFacts;
  readonly decided: DecidedOutcome;
}

/** Outcomes after which the change stands, or would stand in a dry run. */
const DONE: readonly OutcomeState[] = ['applied', 'repeated', 'planned'];
const REASON_CHARACTERS = 300;

export function isDone({ outcome }: DecidedOutcome): boolean {
  return outcome !== undefined && DONE.includes(outcome.state);
}

export function isEscalated({ decision, outcome }: DecidedOutcome): boolean {
  return decision.verdict === 'escalate' || (outcome !== undefined && isFailure(outcome));
}

/** The lists, each sorted by name as the pods are. */
export function summaryLists(facts: RebalanceFacts, decided: readonly DecidedOutcome[]): SummaryLists {
  const byPod = Map.groupBy(decided, ({ decision }) => decision.subject.pod ?? '');
  const lists = { rebalanced: [] as JsonObject[], escalated: [] as JsonObject[], skipped: [] as JsonObject[] };
  for (const pod of facts.pods) {
    const judged = pod.containers.flatMap((container): readonly Judged[] => {
      const found = byPod.get(pod.name)?.find(({ decision }) => decision.subject.container === container.name);
      return found === undefined ? [] : [{ container, decided: found }];
    });
    const escalated = judged.filter((one) => isEscalated(one.decided));
    const changed = judged.filter((one) => isDone(one.decided));
    if (escalated.length > 0) {
      lists.escalated.push(escalatedEntry(pod, escalated, changed));
    } else if (changed.length > 0) {
      lists.rebalanced.push(...changed.map((one) => ({ name: pod.name, ...changedEntry(pod, one) })));
    } else {
      lists.skipped.push({ name: pod.name, reason: skipReason(pod, judged) });
    }
  }
  return lists;
}

/** The summary; `more` counts the pods that were left out of each list to make it fit. */
export function summaryOf(
  facts: RebalanceFacts,
  lists: SummaryLists,
  dryRun: boolean,
  more: { readonly rebalanced?: number; readonly escalated?: number; readonly skipped?: number } = {},
): JsonObject {
  return {
    namespace: facts.namespace,
    pods_scanned: facts.pods.length,
    pods_rebalanced: lists.rebalanced,
    ...countOf('pods_rebalanced_more', more.rebalanced),
    pods_escalated: lists.escalated,
    ...countOf('pods_escalated_more', more.escalated),
    pods_skipped: lists.skipped,
    ...countOf('pods_skipped_more', more.skipped),
    ...(dryRun && { dry_run: true }),
  };
}

function countOf(key: string, count: number | undefined): JsonObject {
  return count === undefined || count === 0 ? {} : { [key]: count };
}

function escalatedEntry(pod: PodFacts, escalated: readonly Judged[], changed: readonly Judged[]): JsonObject {
  const [first] = escalated;
  const reason = [...new Set(escalated.map(({ decided }) => escalationReason(decided)))].join('; ');
  return {
    name: pod.name,
    ...(pod.containers.length > 1 && first !== undefined && { container: first.container.name }),
    reason: shortened(reason, REASON_CHARACTERS),
    ...(changed.length > 0 && { changed: changed.map((one) => changedEntry(pod, one)) }),
  };
}

function escalationReason({ decision, outcome }: DecidedOutcome): string {
  if (outcome === undefined || decision.verdict === 'escalate') {
    return decision.reason.label;
  }
  return outcome.state === 'unknown' ? `unknown end: ${outcome.detail}` : `failed: ${outcome.detail}`;
}

/** The limits after the change, and the requests where they changed. */
function changedEntry(pod: PodFacts, { container, decided }: Judged): JsonObject {
  const to = changeOf(decided.decision.action)?.to;
  const limits = { ...container.limits, ...to?.limits };
  return {
    ...(pod.containers.length > 1 && { container: container.name }),
    cpu_limit: limits.cpu ?? null,
    mem_limit: limits.memory ?? null,
    ...(to?.requests.cpu !== undefined && { cpu_request: to.requests.cpu }),
    ...(to?.requests.memory !== undefined && { mem_request: to.requests.memory }),
  };
}

function changeOf(action: ActionProposal | undefined): Change | undefined {
  return action === undefined ? undefined : Change.parse({ from: action.from, to: action.to });
}

/** What was wanted and not done first, then holds and what could not be judged, "healthy" last. */
function skipReason(pod: PodFacts, judged: readonly Judged[]): string {
  if (judged.length === 0) {
    return pod.phase === 'Succeeded' ? 'completed' : pod.phase === 'Failed' ? 'failed' : 'no container to judge';
  }
  const reasons = [...judged]
    .sort((a, b) => weightOf(a.decided) - weightOf(b.decided))
    .map(({ decided }) => reasonFor(decided));
  return shortened(reasons[0] ?? '', REASON_CHARACTERS);
}

function weightOf({ decision, outcome }: DecidedOutcome): number {
  if (outcome !== undefined) {
    return 0;
  }
  const order = ['rebalance/hold-', 'rebalance/known-issue', 'rebalance/no-data'];
  const place = order.findIndex((prefix) => decision.reason.rule.startsWith(prefix));
  return place < 0 ? order.length + 1 : place + 1;
}

function reasonFor({ decision, outcome }: DecidedOutcome): string {
  return outcome === undefined
    ? decision.reason.label
    : `${notDone(outcome.state)}: ${wanted(decision.action)} (${outcome.detail})`;
}

function notDone(state: OutcomeState): string {
  switch (state) {
    case 'waiting':
      return 'waiting for approval';
    case 'observed':
      return 'observed only';
    case 'stale':
      return 'changed meanwhile';
    case 'begun':
      return 'begun, not yet accounted for';
    case 'refused':
    case 'applied':
    case 'repeated':
    case 'planned':
    case 'failed':
    case 'unknown':
      return 'refused';
  }
}

/** `memory limit 1Gi → 1280Mi` of an action as it was proposed. */
export function wanted(action: ActionProposal | undefined): string {
  const change = changeOf(action);
  return change === undefined ? 'a change' : changeInWords(change);
}
