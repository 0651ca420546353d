// A scenario on the embedded platform whose objects and series a test changes by hand, for tests of what the judges are shown.
import path from 'node:path';
import { expect } from 'vitest';
import { loadScenario, type MetricSeries } from '../../fixtures/platform/scenario.ts';
import type { ActionKind } from '../../shared/actions/kind.ts';
import type { ActionProposal } from '../../shared/core/action.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/rebalance');
const SETTLED_MILLISECONDS = 11 * 60_000;
export const POD = 'tight-7d9c5b8f6d-2lbd4';

let running: RunningScenario | undefined;

export async function open(name: string, deadlineSeconds = 30): Promise<RunningScenario> {
  running = await openScenario(loadScenario(path.join(FIXTURES, name)), { duty: 'rebalance', deadlineSeconds });
  return running;
}

/** For afterEach. */
export async function closeScenario(): Promise<void> {
  await running?.close();
  running = undefined;
}

export interface Manifest {
  readonly metadata: { name: string; uid: string };
  readonly spec: {
    containers: {
      resizePolicy?: object[];
      resources: { requests: Record<string, string>; limits: Record<string, string> };
    }[];
  };
  readonly status: {
    phase: string;
    reason?: string;
    conditions: { type: string; status: string }[];
    containerStatuses: {
      ready: boolean;
      restartCount: number;
      state: object;
      lastState: object;
      resources: Manifest['spec']['containers'][number]['resources'];
    }[];
  };
}

export function manifest(kind: string, name: string): Manifest {
  const found = running?.platform.doubles.kubernetes.object(kind, 'default', name);
  expect(found, `${kind} ${name}`).toBeDefined();
  return found as unknown as Manifest;
}

export function mutate(name: string, edit: (pod: Manifest) => void): void {
  running?.platform.doubles.kubernetes.mutate('Pod', 'default', name, (draft) => {
    edit(draft as unknown as Manifest);
  });
}

export function nowOf({ platform }: RunningScenario): string {
  return platform.clock.now().toISOString();
}

export function see(
  { ready }: RunningScenario,
  kind: ActionKind,
  action: ActionProposal,
  now: string,
  moment: 'before' | 'after' = 'after',
): Promise<JsonObject> {
  return kind.observe(ready.surroundings.ports, ready.surroundings.team, action, now, moment);
}

export async function change(one: RunningScenario, kind: ActionKind, action: ActionProposal): Promise<JsonObject> {
  const before = await see(one, kind, action, nowOf(one), 'before');
  await kind.apply(one.ready.surroundings.ports, action);
  one.platform.clock.advance(SETTLED_MILLISECONDS);
  return before;
}

interface Samples {
  readonly metric: string;
  readonly perMinute: (minute: number) => number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Samples of the last minutes, as the scrapes after a change would bring them. */
export function scraped(one: RunningScenario, { metric, perMinute, labels = {} }: Samples, minutes = 11): void {
  const end = Math.floor(one.platform.clock.now().getTime() / 1000);
  const series: MetricSeries = {
    labels: { __name__: metric, namespace: 'default', pod: POD, container: 'app', ...labels },
    points: Array.from({ length: minutes }, (_, index) => [end - (minutes - 1 - index) * 60, perMinute(index)]),
  };
  one.platform.doubles.victoriametrics.append([series]);
}

export const CPU = 'container_cpu_usage_seconds_total';
export const MEMORY = 'container_memory_working_set_bytes';
export const PERIODS = 'container_cpu_cfs_periods_total';
export const THROTTLED = 'container_cpu_cfs_throttled_periods_total';
