// Some nodes of a cluster and the pods that hold room on them, at the least cost.
import { eachOf } from '../../core/each-of.ts';
import type { Node, Pod } from '../../ports/cluster.ts';
import type { KubernetesClient } from './client.ts';
import type { Message } from './message.ts';
import { nodeFacts } from './namespace-facts.ts';
import { countItems, type ListRequest, readList, readListWithin } from './pages.ts';
import { podFacts } from './pod-facts.ts';
import { NODES, PODS } from './resources.ts';

/** Up to so many nodes are asked one by one, whatever the size of the cluster. */
const NODES_ASKED_SINGLY = 3;
const NODES_AT_ONCE = 8;
/** A page of 500 pods costs about as much as five requests for those of one node. */
const PODS_A_REQUEST = 100;
/** A node tells of all images on it: a page of 500 costs about as much as twenty requests for one. */
const NODES_A_REQUEST = 25;
const HOLDS_ROOM = 'status.phase!=Succeeded,status.phase!=Failed';

type Place = Pick<ListRequest<Message, unknown>, 'target' | 'pageSize'>;

/** The named nodes; one that is gone is left out. */
export function readNodes(client: KubernetesClient, place: Place, names: readonly string[]): Promise<readonly Node[]> {
  const wanted = new Set(names);
  const list: ListRequest<typeof NODES.message, Node> = {
    ...place,
    resource: NODES,
    project: (raw) => (wanted.has(raw.metadata?.name ?? '') ? nodeFacts(raw) : undefined),
  };
  return cheapest(client, wanted, {
    counted: list,
    whole: list,
    one: (node) => ({ ...list, query: { fieldSelector: `metadata.name=${fieldValue(node)}` } }),
    itemsARequest: NODES_A_REQUEST,
  });
}

/** Pods that have not ended on the named nodes, of all namespaces but the one that is left out. */
export function readPodsOnNodes(
  client: KubernetesClient,
  place: Place,
  nodes: readonly string[],
  exceptNamespace: string | undefined,
): Promise<readonly Pod[]> {
  const wanted = new Set(nodes);
  const list: ListRequest<typeof PODS.message, Pod> = {
    ...place,
    resource: PODS,
    project: (raw) => (wanted.has(raw.spec?.nodeName ?? '') ? podFacts(raw) : undefined),
  };
  const others =
    exceptNamespace === undefined ? HOLDS_ROOM : `${HOLDS_ROOM},metadata.namespace!=${fieldValue(exceptNamespace)}`;
  const those = (selector: string): typeof list => ({ ...list, query: { fieldSelector: `${others},${selector}` } });
  return cheapest(client, wanted, {
    counted: list,
    whole: those('spec.nodeName!='),
    one: (node) => those(`spec.nodeName=${fieldValue(node)}`),
    itemsARequest: PODS_A_REQUEST,
  });
}

interface Ways<M extends Message, F> {
  /** A list without selectors, of which a server tells the length. */
  readonly counted: ListRequest<M, F>;
  readonly whole: ListRequest<M, F>;
  /** What is of one node. */
  readonly one: (node: string) => ListRequest<M, F>;
  /** So many items of a list cost about as much as one request. */
  readonly itemsARequest: number;
}

/**
 * What is of the wanted nodes, node by node or picked out of the whole list. Where nobody tells how long that list is, it is read until
 * it has cost as much as asking the nodes would, and then the nodes are asked: never more than twice the better way.
 */
async function cheapest<M extends Message, F>(
  client: KubernetesClient,
  wanted: ReadonlySet<string>,
  { counted, whole, one, itemsARequest }: Ways<M, F>,
): Promise<readonly F[]> {
  if (wanted.size > NODES_ASKED_SINGLY) {
    const most = wanted.size * itemsARequest;
    const length = await countItems(client, counted);
    const found =
      length === undefined || length <= most
        ? await readListWithin(client, whole, Math.ceil(most / whole.pageSize))
        : undefined;
    if (found !== undefined) {
      return found;
    }
  }
  const parts = new Map<string, readonly F[]>();
  await eachOf([...wanted], NODES_AT_ONCE, async (node) => {
    parts.set(node, await readList(client, one(node)));
  });
  return [...wanted].flatMap((node) => parts.get(node) ?? []);
}

/** Kubernetes' own escapes: a value holds no further requirement. k8s.io/apimachinery/pkg/fields, EscapeValue */
const fieldValue = (value: string): string => value.replaceAll(/[\\,=]/g, '\\$&');
