// Reads the metrics of one namespace. A source that is dead, slow or of another cluster becomes a fact, never an error:
// what could not be read is `null` and named in `problems`.
import { describeError } from '../../shared/core/errors.ts';
import type { MetricsSource } from '../../shared/core/policy.ts';
import { checkSelector, labelValue } from '../../shared/core/promql.ts';
import type { Problem } from '../../shared/core/report.ts';
import type { Metrics, Sample, Series } from '../../shared/ports/metrics.ts';
import { floorQueries, oomKillQuery, windowQueries } from './queries.ts';
import type { QuerySource, WindowQueries } from './queries.ts';
import { usageTable } from './observe-usage.ts';
import type { UsageTable } from './observe-usage.ts';
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

/** Everything of the window but the check of the cluster's identity. */
type UsageQuery = Exclude<keyof WindowQueries, 'clusters'>;

type Reading<T> = { readonly rows: readonly T[] } | { readonly failed: string };

/** Asks everything of the window at once: one query for each metric, whatever the number of pods. */
export async function readUsage(place: MetricsPlace, policy: RebalancePolicy): Promise<UsageReading> {
  const wrong = checkSelector(place.source.selector);
  if (wrong !== undefined) {
    const message = `clusters.${place.cluster}.metrics.selector is not a list of label matchers: ${wrong}`;
    return {
      ...usageOf(usageTable(), { failed: message }),
      unusable: message,
      problems: [{ kind: 'configuration', message }],
      isEmpty: false,
    };
  }
  const { clusters: clustersQuery, ...queries } = windowQueries(querySource(place), policy);
  const table = usageTable<UsageQuery>();
  const names = Object.keys(queries) as UsageQuery[];
  const [kills, clusters, ...readings] = await Promise.all([
    readKills(place, policy),
    attempt(() => place.metrics.instant(clustersQuery, place.now)),
    ...names.map((name) => readInto(table, name, place, queries[name])),
  ]);
  const mixed = mixedClusters(place, clusters);
  const failures = failuresOf(place, [clusters, ...readings, kills]);
  return {
    ...usageOf(table, kills),
    unusable: mixed ?? unreadable(clusters) ?? null,
    problems: mixed === undefined ? failures : [{ kind: 'configuration', message: mixed }, ...failures],
    isEmpty: 'rows' in clusters && clusters.rows.length === 0,
  };
}

/** What was used over the floor window, by pod and container; `null` for what could not be read. */
export async function readFloors(
  place: MetricsPlace,
  policy: RebalancePolicy,
): Promise<{ of(pod: string, container: string): FloorUsage; readonly problems: readonly Problem[] }> {
  const queries = floorQueries(querySource(place), policy);
  const table = usageTable<keyof typeof queries>();
  const readings = await Promise.all([
    readInto(table, 'memoryMaximum', place, queries.memoryMaximum),
    readInto(table, 'cpuP95', place, queries.cpuP95),
  ]);
  return {
    of(pod, container) {
      const { memoryMaximum, cpuP95 } = table.of(pod, container);
      return { memoryMaximumBytes: memoryMaximum ?? null, cpuP95Cores: cpuP95 ?? null };
    },
    problems: failuresOf(place, readings),
  };
}

/** Asks for the numbers of all containers and puts them into the table; what comes back only tells whether that failed. */
async function readInto<Query extends string>(
  table: UsageTable<Query>,
  name: Query,
  { metrics, now }: MetricsPlace,
  query: string,
): Promise<Reading<never>> {
  const reading = await attempt(() => metrics.instant(query, now));
  if ('failed' in reading) {
    return reading;
  }
  table.take(name, reading.rows);
  return { rows: [] };
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

function unreadable(clusters: Reading<Sample>): string | undefined {
  return 'failed' in clusters ? `The metrics cannot be read. ${clusters.failed}` : undefined;
}

/** Series of several clusters under one selector: every average would be of both. A series without the label counts as one more. */
function mixedClusters(place: MetricsPlace, clusters: Reading<Sample>): string | undefined {
  if ('failed' in clusters || clusters.rows.length <= 1) {
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
  table: UsageTable<UsageQuery>,
  kills: Reading<Series>,
): Pick<UsageReading, 'memory' | 'cpu' | 'throttledRatio' | 'oomKills' | 'oomKillsUnknown'> {
  /** Asked and not there is none; not asked is not known. */
  const countOf = (name: UsageQuery, count = 0): number | null => (table.isAnswered(name) ? count : null);
  const isFresh = (name: UsageQuery, count = 0): boolean | null => (table.isAnswered(name) ? count > 0 : null);
  const killsOf = killsByContainer(kills);
  return {
    memory(pod, container) {
      const { memoryAverage, memoryP95, memoryMaximum, memorySamples, memoryFresh } = table.of(pod, container);
      return {
        averageBytes: memoryAverage ?? null,
        p95Bytes: memoryP95 ?? null,
        maximumBytes: memoryMaximum ?? null,
        samples: countOf('memorySamples', memorySamples),
        fresh: isFresh('memoryFresh', memoryFresh),
      };
    },
    cpu(pod, container) {
      const { cpuAverage, cpuP95, cpuMaximum, cpuSamples, cpuFresh } = table.of(pod, container);
      return {
        averageCores: cpuAverage ?? null,
        p95Cores: cpuP95 ?? null,
        maximumCores: cpuMaximum ?? null,
        samples: countOf('cpuSamples', cpuSamples),
        fresh: isFresh('cpuFresh', cpuFresh),
      };
    },
    throttledRatio: (pod, container) => table.of(pod, container).throttled ?? null,
    oomKills: (podUid, container) => killsOf.get(keyOf(podUid, container)) ?? [],
    oomKillsUnknown: 'failed' in kills ? kills.failed : null,
  };
}

/** UIDs of pods and names of containers hold no slash. */
function keyOf(podUid: string, container: string): string {
  return `${podUid}/${container}`;
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
