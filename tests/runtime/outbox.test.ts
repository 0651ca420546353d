// What is told arrives once: through outages, lost replies, a tracker whose search lags, and a chat that waits for its links.
import { describe, expect, test } from 'vitest';
import { drainOutbox } from '../../shared/runtime/outbox.ts';
import type { OutboxEntry } from '../../shared/runtime/outbox-entry.ts';
import { runDuty, type RunResult } from '../../shared/runtime/run.ts';
import { sizeDuty, testRuntime, type TestRuntime, testThings } from '../support/runtime.ts';

const SCOPE = { cluster: 'prod', namespace: 'shop' };
const odd = (names: readonly string[]): { sizes: Record<string, number>; want: Record<string, number> } => ({
  sizes: Object.fromEntries(names.map((name) => [name, 1])),
  want: Object.fromEntries(names.map((name) => [name, 0])),
});

function run(runtime: TestRuntime, want: Record<string, number>): Promise<RunResult> {
  return runDuty(runtime.surroundings, sizeDuty(runtime.things, want), runtime.policy, {
    scope: SCOPE,
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
  });
}

function deliveries(result: RunResult): readonly string[] {
  return result.kind === 'busy' ? [] : result.report.deliveries.map((one) => `${one.kind} ${one.state}`).sort();
}

/** Lets time pass and delivers what is due, until nothing is pending. */
async function settleDown(runtime: TestRuntime): Promise<void> {
  for (let round = 0; round < 60; round += 1) {
    runtime.clock.advance(30_000);
    await drainOutbox(runtime.surroundings);
  }
  const pending = await runtime.store.query<OutboxEntry>('outbox', {
    where: [{ field: 'state', op: '==', value: 'pending' }],
    limit: 10,
  });
  expect(pending.map((document) => document.data)).toEqual([]);
}

describe('a message and its issue', () => {
  test('the message goes out with the link of the issue that was created for it', async () => {
    const { sizes, want } = odd(['a']);
    const runtime = testRuntime({ things: testThings(sizes) });
    expect(deliveries(await run(runtime, want))).toEqual(['chat.message delivered', 'tracker.issue delivered']);
    const [message] = runtime.chat.messages;
    expect(Object.values(message?.request.links ?? {})).toEqual([
      { key: 'OPS-1', url: 'https://tracker.example/browse/OPS-1' },
    ]);
  });

  test('when the tracker is down the message waits a minute, goes out without the link, and is edited once it is there', async () => {
    const { sizes, want } = odd(['a']);
    const runtime = testRuntime({ things: testThings(sizes) });
    runtime.tracker.fates = Array.from({ length: 6 }, () => 'refused' as const);
    await run(runtime, want);
    await settleDown(runtime);
    expect(runtime.tracker.issues).toHaveLength(1);
    expect(runtime.chat.messages.map((message) => [message.edits, Object.keys(message.request.links).length])).toEqual([
      [1, 1],
    ]);
  });

  test('when the chat is down the run ends all the same, and the message arrives later, once', async () => {
    const runtime = testRuntime();
    runtime.chat.fates = ['refused', 'refused'];
    expect(deliveries(await run(runtime, { a: 125 }))).toEqual(['chat.message pending']);
    expect(runtime.chat.messages).toEqual([]);
    await settleDown(runtime);
    expect(runtime.chat.messages).toHaveLength(1);
  });

  test('a lost reply of the chat is looked up by the marker', async () => {
    const runtime = testRuntime();
    runtime.chat.fates = ['reply lost'];
    await run(runtime, { a: 125 });
    await settleDown(runtime);
    expect(runtime.chat.messages).toHaveLength(1);
  });
});

describe('issues', () => {
  test('a lost reply while the search lags makes one issue', async () => {
    const { sizes, want } = odd(['a']);
    const runtime = testRuntime({ things: testThings(sizes) });
    runtime.tracker.lagSeconds = 120;
    runtime.tracker.fates = ['reply lost'];
    await run(runtime, want);
    await settleDown(runtime);
    expect(runtime.tracker.issues.map((one) => [one.open, one.comments.length])).toEqual([[true, 0]]);
  });

  test('when the search lags longer than we wait, the duplicate is closed', async () => {
    const { sizes, want } = odd(['a']);
    const runtime = testRuntime({ things: testThings(sizes) });
    runtime.tracker.lagSeconds = 400;
    runtime.tracker.fates = ['reply lost'];
    await run(runtime, want);
    await settleDown(runtime);
    expect(runtime.tracker.issues.map((one) => one.open)).toEqual([true, false]);
  });

  test('the same finding is commented at most once a day, and a closed issue is followed by a new one', async () => {
    const { sizes, want } = odd(['a']);
    const runtime = testRuntime({ things: testThings(sizes) });
    await run(runtime, want);
    await run(runtime, want);
    expect(runtime.tracker.issues.map((one) => one.comments.length)).toEqual([0]);
    runtime.clock.advance(25 * 3_600_000);
    await run(runtime, want);
    await run(runtime, want);
    expect(runtime.tracker.issues.map((one) => one.comments.length)).toEqual([1]);
    (runtime.tracker.issues[0] as { open: boolean }).open = false;
    runtime.clock.advance(25 * 3_600_000);
    await run(runtime, want);
    expect(runtime.tracker.issues).toHaveLength(2);
  });

  test('of 40 new findings five get issues of their own and one digest names the rest; every message line has its link', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `thing-${String(index)}`);
    const { sizes, want } = odd(names);
    const runtime = testRuntime({ things: testThings(sizes) });
    await run(runtime, want);
    expect(runtime.tracker.issues).toHaveLength(6);
    const digest = runtime.tracker.issues.find((one) => one.draft.title.includes('35 more'));
    expect(JSON.stringify(digest?.draft.body)).toContain('is odd');
    expect(Object.keys(runtime.chat.messages[0]?.request.links ?? {})).toHaveLength(40);
    await run(runtime, want);
    expect(runtime.tracker.issues).toHaveLength(6);
    expect(runtime.chat.messages).toHaveLength(1);
  });
});

describe('a correction', () => {
  test('is said once, in the thread of the message that told the change', async () => {
    const runtime = testRuntime();
    await run(runtime, { a: 125 });
    const [action] = await runtime.store.query<{ id: string }>('actions', {
      where: [{ field: 'state', op: '==', value: 'applied' }],
      limit: 1,
    });
    const duty = sizeDuty(runtime.things, {});
    const correcting = {
      ...duty,
      report: (input: Parameters<typeof duty.report>[0]) => ({
        ...duty.report(input),
        corrections: [{ actionId: action?.id ?? '', message: { title: 'Corrected', blocks: [] } }],
      }),
    };
    for (let round = 0; round < 2; round += 1) {
      await runDuty(runtime.surroundings, correcting, runtime.policy, {
        scope: SCOPE,
        dryRun: false,
        trigger: 'manual',
        timeoutSeconds: 300,
      });
    }
    expect(runtime.chat.messages.map((message) => message.request.thread?.id)).toEqual([undefined, '1']);
  });
});
