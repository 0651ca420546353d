// Takes an action back: its stored inverse as an action of its own, with its own effect key, through the same executor.
import { type ActionProposal, type ActionRecord, effectKey, targetKey } from '../core/action.ts';
import { CallerError } from '../core/errors.ts';
import type { Outcome } from '../core/report.ts';
import type { StoredDocument, Version, Write } from '../ports/store.ts';
import { type Budget, budgetEntry, budgetOf, budgetWrite } from './budget.ts';
import { carryOut, kindOf } from './carry-out.ts';
import type { RunContext, Surroundings } from './context.ts';
import { endWrites } from './end-writes.ts';
import { journalWrites, transition } from './journal.ts';
import { pausedFor } from './pause.ts';
import { wakeAction } from './wake.ts';
import { busy, findAction, type OperationResult, withScope } from './stored-action.ts';

export interface UndoRequest {
  readonly by: string;
  readonly why: string;
  /** By `settle`, after harm: within a budget of its own and not while paused. By hand it is always allowed. */
  readonly automatic: boolean;
  /** Written with the intent. */
  readonly also?: readonly Write[];
}

const COMMIT_ATTEMPTS = 8;
const HOUR_MILLISECONDS = 3_600_000;

/** Undoes an applied action. The outcome tells whether the platform took it back; a refusal is journaled at the original. */
export async function undoAction(
  surroundings: Surroundings,
  id: string,
  request: UndoRequest,
): Promise<OperationResult> {
  const original = await findAction(surroundings.ports.store, id);
  const { data } = original;
  if (data.state !== 'applied' && data.state !== 'settled') {
    throw new CallerError(`Action ${original.id.slice(0, 12)} is ${data.state}: there is nothing to undo.`, {
      field: 'id',
    });
  }
  if ('none' in data.inverse) {
    throw new CallerError(`Action ${original.id.slice(0, 12)} has no inverse: ${data.inverse.none}`, {
      field: 'id',
      remedy: 'Change it by hand.',
    });
  }
  const { declared: _declared, ...guard } = data.guard;
  const proposal: ActionProposal = { ...data.inverse, guard };
  const result = await withScope(surroundings, data, request.by, (context) =>
    undoAlone(surroundings, context, original, proposal, request),
  );
  if (result === 'busy') {
    throw busy(original.id);
  }
  return result;
}

async function undoAlone(
  surroundings: Surroundings,
  context: RunContext,
  original: StoredDocument<ActionRecord>,
  proposal: ActionProposal,
  request: UndoRequest,
): Promise<OperationResult> {
  const { data } = original;
  const intent = await storeUndo(context, data, proposal, request);
  if ('state' in intent) {
    return { action: data, outcome: intent };
  }
  const outcome = await carryOut(
    { ...context, onEnd: (state, detail) => endWrites(context, intent.data, state, detail) },
    intent,
    kindOf(context, proposal),
  );
  if (outcome.state === 'applied') {
    await finishUndo(surroundings, intent.id, request.by);
  } else {
    await journalRefusal(context, original, request, outcome);
  }
  return { action: (await findAction(surroundings.ports.store, original.id)).data, outcome };
}

/** Closes an undo that was applied, and the action that it undid. Also after a crash between the two. */
export async function finishUndo(surroundings: Surroundings, undoId: string, by: string): Promise<void> {
  const { store } = surroundings.ports;
  const undo = await store.read<ActionRecord>('actions', undoId);
  const original =
    undo?.data.undoes === undefined ? undefined : await store.read<ActionRecord>('actions', undo.data.undoes);
  if (original !== undefined && (original.data.state === 'applied' || original.data.state === 'settled')) {
    await transition(
      surroundings.ports,
      original,
      { state: 'undone', detail: `Undone by ${by}: ${undo?.data.sentence ?? ''}`, by },
      () => wakeAction(store, original.data, surroundings.ports.clock.now().toISOString()),
    );
  }
  if (undo?.data.state === 'applied') {
    await transition(surroundings.ports, undo, { state: 'settled', detail: undo.data.outcome ?? 'Applied.', by }, []);
  }
}

async function journalRefusal(
  context: RunContext,
  original: StoredDocument<ActionRecord>,
  request: UndoRequest,
  outcome: Outcome,
): Promise<void> {
  const { state, dueAt } = original.data;
  const detail = context.mask(`undo refused: ${outcome.detail}`);
  await transition(
    context.ports,
    original,
    { state, detail, by: request.by, ...(dueAt === undefined ? {} : { dueAt }) },
    [],
  );
}

async function storeUndo(
  context: RunContext,
  original: ActionRecord,
  proposal: ActionProposal,
  request: UndoRequest,
): Promise<StoredDocument<ActionRecord> | Outcome> {
  const { store, clock } = context.ports;
  const kind = kindOf(context, proposal);
  for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt += 1) {
    const target = await store.read<{ epoch: number }>('targets', targetKey(proposal));
    const epoch = Math.max(target?.data.epoch ?? 0, original.epoch);
    const id = effectKey(proposal, epoch);
    const existing = await store.read<ActionRecord>('actions', id);
    if (existing !== undefined) {
      const { state } = existing.data;
      return {
        actionId: id,
        state: state === 'unknown' ? 'unknown' : 'repeated',
        detail: `Another undo of it is ${state}.`,
      };
    }
    const budget = await budgetOf(store, original.scope, clock.now());
    const refusal = request.automatic ? await automaticRefusal(context, budget) : undefined;
    if (refusal !== undefined) {
      return { state: 'refused', detail: refusal };
    }
    const at = clock.now().toISOString();
    const record: ActionRecord = {
      ...proposal,
      id,
      epoch,
      inverse: kind.inverse(proposal),
      duty: original.duty,
      scope: original.scope,
      runId: original.runId,
      subject: original.subject,
      rule: original.rule,
      sentence: context.mask(request.why),
      evidence: {},
      state: 'intended',
      undoes: original.id,
      by: request.by,
      createdAt: at,
      updatedAt: at,
      dueAt: new Date(clock.now().getTime() + HOUR_MILLISECONDS / 6).toISOString(),
    };
    const result = await store.commit([
      { op: 'create', collection: 'actions', id, data: record },
      { op: 'check', collection: 'targets', id: targetKey(proposal), version: target?.version ?? null },
      budgetWrite(original.scope, budget, { ...budgetEntry(record, at), undo: true }),
      ...(await journalWrites(store, {
        scope: original.scope,
        at,
        actionId: id,
        kind: proposal.kind,
        state: 'intended',
        by: request.by,
        detail: context.mask(`${kind.describe(proposal)}, undoing ${original.id.slice(0, 12)}: ${request.why}`),
      })),
      ...(request.also ?? []),
    ]);
    if (result.committed) {
      return { id, data: record, version: result.versions[0] as Version };
    }
  }
  return { state: 'refused', detail: 'The store was too busy to record the intent; nothing was changed.' };
}

/** Paused means that nothing is touched; and harm that comes in such numbers is not ours to undo one by one. */
async function automaticRefusal(context: RunContext, budget: Budget): Promise<string | undefined> {
  const paused = context.team.paused ? { why: 'by the policy' } : await pausedFor(context.ports, context.scopeKey);
  if (paused !== undefined) {
    return `Paused (${paused.why}): nothing is touched. Undo by hand stays allowed.`;
  }
  const since = context.ports.clock.now().getTime() - HOUR_MILLISECONDS;
  const undone = budget.entries.filter((entry) => entry.undo && Date.parse(entry.at) > since).length;
  const { undosPerHour } = context.team.guardrails;
  return undone >= undosPerHour
    ? `The budget of undos is used up: ${String(undone)} of ${String(undosPerHour)} in the last hour. Something else is wrong.`
    : undefined;
}
