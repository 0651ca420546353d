// Writing: the three patch kinds, preconditions, what validation refuses, who is booked for what.
import { expect, test } from 'vitest';
import { at, deployment, node, pod, runCluster } from './running-cluster.ts';
import type { Tree } from './running-cluster.ts';

const POD = '/api/v1/namespaces/shop/pods/web';
const DEPLOYMENT = '/apis/apps/v1/namespaces/shop/deployments/web';

async function oneOfEach() {
  return runCluster([node('node-1'), pod('web', { others: [{ name: 'proxy', image: 'proxy:1' }] }), deployment('web')]);
}

test('a JSON patch applies all its operations or none', async () => {
  const { ask, patch } = await oneOfEach();
  const done = await patch(
    POD,
    [
      { op: 'test', path: '/metadata/labels/app', value: 'web' },
      { op: 'add', path: '/metadata/annotations', value: {} },
      { op: 'add', path: '/metadata/annotations/example.com~1note', value: 'a' },
      { op: 'copy', from: '/metadata/labels/app', path: '/metadata/labels/copied' },
      { op: 'remove', path: '/metadata/labels/app' },
    ],
    'json',
  );
  expect(done.status).toBe(200);
  expect(done.json['metadata']).toMatchObject({ labels: { copied: 'web' }, annotations: { 'example.com/note': 'a' } });
  const refused = await patch(
    POD,
    [
      { op: 'replace', path: '/metadata/labels/copied', value: 'other' },
      { op: 'test', path: '/metadata/labels/copied', value: 'third' },
    ],
    'json',
  );
  expect(refused.status).toBe(422);
  expect(refused.json).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'the server rejected our request due to an error in our request',
    reason: 'Invalid',
    details: {},
    code: 422,
  });
  expect(at((await ask(POD)).json, 'metadata', 'labels')).toEqual({ copied: 'web' });
});

test.each([
  ['replace', '/metadata/labels/none'],
  ['remove', '/spec/containers/7'],
  ['add', '/spec/none/deeper'],
  ['unknown', '/metadata/labels/app'],
])('a JSON patch that cannot be applied (%s %s) is 422', async (op, path) => {
  const { patch } = await oneOfEach();
  expect((await patch(POD, [{ op, path, value: 'x' }], 'json')).status).toBe(422);
});

test('a test of a quantity compares the stored spelling', async () => {
  const { patch } = await oneOfEach();
  function testMemory(value: string) {
    return patch(`${POD}/resize`, [{ op: 'test', path: '/spec/containers/0/resources/limits/memory', value }], 'json');
  }
  expect((await testMemory('512Mi')).status).toBe(200);
  expect((await testMemory('524288Ki')).status).toBe(422);
});

test('a strategic merge patch merges containers by name, a merge patch replaces the list', async () => {
  const { patch } = await oneOfEach();
  const change = {
    spec: { template: { spec: { containers: [{ name: 'app', resources: { limits: { memory: '1Gi' } } }] } } },
  };
  const strategic = await patch(DEPLOYMENT, change, 'strategic');
  expect(at(strategic.json, 'spec', 'template', 'spec', 'containers')).toMatchObject([
    {
      name: 'app',
      image: 'registry.example/app:1',
      resources: { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '200m' } },
    },
  ]);
  const merge = await patch(DEPLOYMENT, change, 'merge');
  expect(merge.status).toBe(422);
  expect(merge.json['message']).toContain('spec.template.spec.containers[0].image: Required value');
});

test('strategic merge patch knows its directives', async () => {
  const { patch } = await oneOfEach();
  const env = [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ];
  const set = {
    spec: {
      template: {
        spec: {
          containers: [
            { name: 'app', env },
            { name: 'side', image: 's:1' },
          ],
        },
      },
    },
  };
  expect(at((await patch(DEPLOYMENT, set)).json, 'spec', 'template', 'spec', 'containers')).toHaveLength(2);
  const edit = {
    spec: {
      template: {
        spec: {
          '$setElementOrder/containers': [{ name: 'side' }, { name: 'app' }],
          containers: [
            {
              name: 'app',
              env: [{ name: 'A', $patch: 'delete' }],
              resources: { $patch: 'replace', limits: { cpu: '1' } },
            },
          ],
        },
      },
    },
  };
  expect(at((await patch(DEPLOYMENT, edit)).json, 'spec', 'template', 'spec', 'containers')).toMatchObject([
    { name: 'side' },
    { name: 'app', env: [{ name: 'B', value: '2' }], resources: { limits: { cpu: '1' } } },
  ]);
  const nameless = await patch(DEPLOYMENT, { spec: { template: { spec: { containers: [{ image: 'x' }] } } } });
  expect([nameless.status, nameless.json['message']]).toEqual([
    400,
    'map: {"image":"x"} does not contain declared merge key: name',
  ]);
});

test('other content types are 415', async () => {
  const { ask } = await runCluster([node('node-1'), pod('web')]);
  const answer = await ask(POD, { method: 'PATCH', body: '{}', headers: { 'content-type': 'application/json' } });
  expect(answer.status).toBe(415);
  expect(answer.json['message']).toBe('415: Unsupported Media Type');
});

test('a stale resourceVersion is 409, the right one goes through', async () => {
  const { ask, patch, double } = await oneOfEach();
  const resourceVersion = at((await ask(POD)).json, 'metadata', 'resourceVersion');
  double.mutate('Pod', 'shop', 'web', (draft) => {
    draft.metadata.labels = { app: 'web', by: 'somebody' };
  });
  const stale = await patch(POD, { metadata: { resourceVersion, labels: { x: 'y' } } }, 'merge');
  expect(stale.status).toBe(409);
  expect(stale.json).toMatchObject({
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on pods "web": the object has been modified; please apply your changes to the latest version and try again',
    details: { name: 'web', kind: 'pods' },
  });
  const fresh = at((await ask(POD)).json, 'metadata', 'resourceVersion');
  expect((await patch(POD, { metadata: { resourceVersion: fresh, labels: { x: 'y' } } }, 'merge')).status).toBe(200);
});

test('another uid, another name, an unknown object are refused', async () => {
  const { patch } = await oneOfEach();
  const uid = await patch(POD, { metadata: { uid: 'other' } }, 'merge');
  expect(uid.status).toBe(422);
  expect(uid.json).toMatchObject({ details: { causes: [{ field: 'metadata.uid', reason: 'FieldValueInvalid' }] } });
  const name = await patch(POD, { metadata: { name: 'other' } }, 'merge');
  expect([name.status, name.json['message']]).toEqual([
    400,
    'the name of the object (other) does not match the name on the URL (web)',
  ]);
  const gone = await patch(`${POD}-gone`, {}, 'merge');
  expect([gone.status, gone.json['message']]).toEqual([404, 'pods "web-gone" not found']);
});

test('a pod’s sizes cannot be changed without the subresource', async () => {
  const { patch } = await oneOfEach();
  const answer = await patch(POD, {
    spec: { containers: [{ name: 'app', resources: { limits: { memory: '1Gi' } } }] },
  });
  expect(answer.status).toBe(422);
  expect(answer.json['message']).toContain(
    'Pod "web" is invalid: spec: Forbidden: pod updates may not change fields other than',
  );
  expect(at(answer.json, 'details', 'causes', 0)).toMatchObject({
    reason: 'FieldValueForbidden',
    field: 'spec',
  });
  expect((await patch(POD, { spec: { containers: [{ name: 'app', image: 'registry.example/app:2' }] } })).status).toBe(
    200,
  );
});

test('a value that its field cannot hold is refused, an unknown field is dropped unless strictness was asked for', async () => {
  const { patch } = await oneOfEach();
  const quantity = await patch(DEPLOYMENT, {
    spec: { template: { spec: { containers: [{ name: 'app', resources: { limits: { memory: 'much' } } }] } } },
  });
  expect(quantity.status).toBe(422);
  expect(quantity.json['message']).toContain('quantities must match the regular expression');
  const dropped = await patch(DEPLOYMENT, { spec: { replica: 3 } }, 'merge');
  expect([dropped.status, 'replica' in Object(dropped.json['spec'])]).toEqual([200, false]);
  const strict = await patch(`${DEPLOYMENT}?fieldValidation=Strict`, { spec: { replica: 3 } }, 'merge');
  expect(strict.status).toBe(422);
  expect(strict.json['message']).toContain('strict decoding error: unknown field "spec.replica"');
  const broken = await patch(DEPLOYMENT, '{"spec":', 'merge');
  expect(broken.status).toBe(400);
});

test('a patch that changes nothing moves nothing', async () => {
  const { ask, patch } = await oneOfEach();
  const before = (await ask(DEPLOYMENT)).json['metadata'];
  await patch(DEPLOYMENT, { spec: { replicas: 2 } }, 'merge');
  expect((await ask(DEPLOYMENT)).json['metadata']).toEqual(before);
});

test('a dry run answers as if, and stores nothing', async () => {
  const { ask, patch } = await oneOfEach();
  const dry = await patch(`${DEPLOYMENT}?dryRun=All`, { spec: { replicas: 5 } }, 'merge');
  expect(at(dry.json, 'spec', 'replicas')).toBe(5);
  expect(at((await ask(DEPLOYMENT)).json, 'spec', 'replicas')).toBe(2);
});

test('managedFields books the change for who made it, and takes it from who had it', async () => {
  const { ask, patch, clock } = await oneOfEach();
  clock.advance(60_000);
  await patch(DEPLOYMENT, { spec: { replicas: 3 } }, 'merge', { 'user-agent': 'kubectl/v1.34 (linux)' });
  await patch(`${DEPLOYMENT}?fieldManager=nightshift`, { metadata: { labels: { a: 'b' } } }, 'merge');
  const entries = at((await ask(DEPLOYMENT)).json, 'metadata', 'managedFields') as unknown as Tree[];
  function entryOf(manager: string) {
    return entries.find((entry) => entry['manager'] === manager);
  }
  expect(entryOf('kubectl')).toEqual({
    manager: 'kubectl',
    operation: 'Update',
    apiVersion: 'apps/v1',
    time: '2026-03-02T10:01:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': { 'f:replicas': {} } },
  });
  expect(entryOf('nightshift')).toMatchObject({ fieldsV1: { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } } } });
  expect(at(entryOf('kubectl-client-side-apply'), 'fieldsV1', 'f:spec')).not.toHaveProperty('f:replicas');
  expect(at(entryOf('kubectl-client-side-apply'), 'fieldsV1', 'f:spec')).toHaveProperty('f:template');
});
