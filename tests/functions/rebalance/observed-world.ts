// A cluster and a metrics store to observe: one pod of one Deployment, and what a test changes of them. Counts what is asked.
import { expect } from 'vitest';
import { observe } from '../../../functions/rebalance/observe.ts';
import type { RebalancePolicy } from '../../../functions/rebalance/schema.ts';
import { RebalanceFacts } from '../../../functions/rebalance/schema-facts.ts';
import type { ActionRecord } from '../../../shared/core/action.ts';
import type { Policy } from '../../../shared/core/policy.ts';
import type { Cluster, Node, Pod, Workload } from '../../../shared/ports/cluster.ts';
import type { Metrics, Sample, Series } from '../../../shared/ports/metrics.ts';
import { ago, decideOn, MI, NOW, policy } from './build.ts';

export function podOf(name: string, changes: Partial<Pod> = {}, meta: Partial<Pod['meta']> = {}): Pod {
  return {
    meta: {
      namespace: 'default',
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      generation: 1,
      createdAt: ago(100),
      deletedAt: null,
      labels: { app: 'shop', 'pod-template-hash': 'abc' },
      annotations: { 'nightshift.dev/note': 'x' },
      owners: [{ kind: 'ReplicaSet', name: 'shop-abc', uid: 'rs', controller: true }],
      ...meta,
    },
    nodeName: 'node-1',
    phase: 'Running',
    reason: null,
    qosClass: 'Burstable',
    priorityClassName: null,
    startedAt: ago(100),
    ready: true,
    containers: [
      {
        name: 'app',
        role: 'main',
        resources: { requests: { cpu: '1', memory: '512Mi' }, limits: { memory: '1Gi' } },
        resizePolicy: {},
      },
      { name: 'setup', role: 'init', resources: { requests: { memory: '2Gi' }, limits: {} }, resizePolicy: {} },
    ],
    statuses: [
      {
        name: 'app',
        ready: true,
        restartCount: 0,
        state: 'running',
        reason: null,
        startedAt: ago(100),
        lastTermination: null,
        resources: null,
      },
    ],
    resize: null,
    resizes: [],
    isStatic: false,
    podResources: null,
    overhead: {},
    ...changes,
  };
}

const WORKLOAD: Workload = {
  kind: 'Deployment',
  meta: { ...podOf('shop').meta, uid: 'uid-deployment', generation: 3, owners: [] },
  replicas: 1,
  readyReplicas: 1,
  updatedReplicas: 1,
  availableReplicas: 1,
  observedGeneration: 3,
  paused: false,
  strategy: 'RollingUpdate',
  revisionPending: false,
  selector: { app: 'shop' },
  containers: [
    {
      name: 'app',
      role: 'main',
      resources: { requests: { memory: '512Mi' }, limits: { memory: '1Gi' } },
      resizePolicy: {},
    },
  ],
  templateLabels: { tier: 'web' },
};

export interface World {
  pods?: readonly Pod[] | Error;
  exists?: boolean | Error;
  nodes?: readonly Node[];
  onNodes?: readonly Pod[];
  verticalAutoscalers?: boolean;
  metrics?: (query: string) => readonly Sample[] | Error;
  kills?: readonly Series[] | Error;
  history?: readonly ActionRecord[];
  cluster?: Partial<Cluster>;
}

function raised<T>(value: T | Error): Promise<T> {
  return value instanceof Error ? Promise.reject(value) : Promise.resolve(value);
}

/** Half of everything in use, fresh and complete. */
export function usual(query: string): readonly Sample[] {
  const of = (value: number): readonly Sample[] => [
    { labels: { namespace: 'default', pod: 'shop-abc-1', container: 'app' }, value },
  ];
  if (query.startsWith('count by (cluster)')) {
    return [{ labels: {}, value: 1 }];
  }
  if (query.startsWith('count_over_time')) {
    return of(288);
  }
  return of(query.includes('cpu') ? 0.5 : 512 * MI);
}

export async function run(world: World, by: Policy<RebalancePolicy> = policy()) {
  const calls: string[] = [];
  const cluster = {
    name: 'test',
    server: 'https://test',
    version: () =>
      Promise.resolve({
        gitVersion: 'v1.34.4',
        major: 1,
        minor: 34,
        podResize: true,
        verticalAutoscalers: world.verticalAutoscalers ?? false,
      }),
    listPods: () => raised(world.pods ?? [podOf('shop-abc-1')]),
    namespaceExists: () => raised(world.exists ?? true),
    listWorkloads: () => Promise.resolve([WORKLOAD]),
    listHorizontalAutoscalers: () => Promise.resolve({ items: [] }),
    listVerticalAutoscalers: () => Promise.resolve({ items: [] }),
    listQuotas: () => Promise.resolve({ items: [] }),
    listLimitRanges: () => Promise.resolve({ items: [] }),
    listNodes: (names?: readonly string[]) =>
      Promise.resolve({
        items: (world.nodes ?? [{ name: 'node-1', allocatable: { memory: '8Gi' }, unschedulable: false }]).filter(
          ({ name }) => names?.includes(name) ?? true,
        ),
      }),
    listPodsOnNodes: () => Promise.resolve({ items: world.onNodes ?? [] }),
    ...world.cluster,
  } as unknown as Cluster;
  const counted = new Proxy(cluster, {
    get(target, key) {
      if (typeof key === 'string') {
        calls.push(key);
      }
      return Reflect.get(target, key) as unknown;
    },
  });
  const metrics = {
    instant: (query: string) => {
      calls.push(query);
      return raised((world.metrics ?? usual)(query));
    },
    range: () => raised(world.kills ?? []),
  } as unknown as Metrics;
  const facts = await observe({
    scope: { cluster: 'test', namespace: 'default' },
    policy: by,
    now: NOW,
    ports: { cluster: () => counted, metrics: () => metrics },
    history: { actionsSince: () => Promise.resolve(world.history ?? []) },
    progress: () => undefined,
  });
  const stored = RebalanceFacts.parse(JSON.parse(JSON.stringify(facts)));
  expect(stored).toEqual(facts);
  return { facts, calls, decisions: decideOn(facts, by) };
}
