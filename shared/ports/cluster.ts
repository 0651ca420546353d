// A Kubernetes cluster as the duties need it: projected reads, and writes that carry their precondition.
// Quantities stay the API server's strings: core/quantity.ts reads them exactly. Times are ISO strings.

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
}

export interface ObjectMeta {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly createdAt: string;
  readonly deletedAt: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Only annotations that begin with `nightshift.dev/` or `kubernetes.io/config.`; the rest can be large and is not ours. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly owners: readonly OwnerReference[];
}

/** Resource name to quantity string, e.g. `{ cpu: "500m", memory: "1Gi" }`. */
export type ResourceList = Readonly<Record<string, string>>;

export interface Resources {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

export interface ContainerSpec {
  readonly name: string;
  readonly resources: Resources;
  /** Resource to `NotRequired` or `RestartContainer`; a resource that is not named is `NotRequired`. */
  readonly resizePolicy: Readonly<Record<string, string>>;
  /** `sidecar`: an init container with restartPolicy Always. Other init containers are `init`. */
  readonly role: 'main' | 'sidecar' | 'init';
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: 'running' | 'waiting' | 'terminated' | 'unknown';
  /** Reason of the waiting or terminated state, e.g. CrashLoopBackOff. */
  readonly reason: string | null;
  readonly startedAt: string | null;
  /** The last termination's reason and time. */
  readonly lastTermination: {
    readonly reason: string;
    readonly finishedAt: string | null;
    readonly exitCode: number;
  } | null;
  /** What the node has actually configured, when the server tells. */
  readonly resources: Resources | null;
}

/** A resize that the server accepted and the node has not finished. */
export interface ResizeStatus {
  /** `deferred`: no room now; `infeasible`: never on this node; `in-progress`; `error`: the node tried and failed. */
  readonly state: 'deferred' | 'infeasible' | 'in-progress' | 'error';
  readonly message: string;
  readonly since: string | null;
}

/** When somebody last resized a container, by the API server's own record (managedFields, subresource `resize`). */
export interface ResizeRecord {
  readonly container: string;
  readonly manager: string;
  readonly at: string;
}

export interface Pod {
  readonly meta: ObjectMeta;
  readonly nodeName: string | null;
  readonly phase: string;
  /** Why the pod as a whole is as it is, e.g. Evicted. */
  readonly reason: string | null;
  readonly qosClass: string;
  readonly priorityClassName: string | null;
  readonly startedAt: string | null;
  readonly ready: boolean;
  /** Main containers and sidecars and init containers, in spec order. */
  readonly containers: readonly ContainerSpec[];
  readonly statuses: readonly ContainerStatus[];
  readonly resize: ResizeStatus | null;
  readonly resizes: readonly ResizeRecord[];
  /** True for a pod that the kubelet made from a file: it cannot be changed through the API. */
  readonly isStatic: boolean;
  /** Pod-level resources (`spec.resources`), when set. */
  readonly podResources: Resources | null;
  /** `spec.overhead`, added to the requests by the scheduler. */
  readonly overhead: ResourceList;
}

export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet';

export interface Workload {
  readonly kind: WorkloadKind;
  readonly meta: ObjectMeta;
  /** Wanted replicas (DaemonSet: desired number scheduled). */
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly updatedReplicas: number;
  readonly availableReplicas: number;
  readonly observedGeneration: number;
  readonly paused: boolean;
  /** `RollingUpdate`, `Recreate`, `OnDelete`. */
  readonly strategy: string;
  /** StatefulSet: update revision differs from the current one. */
  readonly revisionPending: boolean;
  readonly selector: Readonly<Record<string, string>>;
  readonly containers: readonly ContainerSpec[];
  readonly templateLabels: Readonly<Record<string, string>>;
}

export interface HorizontalAutoscaler {
  readonly name: string;
  readonly target: { readonly kind: string; readonly name: string };
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Resources whose utilisation it follows (Resource and ContainerResource metrics), e.g. ["cpu"]. */
  readonly resources: readonly string[];
}

export interface VerticalAutoscaler {
  readonly name: string;
  readonly target: { readonly kind: string; readonly name: string };
  /** `Off` and `Initial` do not write to running pods; anything else does. */
  readonly updateMode: string;
}

export interface ResourceQuota {
  readonly name: string;
  readonly hard: ResourceList;
  readonly used: ResourceList;
  /** Scopes that narrow it, e.g. ["BestEffort"] or scope selector expressions as text; empty for all pods. */
  readonly scopes: readonly string[];
}

export interface LimitRange {
  readonly name: string;
  readonly items: readonly {
    readonly type: string;
    readonly max: ResourceList;
    readonly min: ResourceList;
    readonly maxLimitRequestRatio: ResourceList;
  }[];
}

export interface Node {
  readonly name: string;
  readonly allocatable: ResourceList;
  readonly unschedulable: boolean;
}

/** What the API server says of itself. */
export interface ClusterVersion {
  /** e.g. "v1.34.4" */
  readonly gitVersion: string;
  readonly major: number;
  readonly minor: number;
  /** Discovery lists `pods/resize` with the verb `patch`. */
  readonly podResize: boolean;
  /** Discovery lists the VerticalPodAutoscaler kind. */
  readonly verticalAutoscalers: boolean;
}

/** A list and when it cannot be read, why: a missing permission must be told, never read as "none". */
export type Readable<T> = { readonly items: readonly T[] } | { readonly unreadable: string };

export interface Permission {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty for a permission over the whole cluster. */
  readonly namespace: string;
}

/** Sizes to set on one container; what is absent stays as it is. */
export interface ResourceChange {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

export interface PodResize {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
  readonly role: 'main' | 'sidecar';
  /** Refused with a conflict when the container's resources are no longer these. */
  readonly from: ResourceChange;
  readonly to: ResourceChange;
}

export interface TemplateChange {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly container: string;
  readonly role: 'main' | 'sidecar';
  readonly from: ResourceChange;
  readonly to: ResourceChange;
}

export interface PodListOptions {
  readonly labels?: Readonly<Record<string, string>>;
  /** Told after each page how many were read. */
  readonly progress?: (count: number) => void;
}

/**
 * Reads fail with a PlatformError (`code` is Kubernetes' reason: Forbidden, NotFound, Expired …); writes with one whose
 * `applied` says whether the change may have happened. A namespace that is not there is a PlatformError with NotFound.
 */
export interface Cluster {
  readonly name: string;
  /** Address, for messages; never with credentials. */
  readonly server: string;
  version(): Promise<ClusterVersion>;
  /** The server's clock from the Date header, ISO. */
  serverTime(): Promise<string | null>;
  namespaceExists(namespace: string): Promise<boolean>;
  /** All of them, or those that carry all of `labels`. */
  listPods(namespace: string, options?: PodListOptions): Promise<readonly Pod[]>;
  listWorkloads(namespace: string): Promise<readonly Workload[]>;
  listHorizontalAutoscalers(namespace: string): Promise<Readable<HorizontalAutoscaler>>;
  listVerticalAutoscalers(namespace: string): Promise<Readable<VerticalAutoscaler>>;
  listQuotas(namespace: string): Promise<Readable<ResourceQuota>>;
  listLimitRanges(namespace: string): Promise<Readable<LimitRange>>;
  /** All, or the named ones, as they were at most a minute ago; one that is gone is left out. */
  listNodes(names?: readonly string[]): Promise<Readable<Node>>;
  /** Pods that hold room on the named nodes (not Succeeded or Failed), of all namespaces but the one that is left out. */
  listPodsOnNodes(nodes: readonly string[], exceptNamespace?: string): Promise<Readable<Pod>>;
  readPod(namespace: string, name: string): Promise<Pod | undefined>;
  readWorkload(kind: WorkloadKind, namespace: string, name: string): Promise<Workload | undefined>;
  /** Through the `resize` subresource. Gives the pod as the server answered. */
  resizePod(change: PodResize): Promise<Pod>;
  patchTemplate(change: TemplateChange): Promise<Workload>;
  /** SelfSubjectAccessReview for each, in order. */
  allowed(
    permissions: readonly Permission[],
  ): Promise<readonly { readonly allowed: boolean; readonly reason: string }[]>;
}
