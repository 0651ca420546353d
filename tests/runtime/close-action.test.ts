// An action whose end is unknown: nothing touches it until a person says what they found, and then everything goes on from there.
import { describe, expect, test } from 'vitest';
import type { ActionRecord } from '../../shared/core/action.ts';
import { actionOperation, operate } from '../../shared/local/action-route.ts';
import { verifyJournal } from '../../shared/runtime/audit.ts';
import type { JournalEntry } from '../../shared/runtime/journal.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { undoAction } from '../../shared/runtime/undo.ts';
import { sizeDuty, testRuntime, type TestRuntime } from '../support/runtime.ts';

const SETTLED = 11 * 60_000;

async function run(runtime: TestRuntime): Promise<void> {
  await runDuty(runtime.surroundings, sizeDuty(runtime.things, { a: 125 }), runtime.policy, {
    scope: { cluster: 'prod', namespace: 'shop' },
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
  });
}

async function actions(runtime: TestRuntime): Promise<readonly ActionRecord[]> {
  const documents = await runtime.store.query<ActionRecord>('actions', { where: [], limit: 100 });
  return documents.map(({ data }) => data).sort((a, b) => a.createdAt.localeCompare(b.createdAt));
}

/** Sends the next change and never gets an answer, while somebody else changes the thing: it is neither as before nor as wanted. */
function strayRuntime(): { runtime: TestRuntime; goesAstray: () => void } {
  let isStray = false;
  const runtime: TestRuntime = testRuntime({
    onStep: (step) => {
      if (isStray && step === 'target-read') {
        isStray = false;
        runtime.things.sizes.set('a', 110);
      }
    },
  });
  return {
    runtime,
    goesAstray() {
      isStray = true;
      runtime.things.fates = ['never arrived'];
    },
  };
}

/** A change whose end nobody knows; by now the thing is as it was before. */
async function unknownEnd(): Promise<{ runtime: TestRuntime; id: string }> {
  const { runtime, goesAstray } = strayRuntime();
  goesAstray();
  await run(runtime);
  const [action] = await actions(runtime);
  expect(action?.state).toBe('unknown');
  runtime.things.sizes.set('a', 100);
  return { runtime, id: action?.id ?? '' };
}

async function close(runtime: TestRuntime, id: string, said: object): Promise<{ status: number; body: object }> {
  const operation = actionOperation(`/actions/${id}/close`);
  if (operation === undefined) {
    throw new Error('No such operation.');
  }
  return operate(runtime.surroundings, operation, JSON.stringify(said));
}

async function lastEntry(runtime: TestRuntime): Promise<JournalEntry | undefined> {
  const entries = await runtime.store.query<JournalEntry>('journal', { where: [], limit: 100 });
  return entries.map(({ data }) => data).sort((a, b) => b.sequence - a.sequence)[0];
}

describe('an action with an unknown end', () => {
  test('holds its change until it is closed', async () => {
    const { runtime } = await unknownEnd();
    runtime.clock.advance(SETTLED);
    await run(runtime);
    expect(runtime.things.effects).toEqual([]);
    expect((await actions(runtime)).map(({ state }) => state)).toEqual(['unknown']);
  });

  test('closed as not applied fails with who and why, and the change comes again in the next epoch', async () => {
    const { runtime, id } = await unknownEnd();
    expect(await close(runtime, id, { by: 'alice', as: 'not-applied', why: 'still 100' })).toMatchObject({
      status: 200,
      body: { state: 'failed' },
    });
    expect(await lastEntry(runtime)).toMatchObject({
      actionId: id,
      state: 'failed',
      by: 'alice',
      detail: 'Closed by alice as not-applied: still 100',
    });
    runtime.clock.advance(SETTLED);
    await run(runtime);
    expect(runtime.things.effects).toEqual(['a=125']);
    expect((await actions(runtime)).map(({ state, epoch }) => [state, epoch])).toEqual([
      ['failed', 0],
      ['applied', 1],
    ]);
  });

  test('closed as applied is judged after its settle time', async () => {
    const { runtime, id } = await unknownEnd();
    runtime.things.sizes.set('a', 125);
    await close(runtime, id, { by: 'alice', as: 'applied', why: 'it has 125' });
    expect(await settle(runtime.surroundings)).toMatchObject({ kept: 0 });
    runtime.clock.advance(SETTLED);
    expect(await settle(runtime.surroundings)).toMatchObject({ kept: 1, problems: [] });
    expect((await actions(runtime)).map(({ state }) => state)).toEqual(['settled']);
  });

  test('is closed in the thread of the message that told it, and the journal stays whole', async () => {
    const { runtime, id } = await unknownEnd();
    await close(runtime, id, { by: 'alice', as: 'not-applied', why: 'still 100' });
    await settle(runtime.surroundings);
    const notes = runtime.chat.messages.filter(({ request }) => request.thread !== undefined);
    expect(JSON.stringify(notes.map(({ request }) => request.message))).toContain('Closed by alice as not-applied');
    expect((await verifyJournal(runtime.store)).flatMap(({ defects }) => defects)).toEqual([]);
  });

  test('an undo of that kind is finished once it is said to be made', async () => {
    const { runtime, goesAstray } = strayRuntime();
    await run(runtime);
    const [made] = await actions(runtime);
    goesAstray();
    const request = { by: 'alice', why: 'wrong', automatic: false };
    expect((await undoAction(runtime.surroundings, made?.id ?? '', request)).outcome.state).toBe('unknown');
    const undo = (await actions(runtime)).find(({ undoes }) => undoes !== undefined);
    await close(runtime, undo?.id ?? '', { by: 'alice', as: 'applied', why: 'it has 100 again' });
    runtime.clock.advance(SETTLED);
    await settle(runtime.surroundings);
    expect((await actions(runtime)).map(({ state }) => state).sort()).toEqual(['settled', 'undone']);
  });
});

describe('what is refused', () => {
  test.each([
    ['no finding', { why: 'looked' }, 'as'],
    ['another finding', { as: 'maybe', why: 'looked' }, 'as'],
    ['no reason', { as: 'applied', why: ' ' }, 'why'],
  ])('%s', async (_name, said, field) => {
    const { runtime, id } = await unknownEnd();
    expect(await close(runtime, id, said)).toMatchObject({ status: 400, body: { error: { field } } });
    expect((await actions(runtime)).map(({ state }) => state)).toEqual(['unknown']);
  });

  test('an action whose end is known', async () => {
    const runtime = testRuntime();
    await run(runtime);
    const [action] = await actions(runtime);
    const reply = await close(runtime, action?.id ?? '', { as: 'not-applied', why: 'no' });
    expect(reply).toMatchObject({ status: 400, body: { error: { field: 'id' } } });
  });

  test('two who say different things at once: one of them counts', async () => {
    const { runtime, id } = await unknownEnd();
    const replies = await Promise.all(
      (['applied', 'not-applied'] as const).map((as) => close(runtime, id, { as, why: 'looked' })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 400]);
  });
});
