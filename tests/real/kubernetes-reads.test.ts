// The Kubernetes adapter's reads against a real API server: both encodings, pages, snapshots that expire.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { until } from './kubernetes-api.ts';
import { compact, type RealCluster } from './kubernetes-cluster.ts';
import { startKubernetes } from './kubernetes.ts';
import {
  BURSTABLE,
  container,
  horizontalPodAutoscaler,
  limitRange,
  pod,
  resourceQuota,
  verticalPodAutoscaler,
  workload,
} from './objects.ts';
import { adapterOf, forwardedAdapter, installVerticalAutoscalers } from './rig.ts';
import { describeWith } from './suite.ts';

/** Of the whole cluster, which may not be ours. */
const PRIORITY = 'nightshift-test-high';
const GATED = { schedulingGates: [{ name: 'nightshift.test/never' }] };

let real: RealCluster;

describeWith(
  ['kubernetes'],
  'reads of the Kubernetes adapter',
  () => real?.log(),
  () => {
    beforeAll(async () => {
      real = await startKubernetes();
    });
    afterAll(async () => {
      await real?.close();
    });

    describe('a namespace of every kind', () => {
      let namespace: string;

      beforeAll(async () => {
        namespace = await real.createNamespace('kinds');
        await fill(namespace);
      });

      test('reads the same from protobuf and from JSON', async () => {
        await using forwarded = await forwardedAdapter(real, { accept: 'application/json' });
        const [protobuf, json] = [adapter(), forwarded.cluster];
        for (const [what, read] of Object.entries(READS)) {
          // Controllers go on writing while we read: what differs for good is a difference.
          const [one, other] = await until(
            `both encodings of ${what} agree`,
            () => Promise.all([read(protobuf, namespace), read(json, namespace)]),
            ([left, right]) => isDeepStrictEqual(left, right),
            20,
          );
          expect(one, what).toEqual(other);
          expect(JSON.stringify(one), what).not.toMatch(/"items":\[\]|^\[\]$/);
        }
      });

      test('reads of a pod what was written', async () => {
        const pods = await adapter().listPods(namespace);
        const rich = pods.find(({ meta }) => meta.name === 'rich');
        expect(await adapter().listPods(namespace, { labels: { note: 'high' } })).toEqual([rich]);
        expect(await adapter().listPods(namespace, { labels: { note: 'high', app: 'nobody' } })).toEqual([]);
        expect(rich).toMatchObject({
          qosClass: 'Burstable',
          phase: 'Running',
          ready: true,
          meta: { labels: { note: 'high' }, annotations: { 'nightshift.dev/note': 'größer' }, deletedAt: null },
          priorityClassName: null,
          resize: null,
          resizes: [],
          isStatic: false,
        });
        expect(rich?.meta.annotations).not.toHaveProperty('example.com/large');
        expect(rich?.containers.map(({ name, role }) => [name, role])).toEqual([
          ['app', 'main'],
          ['second', 'main'],
          ['proxy', 'sidecar'],
          ['setup', 'init'],
        ]);
        expect(rich?.containers[0]).toMatchObject({
          resources: { requests: { cpu: '250m', memory: '1536Mi' }, limits: { cpu: '1500m', memory: '2Gi' } },
          resizePolicy: { memory: 'RestartContainer' },
        });
        expect(rich?.statuses.find(({ name }) => name === 'app')).toMatchObject({
          state: 'running',
          restartCount: 0,
          resources: { requests: { memory: '1536Mi' } },
        });
      });

      test('reads of workloads what their controllers say', async () => {
        const cluster = adapter();
        const workloads = await until(
          'all workloads are rolled out',
          () => cluster.listWorkloads(namespace),
          (all) => all.length === 3 && all.every(({ replicas, readyReplicas }) => replicas === readyReplicas),
        );
        expect(workloads.map(({ kind, replicas, strategy }) => [kind, replicas > 0, strategy])).toEqual([
          ['Deployment', true, 'RollingUpdate'],
          ['StatefulSet', true, 'RollingUpdate'],
          ['DaemonSet', true, 'RollingUpdate'],
        ]);
        for (const one of workloads) {
          expect(one.updatedReplicas).toBe(one.replicas);
          expect(one.observedGeneration).toBe(one.meta.generation);
          expect(one.revisionPending).toBe(false);
          expect(await cluster.readWorkload(one.kind, namespace, one.meta.name)).toEqual(one);
        }
      });

      test('reads what bounds and steers containers', async () => {
        const cluster = adapter();
        expect(await cluster.listHorizontalAutoscalers(namespace)).toEqual({
          items: [
            {
              name: 'web',
              target: { kind: 'Deployment', name: 'web' },
              minReplicas: 1,
              maxReplicas: 4,
              resources: ['cpu', 'memory'],
            },
          ],
        });
        expect(await cluster.listVerticalAutoscalers(namespace)).toEqual({
          items: [
            { name: 'db', target: { kind: 'StatefulSet', name: 'db' }, updateMode: 'Off' },
            { name: 'web', target: { kind: 'Deployment', name: 'web' }, updateMode: 'Auto' },
          ],
        });
        const quotas = await cluster.listQuotas(namespace);
        expect('items' in quotas && quotas.items).toMatchObject([
          { name: 'everything', hard: { 'limits.memory': '64Gi' }, scopes: [] },
          { name: 'scoped', scopes: ['NotTerminating', `PriorityClass In (${PRIORITY})`] },
        ]);
        const ranges = await cluster.listLimitRanges(namespace);
        expect('items' in ranges && ranges.items).toMatchObject([
          {
            name: 'range',
            items: [{ type: 'Container', max: { memory: '8Gi' }, maxLimitRequestRatio: { cpu: '20' } }],
          },
        ]);
      });

      test('finds the pods of other namespaces on the same nodes', async () => {
        const cluster = adapter();
        const nodes = await cluster.listNodes();
        const names = 'items' in nodes ? nodes.items.map(({ name }) => name) : [];
        const all = 'items' in nodes ? await cluster.listPodsOnNodes(names) : nodes;
        const one = await cluster.listPodsOnNodes(names.slice(0, 1));
        const mine = await cluster.listPods(namespace);
        const namesOf = (list: typeof all): readonly string[] =>
          'items' in list ? list.items.map(({ meta }) => `${meta.namespace}/${meta.name}`) : [];
        expect(namesOf(all)).toEqual(
          expect.arrayContaining(
            mine.filter(({ nodeName }) => nodeName !== null).map(({ meta }) => `${meta.namespace}/${meta.name}`),
          ),
        );
        expect('items' in one && one.items.every(({ nodeName }) => nodeName === names[0])).toBe(true);
        const named = await cluster.listNodes(names.slice(0, 1));
        expect('items' in named && named.items.map(({ name }) => name)).toEqual(names.slice(0, 1));
        const small = await adapterOf(real, { pageSize: 1 }).listNodes(names.slice(1, 2));
        expect('items' in small && small.items.map(({ name }) => name)).toEqual(names.slice(1, 2));
      });
    });

    describe('long lists', () => {
      test('are read in pages, while 5,000 pods change, as they were at the first page', async () => {
        const namespace = await real.createNamespace('many');
        const names = Array.from({ length: 5000 }, (_, index) => `pod-${String(index).padStart(5, '0')}`);
        await createAll(namespace, names);
        let page = 0;
        await using forwarded = await forwardedAdapter(real, {
          before: async ({ query }) => {
            page += query.has('continue') ? 1 : 0;
            const last = query.has('continue') ? names[names.length - page] : undefined;
            if (last !== undefined) {
              await real.api.remove({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name: last } });
              await createAll(namespace, [`pod-99999-${String(page)}`]);
            }
          },
        });
        const counts: number[] = [];
        const pods = await forwarded.cluster.listPods(namespace, { progress: (count) => counts.push(count) });
        expect(pods.map(({ meta }) => meta.name)).toEqual(names);
        expect(counts).toEqual(Array.from({ length: 10 }, (_, index) => (index + 1) * 500));
        expect(forwarded.requests).toHaveLength(10);
      });

      test('of pods on nodes are not read where asking the nodes costs less: the server tells how long they are', async () => {
        const namespace = await real.createNamespace('counted');
        await createAll(
          namespace,
          Array.from({ length: 501 }, (_, index) => `pod-${String(index)}`),
        );
        await using forwarded = await forwardedAdapter(real, {});
        const nodes = ['a', 'b', 'c', 'd'].map((name) => `no-such-node-${name}`);
        expect(await forwarded.cluster.listPodsOnNodes(nodes)).toEqual({ items: [] });
        const asked = forwarded.requests.map(({ query }) => query.get('fieldSelector')?.split(',').at(-1));
        expect(forwarded.requests[0]?.query.get('limit')).toBe('1');
        expect(asked.slice(1).sort()).toEqual(nodes.map((node) => `spec.nodeName=${node}`));
      });

      test('go on from the newer state when their snapshot has expired on the way (410)', async ({ skip }) => {
        const { own } = real;
        skip(own === undefined, 'the history of a cluster that was lent is left alone');
        const namespace = await real.createNamespace('expired');
        const names = ['a', 'b', 'c', 'd', 'e', 'f'];
        await createAll(namespace, names);
        await using forwarded = await forwardedAdapter(
          real,
          {
            before: async ({ query }) => {
              if (query.has('continue') && own !== undefined && forwarded.requests.length === 2) {
                await createAll(namespace, ['z']);
                await compact(own);
                query.set('continue', aged(query.get('continue') ?? ''));
              }
            },
          },
          { pageSize: 2 },
        );
        const pods = await forwarded.cluster.listPods(namespace);
        expect(forwarded.requests.map(({ status }) => status)).toContain(410);
        expect(pods.map(({ meta }) => meta.name)).toEqual([...names, 'z']);
      });
    });
  },
);

const READS: Readonly<Record<string, (cluster: Cluster, namespace: string) => Promise<unknown>>> = {
  pods: (cluster, namespace) => cluster.listPods(namespace),
  pod: (cluster, namespace) => cluster.readPod(namespace, 'rich'),
  workloads: (cluster, namespace) => cluster.listWorkloads(namespace),
  horizontal: (cluster, namespace) => cluster.listHorizontalAutoscalers(namespace),
  vertical: (cluster, namespace) => cluster.listVerticalAutoscalers(namespace),
  quotas: (cluster, namespace) => cluster.listQuotas(namespace),
  ranges: (cluster, namespace) => cluster.listLimitRanges(namespace),
  nodes: (cluster) => cluster.listNodes(),
  version: (cluster) => cluster.version(),
};

function adapter(): Cluster {
  return adapterOf(real);
}

/**
 * The token of the same list begun long ago. Since 1.34 the API server keeps snapshots of its own for a while after etcd has
 * forgotten its history, so that a fresh token cannot be made to expire within a test's time.
 */
function aged(token: string): string {
  const told = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { readonly rv: number };
  return Buffer.from(JSON.stringify({ ...told, rv: 2 })).toString('base64url');
}

/** Pods that nobody schedules: for lists it is enough that they are there. */
async function createAll(namespace: string, names: readonly string[]): Promise<void> {
  const queue = names.values();
  async function work(): Promise<void> {
    for (const name of queue) {
      await real.api.create(pod(namespace, name, BURSTABLE, { spec: GATED }));
    }
  }
  await Promise.all(Array.from({ length: 16 }, work));
}

/** One object of every kind that is read, with what is easily read wrongly: fractions, other scripts, sidecars, defaults. */
async function fill(namespace: string): Promise<void> {
  await installVerticalAutoscalers(real);
  await real.createForCluster({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: PRIORITY },
    value: 1000,
  });
  const uneven = { requests: { cpu: '0.25', memory: '1.5Gi' }, limits: { cpu: '1.5', memory: '2048Mi' } };
  const objects = [
    resourceQuota(namespace, 'everything', { 'limits.memory': '64Gi', pods: '100' }),
    resourceQuota(
      namespace,
      'scoped',
      { pods: '10' },
      {
        scopes: ['NotTerminating'],
        scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: [PRIORITY] }] },
      },
    ),
    limitRange(namespace, 'range', { max: { memory: '8Gi', cpu: '8' }, maxLimitRequestRatio: { cpu: '20' } }),
    pod(namespace, 'rich', uneven, {
      labels: { note: 'high' },
      annotations: { 'nightshift.dev/protect': 'yes', 'nightshift.dev/note': 'größer', 'example.com/large': 'x' },
      spec: {
        containers: [
          container('app', uneven, { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }),
          container('second', { limits: { cpu: '2', memory: '512Mi' } }),
        ],
        initContainers: [
          container(
            'proxy',
            { requests: { cpu: '10m', memory: '16Mi' }, limits: { cpu: '100m', memory: '64Mi' } },
            {
              restartPolicy: 'Always',
            },
          ),
          container('setup', { limits: { cpu: '100m', memory: '32Mi' } }),
        ],
      },
    }),
    pod(namespace, 'waiting', BURSTABLE, { spec: GATED }),
    pod(namespace, 'urgent', BURSTABLE, { spec: { priorityClassName: PRIORITY } }),
    workload('Deployment', namespace, 'web', BURSTABLE, { replicas: 2 }),
    workload('StatefulSet', namespace, 'db', BURSTABLE, { replicas: 2 }),
    workload('DaemonSet', namespace, 'agent', BURSTABLE),
    horizontalPodAutoscaler(namespace, 'web', ['memory', 'cpu']),
    verticalPodAutoscaler(namespace, 'web', { kind: 'Deployment', name: 'web' }),
    verticalPodAutoscaler(namespace, 'db', { kind: 'StatefulSet', name: 'db' }, 'Off'),
  ];
  for (const object of objects) {
    await real.api.create(object);
  }
  await until(
    'the pods run',
    () => adapter().listPods(namespace),
    (pods) =>
      pods.length >= 10 &&
      pods.every(({ meta, phase, ready }) => meta.name === 'waiting' || (phase === 'Running' && ready)),
  );
}
