// Each external call of a rebalance run fails in turn, in each way. Judged by what the systems hold in the end: every change at
// most once, nothing told twice, and, once the fault is over, everything done and told as if it had never been.
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Fault, FaultKind } from '../../fixtures/platform/kit.ts';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { NightshiftError } from '../../shared/core/errors.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { drainOutbox } from '../../shared/runtime/outbox.ts';
import { countCase } from './count.ts';
import { failingCalls } from './kinds.ts';

/** Each of these fails in each way, in the fast tier too. */
const CHANGES = /get pods|patch|chat\.|create/;
const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');
const KINDS: readonly FaultKind[] = ['refuse', 'hang', 'cut', 'garbage', '429', '500', 'expired-token', 'lost-reply'];
/** A call that hangs is waited for in real time; the others never come near their deadline, however busy the machine is. */
const HANG_DEADLINE_SECONDS = 2;
const DEADLINE_SECONDS = 30;
/** The scenario's samples end at its `now`: the next ticks come soon, while they are still fresh. */
const TICK_MILLISECONDS = 60_000;
/** Longer than every wait of the outbox but the longest: a lost issue is looked for five minutes. */
const DRAIN_MILLISECONDS = 4 * 60_000;

function open(kind?: FaultKind): Promise<RunningScenario> {
  const deadlineSeconds = kind === 'hang' ? HANG_DEADLINE_SECONDS : DEADLINE_SECONDS;
  return openScenario(loadScenario(FOLDER), { duty: 'rebalance', deadlineSeconds });
}

interface End {
  /** Accepted changes of the cluster by target. */
  readonly changes: Readonly<Record<string, number>>;
  /** Memory limits and requests of every container. */
  readonly sizes: Readonly<Record<string, unknown>>;
  /** Top-level messages by their marker. */
  readonly messages: Readonly<Record<string, number>>;
  /** Open issues by their fingerprint label. */
  readonly issues: Readonly<Record<string, number>>;
}

interface PodObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly resources: unknown }[] };
}

function endOf(running: RunningScenario): End {
  const { doubles, calls } = running.platform;
  const pods = (doubles.kubernetes.objects('Pod') as unknown as PodObject[]).flatMap((pod) =>
    pod.spec.containers.map((container) => [`${pod.metadata.name}/${container.name}`, container.resources] as const),
  );
  // A reply that was lost or cut has no status that we saw; the double handled it all the same: count what it says it did.
  const accepted = calls.filter(
    (call) => call.system === 'kubernetes' && call.method === 'PATCH' && call.handledStatus === 200,
  );
  const messages = doubles.slack.state().messages.filter((message) => message.threadTs === undefined);
  const open = doubles.jira.state().issues.filter((issue) => issue.status.category.key !== 'done');
  return {
    changes: counted(accepted.map((call) => call.path)),
    sizes: Object.fromEntries(pods),
    messages: counted(messages.map((message) => JSON.stringify(message.metadata))),
    issues: counted(open.flatMap((issue) => issue.labels.filter((label) => /^nightshift-[0-9a-f]{20}$/.test(label)))),
  };
}

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) {
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Runs a tick; a run that fails must say so in our own words. */
async function tick(running: RunningScenario): Promise<void> {
  try {
    await running.run();
  } catch (error) {
    expect(error, String(error)).toBeInstanceOf(NightshiftError);
  }
}

async function later(running: RunningScenario): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    running.platform.clock.advance(TICK_MILLISECONDS);
    await tick(running);
  }
  for (let round = 0; round < 6; round += 1) {
    running.platform.clock.advance(DRAIN_MILLISECONDS);
    await drainOutbox(running.ready.surroundings);
  }
}

/** The calls of a run without faults: operation and how many there were. */
const clean = await open();
await tick(clean);
const operations = counted(clean.platform.calls.map((call) => `${call.system}|${call.operation}`));
await later(clean);
const expected = endOf(clean);
await clean.close();

const faults = failingCalls(Object.entries(operations), KINDS, CHANGES).map((failing): Fault => ({
  ...failing,
  ...(failing.kind === '429' ? { retryAfterSeconds: 2 } : {}),
}));

describe('a run whose calls fail', () => {
  test('the clean run did something to compare with', () => {
    expect(Object.values(expected.changes)).toEqual([1, 1]);
    expect(Object.values(expected.messages)).toEqual([1]);
    expect(Object.values(expected.issues)).toEqual([1]);
  });

  test.concurrent.for(
    faults.map((fault) => [`${fault.system} ${fault.operation} #${String(fault.call)}: ${fault.kind}`, fault] as const),
  )('%s', async ([, fault], context) => {
    const running = await open(fault.kind);
    try {
      running.platform.inject(fault);
      await tick(running);
      const once = endOf(running);
      expect(Math.max(0, ...Object.values(once.changes))).toBeLessThanOrEqual(1);
      running.platform.clearFaults();
      await later(running);
      const end = endOf(running);
      expect(end.sizes).toEqual(expected.sizes);
      expect(end.changes).toEqual(expected.changes);
      expect(Math.max(0, ...Object.values(end.messages))).toBeLessThanOrEqual(1);
      expect(Object.keys(end.messages).length).toBeGreaterThanOrEqual(1);
      // A change that failed in the first tick is an issue of its own, even if the next tick made it.
      expect(end.issues).toMatchObject(expected.issues);
      expect(Math.max(...Object.values(end.issues))).toBe(1);
      countCase(context, { duplicates: [], losses: [] });
    } finally {
      await running.close();
    }
  });
});
