// What is wrong with a scenario of pods and their metrics: references, sizes, series and expectations that do not agree.
// It reads the plain objects as the API server states them; it must not share code with the adapters or duties it helps to test.
import { z } from 'zod';
import type { KubernetesObject, MetricSeries, Scenario } from '../../fixtures/platform/scenario.ts';
import { quantityNano } from '../../shared/core/quantity.ts';

const Sizes = z.record(z.string(), z.string()).default({});
const Container = z.looseObject({
  name: z.string(),
  restartPolicy: z.string().optional(),
  resources: z.looseObject({ requests: Sizes, limits: Sizes }).prefault({}),
});
const Status = z.looseObject({ name: z.string(), restartCount: z.int() });
const PodObject = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    creationTimestamp: z.string(),
  }),
  spec: z.looseObject({
    containers: z.array(Container).min(1),
    initContainers: z.array(Container).default([]),
  }),
  status: z.looseObject({
    phase: z.enum(['Pending', 'Running', 'Succeeded', 'Failed']),
    qosClass: z.enum(['Guaranteed', 'Burstable', 'BestEffort']),
    containerStatuses: z.array(Status).default([]),
    initContainerStatuses: z.array(Status).default([]),
  }),
});
type PodObject = z.infer<typeof PodObject>;
type Container = z.infer<typeof Container>;

const Owned = z.looseObject({
  metadata: z.looseObject({
    ownerReferences: z.array(z.looseObject({ kind: z.string(), name: z.string(), uid: z.string() })).default([]),
  }),
});

const RESTARTS = 'kube_pod_container_status_restarts_total';
const SIZES_JUDGED = ['cpu', 'memory'];

/** One sentence for each defect, in the order of the objects; empty for a scenario that can exist. */
export function findDefects(scenario: Scenario, rules: readonly string[]): readonly string[] {
  const { objects } = scenario.cluster;
  const pods = objects.filter(({ kind }) => kind === 'Pod').map((pod) => PodObject.parse(pod));
  return [
    ...expectationDefects(scenario, pods, rules),
    ...summaryDefects(scenario, pods),
    ...objects.flatMap((object) => ownerDefects(object, objects)),
    ...pods.flatMap(podDefects),
    ...seriesDefects(scenario, pods),
    ...historyDefects(scenario),
  ];
}

/** The containers that the duty judges: main ones, and init containers that always restart. */
function judgedContainers(pod: PodObject): readonly Container[] {
  return [...pod.spec.containers, ...pod.spec.initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')];
}

function expectationDefects(scenario: Scenario, pods: readonly PodObject[], rules: readonly string[]): string[] {
  const { expect, scope } = scenario.case;
  const judged = pods
    .filter(({ metadata, status }) => metadata.namespace === scope.namespace && isAlive(status.phase))
    .flatMap((pod) => judgedContainers(pod).map(({ name }) => `${pod.metadata.name}/${name}`));
  const known = new Set(judged);
  return [
    ...judged.filter((subject) => !Object.hasOwn(expect, subject)).map((subject) => `${subject} has no expectation`),
    ...Object.entries(expect).flatMap(([subject, rule]) => [
      ...(known.has(subject) ? [] : [`${subject} is expected and does not exist`]),
      ...(rules.includes(rule) ? [] : [`${subject} expects the unknown rule ${rule}`]),
    ]),
  ];
}

function isAlive(phase: string): boolean {
  return phase === 'Running' || phase === 'Pending';
}

const Listed = z.array(z.looseObject({ name: z.string() })).optional();
const Summary = z.looseObject({
  pods_scanned: z.int().optional(),
  pods_rebalanced: Listed,
  pods_escalated: Listed,
  pods_skipped: Listed,
});

/** Every pod stands in exactly one list, and lists are sorted by name; a summary that states only a part is not judged. */
function summaryDefects(scenario: Scenario, pods: readonly PodObject[]): string[] {
  const summary = Summary.parse(scenario.case.expectSummary ?? {});
  const lists = [summary.pods_rebalanced, summary.pods_escalated, summary.pods_skipped].filter(
    (list) => list !== undefined,
  );
  const names = pods
    .filter(({ metadata }) => metadata.namespace === scenario.case.scope.namespace)
    .map(({ metadata }) => metadata.name);
  const listed = lists.flatMap((list) => [...new Set(list.map(({ name }) => name))]);
  const unsorted = lists.some((list) => !isSorted(list.map(({ name }) => name)));
  return [
    ...(summary.pods_scanned === undefined || summary.pods_scanned === names.length
      ? []
      : [`the summary counts ${String(summary.pods_scanned)} pods of ${String(names.length)}`]),
    ...(lists.length === 3 && !sameNames(listed, names) ? ['the summary does not list every pod exactly once'] : []),
    ...(unsorted ? ['a list of the summary is not sorted by name'] : []),
  ];
}

function isSorted(names: readonly string[]): boolean {
  return names.every((name, index) => index === 0 || (names[index - 1] ?? '') <= name);
}

function sameNames(left: readonly string[], right: readonly string[]): boolean {
  return (
    left.length === right.length && new Set(left).size === left.length && right.every((name) => left.includes(name))
  );
}

function ownerDefects(object: KubernetesObject, objects: readonly KubernetesObject[]): string[] {
  const { namespace, name } = object.metadata;
  return Owned.parse(object)
    .metadata.ownerReferences.filter(
      (owner) =>
        !objects.some(
          ({ kind, metadata }) =>
            kind === owner.kind &&
            metadata.name === owner.name &&
            metadata['uid'] === owner.uid &&
            (metadata.namespace === undefined || metadata.namespace === namespace),
        ),
    )
    .map((owner) => {
      const what = object.kind === 'Pod' ? 'pod' : object.kind;
      return `${what} ${name}: its owner ${owner.kind} ${owner.name} does not exist under that UID`;
    });
}

function podDefects(pod: PodObject): string[] {
  const containers = [...pod.spec.containers, ...pod.spec.initContainers];
  const { name } = pod.metadata;
  const sizes = containers.flatMap((container) =>
    sizeDefects(container).map((defect) => `pod ${name}, container ${container.name}: ${defect}`),
  );
  if (sizes.length > 0) {
    return sizes;
  }
  const qosClass = qosClassOf(containers);
  const stated = [...pod.status.containerStatuses, ...pod.status.initContainerStatuses];
  return [
    ...(qosClass === pod.status.qosClass
      ? []
      : [`pod ${name}: its QoS class is ${qosClass}, not ${pod.status.qosClass}`]),
    ...(pod.status.phase === 'Running'
      ? containers
          .filter((container) => !stated.some((status) => status.name === container.name))
          .map((container) => `pod ${name}: it runs and has no status of container ${container.name}`)
      : []),
  ];
}

function sizeDefects({ resources: { requests, limits } }: Container): string[] {
  const wrong = [...Object.values(requests), ...Object.values(limits)].filter((text) => nanoOf(text) === undefined);
  const over = Object.entries(requests).filter(([resource, request]) => {
    const limit = nanoOf(limits[resource] ?? '');
    const size = nanoOf(request);
    return limit !== undefined && size !== undefined && size > limit;
  });
  return [
    ...wrong.map((text) => `"${text}" is no quantity`),
    ...over.map(
      ([resource, request]) => `the request of ${resource} ${request} is over its limit ${limits[resource] ?? ''}`,
    ),
  ];
}

function nanoOf(text: string): bigint | undefined {
  try {
    return text === '' ? undefined : quantityNano(text);
  } catch {
    return undefined;
  }
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/: init containers count like the others. */
function qosClassOf(containers: readonly Container[]): string {
  const sizes = containers.flatMap(({ resources }) =>
    SIZES_JUDGED.map((resource) => [resources.requests[resource], resources.limits[resource]] as const),
  );
  if (sizes.every(([request, limit]) => request === undefined && limit === undefined)) {
    return 'BestEffort';
  }
  const equal = sizes.every(
    ([request, limit]) => request !== undefined && limit !== undefined && quantityNano(request) === quantityNano(limit),
  );
  return equal ? 'Guaranteed' : 'Burstable';
}

function seriesDefects(scenario: Scenario, pods: readonly PodObject[]): string[] {
  const nowSeconds = Date.parse(scenario.case.now) / 1000;
  const containers = new Map(
    pods.flatMap((pod) =>
      judgedContainers(pod).map(({ name }) => [`${pod.metadata.namespace}/${pod.metadata.name}/${name}`, pod] as const),
    ),
  );
  const seen = new Map<string, Set<number>>();
  return scenario.series.flatMap((series) => [
    ...referenceDefects(series, containers),
    ...timeDefects(series, nowSeconds, seen),
  ]);
}

/** The clusters of a store that several write into are not this scenario's: their series may name anything. */
function isForeign(labels: MetricSeries['labels']): boolean {
  return labels['cluster'] !== undefined && labels['cluster'] !== 'test';
}

function referenceDefects({ labels, points }: MetricSeries, containers: ReadonlyMap<string, PodObject>): string[] {
  const { namespace = '', pod = '', container = '' } = labels;
  const metric = labels['__name__'] ?? '';
  if (isForeign(labels) || container === '' || container === 'POD') {
    return [];
  }
  const found = containers.get(`${namespace}/${pod}/${container}`);
  const what = `series ${metric} of ${pod}/${container}`;
  if (found === undefined) {
    return [`${what}: there is no such container`];
  }
  const { uid, creationTimestamp } = found.metadata;
  const last = points.at(-1);
  // A pod that was replaced under its old name leaves series that end before the new one begins.
  if (last !== undefined && last[0] < Date.parse(creationTimestamp) / 1000) {
    return [];
  }
  if (labels['uid'] !== undefined && labels['uid'] !== uid) {
    return [`${what}: its uid is not the pod’s`];
  }
  if (labels['id'] !== undefined && !labels['id'].includes(`/pod${uid}/`)) {
    return [`${what}: its cgroup is not of the pod’s UID`];
  }
  return metric === RESTARTS ? restartDefects(found, container, last?.[1]) : [];
}

function restartDefects(pod: PodObject, container: string, counted: number | undefined): string[] {
  const status = [...pod.status.containerStatuses, ...pod.status.initContainerStatuses].find(
    ({ name }) => name === container,
  );
  return status === undefined || counted === undefined || status.restartCount === counted
    ? []
    : [
        `${pod.metadata.name}/${container}: the restart counter ends at ${String(counted)}, ` +
          `the API server says ${String(status.restartCount)}`,
      ];
}

function timeDefects({ labels, points }: MetricSeries, nowSeconds: number, seen: Map<string, Set<number>>): string[] {
  const key = JSON.stringify(Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1)));
  const times = seen.get(key) ?? new Set<number>();
  const doubled = points.some(([seconds]) => times.has(seconds));
  for (const [seconds] of points) {
    times.add(seconds);
  }
  seen.set(key, times);
  return [
    ...(points.length === 0 ? [`series ${key} has no sample`] : []),
    ...(doubled ? [`series ${key} is stated twice for the same time`] : []),
    ...(points.some(([seconds]) => seconds > nowSeconds) ? [`series ${key} lies after now`] : []),
  ];
}

function historyDefects(scenario: Scenario): string[] {
  const { cluster, namespace } = scenario.case.scope;
  return scenario.history.flatMap((action) => [
    ...(action.scope === `cluster=${cluster},namespace=${namespace}`
      ? []
      : [`action ${action.id} is of another scope`]),
    ...(Date.parse(action.createdAt) <= Date.parse(scenario.case.now) ? [] : [`action ${action.id} lies after now`]),
  ]);
}
