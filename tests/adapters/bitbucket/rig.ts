// A Bitbucket double behind HTTP with the adapter before it, for the tests of this folder.
import { expect } from 'vitest';
import { bitbucketDouble, type BitbucketDouble } from '../../../fixtures/platform/bitbucket/bitbucket.ts';
import { BitbucketScenario } from '../../../fixtures/platform/bitbucket/scenario-file.ts';
import { scenarioClock, type ScenarioClock } from '../../../fixtures/platform/clock.ts';
import { serve, type Double, type Fault, type RecordedCall } from '../../../fixtures/platform/kit.ts';
import { validate } from '../../../fixtures/platform/spec-check.ts';
import { bitbucketCi } from '../../../shared/adapters/bitbucket/ci.ts';
import type { Ci } from '../../../shared/ports/ci.ts';
import type { Store } from '../../../shared/ports/store.ts';
import { memoryStore } from '../../../shared/wiring/ports.ts';
import { afterTest, waitingClock } from '../../support/adapter-rig.ts';

export const TOKEN = 'bitbucket-test-token';
export const START = '2026-01-15T12:00:00.000Z';
export const HEAD = 'a'.repeat(40);
export const BASE = 'b'.repeat(40);
export const OLD = 'c'.repeat(40);

/** A build that failed for no fault of its own, which its second attempt would show. */
export const SHOP = {
  slug: 'shop',
  updatedAt: '-5m',
  branches: { main: HEAD, 'feature/login': BASE },
  commits: [
    {
      hash: HEAD,
      parent: BASE,
      message: 'Faster cart',
      author: 'Ada Example',
      files: ['src/cart.ts', { path: 'docs/old.md', status: 'removed' }],
    },
    {
      hash: BASE,
      parent: OLD,
      message: 'Login',
      author: 'Bo Example',
      files: [{ path: 'src/login.ts', status: 'added' }],
    },
    { hash: OLD, message: 'First' },
  ],
  pullRequests: [{ id: 7, title: 'Login', source: 'feature/login', commit: BASE }],
  pipelineFile: { '*': 'pipelines:\n  default:\n    - step: { script: [make] }\n' },
  pipelines: [
    {
      number: 11,
      commit: BASE,
      pullRequest: 7,
      createdAt: '-40m',
      steps: [
        {
          name: 'Test',
          result: 'FAILED',
          log: 'expected 200\n',
          tests: {
            passed: 3,
            skipped: 1,
            failed: [
              { name: 'login works', message: 'expected 200' },
              { name: 'logout', error: true },
            ],
          },
        },
      ],
    },
    {
      number: 12,
      commit: HEAD,
      createdAt: '-10m',
      steps: [
        { name: 'Build', seconds: 30, log: 'compiling\ndone\n' },
        { name: 'Test', seconds: 60, result: ['FAILED', 'SUCCESSFUL'], log: ['connect ECONNRESET\n', 'ok\n'] },
        { name: 'Deploy', deployment: 'production' },
      ],
    },
  ],
} as const;

export interface Rig {
  readonly ci: Ci;
  readonly double: BitbucketDouble;
  readonly clock: ScenarioClock;
  readonly calls: RecordedCall[];
  readonly faults: Fault[];
  /** Milliseconds of each wait of the adapter. */
  readonly waits: number[];
  readonly url: string;
  readonly store: Store;
  /** Another instance on the same store. */
  another(): Ci;
}

export interface RigOptions {
  readonly scenario?: unknown;
  readonly adapterToken?: string;
  readonly deadlineSeconds?: number;
  readonly requestsPerHour?: number;
  readonly repositories?: readonly string[];
  /** Stands before the double. */
  readonly around?: (double: Double) => Double;
  readonly unchecked?: true;
}

export async function bitbucketRig(options: RigOptions = {}): Promise<Rig> {
  const clock = scenarioClock(START);
  const faults: Fault[] = [];
  const calls: RecordedCall[] = [];
  const scenario = BitbucketScenario.parse(options.scenario ?? { repositories: [SHOP] });
  const double = bitbucketDouble({ clock, token: TOKEN, scenario });
  const running = await serve(options.around?.(double) ?? double, {
    clock,
    faults,
    calls,
    validate: (request, reply) => validate('bitbucket', request, reply),
  });
  afterTest(async () => {
    await running.close();
    if (options.unchecked === undefined) {
      expect(calls.flatMap(({ violations }) => violations)).toEqual([]);
    }
  });
  const waits: number[] = [];
  const waiting = waitingClock(clock, waits);
  const store = memoryStore(waiting);
  let instances = 0;
  function another(): Ci {
    instances += 1;
    return bitbucketCi({
      apiUrl: `${running.url}/2.0`,
      workspace: 'example',
      repositories: options.repositories ?? [],
      token: options.adapterToken ?? TOKEN,
      requestsPerHour: options.requestsPerHour ?? 900,
      urgentShare: 0.2,
      instance: `i${String(instances)}`,
      store,
      clock: waiting,
      random: () => 0.5,
      ...(options.deadlineSeconds === undefined ? {} : { deadlineSeconds: options.deadlineSeconds }),
    });
  }
  return { ci: another(), another, double, clock, calls, faults, waits, url: running.url, store };
}
