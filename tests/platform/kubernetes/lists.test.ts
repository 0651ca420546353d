// Reading: pages and their tokens, selectors, single objects.
import { expect, test } from 'vitest';
import { at, node, NOW, pod, runCluster } from './running-cluster.ts';
import type { Answer } from './running-cluster.ts';

const PODS = '/api/v1/namespaces/shop/pods';

function names(answer: Answer): string[] {
  return (answer.json['items'] as unknown as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
}

function metadata(answer: Answer): { continue?: string; resourceVersion: string; remainingItemCount?: number } {
  return answer.json['metadata'] as unknown as {
    continue?: string;
    resourceVersion: string;
    remainingItemCount?: number;
  };
}

async function fivePods() {
  const objects = ['e', 'a', 'c', 'b', 'd'].map((name) => pod(`web-${name}`));
  return runCluster([node('node-1'), ...objects, pod('web-a', { metadata: { namespace: 'another' } })]);
}

test('pages come in name order, tell what remains, and show one state of the cluster', async () => {
  const { ask, double } = await fivePods();
  const first = await ask(`${PODS}?limit=2`);
  expect(names(first)).toEqual(['web-a', 'web-b']);
  expect(metadata(first).remainingItemCount).toBe(3);
  double.remove('Pod', 'shop', 'web-c');
  double.mutate('Pod', 'shop', 'web-d', (draft) => {
    draft.metadata.labels = { changed: 'yes' };
  });
  const second = await ask(`${PODS}?limit=2&continue=${metadata(first).continue ?? ''}`);
  expect(names(second)).toEqual(['web-c', 'web-d']);
  expect(metadata(second).resourceVersion).toBe(metadata(first).resourceVersion);
  expect(second.bytes.toString()).not.toContain('changed');
  const third = await ask(`${PODS}?limit=2&continue=${metadata(second).continue ?? ''}`);
  expect(names(third)).toEqual(['web-e']);
  expect(metadata(third)).toEqual({ resourceVersion: metadata(first).resourceVersion });
});

test('a compacted token is 410, and its replacement goes on at the newest state', async () => {
  const { ask, double } = await fivePods();
  const first = await ask(`${PODS}?limit=2`);
  double.remove('Pod', 'shop', 'web-c');
  double.expireContinueTokens();
  const expired = await ask(`${PODS}?limit=2&continue=${metadata(first).continue ?? ''}`);
  expect(expired.status).toBe(410);
  expect(expired.json).toMatchObject({ kind: 'Status', reason: 'Expired', code: 410 });
  expect(expired.json['message']).toContain('The provided continue parameter is too old');
  const rest = await ask(`${PODS}?limit=5&continue=${metadata(expired).continue ?? ''}`);
  expect(names(rest)).toEqual(['web-d', 'web-e']);
});

test('a token that is none is 400', async () => {
  const { ask } = await fivePods();
  const answer = await ask(`${PODS}?limit=2&continue=${Buffer.from('{"v":"x"}').toString('base64url')}`);
  expect(answer.status).toBe(400);
  expect(answer.json['message']).toContain('continue key is not valid');
});

test('a list over all namespaces is ordered by namespace first, and pages through all of them', async () => {
  const { ask } = await fivePods();
  const seen: string[] = [];
  let next = '';
  do {
    const page = await ask(`/api/v1/pods?limit=4&continue=${next}`);
    for (const item of page.json['items'] as unknown as { metadata: { namespace: string; name: string } }[]) {
      seen.push(`${item.metadata.namespace}/${item.metadata.name}`);
    }
    next = metadata(page).continue ?? '';
  } while (next !== '');
  expect(seen).toEqual(['another/web-a', ...['a', 'b', 'c', 'd', 'e'].map((name) => `shop/web-${name}`)]);
});

test('selectors pick, and remainingItemCount is left out with them', async () => {
  const { ask } = await runCluster([
    node('node-1'),
    node('node-2'),
    pod('one', { metadata: { labels: { app: 'web', tier: 'front' } } }),
    pod('two', { metadata: { labels: { app: 'web' } }, spec: { nodeName: 'node-2' } }),
    pod('three', { metadata: { labels: { app: 'db' } }, status: { phase: 'Failed' } }),
  ]);
  async function select(query: string) {
    return names(await ask(`${PODS}?${query}`));
  }
  expect(await select('labelSelector=app%3Dweb%2Ctier!%3Dfront')).toEqual(['two']);
  expect(await select(`labelSelector=${encodeURIComponent('app in (web, db),!tier')}`)).toEqual(['three', 'two']);
  expect(await select(`labelSelector=${encodeURIComponent('app notin (db)')}`)).toEqual(['one', 'two']);
  expect(await select('fieldSelector=spec.nodeName%3Dnode-2')).toEqual(['two']);
  expect(await select('fieldSelector=status.phase!%3DFailed%2Cmetadata.name!%3Done')).toEqual(['two']);
  const page = await ask(`${PODS}?limit=1&fieldSelector=status.phase%3DRunning`);
  expect(metadata(page).continue).toBeTruthy();
  expect(metadata(page).remainingItemCount).toBeUndefined();
});

test('a field that one cannot select by is 400', async () => {
  const { ask } = await fivePods();
  const pods = await ask(`${PODS}?fieldSelector=spec.image%3Dx`);
  expect([pods.status, pods.json['message']]).toEqual([400, 'field label not supported: spec.image']);
  const quotas = await ask('/api/v1/namespaces/shop/resourcequotas?fieldSelector=spec.x%3Dy');
  expect(quotas.json['message']).toBe(
    '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
  );
});

test('an unknown namespace has an empty list, and is itself not found', async () => {
  const { ask } = await fivePods();
  const list = await ask('/api/v1/namespaces/nowhere/pods');
  expect([list.status, list.json['items']]).toEqual([200, []]);
  const namespace = await ask('/api/v1/namespaces/nowhere');
  expect(namespace.status).toBe(404);
  expect(namespace.json).toMatchObject({
    reason: 'NotFound',
    message: 'namespaces "nowhere" not found',
    details: { name: 'nowhere', kind: 'namespaces' },
  });
  expect((await ask('/api/v1/namespaces/shop')).json).toMatchObject({ status: { phase: 'Active' } });
});

test('an object carries what the server fills in, the same in every run', async () => {
  const one = await fivePods();
  const two = await fivePods();
  const answer = await one.ask(`${PODS}/web-a`);
  expect(answer.json).toEqual((await two.ask(`${PODS}/web-a`)).json);
  expect(answer.json).toMatchObject({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { generation: 1, creationTimestamp: '2026-02-23T10:00:00Z' },
    status: {
      qosClass: 'Burstable',
      containerStatuses: [
        { resources: { limits: { memory: '512Mi' } }, allocatedResources: { cpu: '200m', memory: '256Mi' } },
      ],
    },
  });
  expect(at(answer.json, 'metadata', 'uid')).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(Number(at(answer.json, 'metadata', 'resourceVersion'))).toBeGreaterThan(1000);
  expect((await one.ask(PODS)).bytes.toString()).not.toContain('"kind":"Pod"');
});

test('quantities are shown in their one spelling, whatever the scenario wrote', async () => {
  const resources = { requests: { cpu: '0.25', memory: '1048576Ki' }, limits: { cpu: '1000m', memory: '1.5Gi' } };
  const { ask } = await runCluster([node('node-1'), pod('web', { container: { resources } })]);
  expect((await ask(`${PODS}/web`)).json).toMatchObject({
    spec: {
      containers: [{ resources: { requests: { cpu: '250m', memory: '1Gi' }, limits: { cpu: '1', memory: '1536Mi' } } }],
    },
  });
});

test('a misspelt field in a scenario is found', async () => {
  await expect(runCluster([node('node-1'), pod('web', { spec: { containres: [] } })])).rejects.toThrow(
    /Pod web is wrong.*unknown field "spec\.containres"/,
  );
});

test('a hook runs right before the n-th call of an operation', async () => {
  const { ask, double } = await fivePods();
  double.before('list pods', 2, () => {
    double.remove('Pod', 'shop', 'web-a');
  });
  expect(names(await ask(PODS))).toContain('web-a');
  expect(names(await ask(PODS))).not.toContain('web-a');
});

test('large bodies are compressed for clients that read gzip, small ones never', async () => {
  const { ask } = await runCluster([
    node('node-1'),
    ...Array.from({ length: 200 }, (_, index) => pod(`web-${String(index)}`)),
  ]);
  const large = await ask(PODS, { headers: { 'accept-encoding': 'gzip' } });
  expect(large.headers.get('content-encoding')).toBe('gzip');
  expect(names(large)).toHaveLength(200);
  const plain = await ask(PODS, { headers: { 'accept-encoding': 'identity' } });
  expect(plain.headers.get('content-encoding')).toBeNull();
  const small = await ask(`${PODS}?limit=2`, { headers: { 'accept-encoding': 'gzip' } });
  expect(small.headers.get('content-encoding')).toBeNull();
  expect(small.headers.get('date')).toBe(new Date(NOW).toUTCString());
});
