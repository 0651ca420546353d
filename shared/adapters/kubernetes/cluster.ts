// The Kubernetes adapter: the port `Cluster` over one API server. It reads and patches; what it means is decided elsewhere.
import { PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type {
  Cluster,
  ClusterVersion,
  HorizontalAutoscaler,
  LimitRange,
  Node,
  Permission,
  Pod,
  PodListOptions,
  PodResize,
  Readable,
  ResourceQuota,
  TemplateChange,
  VerticalAutoscaler,
  Workload,
  WorkloadKind,
} from '../../ports/cluster.ts';
import type { AccessSource } from './admission.ts';
import { type Live, sizePatch, type SizeChange, whatDiffers } from './changes.ts';
import { type Call, KubernetesClient, type Reply } from './client.ts';
import { readServerTime, reviewAccess, versionReader } from './discovery.ts';
import { callFailure, type CallContext } from './failure.ts';
import type { Message } from './message.ts';
import {
  horizontalAutoscalerFacts,
  limitRangeFacts,
  resourceQuotaFacts,
  verticalAutoscalerFacts,
} from './namespace-facts.ts';
import { NodeReader } from './nodes.ts';
import { labelSelector, type ListRequest, readList, readObject, type Resource, resourcePath } from './pages.ts';
import { daemonSetFacts, deploymentFacts, podFacts, statefulSetFacts } from './pod-facts.ts';
import {
  DAEMON_SETS,
  DEPLOYMENTS,
  HORIZONTAL_POD_AUTOSCALERS,
  LIMIT_RANGES,
  NODES,
  PODS,
  RESOURCE_QUOTAS,
  STATEFUL_SETS,
  VERTICAL_POD_AUTOSCALERS,
} from './resources.ts';

export interface KubernetesClusterOptions extends AccessSource {
  /** How people call this cluster. */
  readonly name: string;
  readonly userAgent?: string;
  /** For one attempt of a call, 15 when absent. */
  readonly deadlineSeconds?: number;
  /** Items a page, 500 when absent: what kubectl asks for. */
  readonly pageSize?: number;
  readonly clock: Clock;
  /** Random number in [0, 1), for the jitter. */
  readonly random: () => number;
}

/** Under this name the server records our changes in managedFields. */
const FIELD_MANAGER = 'nightshift';
const JSON_PATCH = 'application/json-patch+json';
const NOT_FOUND = 404;
const CONFLICT = 409;

/** Opens nothing: kubeconfig and connection wait for the first call. */
export function kubernetesCluster(options: KubernetesClusterOptions): Cluster {
  return new KubernetesCluster(options);
}

type Listing<M extends Message, F> = Pick<ListRequest<M, F>, 'resource' | 'project' | 'query' | 'progress'> & {
  readonly namespace?: string;
};

class KubernetesCluster implements Cluster {
  readonly name: string;
  readonly #client: KubernetesClient;
  readonly #pageSize: number;
  readonly #version: () => Promise<ClusterVersion>;
  readonly #nodes: NodeReader;

  constructor(options: KubernetesClusterOptions) {
    this.name = options.name;
    this.#pageSize = options.pageSize ?? 500;
    this.#client = new KubernetesClient({
      ...options,
      userAgent: options.userAgent ?? FIELD_MANAGER,
      deadlineSeconds: options.deadlineSeconds ?? 15,
    });
    this.#version = versionReader(this.#client, this.#target(), options.clock);
    this.#nodes = new NodeReader(this.#client, this.#wholeCluster(), options.clock);
  }

  get server(): string {
    return this.#client.server;
  }

  version(): Promise<ClusterVersion> {
    return this.#version();
  }

  serverTime(): Promise<string | null> {
    return readServerTime(this.#client, this.#target());
  }

  allowed(
    permissions: readonly Permission[],
  ): Promise<readonly { readonly allowed: boolean; readonly reason: string }[]> {
    return reviewAccess(this.#client, this.#target(), permissions);
  }

  async namespaceExists(namespace: string): Promise<boolean> {
    const reply = await this.#client.send({ ...this.#namespaceCall(namespace), answers: [NOT_FOUND] });
    return reply.status !== NOT_FOUND;
  }

  async listPods(namespace: string, { labels, progress }: PodListOptions = {}): Promise<readonly Pod[]> {
    const pods = await this.#list({
      resource: PODS,
      namespace,
      project: podFacts,
      ...(labels === undefined ? {} : { query: { labelSelector: labelSelector(labels) } }),
      ...(progress === undefined ? {} : { progress }),
    });
    if (pods.length === 0 && labels === undefined) {
      await this.#expectNamespace(namespace);
    }
    return pods;
  }

  async listWorkloads(namespace: string): Promise<readonly Workload[]> {
    const lists = await Promise.all([
      this.#list({ resource: DEPLOYMENTS, namespace, project: deploymentFacts }),
      this.#list({ resource: STATEFUL_SETS, namespace, project: statefulSetFacts }),
      this.#list({ resource: DAEMON_SETS, namespace, project: daemonSetFacts }),
    ]);
    return lists.flat();
  }

  listHorizontalAutoscalers(namespace: string): Promise<Readable<HorizontalAutoscaler>> {
    return this.#readable({
      resource: HORIZONTAL_POD_AUTOSCALERS,
      namespace,
      project: horizontalAutoscalerFacts,
    });
  }

  /** 404 is an answer here: the kind is not installed, so that there are none. */
  async listVerticalAutoscalers(namespace: string): Promise<Readable<VerticalAutoscaler>> {
    try {
      return await this.#readable({ resource: VERTICAL_POD_AUTOSCALERS, namespace, project: verticalAutoscalerFacts });
    } catch (error) {
      if (statusOf(error) === NOT_FOUND) {
        return { items: [] };
      }
      throw error;
    }
  }

  listQuotas(namespace: string): Promise<Readable<ResourceQuota>> {
    return this.#readable({ resource: RESOURCE_QUOTAS, namespace, project: resourceQuotaFacts });
  }

  listLimitRanges(namespace: string): Promise<Readable<LimitRange>> {
    return this.#readable({ resource: LIMIT_RANGES, namespace, project: limitRangeFacts });
  }

  listNodes(names?: readonly string[]): Promise<Readable<Node>> {
    return this.#unlessUnreadable(NODES, () => (names === undefined ? this.#nodes.all() : this.#nodes.named(names)));
  }

  listPodsOnNodes(nodes: readonly string[], exceptNamespace?: string): Promise<Readable<Pod>> {
    return this.#unlessUnreadable(PODS, () => this.#nodes.podsOn(nodes, exceptNamespace));
  }

  readPod(namespace: string, name: string): Promise<Pod | undefined> {
    return this.#read(PODS, namespace, name, podFacts);
  }

  readWorkload(kind: WorkloadKind, namespace: string, name: string): Promise<Workload | undefined> {
    switch (kind) {
      case 'Deployment':
        return this.#read(DEPLOYMENTS, namespace, name, deploymentFacts);
      case 'StatefulSet':
        return this.#read(STATEFUL_SETS, namespace, name, statefulSetFacts);
      case 'DaemonSet':
        return this.#read(DAEMON_SETS, namespace, name, daemonSetFacts);
    }
  }

  resizePod(change: PodResize): Promise<Pod> {
    const { namespace, pod } = change;
    return this.#change(change, {
      context: this.#objectContext('resize pod', `pod ${namespace}/${pod}`, 'write'),
      path: resourcePath(PODS, namespace, pod, 'resize'),
      specPath: '/spec',
      readLive: () => this.readPod(namespace, pod),
      readReply: (reply) => podFacts(readObject(PODS, reply)),
    });
  }

  patchTemplate(change: TemplateChange): Promise<Workload> {
    const { kind, namespace, name } = change;
    const context = this.#objectContext('patch template', `${kind} ${namespace}/${name}`, 'write');
    const common = {
      context,
      specPath: '/spec/template/spec',
      readLive: () => this.readWorkload(kind, namespace, name),
    };
    switch (kind) {
      case 'Deployment':
        return this.#change(change, {
          ...common,
          path: resourcePath(DEPLOYMENTS, namespace, name),
          readReply: (reply) => deploymentFacts(readObject(DEPLOYMENTS, reply)),
        });
      case 'StatefulSet':
        return this.#change(change, {
          ...common,
          path: resourcePath(STATEFUL_SETS, namespace, name),
          readReply: (reply) => statefulSetFacts(readObject(STATEFUL_SETS, reply)),
        });
      case 'DaemonSet':
        return this.#change(change, {
          ...common,
          path: resourcePath(DAEMON_SETS, namespace, name),
          readReply: (reply) => daemonSetFacts(readObject(DAEMON_SETS, reply)),
        });
    }
  }

  /** Reads, compares, patches with the comparison as part of the patch, and explains a refusal by what is there then. */
  async #change<T extends Live>(
    change: SizeChange,
    how: {
      readonly context: CallContext;
      readonly path: string;
      readonly specPath: string;
      readonly readLive: () => Promise<T | undefined>;
      readonly readReply: (reply: Reply) => T;
    },
  ): Promise<T> {
    const { context } = how;
    const live = await how.readLive();
    if (live === undefined) {
      throw callFailure(context, 'it is not there any more', { applied: 'no', status: NOT_FOUND, code: 'NotFound' });
    }
    const patch = sizePatch(live, change, how.specPath);
    if ('conflict' in patch) {
      throw conflictFailure(context, patch.conflict, undefined);
    }
    const call: Call = {
      ...context,
      method: 'PATCH',
      path: how.path,
      query: { fieldManager: FIELD_MANAGER },
      contentType: JSON_PATCH,
      body: patch.operations,
      accept: 'any',
    };
    try {
      return await this.#client.call(call, how.readReply);
    } catch (error) {
      throw await this.#explained(error, change, how);
    }
  }

  /**
   * A `test` that failed is answered by 422 without a word of which one (the server's message says only "an error in our
   * request"), as a value that is not valid also is: what is there now tells them apart.
   */
  async #explained<T extends Live>(
    error: unknown,
    change: SizeChange,
    how: { readonly context: CallContext; readonly readLive: () => Promise<T | undefined> },
  ): Promise<unknown> {
    const status = statusOf(error);
    if (status !== CONFLICT && status !== 422) {
      return error;
    }
    try {
      const live = await how.readLive();
      if (live === undefined) {
        return conflictFailure(how.context, 'it was deleted meanwhile', error);
      }
      const conflict = whatDiffers(live, change);
      return conflict === undefined ? error : conflictFailure(how.context, conflict, error);
    } catch {
      return error; // The refusal itself is what matters; that the look after it failed too adds nothing.
    }
  }

  #list<M extends Message, F>(listing: Listing<M, F>): Promise<readonly F[]> {
    return readList(this.#client, this.#request(listing));
  }

  #request<M extends Message, F>(listing: Listing<M, F>): ListRequest<M, F> {
    return { ...listing, target: this.#target(listing.namespace), pageSize: this.#pageSize };
  }

  #readable<M extends Message, F>(listing: Listing<M, F>): Promise<Readable<F>> {
    return this.#unlessUnreadable(listing.resource, () => this.#list(listing));
  }

  /** A list that the run can do without: when it may not or cannot be read alone, why is told in its place. */
  async #unlessUnreadable<F>(resource: Resource<Message>, read: () => Promise<readonly F[]>): Promise<Readable<F>> {
    try {
      return { items: await read() };
    } catch (error) {
      const status = statusOf(error) ?? 0;
      const isAlone = status === 403 || (resource.isCustom === true ? status >= 500 : status === NOT_FOUND);
      if (error instanceof PlatformError && isAlone) {
        return { unreadable: error.full };
      }
      throw error;
    }
  }

  async #read<M extends Message, F>(
    resource: Resource<M>,
    namespace: string,
    name: string,
    project: (raw: Parameters<ListRequest<M, F>['project']>[0]) => F,
  ): Promise<F | undefined> {
    const call: Call = {
      ...this.#objectContext(`read ${resource.kind}`, `${namespace}/${name}`, 'read'),
      method: 'GET',
      path: resourcePath(resource, namespace, name),
      accept: 'any',
      answers: [NOT_FOUND],
    };
    return this.#client.call(call, (reply) =>
      reply.status === NOT_FOUND ? undefined : project(readObject(resource, reply)),
    );
  }

  /** A list in a namespace that does not exist is empty and no error: only a look at the namespace tells. */
  async #expectNamespace(namespace: string): Promise<void> {
    const call = this.#namespaceCall(namespace);
    try {
      await this.#client.send(call);
    } catch (error) {
      if (statusOf(error) === 403) {
        return; // Who may list pods but not see the namespace has an empty one, as far as can be told.
      }
      throw error;
    }
  }

  #namespaceCall(namespace: string): Call {
    return {
      operation: 'read namespace',
      target: this.#target(namespace),
      effect: 'read',
      method: 'GET',
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}`,
      accept: 'json',
    };
  }

  #objectContext(operation: string, object: string, effect: CallContext['effect']): CallContext {
    return { operation, target: `${object} of cluster ${this.name}`, effect };
  }

  #wholeCluster(): Pick<ListRequest<Message, unknown>, 'target' | 'pageSize'> {
    return { target: this.#target(), pageSize: this.#pageSize };
  }

  #target(namespace?: string): string {
    return namespace === undefined ? `cluster ${this.name}` : `namespace ${namespace} of cluster ${this.name}`;
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof PlatformError ? error.failure.status : undefined;
}

function conflictFailure(context: CallContext, what: string, cause: unknown): PlatformError {
  return callFailure(context, `it is no longer what was decided about: ${what}`, {
    applied: 'no',
    status: CONFLICT,
    code: 'Conflict',
    remedy: 'Nothing was changed; the next run decides anew.',
    cause,
  });
}
