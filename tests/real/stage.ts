// The stage for a duty on real servers: workloads of real controllers in a namespace of their own, with a day of samples of each of their
// pods in a real VictoriaMetrics. Judges nothing.
import type { MetricSeries } from '../../fixtures/platform/scenario.ts';
import type { CanonicalReport } from '../../shared/core/report.ts';
import type { Cluster, Pod, WorkloadKind } from '../../shared/ports/cluster.ts';
import { until } from './kubernetes-api.ts';
import type { RealCluster } from './kubernetes-cluster.ts';
import { startKubernetes } from './kubernetes.ts';
import { aheadClock } from './live.ts';
import { BURSTABLE, type Sizes, workload } from './objects.ts';
import { adapterOf, installVerticalAutoscalers } from './rig.ts';
import { steady, type Usage, usageOf } from './usage.ts';
import { type RealMetrics, startVictoriaMetrics } from './victoriametrics.ts';

const MIB = 1024 * 1024;

/** What the containers of `BURSTABLE` sizes (256Mi of limit) do all day. */
export const CALM: Usage = { memory: steady(130 * MIB), cores: 0.05 };
export const NEAR_LIMIT: Usage = { memory: steady(245 * MIB), cores: 0.05 };
export const KILLED: Usage = { memory: steady(180 * MIB), cores: 0.05, killedMinutesAgo: [600, 400, 200] };
/** Of `LARGE` sizes. */
export const IDLE: Usage = { memory: steady(12 * MIB), cores: 0.005 };
export const LARGE: Sizes = { requests: { cpu: '500m', memory: '512Mi' }, limits: { cpu: '1', memory: '1Gi' } };

export interface Planned {
  readonly kind: WorkloadKind;
  readonly name: string;
  readonly sizes: Sizes;
  readonly annotations?: Readonly<Record<string, string>>;
  /** One for each pod, in the order of their names. */
  readonly usage: readonly Usage[];
}

export interface Place {
  readonly namespace: string;
  readonly metricsUrl: string;
  readonly selector: string;
}

export interface Stage extends AsyncDisposable {
  readonly real: RealCluster;
  readonly cluster: Cluster;
  /** A namespace with these workloads rolled out, and a day of samples of their pods. */
  prepare(prefix: string, planned: readonly Planned[]): Promise<Place>;
  /** Another day of the same pods, as far as `use` names it for a pod. */
  prepareAgain(namespace: string, use: (pod: Pod) => Usage | undefined): Promise<Place>;
  /** Workload name to what its pods request, have from their node and are limited to, sorted. */
  sizesOf(namespace: string): Promise<ReadonlyMap<string, readonly string[]>>;
  createNamespace(prefix: string): Promise<string>;
  /** What the servers wrote last. */
  log(): string;
}

export async function startStage(): Promise<Stage> {
  const [real, metrics] = await Promise.all([startKubernetes(), startVictoriaMetrics()]);
  const cluster = adapterOf(real);
  await installVerticalAutoscalers(real);
  return {
    real,
    cluster,
    async prepare(prefix, planned) {
      const namespace = await real.createNamespace(prefix);
      for (const { kind, name, sizes, annotations = {}, usage } of planned) {
        await real.api.create(workload(kind, namespace, name, sizes, { replicas: usage.length, annotations }));
      }
      const pods = await runningPods(
        cluster,
        namespace,
        new Map(planned.map(({ name, usage }) => [name, usage.length])),
      );
      const series = planned.flatMap(({ name, usage }) =>
        (pods.get(name) ?? []).flatMap((pod, index) => usageOf(pod, 'app', usage[index] ?? CALM, aheadClock.now())),
      );
      return imported(metrics, namespace, series);
    },
    async prepareAgain(namespace, use) {
      const series = (await cluster.listPods(namespace)).flatMap((pod) => {
        const usage = use(pod);
        return usage === undefined ? [] : usageOf(pod, 'app', usage, aheadClock.now());
      });
      return imported(metrics, namespace, series);
    },
    async sizesOf(namespace) {
      const pods = (await cluster.listPods(namespace)).filter(({ meta }) => meta.deletedAt === null);
      const byWorkload = Map.groupBy(pods, ({ meta }) => meta.labels['app'] ?? '');
      return new Map([...byWorkload].map(([name, all]) => [name, all.map(sizeOf).sort()]));
    },
    createNamespace: (prefix) => real.createNamespace(prefix),
    log: () => [real.log(), metrics.log()].join('\n'),
    async [Symbol.asyncDispose]() {
      await Promise.all([real.close(), metrics[Symbol.asyncDispose]()]);
    },
  };
}

async function imported(metrics: RealMetrics, namespace: string, series: readonly MetricSeries[]): Promise<Place> {
  return { namespace, metricsUrl: metrics.url, selector: await metrics.importSeries(series) };
}

/** Workload name to its pods by name, once so many of each are ready and their workloads say so too. */
async function runningPods(
  cluster: Cluster,
  namespace: string,
  counts: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, readonly Pod[]>> {
  const { pods } = await until(
    'the workloads are rolled out',
    async () => ({ pods: await cluster.listPods(namespace), workloads: await cluster.listWorkloads(namespace) }),
    (seen) =>
      [...counts].every(
        ([name, count]) => seen.pods.filter((pod) => pod.meta.labels['app'] === name && pod.ready).length === count,
      ) &&
      seen.workloads.every(
        (one) =>
          one.observedGeneration === one.meta.generation &&
          !one.revisionPending &&
          [one.readyReplicas, one.updatedReplicas, one.availableReplicas].every(
            (count) => count === counts.get(one.meta.name),
          ),
      ),
  );
  const sorted = pods.toSorted((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
  return Map.groupBy(sorted, (pod) => pod.meta.labels['app'] ?? '');
}

/** e.g. "128Mi, 320Mi of 320Mi": requested, and what the node has given of the limit. */
function sizeOf(pod: Pod): string {
  const { requests, limits } = pod.containers[0]?.resources ?? { requests: {}, limits: {} };
  const given = pod.statuses[0]?.resources?.limits['memory'] ?? 'nothing';
  return `${requests['memory'] ?? 'none'}, ${given} of ${limits['memory'] ?? 'none'}`;
}

export function deployment(name: string, plan: Partial<Planned> & Pick<Planned, 'usage'>): Planned {
  return { kind: 'Deployment', name, sizes: BURSTABLE, ...plan };
}

/** Workload name to the rules that its pods met, sorted. Names have no hyphen before that of the pod. */
export function rulesOf(report: CanonicalReport): Readonly<Record<string, readonly string[]>> {
  const byWorkload = Map.groupBy(report.decisions, ({ subject }) => (subject['pod'] ?? '').split('-')[0] ?? '');
  return Object.fromEntries([...byWorkload].map(([name, all]) => [name, all.map(({ rule }) => rule).sort()]));
}

/** How the actions of a run ended, one for each effect, e.g. "cluster.resize-container applied", sorted. */
export function outcomesOf(report: CanonicalReport): readonly string[] {
  const byEffect = new Map(
    report.actions.map(({ id, kind, target, outcome }) => [id ?? JSON.stringify([kind, target]), `${kind} ${outcome}`]),
  );
  return [...byEffect.values()].sort();
}
