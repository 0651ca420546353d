// From the raw messages to the facts of ports/cluster.ts, for what has containers: pods and workloads. Pure.
import type {
  ContainerSpec,
  ContainerStatus,
  ObjectMeta,
  Pod,
  ResizeStatus,
  ResourceList,
  Resources,
  Workload,
} from '../../ports/cluster.ts';
import { MalformedError } from './message.ts';
import type {
  RawContainer,
  RawContainerStatus,
  RawDaemonSet,
  RawDeployment,
  RawObjectMeta,
  RawPod,
  RawPodStatus,
  RawPodTemplate,
  RawResources,
  RawStatefulSet,
} from './messages.ts';

const NOTHING: ResourceList = Object.freeze({});
const NO_RESOURCES: Resources = Object.freeze({ requests: NOTHING, limits: NOTHING });
const NO_POLICY: Readonly<Record<string, string>> = Object.freeze({});
const KEPT_ANNOTATIONS = ['nightshift.dev/', 'kubernetes.io/config.'] as const;
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

export function podFacts(raw: RawPod): Pod {
  const { spec = {}, status = {} } = raw;
  const meta = metaFacts(raw.metadata, 'Pod');
  return {
    meta,
    nodeName: textOrNull(spec.nodeName),
    phase: status.phase ?? '',
    reason: textOrNull(status.reason),
    qosClass: status.qosClass ?? '',
    priorityClassName: textOrNull(spec.priorityClassName),
    startedAt: status.startTime ?? null,
    ready: status.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') ?? false,
    containers: containerFacts(spec.containers, spec.initContainers),
    statuses: [...statusFacts(status.containerStatuses), ...statusFacts(status.initContainerStatuses)],
    resize: resizeFacts(status),
    resizes: (raw.metadata?.managedFields ?? []).flatMap(({ manager, time, containers }) =>
      containers.map((container) => ({ container, manager, at: time })),
    ),
    isStatic: MIRROR_ANNOTATION in meta.annotations || meta.owners.some((owner) => owner.kind === 'Node'),
    podResources: spec.resources === undefined ? null : resourceFacts(spec.resources),
    overhead: spec.overhead ?? NOTHING,
  };
}

export function deploymentFacts(raw: RawDeployment): Workload {
  const { spec = {}, status = {} } = raw;
  return {
    kind: 'Deployment',
    meta: metaFacts(raw.metadata, 'Deployment'),
    replicas: spec.replicas ?? 1,
    readyReplicas: status.readyReplicas ?? 0,
    updatedReplicas: status.updatedReplicas ?? 0,
    availableReplicas: status.availableReplicas ?? 0,
    observedGeneration: status.observedGeneration ?? 0,
    paused: spec.paused ?? false,
    strategy: spec.strategy?.type ?? '',
    revisionPending: false,
    selector: spec.selector?.matchLabels ?? {},
    ...templateFacts(spec.template),
  };
}

export function statefulSetFacts(raw: RawStatefulSet): Workload {
  const { spec = {}, status = {} } = raw;
  const { currentRevision = '', updateRevision = '' } = status;
  return {
    kind: 'StatefulSet',
    meta: metaFacts(raw.metadata, 'StatefulSet'),
    replicas: spec.replicas ?? 1,
    readyReplicas: status.readyReplicas ?? 0,
    updatedReplicas: status.updatedReplicas ?? 0,
    availableReplicas: status.availableReplicas ?? 0,
    observedGeneration: status.observedGeneration ?? 0,
    paused: false,
    strategy: spec.updateStrategy?.type ?? '',
    revisionPending: updateRevision !== '' && updateRevision !== currentRevision,
    selector: spec.selector?.matchLabels ?? {},
    ...templateFacts(spec.template),
  };
}

export function daemonSetFacts(raw: RawDaemonSet): Workload {
  const { spec = {}, status = {} } = raw;
  return {
    kind: 'DaemonSet',
    meta: metaFacts(raw.metadata, 'DaemonSet'),
    replicas: status.desiredNumberScheduled ?? 0,
    readyReplicas: status.numberReady ?? 0,
    updatedReplicas: status.updatedNumberScheduled ?? 0,
    availableReplicas: status.numberAvailable ?? 0,
    observedGeneration: status.observedGeneration ?? 0,
    paused: false,
    strategy: spec.updateStrategy?.type ?? '',
    revisionPending: false,
    selector: spec.selector?.matchLabels ?? {},
    ...templateFacts(spec.template),
  };
}

function templateFacts(template: RawPodTemplate = {}): Pick<Workload, 'containers' | 'templateLabels'> {
  return {
    containers: containerFacts(template.spec?.containers, template.spec?.initContainers),
    templateLabels: template.metadata?.labels ?? {},
  };
}

/** Fails for an object without a name or UID: nothing can be decided about it, and it would otherwise pass as harmless. */
function metaFacts(raw: RawObjectMeta | undefined, kind: string): ObjectMeta {
  const { name = '', uid = '' } = raw ?? {};
  if (raw === undefined || name === '' || uid === '') {
    throw new MalformedError(`a ${kind} has no ${name === '' ? 'name' : 'uid'}`);
  }
  return {
    namespace: raw.namespace ?? '',
    name,
    uid,
    resourceVersion: raw.resourceVersion ?? '',
    generation: raw.generation ?? 0,
    createdAt: raw.creationTimestamp ?? '',
    deletedAt: raw.deletionTimestamp ?? null,
    labels: raw.labels ?? {},
    annotations: keptAnnotations(raw.annotations),
    owners: (raw.ownerReferences ?? []).map((owner) => ({
      kind: owner.kind ?? '',
      name: owner.name ?? '',
      uid: owner.uid ?? '',
      controller: owner.controller ?? false,
    })),
  };
}

function keptAnnotations(annotations: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const key in annotations) {
    const value = annotations[key];
    if (value !== undefined && KEPT_ANNOTATIONS.some((prefix) => key.startsWith(prefix))) {
      kept[key] = value;
    }
  }
  return kept;
}

/** Containers come before init containers; within each, the order of the spec, which is the index that a patch needs. */
function containerFacts(
  containers: readonly RawContainer[] = [],
  initContainers: readonly RawContainer[] = [],
): readonly ContainerSpec[] {
  return [
    ...containers.map((raw) => containerSpec(raw, 'main')),
    ...initContainers.map((raw) => containerSpec(raw, raw.restartPolicy === 'Always' ? 'sidecar' : 'init')),
  ];
}

function containerSpec(raw: RawContainer, role: ContainerSpec['role']): ContainerSpec {
  if (raw.name === undefined || raw.name === '') {
    throw new MalformedError('a container has no name');
  }
  return { name: raw.name, resources: resourceFacts(raw.resources), resizePolicy: resizePolicyFacts(raw), role };
}

function resizePolicyFacts(raw: RawContainer): Readonly<Record<string, string>> {
  if (raw.resizePolicy === undefined) {
    return NO_POLICY;
  }
  return Object.fromEntries(
    raw.resizePolicy.map(({ resourceName = '', restartPolicy = '' }) => [resourceName, restartPolicy]),
  );
}

function resourceFacts(raw: RawResources | undefined): Resources {
  if (raw === undefined || (raw.requests === undefined && raw.limits === undefined)) {
    return NO_RESOURCES;
  }
  return { requests: raw.requests ?? NOTHING, limits: raw.limits ?? NOTHING };
}

function statusFacts(statuses: readonly RawContainerStatus[] = []): readonly ContainerStatus[] {
  return statuses.map((raw) => {
    const { running, waiting, terminated } = raw.state ?? {};
    // While a container is down, its present end is its last one; `lastState` then still holds the end before.
    const ended = terminated ?? raw.lastState?.terminated;
    return {
      name: raw.name ?? '',
      ready: raw.ready ?? false,
      restartCount: raw.restartCount ?? 0,
      state:
        running !== undefined
          ? 'running'
          : waiting !== undefined
            ? 'waiting'
            : terminated !== undefined
              ? 'terminated'
              : 'unknown',
      reason: textOrNull(waiting?.reason ?? terminated?.reason),
      startedAt: running?.startedAt ?? terminated?.startedAt ?? null,
      lastTermination:
        ended === undefined
          ? null
          : { reason: ended.reason ?? '', finishedAt: ended.finishedAt ?? null, exitCode: ended.exitCode ?? 0 },
      resources: raw.resources === undefined ? null : resourceFacts(raw.resources),
    };
  });
}

/**
 * Since 1.33 two conditions tell how a resize is going; 1.27 to 1.32 told it in `status.resize`. A pending wish is newer than
 * a change in progress, therefore it is what counts when both are there.
 */
function resizeFacts(status: RawPodStatus): ResizeStatus | null {
  const pending = trueCondition(status, 'PodResizePending');
  if (pending !== undefined) {
    return { ...pending.told, state: pending.reason === 'Infeasible' ? 'infeasible' : 'deferred' };
  }
  const inProgress = trueCondition(status, 'PodResizeInProgress');
  if (inProgress !== undefined) {
    return { ...inProgress.told, state: inProgress.reason === 'Error' ? 'error' : 'in-progress' };
  }
  switch (status.resize) {
    case 'Deferred':
      return { state: 'deferred', message: '', since: null };
    case 'Infeasible':
      return { state: 'infeasible', message: '', since: null };
    case 'Proposed':
    case 'InProgress':
      return { state: 'in-progress', message: '', since: null };
    case undefined:
    default:
      return null;
  }
}

function trueCondition(
  status: RawPodStatus,
  type: string,
): { readonly reason: string; readonly told: Pick<ResizeStatus, 'message' | 'since'> } | undefined {
  const found = status.conditions?.find((condition) => condition.type === type && condition.status === 'True');
  return found === undefined
    ? undefined
    : {
        reason: found.reason ?? '',
        told: { message: found.message ?? '', since: found.lastTransitionTime ?? null },
      };
}

function textOrNull(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}
