// What became of a change while nobody could be told: it is said once, in the thread of the message, when that is out.
import { describe, expect, test } from 'vitest';
import type { ActionRecord } from '../../shared/core/action.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { drainOutbox } from '../../shared/runtime/outbox.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { undoAction } from '../../shared/runtime/undo.ts';
import { sizeDuty, testRuntime, type TestRuntime } from '../support/runtime.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const DOWN = Array.from({ length: 100 }, () => 'refused' as const);

/** A change was made and undone again, and the chat took nothing of it. */
async function undoneWhileDown(): Promise<{ runtime: TestRuntime; id: string }> {
  const runtime = testRuntime();
  runtime.chat.fates = [...DOWN];
  await runDuty(runtime.surroundings, sizeDuty(runtime.things, { a: 125 }), runtime.policy, {
    scope: { cluster: 'prod', namespace: 'shop' },
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
  });
  const [action] = await runtime.store.query<ActionRecord>('actions', { where: [], limit: 1 });
  const id = action?.id ?? '';
  const { outcome } = await undoAction(runtime.surroundings, id, { by: 'alice', why: 'not now', automatic: false });
  expect(outcome.state).toBe('applied');
  await drainOutbox(runtime.surroundings);
  expect(runtime.chat.messages).toEqual([]);
  return { runtime, id };
}

async function minutes(runtime: TestRuntime, count: number): Promise<void> {
  for (let minute = 0; minute < count; minute += 1) {
    runtime.clock.advance(MINUTE);
    await settle(runtime.surroundings);
  }
}

/** Each message as the id of the one in whose thread it is, and whether it is of the undo. */
function said({ chat }: TestRuntime): readonly (readonly [string | undefined, boolean])[] {
  return chat.messages.map(({ request }) => [request.thread?.id, JSON.stringify(request.message).includes('not now')]);
}

describe('a note whose message was not posted yet', () => {
  test('follows it in its thread, once, when the chat is there again', async () => {
    const { runtime } = await undoneWhileDown();
    runtime.chat.fates = [];
    await minutes(runtime, 90);
    expect(said(runtime)).toEqual([
      [undefined, false],
      ['1', true],
    ]);
  });

  test('is looked for and not sent again when its reply was lost', async () => {
    const { runtime } = await undoneWhileDown();
    runtime.chat.fates = ['works', 'reply lost'];
    await minutes(runtime, 90);
    expect(said(runtime)).toEqual([
      [undefined, false],
      ['1', true],
    ]);
  });

  test('asks the chat for nothing while it waits', async () => {
    const { runtime } = await undoneWhileDown();
    runtime.chat.fates = [...DOWN];
    await minutes(runtime, 90);
    const entries = await runtime.store.query<{ id: string; lastError?: string }>('outbox', { where: [], limit: 100 });
    expect(entries.filter(({ data }) => data.lastError !== undefined).map(({ id }) => /note/.test(id))).toEqual([
      false,
    ]);
  });

  test('is said on its own when the message was given up after a week', async () => {
    const { runtime } = await undoneWhileDown();
    runtime.clock.advance(8 * DAY);
    runtime.chat.fates = ['refused'];
    await drainOutbox(runtime.surroundings);
    await minutes(runtime, 5);
    expect(said(runtime)).toEqual([[undefined, true]]);
  });
});
