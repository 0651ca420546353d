// pods/resize: what the API server accepts and refuses, and what the node makes of it as time passes.
import { expect, test } from 'vitest';
import { at, node, pod, runCluster, SIZES } from './running-cluster.ts';
import type { RunningCluster, Tree } from './running-cluster.ts';

const RESIZE = '/api/v1/namespaces/shop/pods/web/resize';
const POD = '/api/v1/namespaces/shop/pods/web';

function sized(resources: object, name = 'app'): object {
  return { spec: { containers: [{ name, resources }] } };
}

function condition(answer: Tree, type: string): Tree | undefined {
  return (at(answer, 'status', 'conditions') as unknown as Tree[]).find((one) => one['type'] === type);
}

function refusal(answer: Awaited<ReturnType<RunningCluster['patch']>>): [number, string] {
  return [answer.status, answer.json['message'] as unknown as string];
}

test('a resize is accepted at once, allocated by the node, and in place a second later', async () => {
  const { ask, patch, clock } = await runCluster([node('node-1'), pod('web')]);
  const accepted = await patch(RESIZE, sized({ limits: { memory: '640Mi' } }));
  expect(accepted.status).toBe(200);
  expect(accepted.json).toMatchObject({
    metadata: { generation: 2 },
    spec: {
      containers: [{ image: 'registry.example/app:1', resources: { limits: { cpu: '500m', memory: '640Mi' } } }],
    },
    status: { containerStatuses: [{ resources: { limits: { memory: '512Mi' } } }] },
  });
  const underWay = (await ask(POD)).json;
  expect(condition(underWay, 'PodResizeInProgress')).toMatchObject({ status: 'True', observedGeneration: 2 });
  clock.advance(1000);
  const done = (await ask(POD)).json;
  expect(condition(done, 'PodResizeInProgress')).toBeUndefined();
  expect(done['status']).toMatchObject({
    observedGeneration: 2,
    containerStatuses: [
      { restartCount: 0, resources: { limits: { memory: '640Mi' } }, allocatedResources: { memory: '256Mi' } },
    ],
  });
});

test('the resize is booked in managedFields with subresource, manager, time and container', async () => {
  const { patch, clock } = await runCluster([node('node-1'), pod('web')]);
  clock.advance(5000);
  const answer = await patch(RESIZE, sized({ requests: { cpu: '150m' }, limits: { memory: '640Mi' } }));
  const entries = at(answer.json, 'metadata', 'managedFields') as unknown as Tree[];
  expect(entries.find((entry) => entry['subresource'] === 'resize')).toEqual({
    manager: 'nightshift',
    operation: 'Update',
    apiVersion: 'v1',
    subresource: 'resize',
    time: '2026-03-02T10:00:05Z',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:spec': {
        'f:containers': {
          'k:{"name":"app"}': { 'f:resources': { 'f:limits': { 'f:memory': {} }, 'f:requests': { 'f:cpu': {} } } },
        },
      },
    },
  });
});

test('one entry of managedFields, and one time, stand for all resizes of a pod by the same manager', async () => {
  const { patch, clock } = await runCluster([
    node('node-1'),
    pod('web', { others: [{ name: 'proxy', resources: SIZES }] }),
  ]);
  await patch(RESIZE, sized({ limits: { memory: '640Mi' } }));
  clock.advance(3_600_000);
  const answer = await patch(RESIZE, sized({ limits: { memory: '640Mi' } }, 'proxy'));
  const entries = (at(answer.json, 'metadata', 'managedFields') as Tree[]).filter(
    (entry) => entry['subresource'] === 'resize',
  );
  expect(entries).toHaveLength(1);
  expect(entries[0]?.['time']).toBe('2026-03-02T11:00:00Z');
  const sizes = { 'f:resources': { 'f:limits': { 'f:memory': {} } } };
  expect(at(entries[0], 'fieldsV1', 'f:spec', 'f:containers')).toEqual({
    'k:{"name":"app"}': sizes,
    'k:{"name":"proxy"}': sizes,
  });
});

test.each([
  [
    'a request above its limit',
    sized({ requests: { cpu: '600m' } }),
    'spec.containers[0].resources.requests: Invalid value: "600m": must be less than or equal to cpu limit of 500m',
  ],
  [
    'another class',
    sized({ requests: { cpu: '500m', memory: '512Mi' } }),
    'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
  ],
  [
    'a limit taken away',
    sized({ limits: { memory: null } }),
    'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
  ],
  [
    'another resource',
    sized({ limits: { 'ephemeral-storage': '1Gi' } }),
    'spec: Forbidden: only cpu and memory resources are mutable',
  ],
  [
    'another resizePolicy',
    { spec: { containers: [{ name: 'app', resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }] }] } },
    'spec: Forbidden: only cpu and memory resources are mutable',
  ],
  [
    'another container',
    sized({ limits: { cpu: '1' } }, 'other'),
    'spec.containers: Forbidden: containers may not be added or removed on resize',
  ],
  [
    'a negative size',
    sized({ requests: { cpu: '-1' } }),
    'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
  ],
])('%s is refused with 422', async (_what, body, message) => {
  const { patch, double } = await runCluster([node('node-1'), pod('web')]);
  const answer = await patch(RESIZE, body);
  expect(answer.status).toBe(422);
  expect(answer.json['reason']).toBe('Invalid');
  expect(answer.json['message']).toContain('Pod "web" is invalid: ');
  expect(answer.json['message']).toContain(message);
  expect(double.object('Pod', 'shop', 'web')?.metadata.generation).toBe(1);
});

test('a request without a limit cannot be taken away, one with a limit becomes the limit', async () => {
  const resources = { requests: { cpu: '200m', memory: '256Mi' }, limits: { memory: '512Mi' } };
  const { patch } = await runCluster([node('node-1'), pod('web', { container: { resources } })]);
  const cpu = await patch(RESIZE, sized({ requests: { cpu: null } }));
  expect(refusal(cpu)).toEqual([
    422,
    'Pod "web" is invalid: spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
  ]);
  const memory = await patch(RESIZE, sized({ requests: { memory: null } }));
  expect(at(memory.json, 'spec', 'containers')).toMatchObject([{ resources: { requests: { memory: '512Mi' } } }]);
});

test('what else the patch changes is ignored, as by the real server', async () => {
  const { patch } = await runCluster([node('node-1'), pod('web')]);
  const body = {
    metadata: { labels: { x: 'y' } },
    spec: { containers: [{ name: 'app', image: 'other:1', resources: { limits: { cpu: '1' } } }] },
  };
  const answer = await patch(RESIZE, body);
  expect(answer.json).toMatchObject({
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ image: 'registry.example/app:1', resources: { limits: { cpu: '1' } } }] },
  });
  expect(at(answer.json, 'metadata', 'labels')).not.toHaveProperty('x');
});

test('lower memory limits are refused by 1.33 unless the container restarts for it, and tried from 1.34 on', async () => {
  const lower = sized({ limits: { memory: '300Mi' } });
  const old = await runCluster([node('node-1'), pod('web')], { version: 'v1.33.5' });
  expect(refusal(await old.patch(RESIZE, lower))).toEqual([
    422,
    'Pod "web" is invalid: spec.containers[0].resources.limits[memory]: Forbidden: memory limits cannot be decreased unless resizePolicy is RestartContainer',
  ]);
  const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
  const restarting = await runCluster([node('node-1'), pod('web', { container: { resizePolicy } })], {
    version: 'v1.33.5',
  });
  expect((await restarting.patch(RESIZE, lower)).status).toBe(200);
  const current = await runCluster([node('node-1'), pod('web')]);
  expect((await current.patch(RESIZE, lower)).status).toBe(200);
});

test('a container whose resizePolicy asks for it is restarted, and only for that resource', async () => {
  const resizePolicy = [
    { resourceName: 'cpu', restartPolicy: 'NotRequired' },
    { resourceName: 'memory', restartPolicy: 'RestartContainer' },
  ];
  const { ask, patch, clock } = await runCluster([node('node-1'), pod('web', { container: { resizePolicy } })]);
  await patch(RESIZE, sized({ limits: { cpu: '600m' } }));
  await ask(POD);
  clock.advance(1000);
  expect(at((await ask(POD)).json, 'status', 'containerStatuses')).toMatchObject([{ restartCount: 0 }]);
  await patch(RESIZE, sized({ limits: { memory: '600Mi' } }));
  await ask(POD);
  clock.advance(1000);
  expect(at((await ask(POD)).json, 'status', 'containerStatuses')).toMatchObject([
    {
      restartCount: 1,
      state: { running: { startedAt: '2026-03-02T10:00:02Z' } },
      lastState: { terminated: { startedAt: '2026-02-23T10:00:03Z', finishedAt: '2026-03-02T10:00:02Z' } },
    },
  ]);
});

test('sidecars may be resized, other init containers not', async () => {
  const initContainers = [
    {
      name: 'mesh',
      image: 'mesh:1',
      restartPolicy: 'Always',
      resources: { requests: { cpu: '50m' }, limits: { cpu: '100m' } },
    },
    { name: 'migrate', image: 'migrate:1', resources: { requests: { cpu: '50m' }, limits: { cpu: '100m' } } },
  ];
  const { patch } = await runCluster([node('node-1'), pod('web', { spec: { initContainers } })]);
  function sizedInit(name: string) {
    return patch(RESIZE, { spec: { initContainers: [{ name, resources: { limits: { cpu: '200m' } } }] } });
  }
  expect((await sizedInit('mesh')).status).toBe(200);
  expect(refusal(await sizedInit('migrate'))).toEqual([
    422,
    'Pod "web" is invalid: spec: Forbidden: resources for non-sidecar init containers are immutable',
  ]);
});

test('static pods, pod-level resources and nodes that cannot are refused', async () => {
  const more = sized({ limits: { memory: '600Mi' } });
  const cases: [object, string][] = [
    [
      pod('web', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }),
      'static pods cannot be resized',
    ],
    [
      pod('web', { spec: { resources: { limits: { memory: '1Gi' } } } }),
      'pods with pod-level resources cannot be resized',
    ],
  ];
  for (const [object, message] of cases) {
    const { patch } = await runCluster([node('node-1'), object]);
    expect(refusal(await patch(RESIZE, more))).toEqual([422, `Pod "web" is invalid: Forbidden: ${message}`]);
  }
  const { patch, double } = await runCluster([node('node-1'), pod('web')]);
  double.mutate('Pod', 'shop', 'web', (draft) => {
    const [status] = (draft['status'] as { containerStatuses: { resources?: object }[] }).containerStatuses;
    delete status?.resources;
  });
  expect(refusal(await patch(RESIZE, more))[1]).toContain(
    'spec: Forbidden: Pod running on node without support for resize',
  );
});

test('more than the node has is Infeasible, more than it has left is Deferred until there is room', async () => {
  const { ask, patch, clock, double } = await runCluster([
    node('node-1', { cpu: '2', memory: '1Gi' }),
    pod('web'),
    pod('neighbour', { container: { resources: { requests: { cpu: '100m', memory: '512Mi' } } } }),
  ]);
  await patch(RESIZE, sized({ requests: { memory: '2Gi' }, limits: { memory: '3Gi' } }));
  expect(condition((await ask(POD)).json, 'PodResizePending')).toMatchObject({
    reason: 'Infeasible',
    message: "Node didn't have enough capacity: memory, requested: 2147483648, capacity: 1073741824",
    observedGeneration: 2,
  });
  await patch(RESIZE, sized({ requests: { memory: '768Mi' } }));
  const deferred = (await ask(POD)).json;
  expect(condition(deferred, 'PodResizePending')).toMatchObject({
    reason: 'Deferred',
    message: "Node didn't have enough resource: memory, requested: 805306368, used: 536870912, capacity: 1073741824",
    observedGeneration: 3,
  });
  clock.advance(60_000);
  expect(at((await ask(POD)).json, 'metadata', 'resourceVersion')).toBe(at(deferred, 'metadata', 'resourceVersion'));
  double.remove('Pod', 'shop', 'neighbour');
  const accepted = (await ask(POD)).json;
  expect(condition(accepted, 'PodResizePending')).toBeUndefined();
  expect(condition(accepted, 'PodResizeInProgress')).toBeDefined();
  clock.advance(1000);
  expect(at((await ask(POD)).json, 'status', 'containerStatuses')).toMatchObject([
    { resources: { requests: { memory: '768Mi' } } },
  ]);
});

test('a LimitRange refuses with 403 what is outside its bounds', async () => {
  const limits = [
    { type: 'Container', max: { memory: '600Mi' }, min: { cpu: '100m' }, maxLimitRequestRatio: { memory: '2' } },
  ];
  const range = {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { name: 'sizes', namespace: 'shop' },
    spec: { limits },
  };
  const { patch } = await runCluster([node('node-1'), pod('web'), range]);
  const above = await patch(RESIZE, sized({ requests: { memory: '640Mi' }, limits: { memory: '700Mi' } }));
  expect(refusal(above)).toEqual([
    403,
    'pods "web" is forbidden: maximum memory usage per Container is 600Mi, but limit is 700Mi',
  ]);
  expect(above.json).toMatchObject({ reason: 'Forbidden', details: { name: 'web', kind: 'pods' } });
  expect(refusal(await patch(RESIZE, sized({ requests: { cpu: '50m' } })))[1]).toBe(
    'pods "web" is forbidden: minimum cpu usage per Container is 100m, but request is 50m',
  );
  expect(refusal(await patch(RESIZE, sized({ limits: { memory: '600Mi' } })))[1]).toBe(
    'pods "web" is forbidden: memory max limit to request ratio per Container is 2, but provided ratio is 2.343750',
  );
});

test('a ResourceQuota refuses with 403 what would exceed it, is charged by a raise, and gets back what a trim frees', async () => {
  const quota = {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'team', namespace: 'shop' },
    spec: { hard: { 'limits.memory': '1Gi', 'requests.cpu': '10' } },
  };
  const { ask, patch, clock } = await runCluster([node('node-1'), pod('web'), quota]);
  async function used() {
    await ask(POD);
    clock.advance(1000);
    return at((await ask('/api/v1/namespaces/shop/resourcequotas/team')).json, 'status', 'used');
  }
  expect(refusal(await patch(RESIZE, sized({ limits: { memory: '1280Mi' } })))).toEqual([
    403,
    'pods "web" is forbidden: exceeded quota: team, requested: limits.memory=768Mi, used: limits.memory=512Mi, limited: limits.memory=1Gi',
  ]);
  expect((await patch(RESIZE, sized({ limits: { memory: '1Gi' } }))).status).toBe(200);
  expect(await used()).toEqual({ 'limits.memory': '1Gi', 'requests.cpu': '200m' });
  expect((await patch(RESIZE, sized({ requests: { cpu: '100m' }, limits: { memory: '768Mi' } }))).status).toBe(200);
  expect(await used()).toEqual({ 'limits.memory': '768Mi', 'requests.cpu': '100m' });
});
