// Controllers: rollouts after a change of a template, scale, deletion, eviction.
import { expect, test } from 'vitest';
import { at, deployment, node, ownedBy, pod, runCluster } from './running-cluster.ts';
import type { RunningCluster, Tree } from './running-cluster.ts';

const DEPLOYMENT = '/apis/apps/v1/namespaces/shop/deployments/web';

function memoryOf(containers: unknown): string | undefined {
  return (containers as { resources: { limits: Record<string, string> } }[])[0]?.resources.limits['memory'];
}

async function pods({ ask }: RunningCluster) {
  const answer = await ask('/api/v1/namespaces/shop/pods');
  return (answer.json['items'] as unknown as Tree[]).map((item) => ({
    name: String(at(item, 'metadata', 'name')),
    uid: String(at(item, 'metadata', 'uid')),
    phase: String(at(item, 'status', 'phase')),
    memory: memoryOf(at(item, 'spec', 'containers')),
  }));
}

async function webDeployment(spec: object = {}) {
  const owner = ownedBy('ReplicaSet', 'web-7d9f8');
  return runCluster([
    node('node-1'),
    deployment('web', { spec: { replicas: 4, ...spec } }),
    ...['a', 'b', 'c', 'd'].map((suffix) =>
      pod(`web-7d9f8-${suffix}`, { metadata: { labels: { app: 'web' }, ...owner } }),
    ),
  ]);
}

const raise = {
  spec: { template: { spec: { containers: [{ name: 'app', resources: { limits: { memory: '640Mi' } } }] } } },
};

test('a deployment that nobody touches is healthy and stays as it is', async () => {
  const cluster = await webDeployment();
  const before = await cluster.ask(DEPLOYMENT);
  expect(before.json['status']).toMatchObject({
    observedGeneration: 1,
    replicas: 4,
    updatedReplicas: 4,
    availableReplicas: 4,
  });
  cluster.clock.advance(3_600_000);
  expect((await cluster.ask(DEPLOYMENT)).json).toEqual(before.json);
  expect(await pods(cluster)).toHaveLength(4);
});

test('a changed template is rolled out in waves within its bounds, with new names, uids and sizes', async () => {
  const cluster = await webDeployment();
  const old = await pods(cluster);
  const accepted = await cluster.patch(DEPLOYMENT, raise);
  expect(accepted.json).toMatchObject({ metadata: { generation: 2 }, status: { observedGeneration: 1 } });
  const seen: number[] = [];
  for (let wave = 0; wave < 6; wave += 1) {
    const now = await pods(cluster);
    seen.push(now.length);
    expect(now.length).toBeLessThanOrEqual(5);
    expect(now.filter(({ phase }) => phase === 'Running').length).toBeGreaterThanOrEqual(3);
    cluster.clock.advance(5000);
  }
  expect(Math.max(...seen)).toBe(5);
  const fresh = await pods(cluster);
  expect(fresh.map(({ memory, phase }) => [memory, phase])).toEqual(
    Array.from({ length: 4 }, () => ['640Mi', 'Running']),
  );
  expect(fresh.filter(({ name, uid }) => old.some((one) => one.name === name || one.uid === uid))).toEqual([]);
  expect((await cluster.ask(DEPLOYMENT)).json['status']).toMatchObject({
    observedGeneration: 2,
    replicas: 4,
    updatedReplicas: 4,
    readyReplicas: 4,
    conditions: [{ type: 'Progressing', reason: 'NewReplicaSetAvailable' }],
  });
  const revision = fresh[0]?.name.split('-').slice(0, 2).join('-');
  const sets = await cluster.ask('/apis/apps/v1/namespaces/shop/replicasets');
  expect(sets.json['items']).toMatchObject([{ metadata: { name: revision }, spec: { replicas: 4 } }]);
});

test('a rollout under way shows in the status', async () => {
  const cluster = await webDeployment();
  await cluster.patch(DEPLOYMENT, raise);
  const status = (await cluster.ask(DEPLOYMENT)).json['status'];
  expect(status).toMatchObject({ observedGeneration: 2, conditions: [{ reason: 'ReplicaSetUpdated' }] });
  expect(at(status, 'updatedReplicas')).toBeLessThan(4);
});

test('a change of labels of the deployment rolls nothing out, and a paused one waits', async () => {
  const cluster = await webDeployment({ paused: true });
  const before = await pods(cluster);
  await cluster.patch(DEPLOYMENT, { metadata: { labels: { team: 'a' } } });
  expect(at((await cluster.ask(DEPLOYMENT)).json, 'metadata', 'generation')).toBe(1);
  await cluster.patch(DEPLOYMENT, raise);
  cluster.clock.advance(60_000);
  expect(await pods(cluster)).toEqual(before);
  expect((await cluster.ask(DEPLOYMENT)).json['status']).toEqual({
    observedGeneration: 2,
    replicas: 4,
    readyReplicas: 4,
    availableReplicas: 4,
    // No updatedReplicas: the real server leaves a count of zero out.
  });
});

test('a count of zero that a scenario states is kept, and left out of JSON as by the real server', async () => {
  const unready = { ...deployment('web'), status: { readyReplicas: 0, updatedReplicas: 1 } };
  const { ask } = await runCluster([node('node-1'), unready]);
  expect((await ask(DEPLOYMENT)).json['status']).toEqual({
    observedGeneration: 1,
    replicas: 2,
    updatedReplicas: 1,
    availableReplicas: 2,
  });
});

test('a StatefulSet replaces its pods one by one under their own names', async () => {
  const set = {
    ...deployment('db', { spec: { serviceName: 'db' } }),
    kind: 'StatefulSet',
  };
  const members = [0, 1].map((index) =>
    pod(`db-${String(index)}`, { metadata: { labels: { app: 'db' }, ...ownedBy('StatefulSet', 'db') } }),
  );
  const path = '/apis/apps/v1/namespaces/shop/statefulsets/db';
  const cluster = await runCluster([node('node-1'), set, ...members]);
  const before = await pods(cluster);
  await cluster.patch(path, raise);
  expect((await pods(cluster)).map(({ phase }) => phase)).toEqual(['Running', 'Pending']);
  const during = (await cluster.ask(path)).json['status'];
  expect(at(during, 'updateRevision')).not.toBe(at(during, 'currentRevision'));
  cluster.clock.advance(20_000);
  const after = await pods(cluster);
  expect(after.map(({ name, memory }) => [name, memory])).toEqual([
    ['db-0', '640Mi'],
    ['db-1', '640Mi'],
  ]);
  expect(after.filter(({ uid }) => before.some((one) => one.uid === uid))).toEqual([]);
  const done = (await cluster.ask(path)).json['status'];
  expect(at(done, 'updateRevision')).toBe(at(done, 'currentRevision'));
  const refused = await cluster.patch(path, { spec: { serviceName: 'other' } });
  expect(refused.json['message']).toContain('updates to statefulset spec for fields other than');
});

test('with OnDelete a pod is replaced only when somebody deletes it', async () => {
  const spec = { serviceName: 'db', replicas: 1, updateStrategy: { type: 'OnDelete' } };
  const member = pod('db-0', { metadata: { labels: { app: 'db' }, ...ownedBy('StatefulSet', 'db') } });
  const cluster = await runCluster([node('node-1'), { ...deployment('db', { spec }), kind: 'StatefulSet' }, member]);
  await cluster.patch('/apis/apps/v1/namespaces/shop/statefulsets/db', raise);
  cluster.clock.advance(60_000);
  expect((await pods(cluster)).map(({ memory }) => memory)).toEqual(['512Mi']);
  await cluster.ask('/api/v1/namespaces/shop/pods/db-0', { method: 'DELETE' });
  cluster.clock.advance(1000);
  await cluster.ask('/version');
  cluster.clock.advance(5000);
  expect((await pods(cluster)).map(({ memory, phase }) => [memory, phase])).toEqual([['640Mi', 'Running']]);
});

test('a DaemonSet replaces its pod on each node', async () => {
  const set = { ...deployment('log', { spec: { replicas: undefined } }), kind: 'DaemonSet' };
  const members = ['node-1', 'node-2'].map((nodeName) =>
    pod(`log-${nodeName}`, {
      metadata: { labels: { app: 'log' }, ...ownedBy('DaemonSet', 'log') },
      spec: { nodeName },
    }),
  );
  const cluster = await runCluster([
    node('node-1'),
    node('node-2'),
    JSON.parse(JSON.stringify(set)) as object,
    ...members,
  ]);
  const path = '/apis/apps/v1/namespaces/shop/daemonsets/log';
  expect((await cluster.ask(path)).json['status']).toMatchObject({
    desiredNumberScheduled: 2,
    numberReady: 2,
    numberMisscheduled: 0,
  });
  await cluster.patch(path, raise);
  cluster.clock.advance(20_000);
  const after = cluster.double.objects('Pod') as unknown as { spec: { nodeName: string; containers: unknown } }[];
  expect(after.map(({ spec }) => spec.nodeName).sort()).toEqual(['node-1', 'node-2']);
  expect(after.map(({ spec }) => memoryOf(spec.containers))).toEqual(['640Mi', '640Mi']);
  expect((await cluster.ask(path)).json['status']).toMatchObject({ updatedNumberScheduled: 2, observedGeneration: 2 });
});

test('scale is read and changed through its subresource', async () => {
  const cluster = await webDeployment();
  const scale = await cluster.ask(`${DEPLOYMENT}/scale`);
  expect(scale.json).toMatchObject({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { replicas: 4 },
    status: { replicas: 4, selector: 'app=web' },
  });
  const down = await cluster.patch(`${DEPLOYMENT}/scale`, { spec: { replicas: 2 } }, 'merge');
  expect(at(down.json, 'spec', 'replicas')).toBe(2);
  expect(await pods(cluster)).toHaveLength(2);
  await cluster.patch(`${DEPLOYMENT}/scale`, { spec: { replicas: 3 } }, 'merge');
  await cluster.ask('/version');
  cluster.clock.advance(5000);
  expect((await pods(cluster)).map(({ phase }) => phase)).toEqual(['Running', 'Running', 'Running']);
});

test('an eviction is refused by a disruption budget, and replaces the pod when there is room', async () => {
  const budget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { minAvailable: 3, selector: { matchLabels: { app: 'web' } } },
  };
  const cluster = await webDeployment();
  cluster.double.add(budget);
  function evict(name: string) {
    return cluster.ask(`/api/v1/namespaces/shop/pods/${name}/eviction`, {
      method: 'POST',
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'shop' } },
      headers: { 'content-type': 'application/json' },
    });
  }
  const first = await evict('web-7d9f8-a');
  expect(first.status).toBe(201);
  expect(first.json).toEqual({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
  const second = await evict('web-7d9f8-b');
  expect(second.status).toBe(429);
  expect(second.json).toMatchObject({
    reason: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [
        { reason: 'DisruptionBudget', message: 'The disruption budget web needs 3 healthy pods and has 4 currently' },
      ],
    },
  });
  cluster.clock.advance(1000);
  expect((await pods(cluster)).map(({ name }) => name)).not.toContain('web-7d9f8-a');
  await cluster.ask('/version');
  cluster.clock.advance(10_000);
  expect((await pods(cluster)).filter(({ phase }) => phase === 'Running')).toHaveLength(4);
  expect((await evict('web-7d9f8-b')).status).toBe(201);
});

test('a deleted pod is told as terminating, then gone; a precondition on its uid is kept', async () => {
  const { ask, clock } = await runCluster([node('node-1'), pod('web')]);
  const path = '/api/v1/namespaces/shop/pods/web';
  const wrong = await ask(path, { method: 'DELETE', body: { preconditions: { uid: 'other' } } });
  expect(wrong.status).toBe(409);
  expect(wrong.json['message']).toContain('Precondition failed: UID in precondition: other');
  await ask(path, { method: 'DELETE' });
  expect((await ask(path)).json['metadata']).toMatchObject({
    deletionTimestamp: '2026-03-02T10:00:00Z',
    deletionGracePeriodSeconds: 30,
  });
  clock.advance(1000);
  expect((await ask(path)).status).toBe(404);
});

test('objects are created with what the server adds, once', async () => {
  const { ask } = await runCluster([]);
  const path = '/api/v1/namespaces/shop/events';
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: 'resize-' },
    involvedObject: { kind: 'Pod', name: 'web' },
    reason: 'Resized',
    message: 'by Nightshift',
  };
  const created = await ask(path, { method: 'POST', body: event });
  expect(created.status).toBe(201);
  expect(created.json['metadata']).toMatchObject({ namespace: 'shop', creationTimestamp: '2026-03-02T10:00:00Z' });
  expect(at(created.json, 'metadata', 'name')).toMatch(/^resize-[a-z0-9]{5}$/);
  const named = { ...event, metadata: { name: 'one' } };
  expect((await ask(path, { method: 'POST', body: named })).status).toBe(201);
  const again = await ask(path, { method: 'POST', body: named });
  expect([again.status, again.json['message']]).toEqual([409, 'events "one" already exists']);
  const bad = await ask(path, { method: 'POST', body: { ...event, metadata: { name: 'Not_A_Name' } } });
  expect(bad.status).toBe(422);
  expect((await ask(`${path}?fieldSelector=involvedObject.name%3Dweb`)).json['items']).toHaveLength(2);
});
