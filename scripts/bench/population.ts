// Puts the namespace of the benchmarks into a real cluster: its pods run on KWOK nodes, and real controllers own them. Starts no
// server and measures nothing.
import type { KubernetesObject as ScenarioObject } from '../../fixtures/platform/scenario.ts';
import { type KubernetesApi, type KubernetesObject, until } from '../../tests/real/kubernetes-api.ts';

/** Few enough for a node of 32 cores. */
const PODS_PER_NODE = 50;

export function nodesFor(pods: number): number {
  return Math.ceil(pods / PODS_PER_NODE);
}

const CONNECTIONS = 16;
const PATIENT_SECONDS = 600;
const HASH = 'pod-template-hash';

interface PodObject extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & { readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly ContainerObject[] };
  readonly status: {
    readonly conditions: readonly unknown[];
    readonly containerStatuses: readonly {
      readonly name: string;
      readonly lastState?: unknown;
      readonly ready: boolean;
    }[];
  };
}

interface ContainerObject {
  readonly name: string;
  readonly resources: { readonly requests: unknown };
  readonly [field: string]: unknown;
}

interface Counted {
  readonly metadata: { readonly name: string; readonly uid?: string };
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly phase?: string; readonly replicas?: number; readonly observedGeneration?: number };
}

/** Nodes are taken from this one on. Gives the pods' names with the uids that the server made. */
export async function populate(
  api: KubernetesApi,
  namespace: string,
  objects: readonly ScenarioObject[],
  firstNode: number,
): Promise<ReadonlyMap<string, string>> {
  const pods = objects.filter(({ kind }) => kind === 'Pod') as unknown as readonly PodObject[];
  const deployments = objects.filter(({ kind }) => kind === 'Deployment');
  await forEach(pods, (pod, index) =>
    api.create({
      ...bare(pod, namespace, pod.metadata.name),
      spec: { ...specOf(pod), nodeName: `node-${String(firstNode + Math.floor(index / PODS_PER_NODE))}` },
    }),
  );
  const running = await until(
    `${String(pods.length)} pods run`,
    () => listed(api, 'v1', 'Pod', namespace),
    (seen) => seen.filter(({ status }) => status?.phase === 'Running').length === pods.length,
    PATIENT_SECONDS,
  );
  await forEach(pods.filter(isTroubled), (pod) =>
    api.merge({ ...pod, metadata: { name: pod.metadata.name, namespace } }, { status: statusOf(pod) }, 'status'),
  );
  // Pods first, then what owns them: each controller adopts what it would else have made itself, one pod after the other.
  const groups = [...Map.groupBy(pods, ({ metadata }) => metadata.labels['app'] ?? '')];
  const sets = groups.flatMap(([app, [first, ...others]]) =>
    first === undefined ? [] : [replicaSet(first, namespace, app, others.length + 1)],
  );
  await forEach(sets, (set) => api.create(set));
  await ownersReady(api, namespace, 'ReplicaSet', sets.length);
  const owners = deployments.filter(({ metadata }) => groups.some(([app]) => app === metadata.name));
  await forEach(owners, ({ metadata }) => {
    const set = sets.find((one) => one.metadata.labels['app'] === metadata.name);
    return api.create(deployment(set ?? fail(metadata.name), namespace));
  });
  await ownersReady(api, namespace, 'Deployment', owners.length);
  const owned = await listed(api, 'v1', 'Pod', namespace);
  if (owned.length !== running.length) {
    throw new Error(`${namespace} has ${String(owned.length)} pods instead of ${String(running.length)}.`);
  }
  return new Map(owned.map(({ metadata }) => [metadata.name, metadata.uid ?? '']));
}

async function ownersReady(api: KubernetesApi, namespace: string, kind: string, count: number): Promise<void> {
  await until(
    `every ${kind} of ${namespace} owns its pods`,
    () => listed(api, 'apps/v1', kind, namespace),
    (seen) =>
      // One more than asked for would be a controller that has made its own instead of adopting ours.
      seen.length === count &&
      seen.every(({ status, spec }) => status?.observedGeneration !== undefined && status.replicas === spec?.replicas),
    PATIENT_SECONDS,
  );
}

function listed(api: KubernetesApi, apiVersion: string, kind: string, namespace: string): Promise<readonly Counted[]> {
  return api.list({ apiVersion, kind }, namespace) as Promise<readonly Counted[]>;
}

interface Bare extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & { readonly labels: Readonly<Record<string, string>> };
}

/** Without what the server makes: owner, uid, times. */
function bare({ apiVersion, kind, metadata }: PodObject, namespace: string, name: string): Bare {
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels: metadata.labels, annotations: metadata['annotations'] },
  };
}

/** The server adds tolerations and the mounted token by itself. */
function specOf({ spec }: PodObject): { readonly containers: readonly object[] } {
  return { containers: spec.containers.map(({ volumeMounts: _, ...container }) => container) };
}

function isTroubled({ status }: PodObject): boolean {
  return status.containerStatuses.some(({ ready, lastState }) => !ready || lastState !== undefined);
}

function statusOf({ spec, status }: PodObject): object {
  return {
    conditions: status.conditions,
    containerStatuses: status.containerStatuses.map((one) => {
      const resources = spec.containers.find(({ name }) => name === one.name)?.resources;
      return { ...one, resources, allocatedResources: resources?.requests };
    }),
  };
}

function replicaSet(pod: PodObject, namespace: string, app: string, replicas: number): Bare {
  const { labels, annotations } = pod.metadata as { labels: Record<string, string>; annotations?: unknown };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: `${app}-${labels[HASH] ?? ''}`, namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: { app, [HASH]: labels[HASH] } },
      template: { metadata: { labels, annotations }, spec: specOf(pod) },
    },
  };
}

/** Of the same template, so that it adopts the set. */
function deployment(set: Bare, namespace: string): KubernetesObject {
  const { [HASH]: _, ...labels } = set.metadata.labels;
  const app = labels['app'] ?? '';
  const { replicas, template } = set['spec'] as {
    readonly replicas: number;
    readonly template: { readonly metadata: object; readonly spec: object };
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: app, namespace, labels: { app } },
    spec: {
      replicas,
      selector: { matchLabels: { app } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

function fail(name: string): never {
  throw new Error(`Deployment ${name} has no pods.`);
}

async function forEach<T>(items: readonly T[], act: (item: T, index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (let index = next++; index < items.length; index = next++) {
        await act(items[index] as T, index);
      }
    }),
  );
}
