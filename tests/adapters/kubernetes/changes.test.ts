// Writes: the patch carries its own precondition, a conflict says what is there now, and a lost reply is called unknown.
import { describe, expect, test } from 'vitest';
import { sizePatch } from '../../../shared/adapters/kubernetes/changes.ts';
import { PlatformError } from '../../../shared/core/errors.ts';
import type { ContainerSpec, PodResize, TemplateChange } from '../../../shared/ports/cluster.ts';
import { type Answer, json, podJson, protobuf, refusal, rig } from './api-server.ts';

const RAISE: PodResize = {
  namespace: 'shop',
  pod: 'a',
  uid: 'uid-a',
  container: 'app',
  role: 'main',
  from: { requests: {}, limits: { memory: '1024Mi' } },
  to: { requests: {}, limits: { memory: '1280Mi' } },
};

const sized = (memory: string) => ({
  containers: [
    { name: 'app', resources: { requests: { cpu: '250m', memory: '1Gi' }, limits: { cpu: '500m', memory } } },
  ],
});

/** Reads give the pod as `spec` says at that moment; patches are answered by `patch`. */
function podServer(patch: Answer, spec: () => Record<string, unknown> | undefined = () => ({})): Answer {
  return (request, response) => {
    if (request.method === 'PATCH') {
      patch(request, response);
      return;
    }
    const now = spec();
    if (now === undefined) {
      json(response, 404, refusal(404, 'NotFound', 'pods "a" not found'));
    } else {
      json(response, 200, podJson('a', now));
    }
  };
}

async function failure(promise: Promise<unknown>): Promise<PlatformError> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(PlatformError);
  return error as PlatformError;
}

describe('resizing a pod', () => {
  test('patches the subresource, tests first, in the spelling of the server', async () => {
    const { cluster, asked } = await rig(
      podServer((_request, response) => {
        protobuf(response, 200, 'Pod', 'v1', podJson('a', sized('1280Mi')));
      }),
    );
    const pod = await cluster.resizePod(RAISE);
    expect(pod.containers[0]?.resources.limits.memory).toBe('1280Mi');
    const patch = asked[1];
    expect(patch).toMatchObject({ method: 'PATCH', path: '/api/v1/namespaces/shop/pods/a/resize' });
    expect(patch?.headers['content-type']).toBe('application/json-patch+json');
    expect(Object.fromEntries(patch?.query ?? [])).toEqual({ fieldManager: 'nightshift' });
    expect(JSON.parse(patch?.body ?? '')).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'uid-a' },
      { op: 'test', path: '/spec/containers/0/name', value: 'app' },
      { op: 'test', path: '/spec/containers/0/resources/limits/memory', value: '1Gi' },
      { op: 'replace', path: '/spec/containers/0/resources/limits/memory', value: '1280Mi' },
    ]);
  });

  test.each([
    ['another size', () => sized('2Gi'), 'now has requests cpu 250m memory 1Gi, limits cpu 500m memory 2Gi'],
    ['no such container', () => ({ containers: [{ name: 'other' }] }), 'there is no main container app any more'],
  ])('asks for nothing when it finds %s', async (_name, spec, words) => {
    const { cluster, asked } = await rig(podServer(() => undefined, spec));
    const error = await failure(cluster.resizePod(RAISE));
    expect(error.failure).toMatchObject({
      status: 409,
      code: 'Conflict',
      applied: 'no',
      operation: 'resize pod',
      target: 'pod shop/a of cluster test',
    });
    expect(error.message).toContain(words);
    expect(asked).toHaveLength(1);
  });

  test('asks for nothing when the pod is another one or gone', async () => {
    const { cluster } = await rig(podServer(() => undefined));
    expect((await failure(cluster.resizePod({ ...RAISE, uid: 'uid-old' }))).message).toContain(
      'created anew (uid uid-a)',
    );
    const gone = await rig(
      podServer(
        () => undefined,
        () => undefined,
      ),
    );
    expect((await failure(gone.cluster.resizePod(RAISE))).failure).toMatchObject({
      status: 404,
      code: 'NotFound',
      applied: 'no',
    });
  });

  const testFailed = refusal(422, 'Invalid', 'the server rejected our request due to an error in our request');

  test.each([
    [409, refusal(409, 'Conflict', 'the object has been modified')],
    [422, testFailed],
  ])('a %i because somebody was faster is a conflict that says what is there', async (code, body) => {
    let memory = '1Gi';
    const { cluster } = await rig(
      podServer(
        (_request, response) => {
          memory = '3Gi';
          json(response, code, body);
        },
        () => sized(memory),
      ),
    );
    const error = await failure(cluster.resizePod(RAISE));
    expect(error.failure).toMatchObject({ status: 409, code: 'Conflict', applied: 'no' });
    expect(error.message).toContain('memory 3Gi, and requests none, limits memory 1024Mi was expected');
  });

  test('a 422 because the pod was deleted meanwhile is a conflict', async () => {
    let spec: Record<string, unknown> | undefined = {};
    const { cluster } = await rig(
      podServer(
        (_request, response) => {
          spec = undefined;
          json(response, 422, testFailed);
        },
        () => spec,
      ),
    );
    expect((await failure(cluster.resizePod(RAISE))).message).toContain('it was deleted meanwhile');
  });

  test('a 422 about the change itself stays what it is', async () => {
    const message =
      'Pod "a" is invalid: metadata: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing';
    const { cluster } = await rig(
      podServer((_request, response) => {
        json(response, 422, refusal(422, 'Invalid', message));
      }),
    );
    const error = await failure(cluster.resizePod(RAISE));
    expect(error.failure).toMatchObject({ status: 422, code: 'Invalid', applied: 'no' });
    expect(error.message).toContain('Pod QOS Class may not change');
  });

  test('a refusal by quota is told as that, not as a missing permission', async () => {
    const { cluster } = await rig(
      podServer((_request, response) => {
        json(
          response,
          403,
          refusal(403, 'Forbidden', 'pods "a" is forbidden: exceeded quota: team, requested: limits.memory=256Mi'),
        );
      }),
    );
    const error = await failure(cluster.resizePod(RAISE));
    expect(error.message).toContain('exceeded quota: team');
    expect(error.remedy).toContain('A rule of the cluster refused it');
  });
});

describe('what became of a write', () => {
  const then = (...answers: readonly Answer[]): Answer => {
    let index = 0;
    return (request, response) => answers[Math.min(index++, answers.length - 1)]?.(request, response);
  };
  const done: Answer = (_request, response) => {
    json(response, 200, podJson('a', sized('1280Mi')));
  };
  const refused = (code: number, headers: Record<string, string> = {}): Answer => {
    return (_request, response) => {
      json(response, code, refusal(code, 'Because', 'it is so'), headers);
    };
  };

  test.each([
    ['the reply is lost', ((_request, response) => response.destroy()) as Answer, {}],
    [
      'the reply is cut',
      ((_request, response) => {
        response.writeHead(200, { 'content-length': '900' }).write('{', () => response.destroy());
      }) as Answer,
      {},
    ],
    ['the server hangs', (() => undefined) as Answer, { deadlineSeconds: 0.2 }],
    ['500', refused(500), {}],
    ['503 without a time', refused(503), {}],
    ['504', refused(504), {}],
    [
      'an answer that makes no sense',
      ((_request, response) => {
        json(response, 200, { unexpected: [] });
      }) as Answer,
      {},
    ],
  ])('is unknown, and it is not sent again, when %s', async (_name, patch, options) => {
    const { cluster, asked } = await rig(podServer(patch), options);
    expect((await failure(cluster.resizePod(RAISE))).failure.applied).toBe('unknown');
    expect(asked.filter(({ method }) => method === 'PATCH')).toHaveLength(1);
  });

  test.each([
    ['429', refused(429, { 'retry-after': '2' })],
    ['503 with Retry-After', refused(503, { 'retry-after': '2' })],
    ['401', refused(401)],
  ])('is nothing, and it is sent again, after %s', async (_name, patch) => {
    const { cluster, asked } = await rig(podServer(then(patch, done)));
    expect((await cluster.resizePod(RAISE)).containers[0]?.resources.limits.memory).toBe('1280Mi');
    expect(asked.filter(({ method }) => method === 'PATCH')).toHaveLength(2);
  });

  test.each([400, 403, 404, 409, 422, 429])('is nothing after %i', async (code) => {
    const { cluster } = await rig(podServer(refused(code)));
    expect((await failure(cluster.resizePod(RAISE))).failure).toMatchObject({ status: code, applied: 'no' });
  });
});

describe('patching a template', () => {
  const change: TemplateChange = {
    kind: 'StatefulSet',
    namespace: 'shop',
    name: 'db',
    uid: 'u',
    container: 'proxy',
    role: 'sidecar',
    from: { requests: { cpu: '0.1' }, limits: {} },
    to: { requests: { cpu: '80m' }, limits: {} },
  };

  test('finds a sidecar among the init containers of the template', async () => {
    const template = {
      spec: {
        containers: [{ name: 'app' }],
        initContainers: [
          { name: 'migrate' },
          { name: 'proxy', restartPolicy: 'Always', resources: { requests: { cpu: '100m' } } },
        ],
      },
    };
    const { cluster, asked } = await rig((_request, response) => {
      protobuf(response, 200, 'StatefulSet', 'apps/v1', { metadata: { name: 'db', uid: 'u' }, spec: { template } });
    });
    expect(await cluster.patchTemplate(change)).toMatchObject({ kind: 'StatefulSet' });
    expect(asked[1]?.path).toBe('/apis/apps/v1/namespaces/shop/statefulsets/db');
    const path = '/spec/template/spec/initContainers/1';
    expect(JSON.parse(asked[1]?.body ?? '')).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'u' },
      { op: 'test', path: `${path}/name`, value: 'proxy' },
      { op: 'test', path: `${path}/resources/requests/cpu`, value: '100m' },
      { op: 'replace', path: `${path}/resources/requests/cpu`, value: '80m' },
    ]);
  });
});

describe('the patch', () => {
  const meta = {
    namespace: 'shop',
    name: 'a',
    uid: 'u',
    resourceVersion: '7',
    generation: 1,
    createdAt: '',
    deletedAt: null,
    labels: {},
    annotations: {},
    owners: [],
  };
  const container = (resources: ContainerSpec['resources']): ContainerSpec => ({
    name: 'app',
    resources,
    resizePolicy: {},
    role: 'main',
  });
  const change = (from: PodResize['from'], to: PodResize['to']) => ({
    uid: 'u',
    container: 'app',
    role: 'main' as const,
    from,
    to,
  });
  const none = { requests: {}, limits: {} };

  test('that sets what was absent tests the whole object, and adds', () => {
    const live = { meta, containers: [container({ requests: { cpu: '1' }, limits: {} })] };
    const wanted = { requests: { 'example.com/gpu~': '1' }, limits: { memory: '1Gi' } };
    expect(sizePatch(live, change(none, wanted), '/spec')).toEqual({
      operations: [
        { op: 'test', path: '/metadata/uid', value: 'u' },
        { op: 'test', path: '/metadata/resourceVersion', value: '7' },
        { op: 'test', path: '/spec/containers/0/name', value: 'app' },
        { op: 'add', path: '/spec/containers/0/resources/requests/example.com~1gpu~0', value: '1' },
        { op: 'add', path: '/spec/containers/0/resources/limits', value: { memory: '1Gi' } },
      ],
    });
  });

  test('is none when something is there that was expected to be absent, or absent that was expected', () => {
    const live = { meta, containers: [container({ requests: {}, limits: { memory: '1Gi' } })] };
    expect(sizePatch(live, change(none, { requests: {}, limits: { memory: '2Gi' } }), '/spec')).toHaveProperty(
      'conflict',
    );
    expect(sizePatch(live, change({ requests: { cpu: '1' }, limits: {} }, none), '/spec')).toHaveProperty('conflict');
  });
});
