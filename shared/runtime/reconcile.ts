// Looks after what earlier runs left behind: actions without an outcome, and changes that nobody was told of. It begins nothing.
import type { ActionRecord } from '../core/action.ts';
import { describeError } from '../core/errors.ts';
import type { Problem } from '../core/report.ts';
import type { StoredDocument, Write } from '../ports/store.ts';
import { dueOf, kindOf } from './carry-out.ts';
import { byOf, type Ending, type RunContext } from './context.ts';
import { fence } from './executor.ts';
import { historyOf, transition } from './journal.ts';
import { wakeAction } from './wake.ts';

/** An action that its own run did not tell. */
export interface Reconciled {
  readonly action: ActionRecord;
  readonly change: string;
}

export interface Reconciliation {
  readonly reconciled: readonly Reconciled[];
  /** Actions whose end cannot be found out now; the next run looks again, and nothing is begun on their targets until then. */
  readonly problems: readonly Problem[];
}

/**
 * Looks after the actions of this scope whose run died between intent and outcome: did it happen? It is never done again
 * from here: what did not happen is closed, and the rules decide anew from fresh facts.
 */
export async function reconcile(context: RunContext): Promise<Reconciliation> {
  const { store } = context.ports;
  const open = await store.query<ActionRecord>('actions', {
    where: [
      { field: 'scope', op: '==', value: context.scopeKey },
      { field: 'state', op: '==', value: 'intended' },
    ],
    limit: 100,
  });
  const reconciled: Reconciled[] = [];
  const problems: Problem[] = [];
  for (const document of open.filter((candidate) => candidate.data.duty === context.duty)) {
    try {
      const one = await accountFor(context, document);
      if (one !== undefined) {
        reconciled.push(one);
      }
    } catch (error) {
      // One action that cannot be looked at must not keep its whole scope from being looked after.
      context.log.error({ actionId: document.id, error: describeError(error) }, 'an action could not be reconciled');
      problems.push({
        kind: 'platform',
        message: `What became of an action of run ${document.data.runId} cannot be found out (${document.data.kind}): ${describeError(error)}`,
      });
    }
  }
  return { reconciled, problems };
}

/**
 * Accounts for one intended action whose run died. To be called by the holder of its scope's lease;
 * `onEnd` of the context is for who has no report to tell it in.
 */
export async function accountFor(
  context: RunContext,
  document: StoredDocument<ActionRecord>,
): Promise<Reconciled | undefined> {
  const kind = kindOf(context, document.data);
  const look = await kind.look(context.ports, document.data);
  const { replyLost, dueAt } = document.data;
  // Where the platform itself refuses no second change, the first one may still be on its way from a process that sleeps.
  if (
    look.at === 'from' &&
    (replyLost === true || !kind.guardedByPlatform) &&
    dueAt !== undefined &&
    dueAt > context.ports.clock.now().toISOString()
  ) {
    return undefined;
  }
  const ending = replyLost === true ? { ...ENDINGS[look.at], sentence: LOST[look.at] } : ENDINGS[look.at];
  const detail = context.mask(`${ending.sentence} ${look.found}`);
  const closed = await transition(
    context.ports,
    document,
    {
      state: ending.state,
      detail,
      by: `${byOf(context)}, reconciling`,
      ...dueOf(context, document.data, ending.state),
    },
    async () => [
      ...fence(context),
      ...(context.onEnd === undefined
        ? await wake(context, document.data)
        : await context.onEnd(ending.state, detail, document.id)),
    ],
  );
  if (closed === undefined) {
    return undefined;
  }
  context.log.warn({ actionId: document.id, state: ending.state }, 'an action of a run that died was reconciled');
  return { action: closed.data, change: kind.describe(closed.data) };
}

/** Who has a report tells it there; what was told before is shown anew. */
function wake({ ports }: RunContext, action: ActionRecord): Promise<readonly Write[]> {
  return wakeAction(ports.store, action, ports.clock.now().toISOString());
}

/** What a run did that ended before it could tell: its actions in the state that the journal has now. */
export async function deedsOf(
  context: RunContext,
  run: { readonly id: string; readonly startedAt: string },
): Promise<{
  readonly deeds: readonly Reconciled[];
  /** What became of one of its actions is not known yet. */ readonly isOpen: boolean;
}> {
  const all = await historyOf(context.ports.store, context.duty, context.scopeKey).actionsSince(run.startedAt);
  const actions = all.filter((action) => action.runId === run.id);
  return {
    deeds: actions
      .filter(({ state }) => state !== 'intended')
      .map((action) => ({ action, change: context.kinds.get(action.kind)?.describe(action) ?? action.kind })),
    isOpen: actions.some(({ state }) => state === 'intended'),
  };
}

const LOST: Readonly<Record<'from' | 'to' | 'elsewhere' | 'gone', string>> = {
  to: 'The reply was lost; the change is there.',
  from: 'The reply was lost, and nothing came of the request; it is not made again from here.',
  gone: 'The reply was lost, and the target is gone.',
  elsewhere: 'The reply was lost, and the target is neither as before nor as wanted: look at it.',
};

const ENDINGS: Readonly<Record<'from' | 'to' | 'elsewhere' | 'gone', { state: Ending; sentence: string }>> = {
  to: { state: 'applied', sentence: 'The run died before it could tell; the change is there.' },
  from: { state: 'failed', sentence: 'The run died before the change; nothing was changed.' },
  gone: { state: 'stale', sentence: 'The run died, and the target is gone.' },
  elsewhere: {
    state: 'unknown',
    sentence: 'The run died, and the target is neither as before nor as wanted: look at it.',
  },
};
