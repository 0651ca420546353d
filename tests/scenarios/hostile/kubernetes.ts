// Hostile texts in every part of a scenario's cluster and metrics that a stranger can write to. What is judged (sizes, use, counts,
// which of our own things is meant) stays as it is.
import type { KubernetesObject, Scenario } from '../../../fixtures/platform/scenario.ts';
import { marked, ORDERS, TEXTS } from './corpus.ts';

type Loose = Record<string, unknown>;

/** `turn` says which texts stand where only one can: all of them do over the scenarios. */
export function withHostileCluster(scenario: Scenario, turn: number): Scenario {
  let next = turn;
  const text = (): string => {
    next += 1;
    return marked(next);
  };
  const nodes = new Map<string, string>();
  const nodeName = (name: string): string => {
    const given = nodes.get(name) ?? text();
    nodes.set(name, given);
    return given;
  };
  const everything = Object.fromEntries(
    TEXTS.map((_, index) => [`zzhostile.dev/note-${String(index)}`, marked(index)]),
  );
  const labels = { ...everything, [text()]: text() };
  const hosted = scenario.cluster.objects.map((object) => {
    const copy = structuredClone(object) as unknown as Loose;
    const metadata = partOf(copy, 'metadata');
    metadata['labels'] = { ...(metadata['labels'] as Loose | undefined), ...labels };
    metadata['annotations'] = { ...(metadata['annotations'] as Loose | undefined), ...labels };
    rewrite(copy, metadata, text, nodeName);
    return copy as unknown as KubernetesObject;
  });
  const series = scenario.series.map((one) => ({ ...one, labels: { ...one.labels, note: text() } }));
  return { ...scenario, cluster: { ...scenario.cluster, objects: [...hosted, ...strangers(text)] }, series };
}

const NAMED = ['HorizontalPodAutoscaler', 'VerticalPodAutoscaler', 'ResourceQuota', 'LimitRange'];
const KNOWN_OWNERS = ['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Node'];

function rewrite(object: Loose, metadata: Loose, text: () => string, nodeName: (name: string) => string): void {
  const kind = object['kind'] as string;
  if (kind === 'Node') {
    metadata['name'] = nodeName(metadata['name'] as string);
  }
  if (NAMED.includes(kind)) {
    metadata['name'] = text();
  }
  if (kind === 'Pod') {
    rewritePod(object, metadata, text, nodeName);
  }
}

function rewritePod(pod: Loose, metadata: Loose, text: () => string, nodeName: (name: string) => string): void {
  const [spec, status] = [partOf(pod, 'spec'), partOf(pod, 'status')];
  if (typeof spec['nodeName'] === 'string') {
    spec['nodeName'] = nodeName(spec['nodeName']);
  }
  const owners = listOf(metadata, 'ownerReferences');
  if (owners.every(({ kind }) => !KNOWN_OWNERS.includes(kind as string))) {
    partOf(metadata, 'labels')['controller-revision-hash'] = text();
  }
  for (const owner of owners.filter((one) => !KNOWN_OWNERS.includes(one['kind'] as string))) {
    owner['kind'] = text();
    owner['name'] = text();
  }
  status['message'] = text();
  status['reason'] = text();
  for (const condition of listOf(status, 'conditions')) {
    condition['message'] = text();
  }
  for (const container of listOf(status, 'containerStatuses')) {
    const { waiting, terminated } = partOf(container, 'state') as Record<string, Loose | undefined>;
    for (const state of [waiting, terminated].filter((one) => one !== undefined)) {
      state['message'] = text();
      state['reason'] = text();
    }
  }
}

/** An object inside of another, made where it is not there. */
function partOf(object: Loose, key: string): Loose {
  object[key] ??= {};
  return object[key] as Loose;
}

function listOf(object: Loose, key: string): readonly Loose[] {
  return (object[key] ?? []) as readonly Loose[];
}

/** Things beside ours that concern none of our pods. */
function strangers(text: () => string): readonly KubernetesObject[] {
  const at = { namespace: 'default' };
  const made = [
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: text() },
      spec: { unschedulable: true },
      status: { allocatable: { cpu: '1', memory: '1Ki', pods: '1' }, conditions: [] },
    },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { ...at, name: text() },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: text(), name: text() },
        minReplicas: 1,
        maxReplicas: 2,
        metrics: [
          { type: 'Resource', resource: { name: text(), target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
      },
    },
    {
      apiVersion: 'autoscaling.k8s.io/v1',
      kind: 'VerticalPodAutoscaler',
      metadata: { ...at, name: text() },
      spec: { targetRef: { apiVersion: 'apps/v1', kind: text(), name: text() }, updatePolicy: { updateMode: text() } },
    },
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { ...at, name: text() },
      spec: { hard: { [text()]: '1' }, scopes: [text()] },
      status: { hard: { [text()]: '1' }, used: { [text()]: '1' } },
    },
    {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { ...at, name: text() },
      spec: {
        limits: [
          { type: text(), max: { [text()]: '1' }, min: { [text()]: '1' }, maxLimitRequestRatio: { [text()]: '9' } },
        ],
      },
    },
  ];
  return made as unknown as readonly KubernetesObject[];
}

/** The scenario with other names of the given things, which give orders; the same names everywhere, in the same order. */
export function renamed(
  scenario: Scenario,
  names: readonly string[],
): { readonly scenario: Scenario; readonly back: (text: string) => string } {
  const pairs = names.map(
    (name, index) => [name, `${name.slice(0, 3)}${ORDERS[index % ORDERS.length] ?? ''}`] as const,
  );
  const { buildLog, ...data } = scenario;
  const text = pairs.reduce(
    (rest, [name, order]) => rest.replaceAll(new RegExp(`(?<![A-Za-z])${name}(?![A-Za-z])`, 'g'), order),
    JSON.stringify(data),
  );
  return {
    scenario: { ...(JSON.parse(text) as Scenario), ...(buildLog && { buildLog }) },
    back: (told) => pairs.reduce((rest, [name, order]) => rest.replaceAll(order, name), told),
  };
}
