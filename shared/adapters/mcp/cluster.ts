// A Kubernetes cluster behind an MCP server that offers k8s.snapshot and k8s.update_resources. What those two cannot say fails as not
// offered: a rule without its data does not act.
import { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { sameQuantity } from '../../core/quantity.ts';
import type { Cluster, Pod, PodResize, Readable, ResourceChange, Workload } from '../../ports/cluster.ts';
import type { McpConnection } from './connection.ts';
import {
  HorizontalAutoscalerShape,
  LimitRangeShape,
  NodeShape,
  PodShape,
  QuotaShape,
  ServerShape,
  VerticalAutoscalerShape,
  WorkloadShape,
} from './snapshot-shape.ts';

export interface McpClusterOptions {
  readonly connection: McpConnection;
  readonly name: string;
  /** What the server calls the cluster; absent where it has one alone. */
  readonly remoteName: string | undefined;
  /** How the server spells a tool. */
  readonly spelled: (tool: string) => string;
}

const MOST_PAGES = 200;
const MOST_WORDS = 500;
/** The tool takes so many names at once. */
const NODES_A_CALL = 500;

const Updated = z.lazy(() =>
  z.looseObject({
    status: z.enum(['updated', 'failed']),
    reason: z.string().optional(),
    applied: z.enum(['no', 'unknown']).optional(),
  }),
);

const SIZES = [
  ['cpu_request', 'requests', 'cpu'],
  ['cpu_limit', 'limits', 'cpu'],
  ['mem_request', 'requests', 'memory'],
  ['mem_limit', 'limits', 'memory'],
] as const;

export function mcpCluster(options: McpClusterOptions): Cluster {
  const { connection, name, remoteName, spelled } = options;
  const snapshot = spelled('k8s.snapshot');
  const system = `MCP server ${connection.label}`;

  async function ask<T>(part: string, shape: z.ZodType<T>, more: JsonObject): Promise<T> {
    const reply = await connection.call({
      tool: snapshot,
      arguments: { parts: [part], ...(remoteName === undefined ? {} : { cluster: remoteName }), ...more },
      target: `${part} of cluster ${name}`,
      effect: 'read',
      reply: z.looseObject({ version: z.literal(1), exists: z.boolean(), [part]: shape.optional() }),
    });
    if (reply['exists'] === false) {
      throw failure(part, 'NotFound', 'there is no such namespace', 'Check its spelling.');
    }
    const value = reply[part] as T | undefined;
    if (value === undefined) {
      throw failure(part, 'NOT_OFFERED', 'that server does not tell it', 'Use a newer version of that server.');
    }
    return value;
  }

  /** All pages of a part, or why it cannot be read. */
  async function list<T>(part: string, item: z.ZodType<T>, more: JsonObject): Promise<Readable<T>> {
    const page = z.union([
      z.object({ items: z.array(item), next: z.string().optional() }),
      z.object({ unreadable: z.string() }),
    ]);
    const items: T[] = [];
    let after: string | undefined;
    for (let count = 0; count < MOST_PAGES; count += 1) {
      const value = await ask(part, page, after === undefined ? more : { ...more, after });
      if ('unreadable' in value) {
        return { unreadable: value.unreadable.slice(0, MOST_WORDS) };
      }
      items.push(...value.items);
      after = value.next;
      if (after === undefined) {
        return { items };
      }
    }
    throw failure(part, 'TOO_LARGE', `it has more than ${String(MOST_PAGES)} pages`, 'Look at what that server sends.');
  }

  function failure(part: string, code: string, why: string, remedy: string): PlatformError {
    const target = `${part} of cluster ${name}`;
    return new PlatformError({ system, operation: snapshot, target, applied: 'no', code }, why, { remedy });
  }

  async function whole<T>(part: string, item: z.ZodType<T>, more: JsonObject): Promise<readonly T[]> {
    const found = await list(part, item, more);
    if ('unreadable' in found) {
      throw failure(part, 'Forbidden', `it may not be read there: ${found.unreadable}`, 'Grant it to that server.');
    }
    return found.items;
  }

  async function readPod(namespace: string, pod: string): Promise<Pod | undefined> {
    return (await whole('pods', PodShape, { namespace, name: pod })).find(({ meta }) => meta.name === pod);
  }

  async function server(): Promise<z.infer<typeof ServerShape>> {
    return ask('server', ServerShape, {});
  }

  const notOffered = (operation: string, effect: 'read' | 'write'): PlatformError =>
    new PlatformError(
      {
        system: `MCP server ${connection.label}`,
        operation,
        target: `cluster ${name}`,
        applied: 'no',
        code: 'NOT_OFFERED',
      },
      `no tool of the Model Context Protocol ${effect === 'read' ? 'answers' : 'does'} that`,
      { remedy: 'Reach the cluster directly for this: take platform.mcp out of the policy.' },
    );

  return {
    name,
    server: connection.label,
    async version() {
      const { serverTime: _time, ...version } = await server();
      return version;
    },
    serverTime: async () => (await server()).serverTime,
    async namespaceExists(namespace) {
      try {
        await list('pods', PodShape, { namespace });
        return true;
      } catch (error) {
        if (error instanceof PlatformError && error.failure.code === 'NotFound') {
          return false;
        }
        throw error;
      }
    },
    listPods: async (namespace, { labels = {}, progress } = {}) => {
      const pods = await whole('pods', PodShape, { namespace });
      progress?.(pods.length);
      return pods.filter(({ meta }) => Object.entries(labels).every(([name, value]) => meta.labels[name] === value));
    },
    listWorkloads: (namespace) => whole('workloads', WorkloadShape, { namespace }),
    listHorizontalAutoscalers: (namespace) => list('horizontal_autoscalers', HorizontalAutoscalerShape, { namespace }),
    listVerticalAutoscalers: (namespace) => list('vertical_autoscalers', VerticalAutoscalerShape, { namespace }),
    listQuotas: (namespace) => list('quotas', QuotaShape, { namespace }),
    listLimitRanges: (namespace) => list('limit_ranges', LimitRangeShape, { namespace }),
    async listNodes(names) {
      const nodes = await list('nodes', NodeShape, {});
      return names === undefined || 'unreadable' in nodes
        ? nodes
        : { items: nodes.items.filter(({ name }) => names.includes(name)) };
    },
    async listPodsOnNodes(nodes, exceptNamespace) {
      if (exceptNamespace === undefined) {
        return { unreadable: 'Over MCP the pods on nodes are told for all namespaces but one only.' };
      }
      const pods: Pod[] = [];
      for (let from = 0; from < nodes.length; from += NODES_A_CALL) {
        const part = nodes.slice(from, from + NODES_A_CALL);
        const found = await list('pods_on_nodes', PodShape, { namespace: exceptNamespace, nodes: part });
        if ('unreadable' in found) {
          return { unreadable: found.unreadable };
        }
        pods.push(...found.items);
      }
      return { items: pods };
    },
    readPod,
    async readWorkload(kind, namespace, workload): Promise<Workload | undefined> {
      const found = await whole('workloads', WorkloadShape, { namespace, name: workload });
      return found.find((one) => one.kind === kind && one.meta.name === workload);
    },
    async resizePod(change) {
      checkStart(options, change, await readPod(change.namespace, change.pod));
      const pod = [change.namespace, change.pod, change.container].join('/');
      const reply = await connection.call({
        tool: spelled('k8s.update_resources'),
        arguments: { pod: remoteName === undefined ? pod : `${remoteName}:${pod}`, ...sizesOf(change.to) },
        target: `container ${pod}`,
        effect: 'write',
        reply: Updated,
      });
      if (reply.status === 'failed') {
        throw refused(options, change, reply);
      }
      const after = await readPod(change.namespace, change.pod);
      if (after === undefined) {
        throw refused(options, change, { reason: 'The pod is gone.', applied: 'unknown' });
      }
      return after;
    },
    patchTemplate: () => Promise.reject(notOffered('patch template', 'write')),
    allowed: () => Promise.reject(notOffered('check permissions', 'read')),
  };
}

/**
 * The tool sets sizes whatever they are, where the API server would compare first: so it is looked first. Somebody who changes the
 * container in between is overwritten, once, and that is journaled; the direct adapter has no such gap.
 */
function checkStart(options: McpClusterOptions, change: PodResize, pod: Pod | undefined): void {
  const live = pod?.containers.find(({ name }) => name === change.container)?.resources;
  if (pod?.meta.uid !== change.uid || live === undefined) {
    throw conflict(options, change, 'NotFound', 'the pod is gone or was replaced');
  }
  const isAsBefore = SIZES.every(([, list, resource]) => {
    const wanted = change.from[list][resource];
    const there = live[list][resource];
    return wanted === undefined
      ? change.to[list][resource] === undefined || there === undefined
      : there !== undefined && sameQuantity(there, wanted);
  });
  if (!isAsBefore) {
    throw conflict(options, change, 'Conflict', 'its sizes are no longer as they were');
  }
}

function conflict({ connection }: McpClusterOptions, change: PodResize, code: string, why: string): PlatformError {
  const target = `pod ${change.namespace}/${change.pod}`;
  return new PlatformError(
    { system: `MCP server ${connection.label}`, operation: 'resize', target, applied: 'no', code },
    why,
  );
}

function refused(
  { connection }: McpClusterOptions,
  change: PodResize,
  { reason, applied }: { readonly reason?: string | undefined; readonly applied?: 'no' | 'unknown' | undefined },
): PlatformError {
  return new PlatformError(
    {
      system: `MCP server ${connection.label}`,
      operation: 'resize',
      target: `pod ${change.namespace}/${change.pod}`,
      // A server that does not say is not believed to have done nothing.
      applied: applied ?? 'unknown',
      code: 'FAILED',
    },
    `it answered "failed": ${(reason ?? 'without a reason').replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').slice(0, 300)}`,
    { remedy: 'Its guardrails and its journal tell why.' },
  );
}

function sizesOf(to: ResourceChange): JsonObject {
  return Object.fromEntries(
    SIZES.flatMap(([name, list, resource]) => {
      const size = to[list][resource];
      return size === undefined ? [] : [[name, size]];
    }),
  );
}
