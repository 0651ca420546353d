// What one container used in the last minutes, for the judge: null for what cannot be known. Plain PromQL, doubled scrapes count once.
import { PlatformError } from '../core/errors.ts';
import type { TeamPolicy } from '../core/policy.ts';
import { selectorWith } from '../core/promql.ts';
import type { Ports } from '../ports/ports.ts';

export interface RecentUsage {
  readonly throttledRatio: number | null;
  readonly memoryBytes: number | null;
  readonly cpuCores: number | null;
}

export interface ContainerPlace {
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Shorter than every settle time, long enough for several scrapes. */
const WINDOW = '5m';

export async function recentUsage(
  ports: Ports,
  team: TeamPolicy,
  place: ContainerPlace,
  now: string,
): Promise<RecentUsage> {
  const { namespace, pod, container } = place;
  const selector = team.clusters[place.cluster]?.metrics.selector ?? '';
  const matchers = `{${selectorWith({ namespace, pod, container }, selector)}}`;
  const increase = (metric: string): string => `sum by (pod,container) (increase(${metric}${matchers}[${WINDOW}]))`;
  const [throttledRatio, memoryBytes, cpuCores] = await Promise.all(
    [
      `${increase('container_cpu_cfs_throttled_periods_total')} / ${increase('container_cpu_cfs_periods_total')}`,
      `max by (pod,container) (max_over_time(container_memory_working_set_bytes${matchers}[${WINDOW}]))`,
      `max by (pod,container) (rate(container_cpu_usage_seconds_total${matchers}[${WINDOW}]))`,
    ].map((query) => valueOf(ports, place.cluster, query, now)),
  );
  return { throttledRatio: throttledRatio ?? null, memoryBytes: memoryBytes ?? null, cpuCores: cpuCores ?? null };
}

/** A source that does not answer is missing data: the judge waits for it or asks a person. */
async function valueOf(ports: Ports, cluster: string, query: string, now: string): Promise<number | null> {
  try {
    const [sample] = await ports.metrics(cluster).instant(query, now);
    return sample !== undefined && Number.isFinite(sample.value) ? sample.value : null;
  } catch (error) {
    if (error instanceof PlatformError) {
      return null;
    }
    throw error;
  }
}
