// What a duty remembers from run to run, and the events that wait for it: in the commit that ends a run, or not at all.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '../../shared/core/json.ts';
import type { Duty } from '../../shared/runtime/duty.ts';
import { receive } from '../../shared/runtime/inbox.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { sizeDuty, START, testRuntime, type TestRuntime } from '../support/runtime.ts';

const SCOPE = { cluster: 'prod', namespace: 'shop' };
const KEY = 'cluster=prod,namespace=shop';

interface Seen {
  readonly memory: JsonObject | undefined;
  readonly events: readonly JsonObject[];
}

/** Counts its events over all runs; fails after it looked, when it is told to. */
function countingDuty(runtime: TestRuntime, seen: Seen[], failing = { fails: false }): Duty {
  const base = sizeDuty(runtime.things, {});
  return {
    ...base,
    event: z.strictObject({ build: z.number() }) as unknown as z.ZodType<JsonObject>,
    facts: z.looseObject({ total: z.number() }),
    observe: async ({ memory, events }) => {
      const before = await memory.read('counts');
      seen.push({ memory: before, events });
      return { total: Number(before?.['total'] ?? 0) + events.length };
    },
    decide: () => {
      if (failing.fails) {
        throw new Error('it fails');
      }
      return [];
    },
    remember: ({ facts }) => ({ counts: { value: { total: (facts as { total: number }).total } } }),
  };
}

function run(runtime: TestRuntime, duty: Duty, more: object = {}): ReturnType<typeof runDuty> {
  const request = { scope: SCOPE, dryRun: false, trigger: 'manual', timeoutSeconds: 300, ...more } as const;
  return runDuty(runtime.surroundings, duty, runtime.policy, request);
}

async function arrive(runtime: TestRuntime, build: unknown, deliveryId: string): Promise<boolean> {
  return receive(runtime.store, { duty: 'test', scope: KEY, at: START, event: { build } as JsonObject }, deliveryId);
}

describe('events', () => {
  test('are handed to the next run once, however often they are delivered', async () => {
    const runtime = testRuntime();
    const seen: Seen[] = [];
    const duty = countingDuty(runtime, seen);
    expect(await arrive(runtime, 7, 'd1')).toBe(true);
    expect(await arrive(runtime, 7, 'd1')).toBe(false);
    await run(runtime, duty);
    expect(await arrive(runtime, 7, 'd1')).toBe(false);
    await run(runtime, duty);
    expect(seen.map(({ events }) => events)).toEqual([[{ build: 7 }], []]);
  });

  test('wait for the next run when one fails', async () => {
    const runtime = testRuntime();
    const seen: Seen[] = [];
    const failing = { fails: true };
    const duty = countingDuty(runtime, seen, failing);
    await arrive(runtime, 7, 'd1');
    await expect(run(runtime, duty)).rejects.toThrow('it fails');
    failing.fails = false;
    await run(runtime, duty);
    expect(seen.map(({ events }) => events.length)).toEqual([1, 1]);
    expect(seen[1]?.memory).toBeUndefined();
  });

  test('are looked at and not taken by a dry run', async () => {
    const runtime = testRuntime();
    const seen: Seen[] = [];
    const duty = countingDuty(runtime, seen);
    await arrive(runtime, 7, 'd1');
    await run(runtime, duty, { dryRun: true });
    await run(runtime, duty);
    expect(seen.map(({ events }) => events.length)).toEqual([1, 1]);
    expect(seen[1]?.memory).toBeUndefined();
  });

  test('that no longer fit are dropped and keep no others waiting; a caller is told which field is wrong', async () => {
    const runtime = testRuntime();
    const seen: Seen[] = [];
    const duty = countingDuty(runtime, seen);
    await arrive(runtime, 'seven', 'd1');
    await arrive(runtime, 8, 'd2');
    await run(runtime, duty);
    await run(runtime, duty, { events: [{ build: 9 }] });
    expect(seen.map(({ events }) => events)).toEqual([[{ build: 8 }], [{ build: 9 }]]);
    await expect(run(runtime, duty, { events: [{ build: 'x' }] })).rejects.toMatchObject({ field: 'events.0.build' });
    const { event: _event, ...deaf } = duty;
    await expect(run(runtime, deaf, { events: [{ build: 9 }] })).rejects.toThrow('takes no events');
  });
});

describe('memory', () => {
  test('is what the last finished run of the scope wrote', async () => {
    const runtime = testRuntime();
    const seen: Seen[] = [];
    const duty = countingDuty(runtime, seen);
    await run(runtime, duty, { events: [{ build: 1 }, { build: 2 }] });
    await run(runtime, duty, { events: [{ build: 3 }] });
    await run(runtime, duty);
    expect(seen.map(({ memory }) => memory)).toEqual([undefined, { total: 2 }, { total: 3 }]);
  });

  test('of one scope is not that of another, and a run that fails changes nothing of it', async () => {
    const runtime = testRuntime();
    const seen: Seen[] = [];
    const failing = { fails: false };
    const duty = countingDuty(runtime, seen, failing);
    await run(runtime, duty, { events: [{ build: 1 }] });
    failing.fails = true;
    await expect(run(runtime, duty, { events: [{ build: 2 }] })).rejects.toThrow('it fails');
    failing.fails = false;
    await run(runtime, duty, { scope: { ...SCOPE, namespace: 'other' } });
    await run(runtime, duty);
    expect(seen.slice(2).map(({ memory }) => memory)).toEqual([undefined, { total: 1 }]);
  });
});
