// The one executor: applies every action of every duty, journal first, once. It decides nothing.
import type { ActionKind } from '../actions/kind.ts';
import { type ActionProposal, type ActionRecord, effectKey, targetKey } from '../core/action.ts';
import { canonicalJson } from '../core/json.ts';
import type { Decision } from '../core/decision.ts';
import { BugError, describeError, PlatformError } from '../core/errors.ts';
import { masked } from '../core/mask.ts';
import { checkGuardrails, type GuardrailVerdict } from '../core/guardrail.ts';
import type { Outcome } from '../core/report.ts';
import type { StoredDocument, Version, Write } from '../ports/store.ts';
import { type Budget, type BudgetEntry, budgetOf, budgetWrite } from './budget.ts';
import { type RunContext, step } from './context.ts';
import { journalWrites, transition } from './journal.ts';
import { leaseCheck } from './lease.ts';

/** An `act` on its way through the executor. */
type Acting = Decision & { readonly action: ActionProposal };

const INTENT_ATTEMPTS = 8;

/**
 * Executes the `act` decisions one after the other; decisions that share one effect share its outcome.
 * Gives one outcome for each decision, in order. Never throws for what a platform does.
 */
export async function execute(
  context: RunContext,
  decisions: readonly Decision[],
): Promise<readonly (Outcome | undefined)[]> {
  const done = new Map<string, Outcome>();
  const outcomes: (Outcome | undefined)[] = [];
  for (const decision of decisions) {
    if (decision.verdict !== 'act') {
      outcomes.push(undefined);
      continue;
    }
    if (decision.action === undefined) {
      throw new BugError(`Rule ${decision.reason.rule} says act and names no action.`);
    }
    const { kind, target, from, to } = decision.action;
    const effect = canonicalJson({ kind, target, from, to });
    const outcome = done.get(effect) ?? (await executeOne(context, { ...decision, action: decision.action }));
    done.set(effect, outcome);
    outcomes.push(outcome);
  }
  return outcomes;
}

async function executeOne(context: RunContext, decision: Acting): Promise<Outcome> {
  const kind = kindOf(context, decision.action);
  if (context.dryRun) {
    const verdict = guard(context, decision.action, kind, []);
    return verdict.verdict === 'apply'
      ? { state: 'planned', detail: 'Dry run: nothing was changed.' }
      : {
          state: 'planned',
          detail: `Dry run: nothing was changed. For real it would not be applied now: ${verdict.why}`,
        };
  }
  if (context.ports.clock.now().getTime() > context.actUntil) {
    return { state: 'refused', detail: 'The time of this run was used up; the next run decides anew.' };
  }
  if (context.isStopping?.() === true) {
    return { state: 'refused', detail: 'This process is stopping; the next run decides anew.' };
  }
  const intent = await storeIntent(context, decision, kind);
  if ('state' in intent) {
    return intent;
  }
  await step(context, 'intent-stored');
  return carryOut(context, intent, kind);
}

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

function guard(
  context: RunContext,
  action: ActionProposal,
  kind: ActionKind,
  recent: Budget['entries'],
): GuardrailVerdict {
  const name = (key: string): string => (typeof context.scope[key] === 'string' ? context.scope[key] : '');
  return checkGuardrails({
    action,
    now: context.ports.clock.now().toISOString(),
    scope: { cluster: name('cluster'), namespace: name('namespace') },
    team: context.team,
    recent,
    paused: undefined,
    growth: kind.growth(action),
  });
}

/** Stores the intent under its effect key, or tells why nothing is to be done. */
async function storeIntent(
  context: RunContext,
  decision: Acting,
  kind: ActionKind,
): Promise<StoredDocument<ActionRecord> | Outcome> {
  const { store, clock } = context.ports;
  const { action } = decision;
  for (let attempt = 0; attempt < INTENT_ATTEMPTS; attempt += 1) {
    const target = await store.read<{ epoch: number }>('targets', targetKey(action));
    const epoch = target?.data.epoch ?? 0;
    const id = effectKey(action, epoch);
    const existing = await store.read<ActionRecord>('actions', id);
    if (existing !== undefined) {
      const outcome = await meetExisting(context, existing, kind);
      if (outcome === 'again') {
        continue;
      }
      return outcome;
    }
    const budget = await budgetOf(store, context.scopeKey, clock.now());
    const verdict = guard(context, action, kind, budget.entries);
    if (verdict.verdict === 'observe') {
      return { state: 'observed', detail: verdict.why };
    }
    if (verdict.verdict === 'refuse') {
      return { state: 'refused', detail: verdict.why };
    }
    const at = clock.now().toISOString();
    const state = verdict.verdict === 'wait' ? 'waiting' : 'intended';
    const record: ActionRecord = {
      ...action,
      id,
      epoch,
      inverse: kind.inverse(action),
      duty: context.duty,
      scope: context.scopeKey,
      runId: context.runId,
      subject: decision.subject,
      rule: decision.reason.rule,
      sentence: context.mask(decision.reason.sentence),
      evidence: masked(context.mask, decision.reason.evidence),
      state,
      createdAt: at,
      updatedAt: at,
    };
    const writes: Write[] = [
      { op: 'create', collection: 'actions', id, data: record },
      { op: 'check', collection: 'targets', id: targetKey(action), version: target?.version ?? null },
      ...fence(context),
      ...(state === 'intended' ? [budgetWrite(context.scopeKey, budget, budgetEntry(record))] : []),
      ...(await journalWrites(store, {
        scope: context.scopeKey,
        at,
        actionId: id,
        kind: action.kind,
        state,
        by: `run ${context.runId}`,
        detail: context.mask(`${kind.describe(action)}: ${decision.reason.sentence}`),
      })),
    ];
    const result = await store.commit(writes);
    if (result.committed) {
      return state === 'waiting'
        ? { actionId: id, state: 'waiting', detail: verdict.verdict === 'wait' ? verdict.why : '' }
        : { id, data: record, version: result.versions[0] as Version };
    }
    if (result.conflict.collection === 'leases') {
      return takenOver();
    }
  }
  return {
    state: 'refused',
    detail: 'The store was too busy to record the intent; nothing was changed, the next run decides anew.',
  };
}

function budgetEntry({ createdAt, id, guard: { workload, touches, part } }: ActionRecord): BudgetEntry {
  return { at: createdAt, actionId: id, workload, touches, undo: false, ...(part === undefined ? {} : { part }) };
}

export function fence(context: RunContext): readonly Write[] {
  return context.lease === undefined ? [] : [leaseCheck(context.lease)];
}

function takenOver(): Outcome {
  return { state: 'refused', detail: 'Another run took this scope over; nothing was changed by this one.' };
}

/** The same change was wanted before and its action is not over: find out what became of it. */
async function meetExisting(
  context: RunContext,
  existing: StoredDocument<ActionRecord>,
  kind: ActionKind,
): Promise<Outcome | 'again'> {
  const { data, id } = existing;
  if (data.state === 'waiting') {
    return { actionId: id, state: 'waiting', detail: `Waiting for approval since ${data.createdAt}.` };
  }
  if (data.state === 'unknown') {
    return {
      actionId: id,
      state: 'unknown',
      detail: data.outcome ?? 'The end of this change is unknown; a person must look.',
    };
  }
  if (data.state === 'intended') {
    return { actionId: id, state: 'repeated', detail: `Begun by run ${data.runId} and not yet accounted for.` };
  }
  let look;
  try {
    look = await kind.look(context.ports, data);
  } catch (error) {
    return { actionId: id, state: 'failed', detail: describeError(error) };
  }
  if (look.at !== 'from') {
    return { actionId: id, state: 'repeated', detail: `Already done by run ${data.runId}. ${look.found}` };
  }
  const closed = await transition(
    context.ports,
    existing,
    { state: 'settled', detail: context.mask(`Somebody changed it back. ${look.found}`), by: `run ${context.runId}` },
    fence(context),
  );
  return closed === undefined ? takenOver() : 'again';
}

/** From a stored intent to a stored outcome. */
async function carryOut(context: RunContext, intent: StoredDocument<ActionRecord>, kind: ActionKind): Promise<Outcome> {
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
  return applyAndProbe(context, intent, kind, 1);
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
      return kind.guardedByPlatform && attempt < APPLY_ATTEMPTS
        ? applyAndProbe(context, intent, kind, attempt + 1)
        : end(context, intent, kind.guardedByPlatform ? 'failed' : 'unknown', `The change is not there. ${lost.full}`);
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

export type Ending = 'applied' | 'failed' | 'stale' | 'unknown';

async function end(
  context: RunContext,
  intent: StoredDocument<ActionRecord>,
  state: Ending,
  said: string,
): Promise<Outcome> {
  const detail = context.mask(said);
  // Not fenced: what happened on the platform is true whoever holds the lease; the action's own version protects it.
  const stored = await transition(context.ports, intent, { state, detail, by: `run ${context.runId}` }, []);
  await step(context, 'outcome-stored');
  if (stored === undefined) {
    return {
      actionId: intent.id,
      state: 'unknown',
      detail: `${detail} Another run accounted for it meanwhile: see the journal.`,
    };
  }
  return { actionId: intent.id, state, detail };
}
