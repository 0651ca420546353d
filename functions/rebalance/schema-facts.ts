// The facts of one run: everything that `decide` may know, as plain JSON. Quantities stay the API server's strings, times
// are ISO strings, metrics are numbers in bytes and cores; `null` is "not known", never "none".
import { z } from 'zod';

const Text = z.string();
const Amount = z.number();
const Labels = z.record(Text, Text);

/** CPU and memory of a container; a key that is absent is not set. */
export const Sizes = z.strictObject({ cpu: Text.optional(), memory: Text.optional() });
export type Sizes = z.infer<typeof Sizes>;

export const MemoryUsage = z.strictObject({
  averageBytes: Amount.nullable(),
  p95Bytes: Amount.nullable(),
  maximumBytes: Amount.nullable(),
  /** Of the window, one for each `SAMPLE_SECONDS` in which there was any. */
  samples: Amount.nullable(),
  /** There was a sample within the freshness time; `null` when that could not be asked. */
  fresh: z.boolean().nullable(),
});
export type MemoryUsage = z.infer<typeof MemoryUsage>;

export const CpuUsage = z.strictObject({
  averageCores: Amount.nullable(),
  p95Cores: Amount.nullable(),
  maximumCores: Amount.nullable(),
  samples: Amount.nullable(),
  fresh: z.boolean().nullable(),
});
export type CpuUsage = z.infer<typeof CpuUsage>;

/** Usage over the floor window: what a trim must leave room for. */
export const FloorUsage = z.strictObject({ memoryMaximumBytes: Amount.nullable(), cpuP95Cores: Amount.nullable() });
export type FloorUsage = z.infer<typeof FloorUsage>;

export const ContainerFacts = z.strictObject({
  name: Text,
  role: z.enum(['main', 'sidecar']),
  requests: Sizes,
  limits: Sizes,
  /** Resources whose resize restarts the container. */
  restartsFor: z.array(z.enum(['cpu', 'memory'])),
  state: z.enum(['running', 'waiting', 'terminated', 'unknown']),
  /** Reason of the waiting or terminated state. */
  stateReason: Text.nullable(),
  restartCount: Amount,
  /** When the API server saw it OOM-killed last: `null` unless its last termination was one. */
  lastOomKillAt: Text.nullable(),
  /** When anybody last resized it, by the API server's record. */
  resizedAt: Text.nullable(),
  memory: MemoryUsage,
  cpu: CpuUsage,
  /** Share of CPU periods in which it was throttled. */
  throttledRatio: Amount.nullable(),
  /** OOM kills of the window as [Unix seconds, number], ascending. */
  oomKills: z.array(z.tuple([Amount, Amount])),
  floors: FloorUsage.nullable(),
});
export type ContainerFacts = z.infer<typeof ContainerFacts>;

export const PodFacts = z.strictObject({
  name: Text,
  uid: Text,
  createdAt: Text,
  startedAt: Text.nullable(),
  terminating: z.boolean(),
  phase: Text,
  qosClass: Text,
  node: Text.nullable(),
  isStatic: z.boolean(),
  /** `spec.resources` sets sizes for the pod as a whole. */
  hasPodResources: z.boolean(),
  /** The controller, resolved to the workload where a ReplicaSet stands between. */
  owner: z.strictObject({ kind: Text, name: Text }).nullable(),
  /** The template that the pod was made from, by its hash or revision. */
  revision: Text.nullable(),
  /** Labels, and those annotations that are read at all. */
  labels: Labels,
  resize: z
    .strictObject({
      state: z.enum(['deferred', 'infeasible', 'in-progress', 'error']),
      message: Text,
      since: Text.nullable(),
    })
    .nullable(),
  /** Main containers and sidecars, in the order of the spec. */
  containers: z.array(ContainerFacts),
});
export type PodFacts = z.infer<typeof PodFacts>;

export const TemplateContainer = z.strictObject({
  name: Text,
  role: z.enum(['main', 'sidecar']),
  requests: Sizes,
  limits: Sizes,
});
export type TemplateContainer = z.infer<typeof TemplateContainer>;

export const WorkloadFacts = z.strictObject({
  kind: z.enum(['Deployment', 'StatefulSet', 'DaemonSet']),
  name: Text,
  uid: Text,
  replicas: Amount,
  updatedReplicas: Amount,
  /** The controller has seen the last change of the template. */
  isObserved: z.boolean(),
  paused: z.boolean(),
  strategy: Text,
  revisionPending: z.boolean(),
  labels: Labels,
  containers: z.array(TemplateContainer),
});
export type WorkloadFacts = z.infer<typeof WorkloadFacts>;

const unreadable = z.strictObject({ unreadable: Text });

function readable<Item extends z.ZodType>(item: Item) {
  return z.union([z.strictObject({ items: z.array(item) }), unreadable]);
}

const Target = z.strictObject({ kind: Text, name: Text });

export const NodeRoom = z.strictObject({
  name: Text,
  allocatableMemoryBytes: Amount,
  unschedulable: z.boolean(),
  /** What the pods there request; `null` when it was not needed. */
  requestedMemoryBytes: Amount.nullable(),
});
export type NodeRoom = z.infer<typeof NodeRoom>;

const Quota = z.strictObject({ name: Text, hard: Labels, used: Labels, scopes: z.array(Text) });

const Range = z.strictObject({
  name: Text,
  items: z.array(z.strictObject({ type: Text, max: Labels, min: Labels, maxLimitRequestRatio: Labels })),
});

const SizePair = z.strictObject({ requests: Sizes, limits: Sizes });

/** Sizes before and after, of what changes only. */
export const Change = z.strictObject({ from: SizePair, to: SizePair });
export type Change = z.infer<typeof Change>;

/** A change of ours that was made, or may have been. */
export const PastChange = z.strictObject({
  id: Text,
  kind: z.enum(['cluster.resize-container', 'cluster.patch-template']),
  /** UID of the pod or workload that was changed. */
  targetUid: Text,
  container: Text,
  /** `Kind/name`, or `Pod/name`. */
  workload: Text,
  at: Text,
  /** False for one that was taken back. */
  stands: z.boolean(),
  from: SizePair,
  to: SizePair,
});
export type PastChange = z.infer<typeof PastChange>;

export const RebalanceFacts = z.strictObject({
  schema: z.literal(1),
  now: Text,
  cluster: Text,
  namespace: Text,
  server: z.strictObject({ version: Text, major: Amount, minor: Amount, podResize: z.boolean() }),
  /** Sorted by name. */
  pods: z.array(PodFacts),
  workloads: z.array(WorkloadFacts),
  horizontalAutoscalers: readable(z.strictObject({ name: Text, target: Target, resources: z.array(Text) })),
  verticalAutoscalers: readable(z.strictObject({ name: Text, target: Target, updateMode: Text })),
  quotas: readable(Quota),
  limitRanges: readable(Range),
  /** `null`: nothing was to be raised, so nobody asked. */
  nodes: readable(NodeRoom).nullable(),
  metrics: z.strictObject({
    /** Why no number of them may be used, or `null`. */
    unusable: Text.nullable(),
    /** Why OOM kills are not known, or `null`. */
    oomKillsUnknown: Text.nullable(),
    problems: z.array(z.strictObject({ kind: z.enum(['configuration', 'platform']), message: Text })),
  }),
  history: z.array(PastChange),
});
export type RebalanceFacts = z.infer<typeof RebalanceFacts>;

/** Seconds between the points that samples are counted at, so that neither doubled scrapes nor their interval matter. */
export const SAMPLE_SECONDS = 300;
