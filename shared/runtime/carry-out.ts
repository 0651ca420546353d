// From a stored intent to a stored outcome: re-read, apply, probe after a lost reply, account for it. What every action goes through,
// whether a run, an approval or an undo began it.
import type { ActionKind } from '../actions/kind.ts';
import type { ActionProposal, ActionRecord } from '../core/action.ts';
import { BugError, describeError, PlatformError } from '../core/errors.ts';
import { durationSeconds } from '../core/policy.ts';
import type { Outcome } from '../core/report.ts';
import type { StoredDocument, Write } from '../ports/store.ts';
import { byOf, type Ending, type RunContext, step } from './context.ts';
import { transition } from './journal.ts';
import { lateWrites } from './note.ts';
import { secondsAfter } from './outbox-entry.ts';

/** An intent that has no outcome by then is looked after by `settle`: longer than any run that could still be at it. */
export const LOOK_AFTER_SECONDS = 900;

export function kindOf(context: RunContext, action: ActionProposal): ActionKind {
  const kind = context.kinds.get(action.kind);
  if (kind === undefined) {
    throw new BugError(`No action kind ${action.kind} is known to the executor.`);
  }
  kind.target.parse(action.target);
  kind.change.parse(action.from);
  kind.change.parse(action.to);
  return kind;
}

/** From a stored intent to a stored outcome. */
export async function carryOut(
  context: RunContext,
  intent: StoredDocument<ActionRecord>,
  kind: ActionKind,
): Promise<Outcome> {
  await step(context, 'intent-stored');
  let look;
  try {
    look = await kind.look(context.ports, intent.data);
  } catch (error) {
    return end(
      context,
      intent,
      'failed',
      `The target could not be read before the change, so nothing was changed. ${describeError(error)}`,
    );
  }
  await step(context, 'target-read');
  if (look.at !== 'from') {
    return end(
      context,
      intent,
      'stale',
      `No longer as it was when this was decided; nothing was changed. ${look.found}`,
    );
  }
  if (!(await isStillOurs(context, intent))) {
    return {
      actionId: intent.id,
      state: 'refused',
      detail:
        'This instance was asleep, and another one has accounted for the change meanwhile; nothing was changed by this one.',
    };
  }
  return applyAndProbe(context, intent, kind, 1);
}

/** An instance that was paused for longer than its lease must not make a change that the journal has closed. */
async function isStillOurs({ ports }: RunContext, intent: StoredDocument<ActionRecord>): Promise<boolean> {
  return (await ports.store.read('actions', intent.id))?.version === intent.version;
}

const APPLY_ATTEMPTS = 2;

async function applyAndProbe(
  context: RunContext,
  intent: StoredDocument<ActionRecord>,
  kind: ActionKind,
  attempt: number,
): Promise<Outcome> {
  let answer;
  try {
    answer = await kind.apply(context.ports, intent.data);
  } catch (error) {
    if (!(error instanceof PlatformError)) {
      throw error;
    }
    context.log.warn({ actionId: intent.id, error: error.full }, 'an action was not answered with success');
    if (error.failure.applied === 'no') {
      return end(context, intent, isMoot(error) ? 'stale' : 'failed', error.full);
    }
    return probe(context, intent, kind, attempt, error);
  }
  // Outside of the `try`: a store that fails now must not make a change that happened look like one that failed.
  await step(context, 'applied');
  return end(context, intent, 'applied', answer);
}

/** The target is gone or was changed by somebody else in between: nothing failed, there is nothing left to do. */
function isMoot(error: PlatformError): boolean {
  return error.failure.code === 'Conflict' || error.failure.code === 'NotFound';
}

/** The reply was lost: look before anything is done again. */
async function probe(
  context: RunContext,
  intent: StoredDocument<ActionRecord>,
  kind: ActionKind,
  attempt: number,
  lost: PlatformError,
): Promise<Outcome> {
  let look;
  try {
    look = await kind.look(context.ports, intent.data);
  } catch {
    return {
      actionId: intent.id,
      state: 'unknown',
      detail: `The reply was lost and the target cannot be read now; the next run looks what happened. ${lost.full}`,
    };
  }
  switch (look.at) {
    case 'to':
      return end(context, intent, 'applied', `The reply was lost; the change is there. ${look.found}`);
    case 'from':
      if (!kind.guardedByPlatform) {
        return putOff(context, intent, lost);
      }
      return attempt < APPLY_ATTEMPTS
        ? applyAndProbe(context, intent, kind, attempt + 1)
        : end(context, intent, 'failed', `The change is not there. ${lost.full}`);
    case 'gone':
      return end(context, intent, 'stale', `The target is gone. ${look.found}`);
    case 'elsewhere':
      return end(
        context,
        intent,
        'unknown',
        `The reply was lost, and the target is neither as before nor as wanted: look at it. ${look.found}`,
      );
  }
}

/** Longer than a platform needs to show what it took: by then what is not there did not happen. */
const LATE_SECONDS = 180;

/** Asking again could make two: it stays intended, and whoever looks after it closes it by what shows. */
async function putOff(
  context: RunContext,
  { id, data, version }: StoredDocument<ActionRecord>,
  lost: PlatformError,
): Promise<Outcome> {
  const dueAt = secondsAfter(context.ports.clock.now().toISOString(), LATE_SECONDS);
  await context.ports.store.commit([
    { op: 'replace', collection: 'actions', id, data: { ...data, replyLost: true, dueAt }, version },
  ]);
  await step(context, 'outcome-stored');
  return {
    actionId: id,
    state: 'begun',
    detail: `The reply was lost and the change does not show yet; it is looked for until ${dueAt}. ${lost.full}`,
  };
}

async function end(
  context: RunContext,
  intent: StoredDocument<ActionRecord>,
  state: Ending,
  said: string,
): Promise<Outcome> {
  const detail = context.mask(said);
  // Not fenced: what happened on the platform is true whoever holds the lease; the action's own version protects it.
  const also = async (): Promise<readonly Write[]> => (await context.onEnd?.(state, detail, intent.id)) ?? [];
  const next = { state, detail, by: byOf(context), ...dueOf(context, intent.data, state) };
  const stored = await transition(context.ports, intent, next, also);
  await step(context, 'outcome-stored');
  if (stored === undefined && state === 'applied' && (await correct(context, intent, detail))) {
    return { actionId: intent.id, state, detail };
  }
  if (stored === undefined) {
    return {
      actionId: intent.id,
      state: 'unknown',
      detail: `${detail} Another run accounted for it meanwhile: see the journal.`,
    };
  }
  return { actionId: intent.id, state, detail };
}

/**
 * The change was on its way for so long that another instance found the target untouched and closed the action: the journal gets
 * the truth as a further entry, and the change is judged like any other.
 */
async function correct(context: RunContext, intent: StoredDocument<ActionRecord>, detail: string): Promise<boolean> {
  const there = await context.ports.store.read<ActionRecord>('actions', intent.id);
  if (there?.data.state !== 'failed' && there?.data.state !== 'stale') {
    return false;
  }
  const late = context.mask(`It was made all the same, later than another instance had looked. ${detail}`);
  // The run that made it has lost its scope, and its report with it.
  const also = (await context.onEnd?.('applied', late, intent.id)) ?? (await lateWrites(context, intent.data, late));
  const next = {
    state: 'applied',
    detail: late,
    by: byOf(context),
    ...dueOf(context, intent.data, 'applied'),
  } as const;
  return (await transition(context.ports, there, next, also)) !== undefined;
}

/** An applied change is judged after its settle time. */
export function dueOf(context: RunContext, action: ActionProposal, state: Ending): { readonly dueAt?: string } {
  const now = context.ports.clock.now().toISOString();
  const settle =
    context.kinds.get(action.kind)?.settleSeconds?.(context.team, action) ??
    durationSeconds(context.team.guardrails.settle);
  return state === 'applied' ? { dueAt: secondsAfter(now, settle) } : {};
}
