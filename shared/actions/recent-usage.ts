// What a container used in the last minutes, in one pod or in all of a namespace, for the judge: null for what cannot be known.
// Plain PromQL, doubled scrapes count once. One query a metric, however many pods; it judges nothing.
import { z } from 'zod';
import { BugError, NightshiftError } from '../core/errors.ts';
import type { TeamPolicy } from '../core/policy.ts';
import { checkSelector, selectorWith } from '../core/promql.ts';
import type { Sample } from '../ports/metrics.ts';
import type { Ports } from '../ports/ports.ts';
import type { SizeChange } from './sizes.ts';
import { SHORTEST_WINDOW_SECONDS, USAGE_WINDOW_SECONDS } from './verify-thresholds.ts';

export const Usage = z.lazy(() =>
  z.strictObject({
    /** The largest working set. */
    memoryBytes: z.number().nullable(),
    cpuCores: z.number().nullable(),
    /** Share of its periods in which the CPU limit held it back; 0 for one that was idle. */
    throttledRatio: z.number().nullable(),
  }),
);
export type Usage = z.infer<typeof Usage>;

export const UNKNOWN_USAGE: Usage = Object.freeze({ memoryBytes: null, cpuCores: null, throttledRatio: null });

export interface UsageQuestion {
  readonly cluster: string;
  readonly namespace: string;
  /** All pods of the namespace when absent. */
  readonly pod?: string;
  readonly container: string;
  /** What nobody compares is not asked. */
  readonly measures: readonly Measure[];
  readonly windowSeconds: number;
  readonly now: string;
}

export interface UsageReading {
  of(pod: string): Usage;
  /** Why numbers are missing, when a source said so. */
  readonly problem: string | null;
}

type Measure = 'memory' | 'cpu' | 'throttling';

/**
 * What the judge compares: of a container before its change only how much it was held back, and only when its CPU shrinks under a
 * limit; after it all that was changed, which people want to see as well.
 */
export function measuresOf(
  changes: readonly Pick<SizeChange, 'resource' | 'shrinks'>[],
  hasCpuLimit: boolean,
  moment: 'before' | 'after',
): readonly Measure[] {
  const isChanged = (resource: string): boolean => changes.some((change) => change.resource === resource);
  if (moment === 'before') {
    const isHeldBack = hasCpuLimit && changes.some(({ resource, shrinks }) => resource === 'cpu' && shrinks);
    return isHeldBack ? ['throttling'] : [];
  }
  return [
    ...(isChanged('memory') ? (['memory'] as const) : []),
    ...(isChanged('cpu') ? (['cpu'] as const) : []),
    ...(isChanged('cpu') && hasCpuLimit ? (['throttling'] as const) : []),
  ];
}

/** As long as the change is there, within bounds. `changedAt` is when it was made, ISO, by the API server's clock. */
export function windowSince(changedAt: string | null, now: string): number {
  const since = changedAt === null ? Infinity : (Date.parse(now) - Date.parse(changedAt)) / 1000;
  return Math.round(Math.min(Math.max(since, SHORTEST_WINDOW_SECONDS), USAGE_WINDOW_SECONDS));
}

type Metric = 'memory' | 'cpu' | 'periods' | 'throttled';

export async function recentUsage(ports: Ports, team: TeamPolicy, question: UsageQuestion): Promise<UsageReading> {
  const { cluster, namespace, pod, container, measures, now } = question;
  const source = team.clusters[cluster]?.metrics;
  const wrong = source === undefined ? 'the policy names no metrics' : checkSelector(source.selector);
  if (source === undefined || wrong !== undefined) {
    return { of: () => UNKNOWN_USAGE, problem: `The metrics of cluster ${cluster} cannot be asked: ${String(wrong)}` };
  }
  const matchers = selectorWith({ namespace, ...(pod === undefined ? {} : { pod }), container }, source.selector);
  const window = `[${String(question.windowSeconds)}s]`;
  // The cluster's label keeps pods of the same name in two clusters apart: then neither is believed.
  const most = (what: string): string => `max by (pod,container,${source.clusterLabel}) (${what})`;
  const over = (call: string, metric: string): string => most(`${call}(${metric}{${matchers}}${window})`);
  const queries: (readonly [Metric, string])[] = [];
  if (measures.includes('memory')) {
    queries.push(['memory', over('max_over_time', 'container_memory_working_set_bytes')]);
  }
  if (measures.includes('cpu')) {
    queries.push(['cpu', over('rate', 'container_cpu_usage_seconds_total')]);
  }
  if (measures.includes('throttling')) {
    queries.push(
      ['periods', over('increase', 'container_cpu_cfs_periods_total')],
      ['throttled', over('increase', 'container_cpu_cfs_throttled_periods_total')],
    );
  }
  const problems: string[] = [];
  const answers = new Map<Metric, ReadonlyMap<string, number>>();
  await Promise.all(
    queries.map(async ([name, query]) => {
      try {
        answers.set(name, byPod(await ports.metrics(cluster).instant(query, now)));
      } catch (error) {
        // A source that does not answer is missing data: the judge waits for it or asks a person.
        if (!(error instanceof NightshiftError) || error instanceof BugError) {
          throw error;
        }
        problems.push(error.full);
      }
    }),
  );
  const value = (name: Metric, of: string): number | null => answers.get(name)?.get(of) ?? null;
  return {
    of: (name) => ({
      memoryBytes: value('memory', name),
      cpuCores: value('cpu', name),
      throttledRatio: ratio(value('throttled', name), value('periods', name)),
    }),
    problem: problems[0] ?? null,
  };
}

/** A period that did not come was not throttled: a container that sleeps has none. */
function ratio(throttled: number | null, periods: number | null): number | null {
  return throttled === null || periods === null ? null : periods <= 0 ? 0 : throttled / periods;
}

function byPod(rows: readonly Sample[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const several = new Set<string>();
  for (const { labels, value } of rows) {
    const pod = labels['pod'] ?? '';
    if (found.has(pod)) {
      several.add(pod);
    }
    if (Number.isFinite(value)) {
      found.set(pod, value);
    }
  }
  for (const pod of several) {
    found.delete(pod);
  }
  return found;
}
