// The samples that a day of a container leaves behind in the metrics store, as cAdvisor and kube-state-metrics expose them.
import type { MetricSeries } from '../../fixtures/platform/scenario.ts';
import { pointsOf } from '../../fixtures/platform/series-notation.ts';
import type { Pod } from '../../shared/ports/cluster.ts';

export interface Usage {
  /** Working set, one sample a minute, in the notation of promtool's rule tests. */
  readonly memory: string;
  /** Cores in use, all day. */
  readonly cores: number;
  /** Minutes before now at which the container was OOM-killed. */
  readonly killedMinutesAgo?: readonly number[];
}

const MINUTES = 1440;
const STEP_SECONDS = 60;

export function usageOf(pod: Pod, container: string, usage: Usage, now: Date): readonly MetricSeries[] {
  const { namespace, name, uid } = pod.meta;
  const end = Math.floor(now.getTime() / 1000);
  const cadvisor = {
    namespace,
    pod: name,
    container,
    id: `/kubepods/burstable/pod${uid}/${container}`,
    name: `${uid}-${container}`,
    image: 'pause',
    instance: pod.nodeName ?? '',
    job: 'kubelet',
  };
  const state = {
    namespace,
    pod: name,
    uid,
    container,
    instance: 'kube-state-metrics:8080',
    job: 'kube-state-metrics',
  };
  const kills = (usage.killedMinutesAgo ?? []).toSorted((a, b) => b - a);
  const series = (metric: string, labels: Readonly<Record<string, string>>, values: string): MetricSeries => ({
    labels: { __name__: metric, ...labels },
    points: pointsOf(values, STEP_SECONDS, end),
  });
  return [
    series('container_memory_working_set_bytes', cadvisor, usage.memory),
    // The pod's own row, which no query may count.
    series('container_memory_working_set_bytes', { ...cadvisor, container: '' }, usage.memory),
    series('container_cpu_usage_seconds_total', cadvisor, `0+${String(usage.cores * STEP_SECONDS)}x${String(MINUTES)}`),
    series('container_cpu_cfs_periods_total', cadvisor, `0+600x${String(MINUTES)}`),
    series('container_cpu_cfs_throttled_periods_total', cadvisor, `0+0x${String(MINUTES)}`),
    series('kube_pod_container_status_restarts_total', state, restarts(kills)),
    ...(kills.length === 0
      ? []
      : [
          series(
            'kube_pod_container_status_last_terminated_reason',
            { ...state, reason: 'OOMKilled' },
            `1x${String(kills[0] ?? 0)}`,
          ),
        ]),
  ];
}

/** One value a minute over the day: the same all along. */
export function steady(bytes: number): string {
  return `${String(bytes)}x${String(MINUTES)}`;
}

function restarts(killedMinutesAgo: readonly number[]): string {
  const parts: string[] = [];
  let from = MINUTES;
  for (const [count, minutes] of [...killedMinutesAgo, -1].entries()) {
    parts.push(`${String(count)}x${String(from - minutes - 1)}`);
    from = minutes;
  }
  return parts.join(' ');
}
