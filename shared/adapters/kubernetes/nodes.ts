// Some nodes of a cluster and the pods that hold room on them, at the least cost.
import { eachOf } from '../../core/each-of.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Node, Pod } from '../../ports/cluster.ts';
import { heldFor } from '../http/held.ts';
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

/** Runs over one namespace after another ask for the same nodes. Their sizes hardly ever change, and what runs on them is read anew. */
const HOLDS_MILLISECONDS = 60_000;

type Place = Pick<ListRequest<Message, unknown>, 'target' | 'pageSize'>;

/** What was learnt since it was begun; gone a minute later. */
interface Known {
  /** By name; null for one that is gone. */
  readonly nodes: Map<string, Node | null>;
  /** Whether all nodes that there were then are among them. */
  isWhole: boolean;
  /** How many nodes were asked for one by one. */
  singles: number;
  /** How long the list of all objects of a kind is, or at least is taken for; 0 where the server does not tell. */
  readonly lengths: Map<string, number>;
}

/** Reads some nodes of one cluster, or all, and the pods on them. */
export class NodeReader {
  readonly #client: KubernetesClient;
  readonly #place: Place;
  readonly #known: () => Known;

  constructor(client: KubernetesClient, place: Place, clock: Clock) {
    this.#client = client;
    this.#place = place;
    this.#known = heldFor(HOLDS_MILLISECONDS, clock, () => ({
      nodes: new Map(),
      isWhole: false,
      singles: 0,
      lengths: new Map(),
    }));
  }

  /** All nodes, as they were at most a minute ago. */
  async all(): Promise<readonly Node[]> {
    const known = this.#known();
    if (!known.isWhole) {
      learn(known, await readList(this.#client, this.#everyNode()));
    }
    return [...known.nodes.values()].filter((node) => node !== null);
  }

  /** The named nodes, as they were at most a minute ago; one that is gone is left out. */
  async named(names: readonly string[]): Promise<readonly Node[]> {
    const known = this.#known();
    const unknown = new Set(names.filter((name) => !known.nodes.has(name)));
    const list = this.#everyNode();
    const whole = known.isWhole
      ? undefined
      : await this.#wholeIfCheapest(known, known.singles + unknown.size, {
          counted: list,
          whole: list,
          itemsARequest: NODES_A_REQUEST,
        });
    if (whole !== undefined) {
      learn(known, whole);
    } else {
      known.singles += unknown.size;
      await eachOf([...unknown], NODES_AT_ONCE, async (name) => {
        const query = { fieldSelector: `metadata.name=${fieldValue(name)}` };
        const found = await readList(this.#client, { ...list, query });
        known.nodes.set(name, found.find((node) => node.name === name) ?? null);
      });
    }
    return [...new Set(names)].flatMap((name) => known.nodes.get(name) ?? []);
  }

  /** Pods that have not ended on the named nodes, of all namespaces but the one that is left out. */
  async podsOn(nodes: readonly string[], exceptNamespace: string | undefined): Promise<readonly Pod[]> {
    const wanted = new Set(nodes);
    const list: ListRequest<typeof PODS.message, Pod> = {
      ...this.#place,
      resource: PODS,
      project: (raw) => (wanted.has(raw.spec?.nodeName ?? '') ? podFacts(raw) : undefined),
    };
    const others =
      exceptNamespace === undefined ? HOLDS_ROOM : `${HOLDS_ROOM},metadata.namespace!=${fieldValue(exceptNamespace)}`;
    const those = (selector: string): typeof list => ({ ...list, query: { fieldSelector: `${others},${selector}` } });
    const whole = await this.#wholeIfCheapest(this.#known(), wanted.size, {
      counted: list,
      whole: those('spec.nodeName!='),
      itemsARequest: PODS_A_REQUEST,
    });
    if (whole !== undefined) {
      return whole;
    }
    const parts = new Map<string, readonly Pod[]>();
    await eachOf([...wanted], NODES_AT_ONCE, async (node) => {
      parts.set(node, await readList(this.#client, those(`spec.nodeName=${fieldValue(node)}`)));
    });
    return [...wanted].flatMap((node) => parts.get(node) ?? []);
  }

  /**
   * The whole list, read where that costs no more than asking for so many nodes one by one. Where nobody tells how long it is, it is
   * read until it has cost as much, and given up then: never more than twice the better way.
   */
  async #wholeIfCheapest<M extends Message, F>(
    known: Known,
    nodes: number,
    { counted, whole, itemsARequest }: Ways<M, F>,
  ): Promise<readonly F[] | undefined> {
    if (nodes <= NODES_ASKED_SINGLY) {
      return undefined;
    }
    const most = nodes * itemsARequest;
    const { kind } = counted.resource;
    if (!known.lengths.has(kind)) {
      known.lengths.set(kind, (await countItems(this.#client, counted)) ?? 0);
    }
    if ((known.lengths.get(kind) ?? 0) > most) {
      return undefined;
    }
    const pages = Math.ceil(most / whole.pageSize);
    const found = await readListWithin(this.#client, whole, pages);
    if (found === undefined) {
      // Tried again only for twice as much: what is given up is then never more than what is read in the end.
      known.lengths.set(kind, 2 * pages * whole.pageSize);
    }
    return found;
  }

  #everyNode(): ListRequest<typeof NODES.message, Node> {
    return { ...this.#place, resource: NODES, project: nodeFacts };
  }
}

function learn(known: Known, nodes: readonly Node[]): void {
  for (const node of nodes) {
    known.nodes.set(node.name, node);
  }
  known.isWhole = true;
}

interface Ways<M extends Message, F> {
  /** A list without selectors, of which a server tells the length. */
  readonly counted: ListRequest<M, F>;
  readonly whole: ListRequest<M, F>;
  /** So many items of a list cost about as much as one request. */
  readonly itemsARequest: number;
}

/** Kubernetes' own escapes: a value holds no further requirement. k8s.io/apimachinery/pkg/fields, EscapeValue */
const fieldValue = (value: string): string => value.replaceAll(/[\\,=]/g, '\\$&');
