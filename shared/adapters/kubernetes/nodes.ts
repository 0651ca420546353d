// Some nodes of a cluster and the pods that hold room on them, at the least cost.
import { eachOf } from '../../core/each-of.ts';
import type { Node, Pod } from '../../ports/cluster.ts';
import type { KubernetesClient } from './client.ts';
import type { Message } from './message.ts';
import { nodeFacts } from './namespace-facts.ts';
import { countItems, type ListRequest, readList, readListWithin } from './pages.ts';
import { podFacts } from './pod-facts.ts';
import { NODES, PODS } from './resources.ts';

/** Up to so many nodes are asked for their pods one by one, whatever the size of the cluster. */
const NODES_ASKED_SINGLY = 3;
/**
 * A page of the cluster's pods costs about as much as asking five nodes. Where nobody tells how many pages there are, they are read
 * until they have cost as much as asking the nodes would, and then the nodes are asked: never more than twice the better way.
 */
const NODES_A_PAGE_COSTS = 5;
/** A node tells of all images on it: this many in a list cost about as much as one request, and as many in any case are no matter. */
const NODES_A_REQUEST = 5;
const SMALL_CLUSTER_NODES = 50;
const NODES_AT_ONCE = 8;
const HOLDS_ROOM = 'status.phase!=Succeeded,status.phase!=Failed';

type Place = Pick<ListRequest<Message, unknown>, 'target' | 'pageSize'>;

/** The named nodes; one that is gone is left out. */
export async function readNodes(
  client: KubernetesClient,
  place: Place,
  names: readonly string[],
): Promise<readonly Node[]> {
  const wanted = new Set(names);
  const pageSize = Math.min(place.pageSize, Math.max(SMALL_CLUSTER_NODES, wanted.size * NODES_A_REQUEST));
  const those = (query: ListRequest<typeof NODES.message, Node>['query']): ListRequest<typeof NODES.message, Node> => ({
    ...place,
    pageSize,
    resource: NODES,
    query: query ?? {},
    project: (raw) => (wanted.has(raw.metadata?.name ?? '') ? nodeFacts(raw) : undefined),
  });
  return (
    (await readListWithin(client, those({}), 1)) ??
    (await ofEach(wanted, (name) => readList(client, those({ fieldSelector: `metadata.name=${fieldValue(name)}` }))))
  );
}

/** Pods that have not ended on the named nodes, of all namespaces but the one that is left out. */
export async function readPodsOnNodes(
  client: KubernetesClient,
  place: Place,
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
    const pages = Math.ceil(wanted.size / NODES_A_PAGE_COSTS);
    const pods = await countItems(client, { ...those(''), query: {} });
    const mayBeWhole = pods === undefined || pods <= pages * place.pageSize;
    const whole = mayBeWhole ? await readListWithin(client, those('spec.nodeName!='), pages) : undefined;
    if (whole !== undefined) {
      return whole;
    }
  }
  return ofEach(wanted, (node) => readList(client, those(`spec.nodeName=${fieldValue(node)}`)));
}

async function ofEach<T>(
  nodes: ReadonlySet<string>,
  read: (node: string) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const parts = new Map<string, readonly T[]>();
  await eachOf([...nodes], NODES_AT_ONCE, async (node) => {
    parts.set(node, await read(node));
  });
  return [...nodes].flatMap((node) => parts.get(node) ?? []);
}

/** Kubernetes' own escapes: a value holds no further requirement. k8s.io/apimachinery/pkg/fields, EscapeValue */
const fieldValue = (value: string): string => value.replaceAll(/[\\,=]/g, '\\$&');
