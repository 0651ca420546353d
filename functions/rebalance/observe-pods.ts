// Kubernetes objects as this duty's facts. Reads nothing and judges nothing.
import type { ActionRecord, ActionState } from '../../shared/core/action.ts';
import { memoryBytes } from '../../shared/core/quantity.ts';
import type { ContainerSpec, Node, Pod, ResourceList, Workload } from '../../shared/ports/cluster.ts';
import { compareText, mergedLabels } from './decide-view.ts';
import type { UsageReading } from './observe-metrics.ts';
import { PastChange } from './schema-facts.ts';
import type { ContainerFacts, NodeRoom, PodFacts, Sizes, WorkloadFacts } from './schema-facts.ts';

export function podFacts(pod: Pod, workloads: ReadonlySet<string>, usage: UsageReading): PodFacts {
  const { meta } = pod;
  return {
    name: meta.name,
    uid: meta.uid,
    createdAt: meta.createdAt,
    startedAt: pod.startedAt,
    terminating: meta.deletedAt !== null,
    phase: pod.phase,
    qosClass: pod.qosClass,
    node: pod.nodeName,
    isStatic: pod.isStatic,
    hasPodResources: pod.podResources !== null,
    owner: ownerOf(pod, workloads),
    revision: meta.labels['pod-template-hash'] ?? meta.labels['controller-revision-hash'] ?? null,
    labels: mergedLabels(meta.labels, meta.annotations),
    resize: pod.resize === null ? null : { ...pod.resize },
    containers: pod.containers.flatMap((spec) =>
      spec.role === 'init' ? [] : [containerFacts(pod, spec, spec.role, usage)],
    ),
  };
}

function containerFacts(pod: Pod, spec: ContainerSpec, role: 'main' | 'sidecar', usage: UsageReading): ContainerFacts {
  const status = pod.statuses.find(({ name }) => name === spec.name);
  const resizes = pod.resizes.filter(({ container }) => container === spec.name).map(({ at }) => at);
  const last = status?.lastTermination;
  return {
    name: spec.name,
    role,
    requests: sizesOf(spec.resources.requests),
    limits: sizesOf(spec.resources.limits),
    restartsFor: (['cpu', 'memory'] as const).filter((resource) => spec.resizePolicy[resource] === 'RestartContainer'),
    state: status?.state ?? 'unknown',
    stateReason: status?.reason ?? null,
    restartCount: status?.restartCount ?? 0,
    lastOomKillAt: last?.reason === 'OOMKilled' ? last.finishedAt : null,
    resizedAt: resizes.sort(compareText).at(-1) ?? null,
    memory: usage.memory(pod.meta.name, spec.name),
    cpu: usage.cpu(pod.meta.name, spec.name),
    throttledRatio: usage.throttledRatio(pod.meta.name, spec.name),
    oomKills: usage.oomKills(pod.meta.uid, spec.name),
    floors: null,
  };
}

function sizesOf(list: ResourceList): Sizes {
  return {
    ...(list.cpu !== undefined && { cpu: list.cpu }),
    ...(list.memory !== undefined && { memory: list.memory }),
  };
}

/**
 * The controller, with the Deployment in place of its ReplicaSet: a Deployment names its ReplicaSets `<name>-<hash>` and
 * labels their pods with the hash, so that they need not be listed.
 */
function ownerOf(pod: Pod, workloads: ReadonlySet<string>): PodFacts['owner'] {
  const controller = pod.meta.owners.find((owner) => owner.controller);
  if (controller === undefined) {
    return null;
  }
  const hash = pod.meta.labels['pod-template-hash'];
  if (controller.kind === 'ReplicaSet' && hash !== undefined && controller.name.endsWith(`-${hash}`)) {
    const name = controller.name.slice(0, -hash.length - 1);
    if (workloads.has(`Deployment/${name}`)) {
      return { kind: 'Deployment', name };
    }
  }
  return { kind: controller.kind, name: controller.name };
}

export function workloadFacts(workload: Workload): WorkloadFacts {
  const { meta } = workload;
  return {
    kind: workload.kind,
    name: meta.name,
    uid: meta.uid,
    replicas: workload.replicas,
    updatedReplicas: workload.updatedReplicas,
    isObserved: workload.observedGeneration >= meta.generation,
    paused: workload.paused,
    strategy: workload.strategy,
    revisionPending: workload.revisionPending,
    labels: mergedLabels(meta.labels, meta.annotations, workload.templateLabels),
    containers: workload.containers.flatMap((spec) =>
      spec.role === 'init'
        ? []
        : [
            {
              name: spec.name,
              role: spec.role,
              requests: sizesOf(spec.resources.requests),
              limits: sizesOf(spec.resources.limits),
            },
          ],
    ),
  };
}

/** Nodes with what is requested there; `pods` has all of those on `asked`, other nodes stay unknown. */
export function nodeRooms(
  nodes: readonly Node[],
  asked: ReadonlySet<string>,
  pods: readonly Pod[],
): readonly NodeRoom[] {
  const requested = new Map<string, number>();
  for (const pod of pods) {
    if (pod.nodeName !== null && asked.has(pod.nodeName) && pod.phase !== 'Succeeded' && pod.phase !== 'Failed') {
      requested.set(pod.nodeName, (requested.get(pod.nodeName) ?? 0) + requestedMemory(pod));
    }
  }
  return nodes.map((node) => ({
    name: node.name,
    allocatableMemoryBytes: memoryBytes(node.allocatable.memory ?? '0'),
    unschedulable: node.unschedulable,
    requestedMemoryBytes: asked.has(node.name) ? (requested.get(node.name) ?? 0) : null,
  }));
}

/** What a node sets aside for a pod, as the scheduler counts: the larger of what runs for good and what only starts it. */
function requestedMemory(pod: Pod): number {
  const overhead = memoryBytes(pod.overhead.memory ?? '0');
  const whole = pod.podResources?.requests.memory;
  if (whole !== undefined) {
    return memoryBytes(whole) + overhead;
  }
  let [lasting, starting, sidecars] = [0, 0, 0];
  for (const spec of pod.containers) {
    const request = requestOf(pod, spec);
    if (spec.role === 'init') {
      // It runs beside the sidecars that were started before it.
      starting = Math.max(starting, sidecars + request);
    } else {
      lasting += request;
      sidecars += spec.role === 'sidecar' ? request : 0;
    }
  }
  return Math.max(lasting, starting) + overhead;
}

/** While a resize is pending the node keeps the larger of what is wanted and what is there. */
function requestOf(pod: Pod, spec: ContainerSpec): number {
  const configured = pod.statuses.find(({ name }) => name === spec.name)?.resources?.requests.memory;
  return Math.max(memoryBytes(spec.resources.requests.memory ?? '0'), memoryBytes(configured ?? '0'));
}

/** States of an action of ours that changed something, or may have. */
const EFFECTIVE: readonly ActionState[] = ['intended', 'applied', 'settled', 'undone', 'unknown'];

export function pastChanges(records: readonly ActionRecord[]): readonly PastChange[] {
  return (
    records
      // An undo is no change of its own: what it undid says so by its state.
      .filter(({ state, kind, undoes }) => EFFECTIVE.includes(state) && isChange(kind) && undoes === undefined)
      .map((record) =>
        PastChange.parse({
          id: record.id,
          kind: record.kind,
          targetUid: record.target.uid,
          container: record.target.container,
          workload: record.guard.workload,
          at: record.state === 'undone' ? record.updatedAt : (record.appliedAt ?? record.createdAt),
          stands: record.state !== 'undone',
          from: record.from,
          to: record.to,
        }),
      )
      .sort((a, b) => compareText(a.at, b.at))
  );
}

function isChange(kind: string): boolean {
  return PastChange.shape.kind.safeParse(kind).success;
}
