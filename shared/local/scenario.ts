// A scenario as a running system: the embedded platform at its addresses, and the shipped wiring pointed at them.
// The demo, the scenario tests and the benchmarks stand on it. Nothing here is a shortcut past an adapter.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { type Platform, type PlatformServing, startPlatform } from '../../fixtures/platform/platform.ts';
import type { Scenario } from '../../fixtures/platform/scenario.ts';
import { targetKey } from '../core/action.ts';
import { CLOSED_STATES } from '../core/action.ts';
import { type Environment, readEnvironment } from '../config/environment.ts';
import type { JsonObject } from '../core/json.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store, Write } from '../ports/store.ts';
import type { Surroundings } from '../runtime/context.ts';
import type { ReadyDuty } from '../runtime/http.ts';
import { runDuty, type RunRequest, type RunResult } from '../runtime/run.ts';
import { openStoreOf } from '../wiring/ports.ts';
import { createSystem, policyOf } from '../wiring/system.ts';
import { findDuties, findDuty } from './duties.ts';

export interface ScenarioOptions {
  readonly duty: string;
  /** SQLite file; in memory when absent. */
  readonly storePath?: string;
  /** For every call outside; short in fault tests, where a double hangs. */
  readonly deadlineSeconds?: number;
  readonly onStep?: Surroundings['onStep'];
  /** Takes log lines; they are dropped when absent. */
  readonly write?: (line: string) => void;
  /** Fixed ports for the doubles, for people who want to look at them. */
  readonly ports?: Parameters<typeof startPlatform>[1];
  /** Stands between the doubles and whoever calls them. */
  readonly serving?: PlatformServing;
}

export interface RunningScenario {
  readonly platform: Platform;
  readonly scenario: Scenario;
  readonly environment: Environment;
  /** The environment variables and files with which a process of its own works on this platform. */
  readonly variables: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly ready: ReadyDuty;
  readonly store: Store;
  run(request?: Partial<RunRequest>): Promise<RunResult>;
  close(): Promise<void>;
}

const LOG_LEVEL = 'info';

export async function openScenario(scenario: Scenario, options: ScenarioOptions): Promise<RunningScenario> {
  const platform = await startPlatform({ scenario }, options.ports, options.serving);
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-scenario-'));
  const settings = platform.settings();
  const policyFile = path.join(folder, 'policy.yaml');
  const kubeconfig = path.join(folder, 'kubeconfig');
  await writeFile(kubeconfig, settings.kubeconfig, { mode: 0o600 });
  await writeFile(policyFile, stringify(withAddresses(scenario.policy, platform)));
  const variables = {
    ...settings.env,
    NIGHTSHIFT_POLICY: policyFile,
    KUBECONFIG: kubeconfig,
    NIGHTSHIFT_STORE: `sqlite:${options.storePath ?? ':memory:'}`,
    NIGHTSHIFT_LOG_LEVEL: LOG_LEVEL,
  };
  const environment = readEnvironment(variables);
  const found = await findDuties();
  const clock = scenarioClock(platform);
  const store = openStoreOf(environment, clock);
  await loadHistory(store, scenario);
  const system = createSystem({
    environment,
    policy: await policyOf(
      environment.policy,
      found.map((one) => one.duty),
    ),
    store,
    clock,
    ids: countedIds(),
    random: () => 0.5,
    write: options.write ?? (() => undefined),
    ...(options.deadlineSeconds === undefined ? {} : { deadlineSeconds: options.deadlineSeconds }),
  });
  const base = system.ready(findDuty(found, options.duty));
  const ready: ReadyDuty =
    options.onStep === undefined ? base : { ...base, surroundings: { ...base.surroundings, onStep: options.onStep } };
  return {
    platform,
    scenario,
    environment,
    variables,
    folder,
    ready,
    store,
    run: (request = {}) =>
      runDuty(ready.surroundings, ready.duty, ready.policy, {
        scope: scenario.case.scope,
        dryRun: false,
        trigger: 'manual',
        timeoutSeconds: ready.manifest.timeoutSeconds,
        ...request,
      }),
    async close() {
      await system.close();
      await store.close();
      await platform.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The scenario's policy names the platform by placeholders, since its ports are known only now. */
function withAddresses(policy: JsonObject, platform: Platform): unknown {
  const text = JSON.stringify(policy)
    .replaceAll('${METRICS_URL}', platform.urls.victoriametrics)
    .replaceAll('${JIRA_URL}', platform.urls.jira);
  return JSON.parse(text) as unknown;
}

/** Time passes only when somebody waits: a wait moves the scenario's clock, so that no test sleeps. */
export function scenarioClock(platform: Pick<Platform, 'clock'>): Clock {
  return {
    now: () => platform.clock.now(),
    sleep: async (milliseconds) => {
      platform.clock.advance(milliseconds);
      await Promise.resolve();
    },
  };
}

function countedIds(): { next(): string } {
  let count = 0;
  return {
    next() {
      count += 1;
      return `run-${String(count).padStart(4, '0')}`;
    },
  };
}

/** Earlier actions of the scenario, with the epochs that their ends left behind. */
async function loadHistory(store: Store, scenario: Scenario): Promise<void> {
  const epochs = new Map<string, number>();
  const writes: Write[] = scenario.history.map((action) => {
    if (CLOSED_STATES.includes(action.state)) {
      epochs.set(targetKey(action), Math.max(epochs.get(targetKey(action)) ?? 0, action.epoch + 1));
    }
    return { op: 'create', collection: 'actions', id: action.id, data: action };
  });
  for (const [id, epoch] of epochs) {
    writes.push({ op: 'create', collection: 'targets', id, data: { epoch } });
  }
  if (writes.length > 0) {
    await store.commit(writes);
  }
}
