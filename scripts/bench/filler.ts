// The process that fills a namespace of real servers with pods and a day of samples for the benchmarks, and then ends. Started by
// real.ts; tells the matcher that picks the samples.
import type { MetricSeries, Scenario } from '../../fixtures/platform/scenario.ts';
import { KubernetesApi } from '../../tests/real/kubernetes-api.ts';
import { startVictoriaMetrics } from '../../tests/real/victoriametrics.ts';
import { namespaceScenario } from './namespace.ts';
import { populate } from './population.ts';

export interface Filling {
  readonly pods: number;
  /** ISO, whole seconds. */
  readonly now: string;
  readonly namespace: string;
  readonly firstNode: number;
  /** Path, of an administrator. The metrics store is the one that the environment names. */
  readonly kubeconfig: string;
}

async function main({ pods, now, namespace, firstNode, kubeconfig }: Filling): Promise<void> {
  const scenario = namespaceScenario({ pods, now, isSteady: false });
  const uids = await populate(new KubernetesApi(kubeconfig), namespace, scenario.cluster.objects, firstNode);
  await using metrics = await startVictoriaMetrics();
  process.send?.(await metrics.importSeries(placed(scenario, namespace, uids)));
}

/** The scenario's series, of the pods that the server has made. */
function placed({ series }: Scenario, namespace: string, uids: ReadonlyMap<string, string>): readonly MetricSeries[] {
  return series.map(({ labels, points }) => {
    const uid = uids.get(labels['pod'] ?? '') ?? '';
    const id = labels['id']?.replace(/pod[^/]+/, `pod${uid}`);
    return {
      labels: {
        ...labels,
        namespace,
        ...(id === undefined ? {} : { id }),
        ...(labels['uid'] === undefined ? {} : { uid }),
      },
      points,
    };
  });
}

await main(JSON.parse(process.argv[2] ?? '') as Filling);
