// The adapter's reads against a scripted API server: paging, encodings, discovery, and lists that cannot be read.
import { describe, expect, test } from 'vitest';
import type { Permission } from '../../../shared/ports/cluster.ts';
import { json, podJson, podList, protobuf, refusal, rig } from './api-server.ts';

const EXPIRED = refusal(410, 'Expired', 'The provided continue parameter is too old');

describe('listing pods', () => {
  test('asks page by page for protobuf or JSON, and reads whichever comes', async () => {
    const progress: number[] = [];
    const { cluster, asked } = await rig((request, response) => {
      switch (request.query.get('continue')) {
        case null:
          protobuf(response, 200, 'PodList', 'v1', podList([podJson('a'), podJson('b')], { continue: 'two' }));
          return;
        case 'two':
          json(response, 200, podList([podJson('c')], { continue: 'three' }));
          return;
        default:
          protobuf(response, 200, 'PodList', 'v1', podList([podJson('d')]));
      }
    });
    const pods = await cluster.listPods('shop', { progress: (count) => progress.push(count) });
    expect(pods.map(({ meta }) => meta.name)).toEqual(['a', 'b', 'c', 'd']);
    expect(pods[0]?.containers[0]?.resources.limits).toEqual({ cpu: '500m', memory: '1Gi' });
    expect(progress).toEqual([2, 3, 4]);
    expect(asked.map(({ path, query }) => [path, query.get('limit'), query.get('resourceVersion')])).toEqual(
      Array.from({ length: 3 }, () => ['/api/v1/namespaces/shop/pods', '500', null]),
    );
    expect(asked[0]?.headers).toMatchObject({
      accept: 'application/vnd.kubernetes.protobuf, application/json',
      authorization: 'Bearer first',
      'user-agent': 'nightshift',
    });
  });

  test('asks for labels by a selector, and takes that there are none for an answer', async () => {
    const { cluster, asked } = await rig((_request, response) => {
      json(response, 200, podList([]));
    });
    expect(await cluster.listPods('shop', { labels: { app: 'web', 'app.kubernetes.io/part-of': 'shop' } })).toEqual([]);
    expect(asked.map(({ path, query }) => [path, query.get('labelSelector')])).toEqual([
      ['/api/v1/namespaces/shop/pods', 'app=web,app.kubernetes.io/part-of=shop'],
    ]);
  });

  test('goes on from the newer snapshot that an expired one offers', async () => {
    const { cluster } = await rig((request, response) => {
      const token = request.query.get('continue');
      if (token === null) {
        json(response, 200, podList([podJson('a'), podJson('b')], { continue: 'old' }));
      } else if (token === 'old') {
        json(response, 410, { ...EXPIRED, metadata: { continue: 'newer' } });
      } else {
        json(response, 200, podList([podJson(token)]));
      }
    });
    expect((await cluster.listPods('shop')).map(({ meta }) => meta.name)).toEqual(['a', 'b', 'newer']);
  });

  test('starts again without duplicates when an expired snapshot offers nothing', async () => {
    let lists = 0;
    const { cluster } = await rig((request, response) => {
      const token = request.query.get('continue');
      if (token === null) {
        lists += 1;
        json(response, 200, podList([podJson('a')], { continue: `${lists}` }));
      } else if (token === '1') {
        protobuf(response, 410, 'Status', 'v1', EXPIRED);
      } else {
        json(response, 200, podList([podJson('b')]));
      }
    });
    expect((await cluster.listPods('shop')).map(({ meta }) => meta.name)).toEqual(['a', 'b']);
  });

  test('fails when the snapshot expires a second time', async () => {
    const { cluster, asked } = await rig((request, response) => {
      if (request.query.get('continue') === null) {
        json(response, 200, podList([podJson('a')], { continue: 'x' }));
      } else {
        json(response, 410, EXPIRED);
      }
    });
    await expect(cluster.listPods('shop')).rejects.toMatchObject({ failure: { status: 410, code: 'Expired' } });
    expect(asked).toHaveLength(4);
  });

  test('fails when a page names itself as the next one', async () => {
    const { cluster } = await rig((_request, response) => {
      json(response, 200, podList([podJson('a')], { continue: 'same' }));
    });
    await expect(cluster.listPods('shop')).rejects.toMatchObject({ failure: { code: 'MalformedReply' } });
  });

  test('tells an empty namespace from one that is not there, and from one that may not be seen', async () => {
    const namespaceAnswers = {
      empty: [200, {}],
      gone: [404, refusal(404, 'NotFound', 'namespaces "gone" not found')],
      hidden: [403, refusal(403, 'Forbidden', 'no')],
    } as const;
    const { cluster } = await rig((request, response) => {
      const name = /^\/api\/v1\/namespaces\/([a-z]+)$/.exec(request.path)?.[1] as
        keyof typeof namespaceAnswers | undefined;
      const [status, body] = name === undefined ? ([200, podList([])] as const) : namespaceAnswers[name];
      json(response, status, body);
    });
    expect(await cluster.listPods('empty')).toEqual([]);
    expect(await cluster.listPods('hidden')).toEqual([]);
    await expect(cluster.listPods('gone')).rejects.toMatchObject({
      failure: { code: 'NotFound', status: 404, target: 'namespace gone of cluster test' },
    });
    expect(await cluster.namespaceExists('empty')).toBe(true);
    expect(await cluster.namespaceExists('gone')).toBe(false);
  });
});

describe('lists that a run can do without', () => {
  test('say which permission is missing', async () => {
    const message =
      'resourcequotas is forbidden: User "system:serviceaccount:ns:jo" cannot list resource "resourcequotas" in API group "" in the namespace "shop"';
    const { cluster } = await rig((_request, response) => {
      json(response, 403, refusal(403, 'Forbidden', message));
    });
    const { unreadable } = (await cluster.listQuotas('shop')) as { unreadable: string };
    expect(unreadable).toContain('list resourcequotas (namespace shop of cluster test)');
    expect(unreadable).toContain(
      'Grant system:serviceaccount:ns:jo the verb list on resourcequotas in namespace shop.',
    );
    await expect(cluster.listPods('shop')).rejects.toMatchObject({ failure: { code: 'Forbidden', status: 403 } });
  });

  test('an API version that is not served is unreadable, except VPAs, of which there then are none', async () => {
    const { cluster } = await rig((_request, response) => {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    });
    expect(await cluster.listHorizontalAutoscalers('shop')).toHaveProperty('unreadable');
    expect(await cluster.listVerticalAutoscalers('shop')).toEqual({ items: [] });
  });

  test('a custom resource whose server is down is unreadable; a core list then fails the run', async () => {
    const { cluster } = await rig((_request, response) => {
      json(response, 503, refusal(503, 'ServiceUnavailable', 'the server is currently unable to handle the request'));
    });
    expect(await cluster.listVerticalAutoscalers('shop')).toHaveProperty('unreadable');
    await expect(cluster.listLimitRanges('shop')).rejects.toMatchObject({ failure: { status: 503 } });
  });

  test('are projected', async () => {
    const items = [
      {
        metadata: { name: 'v' },
        spec: { targetRef: { kind: 'Deployment', name: 'web' }, updatePolicy: { updateMode: 'Off' } },
      },
    ];
    const { cluster, asked } = await rig((request, response) => {
      if (request.path.includes('/autoscaling.k8s.io/')) {
        json(response, 200, {
          kind: 'VerticalPodAutoscalerList',
          apiVersion: 'autoscaling.k8s.io/v1',
          metadata: {},
          items,
        });
      } else {
        protobuf(response, 200, 'NodeList', 'v1', {
          metadata: {},
          items: [{ metadata: { name: 'n' }, status: { allocatable: { cpu: '4' } } }],
        });
      }
    });
    expect(await cluster.listVerticalAutoscalers('shop')).toEqual({
      items: [{ name: 'v', target: { kind: 'Deployment', name: 'web' }, updateMode: 'Off' }],
    });
    expect(asked[0]?.headers.accept).toBe('application/json');
    expect(await cluster.listNodes()).toEqual({
      items: [{ name: 'n', allocatable: { cpu: '4' }, unschedulable: false }],
    });
  });
});

describe('workloads', () => {
  test('are listed in all three kinds, and read by kind', async () => {
    const { cluster } = await rig((request, response) => {
      const [plural = '', name] = request.path.split('/namespaces/shop/')[1]?.split('/') ?? [];
      const kind = { deployments: 'Deployment', statefulsets: 'StatefulSet', daemonsets: 'DaemonSet' }[plural] ?? '';
      const object = {
        metadata: { name: name ?? plural, uid: 'u' },
        spec: { template: { spec: { containers: [{ name: 'app' }] } } },
      };
      if (name === 'gone') {
        json(response, 404, refusal(404, 'NotFound', 'not found'));
      } else if (name !== undefined) {
        protobuf(response, 200, kind, 'apps/v1', object);
      } else {
        protobuf(response, 200, `${kind}List`, 'apps/v1', { metadata: {}, items: [object] });
      }
    });
    const workloads = await cluster.listWorkloads('shop');
    expect(workloads.map(({ kind, meta }) => [kind, meta.name])).toEqual([
      ['Deployment', 'deployments'],
      ['StatefulSet', 'statefulsets'],
      ['DaemonSet', 'daemonsets'],
    ]);
    expect(await cluster.readWorkload('StatefulSet', 'shop', 'db')).toMatchObject({
      kind: 'StatefulSet',
      meta: { name: 'db' },
    });
    expect(await cluster.readWorkload('Deployment', 'shop', 'gone')).toBeUndefined();
    expect(await cluster.readPod('shop', 'gone')).toBeUndefined();
  });
});

describe('discovery', () => {
  const core = (verbs: readonly string[]) => ({
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      { name: 'pods', kind: 'Pod', verbs: ['list'] },
      { name: 'pods/resize', kind: 'Pod', verbs },
    ],
  });
  const version = { major: '1', minor: '34+', gitVersion: 'v1.34.4-gke.1' };

  test('reads a vendor version, the resize subresource and whether VPAs exist', async () => {
    const { cluster } = await rig((request, response) => {
      if (request.path === '/version') {
        json(response, 200, version);
      } else if (request.path === '/api/v1') {
        json(response, 200, core(['get', 'patch']));
      } else {
        json(response, 200, {
          kind: 'APIResourceList',
          resources: [{ name: 'verticalpodautoscalers', kind: 'VerticalPodAutoscaler', verbs: [] }],
        });
      }
    });
    expect(await cluster.version()).toEqual({
      gitVersion: 'v1.34.4-gke.1',
      major: 1,
      minor: 34,
      podResize: true,
      verticalAutoscalers: true,
    });
  });

  test('holds for a minute, and not where the server could not tell', async () => {
    let [seconds, fails] = [0, true];
    const { cluster, asked } = await rig(
      (request, response) => {
        if (fails) {
          json(response, 403, refusal(403, 'Forbidden', 'not yet'));
        } else {
          json(response, 200, request.path === '/version' ? version : core(['patch']));
        }
      },
      { clock: { now: () => new Date(seconds * 1000), sleep: () => Promise.resolve() } },
    );
    const versionsAsked = (): number => asked.filter(({ path }) => path === '/version').length;
    await expect(cluster.version()).rejects.toMatchObject({ failure: { code: 'Forbidden' } });
    fails = false;
    const before = versionsAsked();
    await Promise.all([cluster.version(), cluster.version()]);
    seconds = 59;
    await cluster.version();
    expect(versionsAsked() - before).toBe(1);
    seconds = 60;
    await cluster.version();
    expect(versionsAsked() - before).toBe(2);
    seconds = 0;
    expect(await cluster.version()).toMatchObject({ podResize: true });
    expect(versionsAsked() - before).toBe(3);
  });

  test.each([
    [404, false],
    [503, true],
    [403, true],
  ])('takes %i on the VPA group as VPAs: %s', async (status, expected) => {
    const { cluster } = await rig((request, response) => {
      if (request.path === '/version') {
        json(response, 200, version);
      } else if (request.path === '/api/v1') {
        json(response, 200, core(['get']));
      } else {
        json(response, status, refusal(status, 'X', 'no'));
      }
    });
    expect(await cluster.version()).toMatchObject({ podResize: false, verticalAutoscalers: expected });
  });

  test("gives the server's clock", async () => {
    const { cluster } = await rig((_request, response) => {
      json(response, 200, version, { date: 'Tue, 03 Nov 2026 09:59:30 GMT' });
    });
    expect(await cluster.serverTime()).toBe('2026-11-03T09:59:30.000Z');
  });
});

test('access is reviewed for each permission, answers in order, at most eight at once', async () => {
  let open = 0;
  let most = 0;
  const { cluster } = await rig((request, response) => {
    open += 1;
    most = Math.max(most, open);
    const { resourceAttributes } = (JSON.parse(request.body) as { spec: { resourceAttributes: Permission } }).spec;
    setImmediate(() => {
      open -= 1;
      json(response, 201, {
        kind: 'SelfSubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        spec: {},
        status: { allowed: resourceAttributes.subresource === 'resize', reason: resourceAttributes.resource },
      });
    });
  });
  const permissions = Array.from({ length: 20 }, (_, index) => ({
    verb: 'patch',
    group: '',
    resource: `r${index}`,
    subresource: index % 2 === 0 ? 'resize' : '',
    namespace: 'shop',
  }));
  const reviews = await cluster.allowed(permissions);
  expect(reviews).toEqual(
    permissions.map(({ resource, subresource }) => ({ allowed: subresource === 'resize', reason: resource })),
  );
  expect(most).toBeLessThanOrEqual(8);
  expect(await cluster.allowed([])).toEqual([]);
});
