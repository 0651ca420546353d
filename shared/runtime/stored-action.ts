// What a person, or `settle` in their place, does with a stored action: find it, approve it, decline it. It begins no action of its own.
import { type ActionRecord, type ActionState, CLOSED_STATES } from '../core/action.ts';
import { BugError, CallerError, ConfigurationError, PlatformError } from '../core/errors.ts';
import { checkGuardrails, placeOf } from '../core/guardrail.ts';
import type { TeamPolicy } from '../core/policy.ts';
import type { Outcome } from '../core/report.ts';
import type { Store, StoredDocument, Write } from '../ports/store.ts';
import { bindingOf } from './binding.ts';
import { budgetEntry, budgetOf, budgetWrite } from './budget.ts';
import type { RunContext, Surroundings } from './context.ts';
import { carryOut, kindOf, LOOK_AFTER_SECONDS } from './carry-out.ts';
import { endWrites } from './end-writes.ts';
import { transition } from './journal.ts';
import { leaseRelease, takeLease } from './lease.ts';
import { noteWrites } from './note.ts';
import { pausedFor } from './pause.ts';
import { secondsAfter } from './outbox-entry.ts';
import { wakeAction } from './wake.ts';

const PREFIX_LENGTH = 8;
const SEARCHED = 500;
const COMMIT_ATTEMPTS = 5;
const OPEN_STATES: readonly ActionState[] = ['waiting', 'intended', 'applied', 'unknown', 'settled', 'undone'];

export interface OperationResult {
  readonly action: ActionRecord;
  readonly outcome: Outcome;
}

/** The action with that id, or the only one whose id begins so (8 characters or more). A CallerError otherwise. */
export async function findAction(store: Store, id: string): Promise<StoredDocument<ActionRecord>> {
  if (!/^[0-9a-f]{8,64}$/.test(id)) {
    throw new CallerError(`${JSON.stringify(id.slice(0, 80))} is no action id.`, {
      field: 'id',
      remedy: `Ids have 64 hex digits; the first ${String(PREFIX_LENGTH)} are enough. \`nightshift actions list\` shows them.`,
    });
  }
  const exact = id.length === 64 ? await store.read<ActionRecord>('actions', id) : undefined;
  const found =
    exact === undefined && id.length < 64 ? await byPrefix(store, id) : [exact].filter((one) => one !== undefined);
  const [only, another] = found;
  if (only === undefined || another !== undefined) {
    throw new CallerError(`${only === undefined ? 'There is no action' : 'There are several actions'} ${id}.`, {
      field: 'id',
      remedy: only === undefined ? '`nightshift actions list` shows them.' : 'Give more digits.',
    });
  }
  return only;
}

async function byPrefix(store: Store, prefix: string): Promise<readonly StoredDocument<ActionRecord>[]> {
  const lists = await Promise.all(
    OPEN_STATES.map((state) =>
      store.query<ActionRecord>('actions', {
        where: [{ field: 'state', op: '==', value: state }],
        orderBy: { field: 'createdAt', direction: 'descending' },
        limit: SEARCHED,
      }),
    ),
  );
  return lists.flat().filter((document) => document.id.startsWith(prefix));
}

/** Where an action belongs: all that is needed to work on it, or on one that is yet to be stored. */
export type ActionPlace = Pick<ActionRecord, 'duty' | 'scope' | 'runId' | 'target'>;

/** A context in which an action is carried out outside of its run. */
export function contextOf(surroundings: Surroundings, action: ActionPlace, by: string): RunContext {
  return {
    ...surroundings,
    runId: action.runId,
    by,
    duty: action.duty,
    scope: { ...placeOf(action.target) },
    scopeKey: action.scope,
    dryRun: false,
    now: surroundings.ports.clock.now().toISOString(),
    lease: undefined,
    actUntil: Number.POSITIVE_INFINITY,
  };
}

const LEASE_SECONDS = 180;
const BUSY_SECONDS = 30;

/** Works on an action while no run of its scope does, and no other approval or undo. `busy` when somebody holds the scope. */
export async function withScope<T>(
  surroundings: Surroundings,
  action: ActionPlace,
  by: string,
  work: (context: RunContext) => Promise<T>,
): Promise<T | 'busy'> {
  const { store, clock } = surroundings.ports;
  const until = new Date(clock.now().getTime() + LEASE_SECONDS * 1000).toISOString();
  const taken = await takeLease(store, `${action.duty}:${action.scope}`, { runId: by, until }, []);
  if (!('lease' in taken)) {
    return 'busy';
  }
  try {
    return await work({ ...contextOf(surroundings, action, by), lease: taken.lease });
  } finally {
    await store.commit([leaseRelease(taken.lease)]);
  }
}

/** Nobody's mistake: whoever can waits, and tries again. */
export function busy(id: string): PlatformError {
  return new PlatformError(
    {
      system: 'Nightshift',
      operation: 'decide',
      target: `action ${id.slice(0, 12)}`,
      code: 'busy',
      retryAfterSeconds: BUSY_SECONDS,
      applied: 'no',
    },
    'its scope is being worked on',
    { remedy: 'Try again in a minute.' },
  );
}

/**
 * Approves a waiting action and carries it out: as it was proposed, if everything still is as it was. `also` is written with the
 * approval.
 */
export async function approveAction(
  surroundings: Surroundings,
  id: string,
  by: string,
  also: readonly Write[] = [],
): Promise<OperationResult> {
  const waiting = await waitingAction(surroundings, id, by);
  const result = await withScope(surroundings, waiting.data, by, (context) =>
    approveAlone(surroundings, context, waiting.id, by, also),
  );
  if (result === 'busy') {
    throw busy(waiting.id);
  }
  return result;
}

async function approveAlone(
  surroundings: Surroundings,
  context: RunContext,
  id: string,
  by: string,
  also: readonly Write[],
): Promise<OperationResult> {
  const { store, clock } = surroundings.ports;
  for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt += 1) {
    const waiting = await waitingAction(surroundings, id, by);
    const kind = kindOf(context, waiting.data);
    const budget = await budgetOf(store, waiting.data.scope, clock.now());
    const verdict = checkGuardrails({
      action: waiting.data,
      now: context.now,
      scope: placeOf(context.scope, waiting.data.target),
      team: approved(surroundings.team),
      recent: budget.entries,
      paused: await pausedFor(context.ports, waiting.data.scope),
      growth: kind.growth(waiting.data),
    });
    if (verdict.verdict !== 'apply') {
      return {
        action: waiting.data,
        outcome: { actionId: waiting.id, state: 'refused', detail: `Still waiting. ${verdict.why}` },
      };
    }
    const intended = await transition(
      surroundings.ports,
      { ...waiting, data: { ...waiting.data, approvedBy: by } },
      {
        state: 'intended',
        detail: `Approved by ${by}.`,
        by,
        dueAt: secondsAfter(context.now, kind.guardedByPlatform ? LEASE_SECONDS : LOOK_AFTER_SECONDS),
      },
      [budgetWrite(waiting.data.scope, budget, budgetEntry(waiting.data, context.now)), ...also],
    );
    if (intended !== undefined) {
      const outcome = await carryOut(
        {
          ...context,
          onEnd: (state, detail) => endWrites(context, intended.data, state, detail),
        },
        intended,
        kind,
      );
      return { action: (await findAction(store, intended.id)).data, outcome };
    }
  }
  throw new BugError(`Action ${id} could not be approved: it is being changed all the time.`, { remedy: 'Try again.' });
}

/** Ends a waiting action without an effect. It can be proposed again when it is due again. */
export async function declineAction(
  surroundings: Surroundings,
  id: string,
  by: string,
  why: string,
  also: readonly Write[] = [],
): Promise<OperationResult> {
  const waiting = await waitingAction(surroundings, id, by);
  const detail = surroundings.mask(`Declined by ${by}${why === '' ? '' : `: ${why}`}.`);
  const context = contextOf(surroundings, waiting.data, by);
  const declined = await transition(surroundings.ports, waiting, { state: 'declined', detail, by }, async () => [
    ...(await noteWrites(context, waiting.data, detail)),
    ...also,
  ]);
  if (declined === undefined) {
    throw new CallerError(`Action ${waiting.id.slice(0, 12)} was decided by somebody else in this moment.`, {
      field: 'id',
    });
  }
  return { action: declined.data, outcome: { actionId: waiting.id, state: 'refused', detail } };
}

async function waitingAction(
  surroundings: Surroundings,
  id: string,
  by: string,
): Promise<StoredDocument<ActionRecord>> {
  const document = await findAction(surroundings.ports.store, id);
  const { data } = document;
  const name = document.id.slice(0, 12);
  if (data.state !== 'waiting') {
    const over = CLOSED_STATES.includes(data.state)
      ? ' Ended is ended: when it is due again, it is proposed anew.'
      : '';
    throw new CallerError(`Action ${name} does not wait for approval: it is ${data.state}.${over}`, { field: 'id' });
  }
  if (data.binding !== bindingOf(data)) {
    throw new ConfigurationError(`Action ${name} was altered in the store since it was proposed, and is not touched.`, {
      remedy: 'Decline it, and run `nightshift audit verify` to find what else was altered.',
    });
  }
  const now = surroundings.ports.clock.now().toISOString();
  if (data.expiresAt !== undefined && data.expiresAt <= now) {
    await expireAction(surroundings, document);
    throw new CallerError(`Action ${name} expired at ${data.expiresAt}, before ${by} decided.`, {
      field: 'id',
      remedy: 'When it is due again, it is proposed anew.',
    });
  }
  return document;
}

export async function expireAction(surroundings: Surroundings, document: StoredDocument<ActionRecord>): Promise<void> {
  const detail = `Nobody decided until ${document.data.expiresAt ?? ''}.`;
  await transition(surroundings.ports, document, { state: 'expired', detail, by: 'settle' }, () =>
    wakeAction(surroundings.ports.store, document.data, surroundings.ports.clock.now().toISOString()),
  );
}

/** The approval stands in for the mode; every other guardrail is asked again. */
function approved(team: TeamPolicy): TeamPolicy {
  return { ...team, modes: [{ action: '*', cluster: '*', namespace: '*', repository: '*', mode: 'auto' }] };
}
