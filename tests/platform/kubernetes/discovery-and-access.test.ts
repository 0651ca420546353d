// What the Kubernetes double says of itself, and whom it lets in.
import { expect, test } from 'vitest';
import { node, pod, runCluster } from './running-cluster.ts';

const vpa = {
  apiVersion: 'autoscaling.k8s.io/v1',
  kind: 'VerticalPodAutoscaler',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, updatePolicy: { updateMode: 'Auto' } },
};

test('version and Date header are the scenario’s', async () => {
  const { ask, clock, double } = await runCluster([]);
  const first = await ask('/version');
  expect(first.json).toMatchObject({ major: '1', minor: '34', gitVersion: 'v1.34.4' });
  expect(first.headers.get('date')).toBe('Mon, 02 Mar 2026 10:00:00 GMT');
  clock.advance(60_000);
  double.setVersion('v1.33.2');
  const second = await ask('/version');
  expect(second.json).toMatchObject({ minor: '33', gitVersion: 'v1.33.2' });
  expect(second.headers.get('date')).toBe('Mon, 02 Mar 2026 10:01:00 GMT');
});

test('discovery shows pods/resize exactly when the scenario has it', async () => {
  const able = await runCluster([]);
  const unable = await runCluster([], { podResize: false });
  function names(answer: Awaited<ReturnType<typeof able.ask>>) {
    return (answer.json['resources'] as unknown as { name: string; verbs: string[] }[]).map(({ name }) => name);
  }
  expect(names(await able.ask('/api/v1'))).toContain('pods/resize');
  expect(names(await unable.ask('/api/v1'))).not.toContain('pods/resize');
  const refused = await unable.patch('/api/v1/namespaces/shop/pods/web/resize', {});
  expect(refused.status).toBe(404);
  expect(refused.json).toMatchObject({
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
  });
});

test('a custom group is served only while there are objects of it', async () => {
  const without = await runCluster([]);
  expect((await without.ask('/apis/autoscaling.k8s.io/v1')).status).toBe(404);
  const { ask } = await runCluster([vpa]);
  expect((await ask('/apis')).bytes.toString()).toContain('autoscaling.k8s.io/v1');
  expect((await ask('/apis/autoscaling.k8s.io/v1')).json).toMatchObject({
    groupVersion: 'autoscaling.k8s.io/v1',
    resources: [{ name: 'verticalpodautoscalers', kind: 'VerticalPodAutoscaler', namespaced: true }],
  });
});

test('custom resources answer in JSON, and 406 to a client that reads protobuf only', async () => {
  const { ask } = await runCluster([vpa]);
  const path = '/apis/autoscaling.k8s.io/v1/namespaces/shop/verticalpodautoscalers';
  const both = await ask(path, { headers: { accept: 'application/vnd.kubernetes.protobuf, application/json' } });
  expect(both.headers.get('content-type')).toBe('application/json');
  expect(both.json).toMatchObject({
    kind: 'VerticalPodAutoscalerList',
    items: [{ apiVersion: 'autoscaling.k8s.io/v1', kind: 'VerticalPodAutoscaler', metadata: { name: 'web' } }],
  });
  const only = await ask(path, { headers: { accept: 'application/vnd.kubernetes.protobuf' } });
  expect(only.status).toBe(406);
  expect(only.json).toMatchObject({
    reason: 'NotAcceptable',
    message: 'only the following media types are accepted: application/json, application/yaml',
  });
});

test('a wrong token is 401 with a Status', async () => {
  const { ask } = await runCluster([]);
  for (const path of ['/api/v1/pods', '/version', '/apis']) {
    const answer = await ask(path, { headers: { authorization: 'Bearer other' } });
    expect(answer.status).toBe(401);
    expect(answer.json).toMatchObject({ kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized', code: 401 });
  }
});

test('what the scenario forbids is 403 in the API server’s words', async () => {
  const { ask, patch } = await runCluster([node('node-1'), pod('web')], {
    forbidden: ['list nodes', 'patch pods/resize in shop', 'list pods cluster-wide'],
  });
  const nodes = await ask('/api/v1/nodes');
  expect(nodes.status).toBe(403);
  expect(nodes.json).toMatchObject({
    reason: 'Forbidden',
    message:
      'nodes is forbidden: User "system:serviceaccount:nightshift:nightshift" cannot list resource "nodes" in API group "" at the cluster scope',
    details: { kind: 'nodes' },
  });
  const resize = await patch('/api/v1/namespaces/shop/pods/web/resize', {});
  expect(resize.json['message']).toBe(
    'pods "web" is forbidden: User "system:serviceaccount:nightshift:nightshift" cannot patch resource "pods/resize" in API group "" in the namespace "shop"',
  );
  expect((await ask('/api/v1/pods')).status).toBe(403);
  expect((await ask('/api/v1/namespaces/shop/pods')).status).toBe(200);
});

test('SelfSubjectAccessReview tells the same as the refusals', async () => {
  const { ask } = await runCluster([], { forbidden: ['patch pods/resize in shop'] });
  async function review(namespace: string) {
    const resourceAttributes = { verb: 'patch', group: '', resource: 'pods', subresource: 'resize', namespace };
    return ask('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      method: 'POST',
      body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
      headers: { 'content-type': 'application/json' },
    });
  }
  const denied = await review('shop');
  expect(denied.status).toBe(201);
  expect(denied.json['status']).toEqual({ allowed: false });
  expect((await review('other')).json['status']).toMatchObject({ allowed: true });
});

test('a rule of forbidden that nobody can read stops the scenario', async () => {
  await expect(runCluster([], { forbidden: ['nodes'] })).rejects.toThrow(/The scenario forbids "nodes"/);
});

test('operations have the names that faults and records use', async () => {
  const { ask, patch, calls, faults } = await runCluster([node('node-1'), pod('web')]);
  faults.push(
    { system: 'kubernetes', operation: 'get namespaces', kind: '429', retryAfterSeconds: 7 },
    { system: 'kubernetes', operation: 'list nodes', kind: '500' },
    { system: 'kubernetes', operation: 'get pods', kind: 'expired-token' },
  );
  await ask('/version');
  await ask('/apis/apps/v1');
  await ask('/api/v1/namespaces/shop/pods?limit=1');
  await patch('/api/v1/namespaces/shop/pods/web/resize', {});
  const limited = await ask('/api/v1/namespaces/shop');
  const broken = await ask('/api/v1/nodes');
  const expired = await ask('/api/v1/namespaces/shop/pods/web');
  expect(calls.map(({ operation }) => operation)).toEqual([
    'get version',
    'get discovery',
    'list pods',
    'patch pods/resize',
    'get namespaces',
    'list nodes',
    'get pods',
  ]);
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
  expect(broken.json).toMatchObject({ kind: 'Status', code: 500, message: 'etcdserver: request timed out' });
  expect(expired.json).toMatchObject({ reason: 'Unauthorized' });
});
