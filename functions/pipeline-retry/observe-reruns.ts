// What became of our own reruns: those that are remembered as open, and those of a run that died before it could remember them.
import type { ActionRecord } from '../../shared/core/action.ts';
import type { History } from '../../shared/ports/ports.ts';
import type { RerunFacts, SignatureMemory } from './schema-memory.ts';

const KIND = 'ci.rerun';
/** Longer than a failure waits for its rerun, and a rerun for its end. */
const JOURNAL_MILLISECONDS = 86_400_000;

/**
 * The reruns of the memory with their outcomes now; asks the journal only where one is open, or a run may have died. `lost` are those that turned out never to
 * have been started: their failures are looked at again.
 */
export async function openReruns(
  memory: SignatureMemory,
  history: History,
  now: string,
): Promise<{ readonly reruns: readonly RerunFacts[]; readonly lost: readonly RerunFacts[] }> {
  const open = memory.reruns.filter(({ outcome }) => outcome === 'open').map(({ at }) => at);
  // Without a memory the journal is all that is known of what was begun.
  const known = memory.at ?? new Date(Date.parse(now) - JOURNAL_MILLISECONDS).toISOString();
  const since = [...open, known].sort()[0] ?? now;
  const actions = (await history.actionsSince(since)).filter(
    ({ kind, undoes }) => kind === KIND && undoes === undefined,
  );
  const byId = new Map(actions.map((action) => [action.id, action]));
  const remembered = new Set(memory.reruns.map(({ actionId }) => actionId));
  const reruns = [
    ...memory.reruns.map((rerun) => {
      const action = rerun.outcome === 'open' ? byId.get(rerun.actionId) : undefined;
      return action === undefined ? rerun : { ...rerun, outcome: outcomeOf(action) };
    }),
    ...actions.filter(({ id }) => !remembered.has(id)).map(rerunOf),
  ];
  const wasOpen = new Set(memory.reruns.flatMap(({ actionId, outcome }) => (outcome === 'open' ? [actionId] : [])));
  const lost = reruns.filter(({ actionId }) => wasOpen.has(actionId) && byId.get(actionId)?.state === 'failed');
  return { reruns, lost };
}

/** A stored action as a rerun. */
export function rerunOf(
  action: Pick<ActionRecord, 'id' | 'target' | 'to' | 'createdAt' | 'state' | 'judged'>,
): RerunFacts {
  const { target, to } = action;
  const definition = isObject(to['target']) ? to['target'] : {};
  const selector = isObject(definition['selector']) ? definition['selector'] : undefined;
  return {
    actionId: action.id,
    repository: textOf(target['repository']),
    pipeline: textOf(target['pipeline']),
    number: typeof target['number'] === 'number' ? target['number'] : 1,
    failedAt: typeof to['failedAt'] === 'string' ? to['failedAt'] : action.createdAt,
    commit: textOf(to['commit']),
    selector: selector === undefined ? null : `${textOf(selector['type'])}:${textOf(selector['pattern'])}`,
    signatures: Array.isArray(to['signatures']) ? to['signatures'].map(textOf) : [],
    attempt: typeof to['rerun'] === 'number' ? to['rerun'] : 1,
    at: action.createdAt,
    outcome: outcomeOf(action),
  };
}

function outcomeOf({ state, judged }: Pick<ActionRecord, 'state' | 'judged'>): RerunFacts['outcome'] {
  switch (state) {
    case 'waiting':
    case 'intended':
    case 'applied':
    case 'unknown':
      return 'open';
    case 'settled':
      return judged?.rule === 'verify/rerun-passed' ? 'passed' : 'failed';
    case 'undone':
    case 'failed':
    case 'stale':
    case 'declined':
    case 'expired':
      return 'not-started';
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
