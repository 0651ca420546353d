// A rerun whose every call fails in turn, in each way; a process that dies at each step; two runs at once. Judged by what Bitbucket
// holds in the end: the build was run again exactly once, and is told once.
import { describe, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Fault, FaultKind } from '../../fixtures/platform/kit.ts';
import { NightshiftError } from '../../shared/core/errors.ts';
import type { RunningScenario } from '../../shared/local/scenario.ts';
import { STEPS } from '../../shared/runtime/context.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { failingCalls } from './kinds.ts';
import { actionsOf, hostOf, openBuilds, openMade, pullRequestShop, said, started } from '../support/builds.ts';

/** Each of these fails in each way, in the fast tier too. */
const WRITES = /start|write|chat\./;
/** Their text has no shape that could be wrong: what cannot be understood is no reason for a rerun. */
const TEXTS = /read step log|read file/;
const KINDS: readonly FaultKind[] = [
  'refuse',
  'hang',
  'cut',
  'garbage',
  '429',
  '500',
  'expired-token',
  'lost-reply',
  'slow',
];
/** Within the deadline: what comes late is an answer like any other. */
const SLOW_MILLISECONDS = 300;
/** Waited for in real time, and far from what the other calls need on a busy machine. */
const HANG_DEADLINE_SECONDS = 3;
const DEADLINE_SECONDS = 30;
const LEASE_MILLISECONDS = 340_000;

function open(kind?: FaultKind): Promise<RunningScenario> {
  return openBuilds('transient', { deadlineSeconds: kind === 'hang' ? HANG_DEADLINE_SECONDS : DEADLINE_SECONDS });
}

async function minuteOf(running: RunningScenario): Promise<void> {
  try {
    await running.run();
    await settle(hostOf(running));
  } catch (error) {
    expect(error, String(error)).toBeInstanceOf(NightshiftError);
  }
  running.platform.clock.advance(60_000);
}

async function later(running: RunningScenario, minutes = 14): Promise<void> {
  for (let passed = 0; passed < minutes; passed += 1) {
    await minuteOf(running);
  }
}

function faultOf(system: string, operation: string, call: number, kind: FaultKind): Fault {
  return {
    system,
    operation,
    call,
    kind,
    ...(kind === '429' && { retryAfterSeconds: 2 }),
    ...(kind === 'slow' && { delayMilliseconds: SLOW_MILLISECONDS }),
  };
}

const clean = await open();
await minuteOf(clean);
const operations = new Map<string, number>();
for (const { system, operation } of clean.platform.calls) {
  operations.set(`${system}|${operation}`, (operations.get(`${system}|${operation}`) ?? 0) + 1);
}
await clean.close();

const faults = failingCalls(operations, KINDS, WRITES).map(({ system, operation, call, kind }) =>
  faultOf(system, operation, call, kind),
);

describe('a rerun whose calls fail', () => {
  test.concurrent.each(
    faults.map((fault) => [`${fault.system} ${fault.operation} #${String(fault.call)}: ${fault.kind}`, fault] as const),
  )('%s', async (_name, fault) => {
    const running = await open(fault.kind);
    try {
      running.platform.inject(fault);
      await minuteOf(running);
      running.platform.clearFaults();
      await later(running);
      if (fault.kind === 'garbage' && TEXTS.test(fault.operation)) {
        expect(started(running)).toEqual([]);
        return;
      }
      expect(started(running)).toEqual(['shop #13']);
      expect((await actionsOf(running)).filter(({ state }) => state === 'settled')).toHaveLength(1);
      expect(said(running).filter((text) => text.includes('Pipeline #13')).length).toBeLessThanOrEqual(1);
    } finally {
      await running.close();
    }
  });
});

/** What the first minute of a branch's rerun does not ask for: pull requests, comments, tests, a pipeline that is named, the end. */
const LATER_OPERATIONS = [
  'read pull request',
  'list comments',
  'add comment',
  'update comment',
  'read test report',
  'list test cases',
  'read pipeline',
];
const FAILED_TEST = 'AssertionError: expected 3 to be 4\nTests: 1 failed, 12 passed\n';

/** A pull request whose build failed of the network, told by a comment; a build whose test failed; a caller that names the first. */
function openPullRequest(kind?: FaultKind): Promise<RunningScenario> {
  return openMade(
    {
      repositories: [
        pullRequestShop([
          {
            number: 11,
            commit: 'bbbbbbb2',
            createdAt: '-5m',
            steps: [
              { name: 'Test', result: 'FAILED', log: FAILED_TEST, tests: { passed: 12, failed: [{ name: 'adds' }] } },
            ],
          },
        ]),
      ],
    },
    { duties: { 'pipeline-retry': { tell: { reruns: ['pull-request', 'build-status', 'chat'] } } } },
    { deadlineSeconds: kind === 'hang' ? HANG_DEADLINE_SECONDS : DEADLINE_SECONDS },
  );
}

async function namedMinute(running: RunningScenario): Promise<void> {
  try {
    // Older than what is listed: it is asked for by its number.
    await running.run({ events: [{ repository: 'shop', number: 3 }] });
    await settle(hostOf(running));
  } catch (error) {
    expect(error, String(error)).toBeInstanceOf(NightshiftError);
  }
  running.platform.clock.advance(60_000);
}

describe('the rerun of a pull request whose calls fail', () => {
  test('asks for all of these when nothing fails', async () => {
    const running = await openPullRequest();
    try {
      await namedMinute(running);
      await later(running, 9);
      const asked = new Set(running.platform.calls.map(({ operation }) => operation));
      expect(LATER_OPERATIONS.filter((operation) => !asked.has(operation))).toEqual([]);
    } finally {
      await running.close();
    }
  });

  test.concurrent.each(
    failingCalls(
      LATER_OPERATIONS.map((operation) => [`bitbucket|${operation}`, 1]),
      KINDS,
      WRITES,
    ).map(({ operation, kind }) => [`${operation} #1: ${kind}`, operation, kind] as const),
  )('%s', async (_name, operation, kind) => {
    const running = await openPullRequest(kind);
    try {
      running.platform.inject(faultOf('bitbucket', operation, 1, kind));
      await namedMinute(running);
      await later(running);
      expect(started(running)).toEqual(['shop #13']);
      expect((await actionsOf(running)).filter(({ state }) => state === 'settled')).toHaveLength(1);
      const comments = running.platform.doubles.bitbucket.workspace.repository('shop')?.comments.get(5) ?? [];
      expect(comments.length).toBeGreaterThanOrEqual(1);
      expect(comments.at(0)?.raw).toContain('✅');
    } finally {
      await running.close();
    }
  });
});

describe('a process that dies', () => {
  test.each(STEPS)('at %s leaves one rerun', async (step) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'nightshift-retry-'));
    let isDead = false;
    let died: () => void = () => undefined;
    const death = new Promise<void>((resolve) => {
      died = resolve;
    });
    const running = await openBuilds('transient', {
      storePath: path.join(folder, 'state.db'),
      deadlineSeconds: DEADLINE_SECONDS,
      onStep: (name) => {
        if (name !== step || isDead) {
          return undefined;
        }
        isDead = true;
        died();
        return new Promise<never>(() => undefined);
      },
    });
    try {
      void running.run();
      await death;
      running.platform.clock.advance(LEASE_MILLISECONDS);
      // A request of the dead one could still be on its way: for a quarter of an hour nothing is started in its place.
      await later(running, 30);
      expect(started(running)).toEqual(['shop #13']);
      expect((await actionsOf(running)).filter(({ state }) => state === 'settled')).toHaveLength(1);
    } finally {
      await running.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('two runs at once', () => {
  test('make one rerun', async () => {
    const running = await open();
    try {
      const { ready } = running;
      const request = {
        scope: { workspace: 'example' },
        dryRun: false,
        trigger: 'manual',
        timeoutSeconds: 300,
      } as const;
      const results = await Promise.all(
        [1, 2, 3].map(() => runDuty(ready.surroundings, ready.duty, ready.policy, request)),
      );
      expect(results.filter(({ kind }) => kind === 'done').length).toBeGreaterThanOrEqual(1);
      await later(running, 3);
      expect(started(running)).toEqual(['shop #13']);
    } finally {
      await running.close();
    }
  });
});
