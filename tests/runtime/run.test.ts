// One run from lease to delivery: exactly one effect whatever is lost, repeated, refused or done twice at once.
import { describe, expect, test, vi } from 'vitest';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import type { ActionRecord } from '../../shared/core/action.ts';
import { BugError } from '../../shared/core/errors.ts';
import { STEPS } from '../../shared/runtime/context.ts';
import { runDuty, type RunRequest, type RunResult } from '../../shared/runtime/run.ts';
import { settle } from '../../shared/runtime/settle.ts';
import {
  fail,
  sizeDuty,
  START,
  testClock,
  testRuntime,
  type TestRuntime,
  type TestRuntimeOptions,
  testThings,
} from '../support/runtime.ts';

/** Longer than guardrails.settle: an action begun within it counts against the share of its workload. */
const NEXT_TICK = 15 * 60_000;
const SCOPE = { cluster: 'prod', namespace: 'shop' };

function run(
  runtime: TestRuntime,
  want: Record<string, number>,
  request: Partial<RunRequest> = {},
): Promise<RunResult> {
  return runDuty(runtime.surroundings, sizeDuty(runtime.things, want), runtime.policy, {
    scope: SCOPE,
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
    ...request,
  });
}

async function actions(runtime: TestRuntime): Promise<readonly ActionRecord[]> {
  const documents = await runtime.store.query<ActionRecord>('actions', {
    where: [
      { field: 'duty', op: '==', value: 'test' },
      { field: 'scope', op: '==', value: 'cluster=prod,namespace=shop' },
    ],
    orderBy: { field: 'createdAt', direction: 'ascending' },
    limit: 100,
  });
  return documents.map((document) => document.data);
}

function outcomes(result: RunResult): readonly string[] {
  return result.kind === 'busy' ? ['busy'] : result.report.actions.map((action) => action.outcome);
}

describe('one effect', () => {
  test('a change is applied once, journaled as intended and applied, and told once', async () => {
    const runtime = testRuntime();
    expect(outcomes(await run(runtime, { a: 125 }))).toEqual(['applied']);
    expect(outcomes(await run(runtime, { a: 125 }))).toEqual([]);
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(runtime.chat.messages).toHaveLength(1);
    const journal = await runtime.store.query<{ state: string }>('journal', {
      where: [{ field: 'scope', op: '==', value: 'cluster=prod,namespace=shop' }],
      orderBy: { field: 'sequence', direction: 'ascending' },
      limit: 10,
    });
    expect(journal.map((entry) => entry.data.state)).toEqual(['intended', 'applied']);
  });

  test('a lost reply after the effect is found out by looking, not by doing it again', async () => {
    const runtime = testRuntime();
    runtime.things.fates = ['reply lost'];
    expect(outcomes(await run(runtime, { a: 125 }))).toEqual(['applied']);
    expect(runtime.things.effects).toEqual(['a=125']);
  });

  test('a request that never arrived is sent again where the platform guards the change', async () => {
    const runtime = testRuntime();
    runtime.things.fates = ['never arrived'];
    expect(outcomes(await run(runtime, { a: 125 }))).toEqual(['applied']);
    expect(runtime.things.effects).toEqual(['a=125']);
  });

  test('where the platform does not guard it, an unanswered change is looked for, and never asked for again from there', async () => {
    const runtime = testRuntime({ guardedByPlatform: false });
    runtime.things.fates = ['never arrived'];
    expect(outcomes(await run(runtime, { a: 125 }))).toEqual(['begun']);
    await settle(runtime.surroundings);
    expect((await actions(runtime)).map(({ state }) => state)).toEqual(['intended']);
    runtime.clock.advance(4 * 60_000);
    await settle(runtime.surroundings);
    expect((await actions(runtime)).map(({ state }) => state)).toEqual(['failed']);
    expect(runtime.things.effects).toEqual([]);
  });

  test('what shows late is accounted for as applied', async () => {
    const runtime = testRuntime({ guardedByPlatform: false });
    runtime.things.fates = ['never arrived'];
    await run(runtime, { a: 125 });
    runtime.things.sizes.set('a', 125);
    runtime.clock.advance(4 * 60_000);
    await settle(runtime.surroundings);
    expect((await actions(runtime)).map(({ state }) => state)).toEqual(['applied']);
  });

  test('a refusal fails the action, escalates, and the next run may try again in a new epoch', async () => {
    const runtime = testRuntime();
    runtime.things.fates = ['refused'];
    expect(outcomes(await run(runtime, { a: 125 }))).toEqual(['failed']);
    expect(runtime.tracker.issues).toHaveLength(1);
    runtime.clock.advance(NEXT_TICK);
    expect(outcomes(await run(runtime, { a: 125 }))).toEqual(['applied']);
    expect((await actions(runtime)).map((action) => [action.state, action.epoch])).toEqual([
      ['failed', 0],
      ['applied', 1],
    ]);
  });

  test('a change that somebody took back can come again', async () => {
    const runtime = testRuntime();
    await run(runtime, { a: 125 });
    runtime.things.sizes.set('a', 100);
    runtime.clock.advance(NEXT_TICK);
    expect(outcomes(await run(runtime, { a: 125 }))).toEqual(['applied']);
    expect((await actions(runtime)).map((action) => action.state)).toEqual(['settled', 'applied']);
  });

  // Also where the platform itself would take the change: only our own look stands in its way there.
  test.each([true, false])(
    'what is no longer as it was when it was decided is left alone (guarded: %s)',
    async (guardedByPlatform) => {
      const things = testThings({ a: 100 });
      const runtime = testRuntime({
        things,
        guardedByPlatform,
        onStep: (step) => {
          if (step === 'intent-stored') {
            things.sizes.set('a', 90);
          }
        },
      });
      expect(outcomes(await run(runtime, { a: 125 }))).toEqual(['stale']);
      expect(things.effects).toEqual([]);
    },
  );

  test('decisions that share one effect are executed once', async () => {
    const runtime = testRuntime();
    const duty = sizeDuty(runtime.things, { a: 125 });
    const twice = {
      ...duty,
      decide: (...input: Parameters<typeof duty.decide>) =>
        duty.decide(...input).flatMap((one) => [one, { ...one, subject: { ...one.subject, replica: '2' } }]),
    };
    const result = await runDuty(runtime.surroundings, twice, runtime.policy, {
      scope: SCOPE,
      dryRun: false,
      trigger: 'manual',
      timeoutSeconds: 300,
    });
    expect(outcomes(result)).toEqual(['applied', 'applied']);
    expect(runtime.things.effects).toEqual(['a=125']);
  });
});

describe('many senders', () => {
  test('50 runs of one scope at once make one effect; the others are busy or find it done', async () => {
    const clock = testClock();
    const things = testThings({ a: 100 });
    const store = sqliteStore({ path: ':memory:', clock });
    const runtimes = Array.from({ length: 50 }, (_, index) =>
      testRuntime({ clock, things, store, ids: `instance-${String(index)}` }),
    );
    const results = await Promise.all(runtimes.map((runtime) => run(runtime, { a: 125 })));
    expect(things.effects).toEqual(['a=125']);
    expect(results.filter((result) => outcomes(result).includes('applied'))).toHaveLength(1);
  });

  test('the same delivery again is answered with the first report and does nothing', async () => {
    const runtime = testRuntime();
    const first = await run(runtime, { a: 125 }, { trigger: 'push', deliveryId: 'push:1' });
    runtime.things.sizes.set('a', 100);
    const second = await run(runtime, { a: 125 }, { trigger: 'push', deliveryId: 'push:1' });
    expect(second.kind).toBe('repeat');
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(first.kind === 'done' && second.kind === 'repeat' && second.report.run.id).toBe('run-1');
  });

  test('an instance that lost its lease touches nothing and cannot finish', async () => {
    const clock = testClock();
    const things = testThings({ a: 100 });
    const store = sqliteStore({ path: ':memory:', clock });
    const other = testRuntime({ clock, things, store, ids: 'other' });
    let woken = false;
    const slow = testRuntime({
      clock,
      things,
      store,
      ids: 'slow',
      onStep: async (step) => {
        if (step === 'decided' && !woken) {
          woken = true;
          clock.advance(400_000);
          await run(other, { a: 110 });
        }
      },
    });
    await expect(run(slow, { a: 125 }, { timeoutSeconds: 300 })).rejects.toThrow(BugError);
    expect(things.effects).toEqual(['a=110']);
  });
});

/** Stops the run for good at a step, as a kill would: nothing after it happens, and nothing is cleaned up. */
function killedAt(step: string, options: TestRuntimeOptions): { runtime: TestRuntime; reached: Promise<void> } {
  let tell: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const runtime = testRuntime({
    ...options,
    onStep: (name) => {
      if (name !== step) {
        return undefined;
      }
      tell();
      return new Promise<never>(() => undefined);
    },
  });
  return { runtime, reached };
}

describe('a run that dies', () => {
  test.each(STEPS)('at %s leaves one effect and one message after the next run', async (step) => {
    const clock = testClock();
    const things = testThings({ a: 100 });
    const store = sqliteStore({ path: ':memory:', clock });
    const { runtime, reached } = killedAt(step, { clock, things, store, ids: 'killed' });
    void run(runtime, { a: 125 });
    await reached;
    clock.advance(3_600_000);
    const next = testRuntime({ clock, things, store, ids: 'next' });
    // The chat is one system, seen by both processes.
    const shared = { ...next.surroundings, ports: { ...next.surroundings.ports, chat: runtime.chat } };
    await runDuty(shared, sizeDuty(things, { a: 125 }), next.policy, {
      scope: SCOPE,
      dryRun: false,
      trigger: 'manual',
      timeoutSeconds: 300,
    });
    expect(things.effects).toEqual(['a=125']);
    expect(things.sizes.get('a')).toBe(125);
    expect(runtime.chat.messages).toHaveLength(1);
  });
});

describe('what does not run', () => {
  test('a dry run changes nothing, tells nothing and stores nothing', async () => {
    const runtime = testRuntime();
    expect(outcomes(await run(runtime, { a: 125, b: 0 }, { dryRun: true }))).toEqual(['planned']);
    expect(runtime.things.effects).toEqual([]);
    expect(runtime.chat.messages).toEqual([]);
    expect(await actions(runtime)).toEqual([]);
    expect(
      await runtime.store.query('runs', {
        where: [],
        orderBy: { field: 'startedAt', direction: 'ascending' },
        limit: 1,
      }),
    ).toEqual([]);
  });

  test('a dry run of many actions asks once who paused it, a real one right before each', async () => {
    const many = { a: 125, c: 125, d: 125 };
    const asked = async (dryRun: boolean): Promise<number> => {
      const runtime = testRuntime({ things: testThings({ a: 100, c: 100, d: 100 }) });
      const query = vi.spyOn(runtime.store, 'query');
      await run(runtime, many, { dryRun });
      return query.mock.calls.filter(([collection]) => collection === 'pauses').length;
    };
    const others = 1; // What the report says of pauses.
    expect(await asked(true)).toBe(1 + others);
    expect(await asked(false)).toBeGreaterThanOrEqual(3 + others);
  });

  test('observe changes nothing, writes no issue, and tells its proposals once a day', async () => {
    const things = testThings({ a: 100, b: 1 });
    const runtime = testRuntime({ things, team: { modes: [] } });
    expect(outcomes(await run(runtime, { a: 125, b: 0 }))).toEqual(['observed']);
    await run(runtime, { a: 125, b: 0 });
    expect(things.effects).toEqual([]);
    expect(runtime.tracker.issues).toEqual([]);
    expect(runtime.chat.messages).toHaveLength(1);
    runtime.clock.advance(86_400_000);
    await run(runtime, { a: 125, b: 0 });
    expect(runtime.chat.messages).toHaveLength(2);
  });

  test('approve stores the action, which waits, and is told once', async () => {
    const runtime = testRuntime({ team: { modes: [{ action: '*', mode: 'approve' }] } });
    const result = await run(runtime, { a: 125 });
    expect(result.kind === 'done' && result.waiting).toBe(true);
    await run(runtime, { a: 125 });
    expect(runtime.things.effects).toEqual([]);
    expect((await actions(runtime)).map((action) => action.state)).toEqual(['waiting']);
    expect(runtime.chat.messages).toHaveLength(1);
  });

  test('a run that fails gives its lease back and is kept with its error', async () => {
    const runtime = testRuntime();
    const duty = { ...sizeDuty(runtime.things, {}), observe: () => Promise.reject(fail('no')) };
    const request: RunRequest = { scope: SCOPE, dryRun: false, trigger: 'manual', timeoutSeconds: 300 };
    await expect(runDuty(runtime.surroundings, duty, runtime.policy, request)).rejects.toThrow('it said no');
    expect((await run(runtime, {})).kind).toBe('done');
    const runs = await runtime.store.query<{ state: string }>('runs', {
      where: [{ field: 'startedAt', op: '>=', value: START }],
      limit: 5,
    });
    expect(runs.map((document) => document.data.state).sort()).toEqual(['done', 'failed']);
  });

  test('two verdicts on one subject are refused before anything is touched', async () => {
    const runtime = testRuntime();
    const duty = sizeDuty(runtime.things, { a: 125 });
    const doubled = {
      ...duty,
      decide: (...input: Parameters<typeof duty.decide>) => [...duty.decide(...input), ...duty.decide(...input)],
    };
    const request: RunRequest = { scope: SCOPE, dryRun: false, trigger: 'manual', timeoutSeconds: 300 };
    await expect(runDuty(runtime.surroundings, doubled, runtime.policy, request)).rejects.toThrow('two verdicts');
    expect(runtime.things.effects).toEqual([]);
  });
});
