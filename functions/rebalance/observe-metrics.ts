// Reads the metrics of one namespace. A source that is dead, slow or of another cluster becomes a fact, never an error:
// what could not be read is `null` and named in `problems`.
import { describeError } from '../../shared/core/errors.ts';
import type { MetricsSource } from '../../shared/core/policy.ts';
import { checkSelector, labelValue } from '../../shared/core/promql.ts';
import type { Problem } from '../../shared/core/report.ts';
import type { Metrics, Sample, Series } from '../../shared/ports/metrics.ts';
import { floorQueries, oomKillQuery, windowQueries } from './queries.ts';
import type { QuerySource, WindowQueries } from './queries.ts';
import type { RebalancePolicy } from './schema.ts';
import type { CpuUsage, FloorUsage, MemoryUsage } from './schema-facts.ts';

/** Usage by pod and container; what is not there was not seen. */
export interface UsageReading {
  memory(pod: string, container: string): MemoryUsage;
  cpu(pod: string, container: string): CpuUsage;
  throttledRatio(pod: string, container: string): number | null;
  /** [Unix seconds, number], ascending. */
  oomKills(podUid: string, container: string): [number, number][];
  readonly unusable: string | null;
  readonly oomKillsUnknown: string | null;
  readonly problems: readonly Problem[];
  /** Whether there is any series of the namespace at all. */
  readonly isEmpty: boolean;
}

export interface MetricsPlace {
  readonly metrics: Metrics;
  readonly source: MetricsSource;
  readonly cluster: string;
  readonly namespace: string;
  readonly now: string;
}

type Reading<T> = { readonly rows: readonly T[] } | { readonly failed: string };

/** Asks everything of the window at once: one query for each metric, whatever the number of pods. */
export async function readUsage(place: MetricsPlace, policy: RebalancePolicy): Promise<UsageReading> {
  const wrong = checkSelector(place.source.selector);
  if (wrong !== undefined) {
    const message = `clusters.${place.cluster}.metrics.selector is not a list of label matchers: ${wrong}`;
    return usageOf({}, { failed: message }, message, [{ kind: 'configuration', message }]);
  }
  const queries = windowQueries(querySource(place), policy);
  const names = Object.keys(queries) as (keyof WindowQueries)[];
  const [kills, ...readings] = await Promise.all([
    readKills(place, policy),
    ...names.map((name) => attempt(() => place.metrics.instant(queries[name], place.now))),
  ]);
  const byName: Partial<Record<keyof WindowQueries, Reading<Sample>>> = Object.fromEntries(
    names.map((name, index) => [name, readings[index]]),
  );
  const mixed = mixedClusters(place, byName.clusters);
  const failures = failuresOf(place, [...readings, kills]);
  const unusable = mixed ?? unreadable(byName.clusters);
  const problems: readonly Problem[] =
    mixed === undefined ? failures : [{ kind: 'configuration', message: mixed }, ...failures];
  return usageOf(byName, kills, unusable ?? null, problems);
}

/** What was used over the floor window, by pod and container; `null` for what could not be read. */
export async function readFloors(
  place: MetricsPlace,
  policy: RebalancePolicy,
): Promise<{ of(pod: string, container: string): FloorUsage; readonly problems: readonly Problem[] }> {
  const queries = floorQueries(querySource(place), policy);
  const [memory, cpu] = await Promise.all([
    attempt(() => place.metrics.instant(queries.memoryMaximum, place.now)),
    attempt(() => place.metrics.instant(queries.cpuP95, place.now)),
  ]);
  const [memoryMaximum, cpuP95] = [byContainer(memory), byContainer(cpu)];
  return {
    of: (pod, container) => ({
      memoryMaximumBytes: memoryMaximum?.get(keyOf(pod, container)) ?? null,
      cpuP95Cores: cpuP95?.get(keyOf(pod, container)) ?? null,
    }),
    problems: failuresOf(place, [memory, cpu]),
  };
}

function querySource({ namespace, source }: MetricsPlace): QuerySource {
  return { namespace, selector: source.selector, clusterLabel: source.clusterLabel };
}

function readKills(place: MetricsPlace, policy: RebalancePolicy): Promise<Reading<Series>> {
  const { query, windowSeconds, stepSeconds } = oomKillQuery(querySource(place), policy);
  const end = Date.parse(place.now);
  const start = new Date(end - (windowSeconds - stepSeconds) * 1000).toISOString();
  return attempt(() => place.metrics.range(query, start, place.now, stepSeconds));
}

async function attempt<T>(read: () => Promise<readonly T[]>): Promise<Reading<T>> {
  try {
    return { rows: await read() };
  } catch (error) {
    return { failed: describeError(error) };
  }
}

/** One problem for however many queries failed: they nearly always fail of the same cause. */
function failuresOf(place: MetricsPlace, readings: readonly Reading<unknown>[]): readonly Problem[] {
  const failed = readings.flatMap((reading) => ('failed' in reading ? [reading.failed] : []));
  const [first] = failed;
  if (first === undefined) {
    return [];
  }
  const message = `${failed.length} of ${readings.length} queries for namespace ${place.namespace} of cluster ${place.cluster} failed; what depends on them is not acted on. ${first}`;
  return [{ kind: 'platform', message }];
}

function unreadable(clusters: Reading<Sample> | undefined): string | undefined {
  return clusters !== undefined && 'failed' in clusters ? `The metrics cannot be read. ${clusters.failed}` : undefined;
}

/** Series of several clusters under one selector: every average would be of both. A series without the label counts as one more. */
function mixedClusters(place: MetricsPlace, clusters: Reading<Sample> | undefined): string | undefined {
  if (clusters === undefined || 'failed' in clusters || clusters.rows.length <= 1) {
    return undefined;
  }
  const { clusterLabel } = place.source;
  const found = clusters.rows
    .map(({ labels, value }) => `${clusterLabel}=${labelValue(labels[clusterLabel] ?? '')} (${value} series)`)
    .sort();
  const example = `${clusterLabel}=${labelValue(place.cluster)}`;
  return `The metrics of namespace ${place.namespace} are of several clusters: ${found.slice(0, 5).join(', ')}. Set clusters.${place.cluster}.metrics.selector of the policy to what picks this cluster's, such as ${example}.`;
}

function usageOf(
  readings: Partial<Record<keyof WindowQueries, Reading<Sample>>>,
  kills: Reading<Series>,
  unusable: string | null,
  problems: readonly Problem[],
): UsageReading {
  const values = (name: keyof WindowQueries) => byContainer(readings[name]);
  const [average, p95, maximum] = [values('memoryAverage'), values('memoryP95'), values('memoryMaximum')];
  const [samples, fresh] = [values('memorySamples'), values('memoryFresh')];
  const [cpuAverage, cpuP95, cpuMaximum] = [values('cpuAverage'), values('cpuP95'), values('cpuMaximum')];
  const [cpuSamples, cpuFresh] = [values('cpuSamples'), values('cpuFresh')];
  const throttled = values('throttled');
  const killsOf = killsByContainer(kills);
  return {
    memory(pod, container) {
      const key = keyOf(pod, container);
      return {
        averageBytes: average?.get(key) ?? null,
        p95Bytes: p95?.get(key) ?? null,
        maximumBytes: maximum?.get(key) ?? null,
        samples: countOf(samples, key),
        fresh: isFresh(fresh, key),
      };
    },
    cpu(pod, container) {
      const key = keyOf(pod, container);
      return {
        averageCores: cpuAverage?.get(key) ?? null,
        p95Cores: cpuP95?.get(key) ?? null,
        maximumCores: cpuMaximum?.get(key) ?? null,
        samples: countOf(cpuSamples, key),
        fresh: isFresh(cpuFresh, key),
      };
    },
    throttledRatio: (pod, container) => throttled?.get(keyOf(pod, container)) ?? null,
    oomKills: (podUid, container) => killsOf.get(keyOf(podUid, container)) ?? [],
    unusable,
    oomKillsUnknown: 'failed' in kills ? kills.failed : null,
    problems,
    isEmpty: readings.clusters !== undefined && 'rows' in readings.clusters && readings.clusters.rows.length === 0,
  };
}

/** Asked and not there is none; not asked is not known. */
function countOf(counts: ReadonlyMap<string, number> | undefined, key: string): number | null {
  return counts === undefined ? null : (counts.get(key) ?? 0);
}

function isFresh(counts: ReadonlyMap<string, number> | undefined, key: string): boolean | null {
  return counts === undefined ? null : (counts.get(key) ?? 0) > 0;
}

/** Names of pods and containers hold no slash. */
function keyOf(pod: string, container: string): string {
  return `${pod}/${container}`;
}

function byContainer(reading: Reading<Sample> | undefined): ReadonlyMap<string, number> | undefined {
  return reading === undefined || 'failed' in reading
    ? undefined
    : new Map(
        reading.rows
          .filter(({ value }) => Number.isFinite(value))
          .map(({ labels, value }) => [keyOf(labels.pod ?? '', labels.container ?? ''), value]),
      );
}

function killsByContainer(reading: Reading<Series>): ReadonlyMap<string, [number, number][]> {
  return 'failed' in reading
    ? new Map()
    : new Map(
        reading.rows.map(({ labels, points }) => [
          keyOf(labels.uid ?? '', labels.container ?? ''),
          points.filter(([, value]) => value > 0).map(([at, value]): [number, number] => [at, value]),
        ]),
      );
}
