// What is due: changes are verified, undone or escalated; waiting ones expire; those of dead runs are accounted for; messages go out.
// It drives the runtime and decides nothing: the judgement is the action kind's.
import type { Judgement } from '../actions/judgement.ts';
import type { ActionRecord } from '../core/action.ts';
import { code, paragraph, text } from '../core/document.ts';
import { describeError, PlatformError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { StoredDocument } from '../ports/store.ts';
import type { RunContext, Surroundings } from './context.ts';
import { dueOf, kindOf } from './carry-out.ts';
import { endWrites } from './end-writes.ts';
import { transition } from './journal.ts';
import { issueWrites } from './issue-writes.ts';
import { noteWrites } from './note.ts';
import { deliverRun, drainOutbox } from './outbox.ts';
import { accountFor } from './reconcile.ts';
import { contextOf, expireAction, withScope } from './stored-action.ts';
import { wakeAction } from './wake.ts';
import { finishUndo, undoAction } from './undo.ts';

const BATCH = 50;
const BY = 'settle';

/** What one call of `settle` did. */
export interface Settled {
  readonly kept: number;
  readonly undone: number;
  readonly escalated: number;
  readonly extended: number;
  readonly expired: number;
  readonly reconciled: number;
  readonly problems: readonly string[];
}

type Count = Exclude<keyof Settled, 'problems'>;

/**
 * Does what is due now, and before it the event that was handed on. With nothing due: two reads of the store. One action that
 * cannot be looked at keeps no other waiting.
 */
export async function settle(surroundings: Surroundings, eventId?: string): Promise<Settled> {
  if (eventId !== undefined) {
    await deliverRun(surroundings, eventId, 0);
  }
  const { store, clock } = surroundings.ports;
  const now = clock.now().toISOString();
  const due = await store.query<ActionRecord>('actions', {
    where: [{ field: 'dueAt', op: '<=', value: now }],
    orderBy: { field: 'dueAt', direction: 'ascending' },
    limit: BATCH,
  });
  const counts: Record<Count, number> = { kept: 0, undone: 0, escalated: 0, extended: 0, expired: 0, reconciled: 0 };
  const problems: string[] = [];
  for (const document of due) {
    try {
      const done = await settleOne(surroundings, document);
      if (done !== undefined) {
        counts[done] += 1;
      }
    } catch (error) {
      const message = surroundings.mask(`${document.id.slice(0, 12)}: ${describeError(error)}`);
      surroundings.log.error(
        { actionId: document.id, error: message },
        'an action could not be settled; it is tried again',
      );
      problems.push(message);
    }
  }
  await drainOutbox(surroundings);
  return { ...counts, problems };
}

async function settleOne(
  surroundings: Surroundings,
  document: StoredDocument<ActionRecord>,
): Promise<Count | undefined> {
  const { data } = document;
  switch (data.state) {
    case 'waiting':
      await expireAction(surroundings, document);
      return 'expired';
    case 'intended': {
      const one = await withScope(surroundings, data, BY, (context) =>
        accountFor({ ...context, onEnd: (state, detail) => endWrites(context, data, state, detail) }, document),
      );
      return one === 'busy' || one === undefined ? undefined : 'reconciled';
    }
    case 'applied':
      if (data.undoes !== undefined) {
        await finishUndo(surroundings, document.id, BY);
        return 'reconciled';
      }
      return verify(surroundings, document);
    case 'settled':
    case 'undone':
    case 'failed':
    case 'stale':
    case 'declined':
    case 'expired':
    case 'unknown':
      return undefined;
  }
}

async function verify(surroundings: Surroundings, document: StoredDocument<ActionRecord>): Promise<Count | undefined> {
  const { data } = document;
  const context = contextOf(surroundings, data, BY);
  const judgement = await judged(context, data);
  switch (judgement.verdict) {
    case 'kept':
      await transition(
        context.ports,
        withJudgement(document, judgement),
        { state: 'settled', detail: context.mask(`Kept: ${judgement.sentence}`), by: BY },
        () => wakeAction(context.ports.store, data, context.now, ['action']),
      );
      return 'kept';
    case 'undo':
      return undo(surroundings, document, judgement);
    case 'escalate':
      return escalate(context, document, judgement);
    case 'under-way':
      // Not journaled: nothing became of it yet, and it may be looked at many times.
      await context.ports.store.commit([
        {
          op: 'replace',
          collection: 'actions',
          id: document.id,
          data: { ...data, ...dueOf(context, data, 'applied') },
          version: document.version,
        },
      ]);
      return 'extended';
    case 'no-data':
      return data.extended === true
        ? escalate(context, document, { ...judgement, sentence: `It could not be verified: ${judgement.sentence}` })
        : extend(context, document, judgement);
  }
}

async function judged(context: RunContext, action: ActionRecord): Promise<Judgement> {
  const kind = kindOf(context, action);
  let after: JsonObject;
  try {
    after = await kind.observe(context.ports, context.team, action, context.now, 'after');
  } catch (error) {
    if (!(error instanceof PlatformError)) {
      throw error;
    }
    if (error.failure.code === 'ALLOWANCE_SPENT') {
      // Our own budget held the look back, and frees itself: that says nothing of the change.
      return { verdict: 'under-way', rule: 'verify/put-off', sentence: context.mask(error.full), evidence: {} };
    }
    return { verdict: 'no-data', rule: 'verify/unreadable', sentence: context.mask(error.full), evidence: {} };
  }
  return kind.judge(action, action.before, after);
}

async function undo(
  surroundings: Surroundings,
  document: StoredDocument<ActionRecord>,
  judgement: Judgement,
): Promise<Count | undefined> {
  const { outcome } = await undoAction(surroundings, document.id, { by: BY, why: judgement.sentence, automatic: true });
  if (outcome.state === 'applied') {
    return 'undone';
  }
  if (outcome.state === 'repeated') {
    // Its process died, or is at it: once it is accounted for, this one is judged again.
    return undefined;
  }
  const fresh = await surroundings.ports.store.read<ActionRecord>('actions', document.id);
  const context = contextOf(surroundings, document.data, BY);
  return escalate(context, fresh ?? document, {
    ...judgement,
    sentence: `${judgement.sentence} It was not undone: ${outcome.detail}`,
  });
}

async function escalate(
  context: RunContext,
  document: StoredDocument<ActionRecord>,
  judgement: Judgement,
): Promise<Count> {
  const { data } = document;
  const change = kindOf(context, data).describe(data);
  const detail = context.mask(`Escalated by ${judgement.rule}: ${judgement.sentence}`);
  const issues = await issueWrites(context, [
    {
      about: { duty: data.duty, rule: judgement.rule, scope: data.scope, workload: data.guard.workload },
      title: `A change did not do what it should: ${change}`,
      body: [
        paragraph(text('Change: '), code(change)),
        paragraph(text(`Made because: ${data.sentence}`)),
        paragraph(text(detail)),
        { kind: 'code', text: JSON.stringify(judgement.evidence, undefined, 2) },
        paragraph(
          text('Undo it: '),
          code(`nightshift undo ${data.id.slice(0, 12)}`),
          text(', or leave it and mend the cause.'),
        ),
      ],
    },
  ]);
  await transition(
    context.ports,
    withJudgement(document, judgement),
    { state: 'settled', detail, by: BY },
    async () => [...(await noteWrites(context, data, detail)), ...issues.writes],
  );
  return 'escalated';
}

/** For who goes by how changes of this kind end, such as a duty that counts them. */
function withJudgement(
  document: StoredDocument<ActionRecord>,
  { rule, evidence, succeeded }: Judgement,
): StoredDocument<ActionRecord> {
  return {
    ...document,
    data: { ...document.data, judged: { rule, evidence, ...(succeeded === undefined ? {} : { succeeded }) } },
  };
}

/** Missing data after the settle time is waited for once more. */
async function extend(
  context: RunContext,
  document: StoredDocument<ActionRecord>,
  judgement: Judgement,
): Promise<Count> {
  await transition(
    context.ports,
    { ...document, data: { ...document.data, extended: true } },
    {
      state: 'applied',
      detail: context.mask(`Not yet to be judged: ${judgement.sentence}`),
      by: BY,
      ...dueOf(context, document.data, 'applied'),
    },
    [],
  );
  return 'extended';
}
