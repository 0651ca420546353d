// k8s.snapshot: what the rules need of a namespace beside metrics, part by part, in the words of the cluster port, so that a client can
// run the same rules on it. Large parts come in pages.
import { z } from 'zod';
import { CallerError, PlatformError } from '../../core/errors.ts';
import type { Cluster, Readable } from '../../ports/cluster.ts';
import { clusterOf, namespaceOf } from './pods.ts';
import { defineTool, KubernetesName } from './tool.ts';

const PARTS = [
  'server',
  'pods',
  'workloads',
  'horizontal_autoscalers',
  'vertical_autoscalers',
  'quotas',
  'limit_ranges',
  'nodes',
  'pods_on_nodes',
] as const;
type Part = (typeof PARTS)[number];

/** What is of the namespace alone. */
const USUAL_PARTS: readonly Part[] = PARTS.filter((part) => part !== 'nodes' && part !== 'pods_on_nodes');
const ITEMS_A_PAGE = 500;
const CHARACTERS_A_PAGE = 1_000_000;

const Items = z.union([
  z.object({ items: z.array(z.looseObject({})), next: z.string().optional() }),
  z.object({ unreadable: z.string() }),
]);

export const snapshotTool = defineTool({
  name: 'k8s.snapshot',
  title: 'State of a namespace',
  description:
    'Pods with their sizes and states, workloads, autoscalers, quotas and limit ranges of a namespace; on request nodes and what runs on them. A part that may not be read says why. A part that has `next` goes on: ask for that part alone with `after`.',
  input: z.strictObject({
    namespace: KubernetesName.optional().describe('The default namespace of this server when absent'),
    cluster: z.string().max(253).optional(),
    parts: z
      .array(z.enum(PARTS))
      .min(1)
      .max(PARTS.length)
      .optional()
      .describe('All but nodes and pods_on_nodes when absent'),
    name: KubernetesName.optional().describe('Only the pod or the workloads of that name'),
    nodes: z
      .array(KubernetesName)
      .max(1000)
      .optional()
      .describe('For pods_on_nodes: the nodes; pods of `namespace` are left out'),
    after: z.string().max(600).optional().describe('`next` of the page before'),
  }),
  output: z.object({
    version: z.literal(1),
    cluster: z.string(),
    namespace: z.string(),
    exists: z.boolean(),
    server: z.looseObject({}).optional(),
    pods: Items.optional(),
    workloads: Items.optional(),
    horizontal_autoscalers: Items.optional(),
    vertical_autoscalers: Items.optional(),
    quotas: Items.optional(),
    limit_ranges: Items.optional(),
    nodes: Items.optional(),
    pods_on_nodes: Items.optional(),
  }),
  async run(context, input) {
    const name = clusterOf(context, input.cluster);
    const cluster = context.surroundings.ports.cluster(name);
    const parts = input.parts ?? USUAL_PARTS;
    const isOfCluster = parts.every((part) => part === 'server' || part === 'nodes');
    const namespace = isOfCluster ? '' : namespaceOf(context, input.namespace);
    if (input.after !== undefined && parts.length > 1) {
      throw new CallerError('`after` goes on with one part.', { field: 'after', remedy: 'Name that part in `parts`.' });
    }
    const head = { version: 1 as const, cluster: name, namespace };
    try {
      const read = await Promise.all(
        parts.map(async (part) => [part, await readPart(cluster, part, namespace, input)] as const),
      );
      const pods = read.find(([part]) => part === 'pods')?.[1];
      const isEmpty = input.name === undefined && input.after === undefined && isEmptyList(pods);
      return {
        ...head,
        exists: isEmpty ? await namespaceExists(cluster, namespace) : true,
        ...Object.fromEntries(read),
      };
    } catch (error) {
      if (isNotFound(error) && !isOfCluster && !(await namespaceExists(cluster, namespace))) {
        return { ...head, exists: false };
      }
      throw error;
    }
  },
});

type Answer = object | { items: readonly object[]; next?: string } | { unreadable: string };

async function readPart(
  cluster: Cluster,
  part: Part,
  namespace: string,
  { name, nodes = [], after }: { name?: string | undefined; nodes?: string[] | undefined; after?: string | undefined },
): Promise<Answer> {
  const page = <T extends object>(items: readonly T[], keyOf: (item: T) => string): Answer =>
    paged(items, keyOf, after);
  const list = <T extends { readonly name: string }>(found: Readable<T>): Answer =>
    'unreadable' in found ? { unreadable: found.unreadable } : page(found.items, (item) => item.name);
  switch (part) {
    case 'server':
      return { ...(await cluster.version()), serverTime: await cluster.serverTime() };
    case 'pods': {
      const only = name === undefined ? undefined : await cluster.readPod(namespace, name);
      const pods = name === undefined ? await cluster.listPods(namespace) : only === undefined ? [] : [only];
      return page(pods, ({ meta }) => meta.name);
    }
    case 'workloads': {
      const workloads = await cluster.listWorkloads(namespace);
      return page(
        workloads.filter(({ meta }) => name === undefined || meta.name === name),
        ({ kind, meta }) => `${kind}/${meta.name}`,
      );
    }
    case 'horizontal_autoscalers':
      return list(await cluster.listHorizontalAutoscalers(namespace));
    case 'vertical_autoscalers':
      return (await cluster.version()).verticalAutoscalers
        ? list(await cluster.listVerticalAutoscalers(namespace))
        : { items: [] };
    case 'quotas':
      return list(await cluster.listQuotas(namespace));
    case 'limit_ranges':
      return list(await cluster.listLimitRanges(namespace));
    case 'nodes':
      return list(await cluster.listNodes());
    case 'pods_on_nodes': {
      const found = await cluster.listPodsOnNodes(nodes, namespace);
      return 'unreadable' in found
        ? { unreadable: found.unreadable }
        : page(found.items, ({ meta }) => `${meta.namespace}/${meta.name}`);
    }
  }
}

function isEmptyList(answer: Answer | undefined): boolean {
  return answer !== undefined && 'items' in answer && Array.isArray(answer.items) && answer.items.length === 0;
}

/** Sorted by name, so that a page goes on where the last one ended whatever came and went meanwhile. */
function paged<T extends object>(items: readonly T[], keyOf: (item: T) => string, after = ''): Answer {
  const rest = items
    .map((item) => ({ key: keyOf(item), item }))
    .filter(({ key }) => key > after)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const taken: T[] = [];
  let characters = 0;
  for (const { key, item } of rest) {
    characters += JSON.stringify(item).length;
    if (taken.length > 0 && (taken.length >= ITEMS_A_PAGE || characters > CHARACTERS_A_PAGE)) {
      return { items: taken, next: rest[taken.length - 1]?.key ?? key };
    }
    taken.push(item);
  }
  return { items: taken };
}

/** Who may list pods may often not read the namespace itself: then an empty list is believed. */
async function namespaceExists(cluster: Cluster, namespace: string): Promise<boolean> {
  try {
    return await cluster.namespaceExists(namespace);
  } catch (error) {
    if (isNotFound(error)) {
      return false;
    }
    if (error instanceof PlatformError && error.failure.code === 'Forbidden') {
      return true;
    }
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof PlatformError && error.failure.code === 'NotFound';
}
