// The one executor: applies every action of every duty, journal first, once. It decides nothing.
import type { ActionKind } from '../actions/kind.ts';
import { type ActionProposal, type ActionRecord, effectKey, targetKey } from '../core/action.ts';
import { canonicalJson, type JsonObject } from '../core/json.ts';
import type { Decision } from '../core/decision.ts';
import { BugError, describeError, PlatformError } from '../core/errors.ts';
import { masked } from '../core/mask.ts';
import { checkGuardrails, type GuardrailVerdict, placeOf } from '../core/guardrail.ts';
import type { Outcome } from '../core/report.ts';
import type { StoredDocument, Version, Write } from '../ports/store.ts';
import { type Budget, budgetEntry, budgetOf, budgetWrite } from './budget.ts';
import { carryOut, kindOf, LOOK_AFTER_SECONDS } from './carry-out.ts';
import { byOf, type RunContext } from './context.ts';
import { clockBehind, journalWrites, transition } from './journal.ts';
import { leaseCheck } from './lease.ts';
import { secondsAfter } from './outbox-entry.ts';
import { pausedFor } from './pause.ts';
import { bindingOf } from './binding.ts';
import { noonOfNextWorkingDay } from '../core/working-day.ts';

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
  // A dry run only tells what would become of its actions; one that changes something asks right before each.
  let paused: ReturnType<typeof pausedFor> | undefined;
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
    const outcome =
      done.get(effect) ??
      (context.dryRun
        ? plan(context, decision.action, await (paused ??= pausedFor(context.ports, context.scopeKey)))
        : await executeOne(context, { ...decision, action: decision.action }));
    done.set(effect, outcome);
    outcomes.push(outcome);
  }
  return outcomes;
}

type Paused = Awaited<ReturnType<typeof pausedFor>>;

function plan(context: RunContext, action: ActionProposal, paused: Paused): Outcome {
  const verdict = guard(context, action, kindOf(context, action), [], paused);
  return verdict.verdict === 'apply'
    ? { state: 'planned', detail: 'Dry run: nothing was changed.' }
    : {
        state: 'planned',
        detail: `Dry run: nothing was changed. For real it would not be applied now: ${verdict.why}`,
      };
}

async function executeOne(context: RunContext, decision: Acting): Promise<Outcome> {
  const kind = kindOf(context, decision.action);
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
  return carryOut(context, intent, kind);
}

function guard(
  context: RunContext,
  action: ActionProposal,
  kind: ActionKind,
  recent: Budget['entries'],
  paused: Paused,
): GuardrailVerdict {
  return checkGuardrails({
    action,
    now: context.ports.clock.now().toISOString(),
    scope: placeOf(context.scope, action.target),
    team: context.team,
    recent,
    paused,
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
  let before: JsonObject | undefined;
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
    const behind = await clockBehind(store, context.scopeKey, clock.now());
    if (behind !== undefined) {
      return { state: 'refused', detail: behind };
    }
    const budget = await budgetOf(store, context.scopeKey, clock.now());
    const paused = await pausedFor(context.ports, context.scopeKey);
    const verdict = guard(context, action, kind, budget.entries, paused);
    if (verdict.verdict === 'observe') {
      return { state: 'observed', detail: verdict.why };
    }
    if (verdict.verdict === 'refuse') {
      return { state: 'refused', detail: verdict.why };
    }
    before ??= await lookBefore(context, action, kind);
    const at = clock.now().toISOString();
    const state = verdict.verdict === 'wait' ? 'waiting' : 'intended';
    const inverse = kind.inverse(action);
    const rule = decision.reason.rule;
    const expiresAt = noonOfNextWorkingDay(at, context.team.timezone);
    const record: ActionRecord = {
      ...action,
      id,
      epoch,
      inverse,
      duty: context.duty,
      scope: context.scopeKey,
      runId: context.runId,
      subject: decision.subject,
      rule,
      sentence: context.mask(decision.reason.sentence),
      evidence: masked(context.mask, decision.reason.evidence),
      state,
      createdAt: at,
      updatedAt: at,
      binding: bindingOf({ ...action, inverse, rule }),
      ...(before === undefined ? {} : { before }),
      ...(state === 'waiting' ? { expiresAt, dueAt: expiresAt } : { dueAt: secondsAfter(at, LOOK_AFTER_SECONDS) }),
    };
    const writes: Write[] = [
      { op: 'create', collection: 'actions', id, data: record },
      { op: 'check', collection: 'targets', id: targetKey(action), version: target?.version ?? null },
      ...fence(context),
      ...(state === 'intended' ? [budgetWrite(context.scopeKey, budget, budgetEntry(record, at))] : []),
      ...(await journalWrites(store, {
        scope: context.scopeKey,
        at,
        actionId: id,
        kind: action.kind,
        state,
        by: byOf(context),
        detail: context.mask(`${kind.describe(action)}: ${decision.reason.sentence}`),
      })),
      ...(state === 'waiting' ? (context.onWaiting?.(id) ?? []) : []),
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

/** What the judge compares with later. A change is not held up when it cannot be read: it is judged by what came after. */
async function lookBefore(
  context: RunContext,
  action: ActionProposal,
  kind: ActionKind,
): Promise<JsonObject | undefined> {
  if (kind.judgedByOutcome === true) {
    return undefined;
  }
  try {
    const now = context.ports.clock.now().toISOString();
    return await kind.observe(context.ports, context.team, action, now, 'before');
  } catch (error) {
    if (!(error instanceof PlatformError)) {
      throw error;
    }
    context.log.warn({ error: error.full }, 'what an action starts from could not be read');
    return undefined;
  }
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
    { state: 'settled', detail: context.mask(`Somebody changed it back. ${look.found}`), by: byOf(context) },
    fence(context),
  );
  return closed === undefined ? takenOver() : 'again';
}
