// The process that fills a namespace of real servers with pods and a day of samples for the benchmarks, and then ends. Started by
// real.ts; tells the matcher that picks the samples.
import type { MetricSeries, Scenario } from '../../fixtures/platform/scenario.ts';
import { KubernetesApi } from '../../tests/real/kubernetes-api.ts';
import { startVictoriaMetrics } from '../../tests/real/victoriametrics.ts';
import { namespaceScenario } from './namespace.ts';
import { nodesFor, populate } from './population.ts';

export interface Filling {
  readonly pods: number;
  /** ISO, whole seconds. */
  readonly now: string;
  /** The pods are shared out evenly. */
  readonly namespaces: readonly string[];
  readonly firstNode: number;
  /** Path, of an administrator. The metrics store is the one that the environment names. */
  readonly kubeconfig: string;
}

async function main({ pods, now, namespaces, firstNode, kubeconfig }: Filling): Promise<void> {
  const each = pods / namespaces.length;
  const scenario = namespaceScenario({ pods: each, now, isSteady: false });
  const api = new KubernetesApi(kubeconfig);
  await using metrics = await startVictoriaMetrics();
  let matcher: string | undefined;
  for (const [index, namespace] of namespaces.entries()) {
    const node = firstNode + index * nodesFor(each);
    const uids = await populate(api, namespace, scenario.cluster.objects, node);
    const options = matcher === undefined ? {} : { beside: matcher };
    matcher = await metrics.importSeries(placed(scenario, namespace, uids), options);
    if (index > 0) {
      process.stderr.write(`${String((index + 1) * each)} of ${String(pods)} pods are there …\n`);
    }
  }
  process.send?.(matcher);
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
