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
import { actionsOf, hostOf, openBuilds, said, started } from '../support/builds.ts';

/** `npm run faults` fails every call; the fast tier every write, and the first of each other operation. */
const ALL = process.env['FAULTS'] === 'all';
const WRITES = /start|write|chat\./;
/** Their text has no shape that could be wrong: what cannot be understood is no reason for a rerun. */
const TEXTS = /read step log|read file/;
const KINDS: readonly FaultKind[] = ['refuse', 'hang', 'cut', 'garbage', '429', '500', 'expired-token', 'lost-reply'];
const HANG_DEADLINE_SECONDS = 1;
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

const clean = await open();
await minuteOf(clean);
const operations = new Map<string, number>();
for (const { system, operation } of clean.platform.calls) {
  operations.set(`${system}|${operation}`, (operations.get(`${system}|${operation}`) ?? 0) + 1);
}
await clean.close();

const faults = [...operations].flatMap(([name, count]) => {
  const [system = '', operation = ''] = name.split('|');
  const calls = ALL || WRITES.test(operation) ? count : 1;
  return Array.from({ length: calls }, (_, index) => index + 1).flatMap((call) =>
    KINDS.map((kind): Fault => ({ system, operation, call, kind, ...(kind === '429' && { retryAfterSeconds: 2 }) })),
  );
});

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
      await later(running);
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
