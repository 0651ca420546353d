// The PromQL of this duty, as text: one query for each metric and namespace. Asks nothing itself.
import { durationSeconds } from '../../shared/core/policy.ts';
import { selectorWith } from '../../shared/core/promql.ts';
import type { RequiredMetric } from '../../shared/core/required-metric.ts';
import type { RebalancePolicy } from './schema.ts';
import { SAMPLE_SECONDS } from './schema-facts.ts';

const MEMORY = 'container_memory_working_set_bytes';
const CPU = 'container_cpu_usage_seconds_total';
const THROTTLED_PERIODS = 'container_cpu_cfs_throttled_periods_total';
const PERIODS = 'container_cpu_cfs_periods_total';
const RESTARTS = 'kube_pod_container_status_restarts_total';
const LAST_TERMINATED = 'kube_pod_container_status_last_terminated_reason';

const BY_CONTAINER = 'by (namespace,pod,container)';
const BY_CONTAINER_OF_POD = 'by (namespace,pod,uid,container)';
const STEP = `${SAMPLE_SECONDS}s`;

const OF_CONTAINER = ['namespace', 'pod', 'container'];

/** What the queries below read, for the doctor. */
export const REQUIRED_METRICS: readonly RequiredMetric[] = [
  {
    metric: MEMORY,
    labels: OF_CONTAINER,
    exporter: 'cadvisor',
    isAlwaysThere: true,
    without: 'Without it nothing is known of memory, and every container is skipped.',
  },
  {
    metric: CPU,
    labels: OF_CONTAINER,
    exporter: 'cadvisor',
    isAlwaysThere: true,
    without: 'Without it nothing is known of CPU, and no idle container is found.',
  },
  {
    metric: PERIODS,
    labels: OF_CONTAINER,
    exporter: 'cadvisor',
    isAlwaysThere: false,
    without: 'Without it throttling is not known; only containers with a CPU limit have it.',
  },
  {
    metric: THROTTLED_PERIODS,
    labels: OF_CONTAINER,
    exporter: 'cadvisor',
    isAlwaysThere: false,
    without: 'Without it throttling is not known; only containers with a CPU limit have it.',
  },
  {
    metric: RESTARTS,
    labels: [...OF_CONTAINER, 'uid'],
    exporter: 'kube-state-metrics',
    isAlwaysThere: true,
    without: 'Without it no OOM kill is counted.',
  },
  {
    metric: LAST_TERMINATED,
    labels: [...OF_CONTAINER, 'uid', 'reason'],
    exporter: 'kube-state-metrics',
    isAlwaysThere: false,
    without: 'Without it no OOM kill is counted; it is there once a container has been terminated.',
  },
];

export interface QuerySource {
  readonly namespace: string;
  /** The policy's selector of this cluster, checked. */
  readonly selector: string;
  readonly clusterLabel: string;
}

/** Instant queries of the window, all asked at the run's time. */
export interface WindowQueries {
  readonly clusters: string;
  readonly memoryAverage: string;
  readonly memoryP95: string;
  readonly memoryMaximum: string;
  readonly memorySamples: string;
  readonly memoryFresh: string;
  readonly cpuAverage: string;
  readonly cpuP95: string;
  readonly cpuMaximum: string;
  readonly cpuSamples: string;
  readonly cpuFresh: string;
  readonly throttled: string;
}

/** Aggregate rows (container "" is the pod, "POD" its sandbox) are left out by the matchers. */
function containers(source: QuerySource): string {
  const matchers = selectorWith({ namespace: source.namespace }, source.selector);
  return `{container!="",container!="POD",${matchers}}`;
}

function memoryNow(source: QuerySource): string {
  return `max ${BY_CONTAINER} (${MEMORY}${containers(source)})`;
}

/** `max` over doubled scrapes; the series of a restarted container do not overlap. */
function cpuNow(source: QuerySource): string {
  return `max ${BY_CONTAINER} (rate(${CPU}${containers(source)}[5m]))`;
}

export function windowQueries(source: QuerySource, policy: RebalancePolicy): WindowQueries {
  const { window, freshness } = policy;
  const memory = `${MEMORY}${containers(source)}`;
  const overMemory = `(${memoryNow(source)})[${window}:${STEP}]`;
  const overCpu = `(${cpuNow(source)})[${window}:${STEP}]`;
  const increase = (metric: string): string =>
    `sum ${BY_CONTAINER} (increase(${metric}${containers(source)}[${window}]))`;
  return {
    clusters: `count by (${source.clusterLabel}) (${memory})`,
    // A container that restarted has several series of different length: sum by count weighs them right.
    memoryAverage: `sum ${BY_CONTAINER} (sum_over_time(${memory}[${window}])) / sum ${BY_CONTAINER} (count_over_time(${memory}[${window}]))`,
    memoryP95: `quantile_over_time(0.95, ${overMemory})`,
    // Raw samples: a stepped range steps over peaks.
    memoryMaximum: `max ${BY_CONTAINER} (max_over_time(${memory}[${window}]))`,
    memorySamples: `count_over_time(${overMemory})`,
    memoryFresh: `sum ${BY_CONTAINER} (count_over_time(${memory}[${freshness}]))`,
    cpuAverage: `avg_over_time(${overCpu})`,
    cpuP95: `quantile_over_time(0.95, ${overCpu})`,
    cpuMaximum: `max_over_time(${overCpu})`,
    cpuSamples: `count_over_time(${overCpu})`,
    cpuFresh: `sum ${BY_CONTAINER} (count_over_time(${CPU}${containers(source)}[${freshness}]))`,
    throttled: `${increase(THROTTLED_PERIODS)} / ${increase(PERIODS)}`,
  };
}

export function floorQueries(
  source: QuerySource,
  policy: RebalancePolicy,
): { readonly memoryMaximum: string; readonly cpuP95: string } {
  return {
    memoryMaximum: `max ${BY_CONTAINER} (max_over_time(${MEMORY}${containers(source)}[${policy.floorWindow}]))`,
    cpuP95: `quantile_over_time(0.95, (${cpuNow(source)})[${policy.floorWindow}:${STEP}])`,
  };
}

/**
 * OOM kills as a sparse range: a point stands where a restart counter grew while the reason of the last termination is
 * OOMKilled, and its value is by how much. The reason alone is a gauge that stays at 1 and cannot be counted. The counter
 * is compared with its last sample of up to an hour before, so that a gap in the scrapes hides no kill.
 */
export function oomKillQuery(
  source: QuerySource,
  policy: RebalancePolicy,
): { readonly query: string; readonly windowSeconds: number; readonly stepSeconds: number } {
  const matchers = selectorWith({ namespace: source.namespace }, source.selector);
  const restarts = `${RESTARTS}{${matchers}}`;
  const grown = `max ${BY_CONTAINER_OF_POD} (${restarts}) - max ${BY_CONTAINER_OF_POD} (last_over_time(${restarts}[1h] offset 1m))`;
  const killed = `max ${BY_CONTAINER_OF_POD} (${LAST_TERMINATED}{reason="OOMKilled",${matchers}})`;
  return {
    query: `(${grown}) > 0 and on (namespace,pod,uid,container) ${killed} == 1`,
    windowSeconds: durationSeconds(policy.window),
    stepSeconds: 60,
  };
}
