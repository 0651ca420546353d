// Which pods hold room on some nodes of a cluster, at the least cost.
import { eachOf } from '../../core/each-of.ts';
import type { Pod } from '../../ports/cluster.ts';
import type { KubernetesClient } from './client.ts';
import { type ListRequest, readList, readListWithin } from './pages.ts';
import { podFacts } from './pod-facts.ts';
import { PODS } from './resources.ts';

/** Up to so many nodes are asked one by one; for more, one list of a small cluster's pods costs less. */
const NODES_ASKED_SINGLY = 3;
/**
 * A page of the cluster's pods costs about as much as asking five nodes. Nobody tells how many pages there are: when those that
 * were read have cost as much as asking the nodes would, the nodes are asked. So it never costs more than twice the better way.
 */
const NODES_A_PAGE_COSTS = 5;
const NODES_AT_ONCE = 8;
const HOLDS_ROOM = 'status.phase!=Succeeded,status.phase!=Failed';

/** Pods that have not ended on the named nodes, of all namespaces but the one that is left out. */
export async function readPodsOnNodes(
  client: KubernetesClient,
  place: Pick<ListRequest<typeof PODS.message, Pod>, 'target' | 'pageSize'>,
  nodes: readonly string[],
  exceptNamespace: string | undefined,
): Promise<readonly Pod[]> {
  const wanted = new Set(nodes);
  const others =
    exceptNamespace === undefined ? HOLDS_ROOM : `${HOLDS_ROOM},metadata.namespace!=${fieldValue(exceptNamespace)}`;
  const those = (selector: string): ListRequest<typeof PODS.message, Pod> => ({
    ...place,
    resource: PODS,
    query: { fieldSelector: `${others},${selector}` },
    project: (raw) => (wanted.has(raw.spec?.nodeName ?? '') ? podFacts(raw) : undefined),
  });
  if (wanted.size > NODES_ASKED_SINGLY) {
    const whole = await readListWithin(client, those('spec.nodeName!='), Math.ceil(wanted.size / NODES_A_PAGE_COSTS));
    if (whole !== undefined) {
      return whole;
    }
  }
  const parts = new Map<string, readonly Pod[]>();
  await eachOf([...wanted], NODES_AT_ONCE, async (node) => {
    parts.set(node, await readList(client, those(`spec.nodeName=${fieldValue(node)}`)));
  });
  return [...wanted].flatMap((node) => parts.get(node) ?? []);
}

/** Kubernetes' own escapes: a value holds no further requirement. k8s.io/apimachinery/pkg/fields, EscapeValue */
const fieldValue = (value: string): string => value.replaceAll(/[\\,=]/g, '\\$&');
