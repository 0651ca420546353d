// The reply of k8s.snapshot, version 1, as the values of the cluster port. Unknown fields are dropped, so that a newer server is read.
import { z } from 'zod';
import type {
  ClusterVersion,
  HorizontalAutoscaler,
  LimitRange,
  Node,
  Pod,
  ResourceQuota,
  VerticalAutoscaler,
  Workload,
} from '../../ports/cluster.ts';

const text = z.string();
const texts = z.record(text, text);
const maybe = text.nullable();
const count = z.number();

const Meta = z.lazy(() =>
  z.object({
    namespace: text,
    name: text,
    uid: text,
    resourceVersion: text,
    generation: count,
    createdAt: text,
    deletedAt: maybe,
    labels: texts,
    annotations: texts,
    owners: z.array(z.object({ kind: text, name: text, uid: text, controller: z.boolean() })),
  }),
);

const Resources = z.lazy(() => z.object({ requests: texts, limits: texts }));

const Container = z.lazy(() =>
  z.object({
    name: text,
    resources: Resources,
    resizePolicy: texts,
    role: z.enum(['main', 'sidecar', 'init']),
  }),
);

export const PodShape: z.ZodType<Pod> = z.lazy(() =>
  z.object({
    meta: Meta,
    nodeName: maybe,
    phase: text,
    reason: maybe,
    qosClass: text,
    priorityClassName: maybe,
    startedAt: maybe,
    ready: z.boolean(),
    containers: z.array(Container),
    statuses: z.array(
      z.object({
        name: text,
        ready: z.boolean(),
        restartCount: count,
        state: z.enum(['running', 'waiting', 'terminated', 'unknown']),
        reason: maybe,
        startedAt: maybe,
        lastTermination: z.object({ reason: text, finishedAt: maybe, exitCode: count }).nullable(),
        resources: Resources.nullable(),
      }),
    ),
    resize: z
      .object({ state: z.enum(['deferred', 'infeasible', 'in-progress', 'error']), message: text, since: maybe })
      .nullable(),
    resizes: z.array(z.object({ container: text, manager: text, at: text })),
    isStatic: z.boolean(),
    podResources: Resources.nullable(),
    overhead: texts,
  }),
);

export const WorkloadShape: z.ZodType<Workload> = z.lazy(() =>
  z.object({
    kind: z.enum(['Deployment', 'StatefulSet', 'DaemonSet']),
    meta: Meta,
    replicas: count,
    readyReplicas: count,
    updatedReplicas: count,
    availableReplicas: count,
    observedGeneration: count,
    paused: z.boolean(),
    strategy: text,
    revisionPending: z.boolean(),
    selector: texts,
    containers: z.array(Container),
    templateLabels: texts,
  }),
);

const Target = z.lazy(() => z.object({ kind: text, name: text }));

export const HorizontalAutoscalerShape: z.ZodType<HorizontalAutoscaler> = z.lazy(() =>
  z.object({
    name: text,
    target: Target,
    minReplicas: count,
    maxReplicas: count,
    resources: z.array(text),
  }),
);

export const VerticalAutoscalerShape: z.ZodType<VerticalAutoscaler> = z.lazy(() =>
  z.object({
    name: text,
    target: Target,
    updateMode: text,
  }),
);

export const QuotaShape: z.ZodType<ResourceQuota> = z.lazy(() =>
  z.object({
    name: text,
    hard: texts,
    used: texts,
    scopes: z.array(text),
  }),
);

export const LimitRangeShape: z.ZodType<LimitRange> = z.lazy(() =>
  z.object({
    name: text,
    items: z.array(z.object({ type: text, max: texts, min: texts, maxLimitRequestRatio: texts })),
  }),
);

export const NodeShape: z.ZodType<Node> = z.lazy(() =>
  z.object({ name: text, allocatable: texts, unschedulable: z.boolean() }),
);

export const ServerShape: z.ZodType<ClusterVersion & { readonly serverTime: string | null }> = z.lazy(() =>
  z.object({
    gitVersion: text,
    major: count,
    minor: count,
    podResize: z.boolean(),
    verticalAutoscalers: z.boolean(),
    serverTime: maybe,
  }),
);
