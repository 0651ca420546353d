// Protobuf: byte for byte what Go's own encoder writes, and for every client the same facts as JSON.
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { encodeMessage, protobufEnvelope } from '../../../fixtures/platform/kubernetes/wire-encode.ts';
import { at, deployment, node, pod, runCluster } from './running-cluster.ts';

const PROTOBUF = { accept: 'application/vnd.kubernetes.protobuf, application/json' };

/** Made by k8s.io/api v0.34.4: `corev1.Pod.Marshal` in a `runtime.Unknown`, of the pod below. */
const GO_ENCODED = [
  'azhzAAoJCgJ2MRIDUG9kEuICCnAKA3dlYhIAGgRzaG9wIgAqAXUyATc4AkIICKC/lc0GEABaBgoBYRIBMVoGCgFiEgEyigE8CgFt',
  'EgZVcGRhdGUaAnYxIggIoL+VzQYQADIIRmllbGRzVjE6DwoNeyJmOnNwZWMiOnt9fUIGcmVzaXplEsIBChAKAXYSCxIJCgASBQoD',
  'MUdpEoUBCgNhcHASA2k6MSoAOgYKAUESAWJCHwoKCgNjcHUSAwoBMQoRCgZtZW1vcnkSBwoFNTEyTWlSIQoVEhMKAS8SCggBEAAa',
  'BGh0dHAaACIAEAAYACAFKAAwAGoAcgCAAQCIAQCQAQCiAQC6ARoKBm1lbW9yeRIQUmVzdGFydENvbnRhaW5lchoAMgBCAEoAUgBY',
  'AGAAaACCAQCKAQCaAQDCAQDIAfv//////////wEaKQoHUnVubmluZxoAIgAqADIAOg0I////////////ARAASgBaAHIAiAEAGgAi',
  'AA==',
].join('');

const POD = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '7',
    generation: 2,
    creationTimestamp: '2026-03-02T10:00:00Z',
    labels: { b: '2', a: '1' },
    managedFields: [
      {
        manager: 'm',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-03-02T10:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': {} },
        subresource: 'resize',
      },
    ],
  },
  spec: {
    containers: [
      {
        name: 'app',
        image: 'i:1',
        env: [{ name: 'A', value: 'b' }],
        resources: { limits: { memory: '512Mi', cpu: '1' } },
        livenessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
        resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
      },
    ],
    priority: -5,
    volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }],
  },
  status: { phase: 'Running', startTime: '1969-12-31T23:59:59Z' },
};

// Numbers from the public generated.proto, reduced to what is asserted: a reader that has to skip everything else.
const { root } = protobuf.parse(`
  syntax = "proto2";
  message Unknown { optional TypeMeta typeMeta = 1; optional bytes raw = 2; optional string contentType = 4; }
  message TypeMeta { optional string apiVersion = 1; optional string kind = 2; }
  message ListMeta { optional string resourceVersion = 2; optional string continue = 3; optional int64 remainingItemCount = 4; }
  message PodList { optional ListMeta metadata = 1; repeated Pod items = 2; }
  message Pod { optional ObjectMeta metadata = 1; optional PodSpec spec = 2; optional PodStatus status = 3; }
  message ObjectMeta { optional string name = 1; optional string resourceVersion = 6; optional Time creationTimestamp = 8; map<string, string> labels = 11; }
  message Time { optional int64 seconds = 1; }
  message PodSpec { repeated Container containers = 2; optional string nodeName = 10; }
  message Container { optional string name = 1; optional Requirements resources = 8; }
  message Requirements { map<string, Quantity> limits = 1; map<string, Quantity> requests = 2; }
  message Quantity { optional string string = 1; }
  message PodStatus { optional string phase = 1; optional string qosClass = 9; }
  message Status { optional string status = 2; optional string message = 3; optional string reason = 4; optional Details details = 5; optional int32 code = 6; }
  message Details { optional string name = 1; optional string kind = 3; }
`);

function decode(type: string, bytes: Uint8Array): unknown {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: Number, arrays: false });
}

function unwrap(bytes: Buffer): { typeMeta: { apiVersion: string; kind: string }; raw: Uint8Array } {
  expect(bytes.subarray(0, 4).toString('latin1')).toBe('k8s\0');
  return decode('Unknown', bytes.subarray(4)) as { typeMeta: { apiVersion: string; kind: string }; raw: Uint8Array };
}

test('a pod is encoded byte for byte as by the real server', () => {
  expect(protobufEnvelope('v1', 'Pod', [encodeMessage('core.Pod', POD)]).toString('base64')).toBe(GO_ENCODED);
});

test('strings longer than the first buffer are encoded whole', () => {
  const name = 'ü'.repeat(40_000);
  expect(decode('Pod', encodeMessage('core.Pod', { metadata: { name } }))).toMatchObject({ metadata: { name } });
});

test('a list tells in protobuf what it tells in JSON', async () => {
  const { ask } = await runCluster([node('node-1'), pod('web-a'), pod('web-b'), pod('web-c')]);
  const path = '/api/v1/namespaces/shop/pods?limit=2';
  const answer = await ask(path, { headers: PROTOBUF });
  expect(answer.headers.get('content-type')).toBe('application/vnd.kubernetes.protobuf');
  const { typeMeta, raw } = unwrap(answer.bytes);
  expect(typeMeta).toEqual({ apiVersion: 'v1', kind: 'PodList' });
  const json = (await ask(path)).json;
  const list = decode('PodList', raw);
  expect(at(list, 'metadata')).toEqual(json['metadata']);
  expect(at(list, 'items', 1)).toEqual({
    metadata: {
      name: 'web-b',
      resourceVersion: at(json, 'items', 1, 'metadata', 'resourceVersion'),
      creationTimestamp: { seconds: Date.parse('2026-02-23T10:00:00Z') / 1000 },
      labels: { app: 'web' },
    },
    spec: {
      nodeName: 'node-1',
      containers: [
        {
          name: 'app',
          resources: {
            limits: { cpu: { string: '500m' }, memory: { string: '512Mi' } },
            requests: { cpu: { string: '200m' }, memory: { string: '256Mi' } },
          },
        },
      ],
    },
    status: { phase: 'Running', qosClass: 'Burstable' },
  });
});

test('a change shows in both encodings at once', async () => {
  const { ask, patch } = await runCluster([node('node-1'), pod('web')]);
  const path = '/api/v1/namespaces/shop/pods';
  await Promise.all([ask(path), ask(path, { headers: PROTOBUF })]);
  const change = [{ op: 'replace', path: '/spec/containers/0/resources/limits/memory', value: '640Mi' }];
  await patch(`${path}/web/resize`, change, 'json');
  const { raw } = unwrap((await ask(path, { headers: PROTOBUF })).bytes);
  expect(at(decode('PodList', raw), 'items', 0, 'spec', 'containers', 0, 'resources', 'limits', 'memory')).toEqual({
    string: '640Mi',
  });
  expect((await ask(path)).bytes.toString()).toContain('"memory":"640Mi"');
});

test('refusals come in protobuf too', async () => {
  const { ask, patch } = await runCluster([node('node-1'), pod('web'), deployment('web')], {
    forbidden: ['list nodes'],
  });
  const missing = await ask('/api/v1/namespaces/shop/pods/gone', { headers: PROTOBUF });
  expect(missing.headers.get('content-type')).toBe('application/vnd.kubernetes.protobuf');
  const { typeMeta, raw } = unwrap(missing.bytes);
  expect(typeMeta).toEqual({ apiVersion: 'v1', kind: 'Status' });
  expect(decode('Status', raw)).toMatchObject({
    status: 'Failure',
    message: 'pods "gone" not found',
    reason: 'NotFound',
    details: { name: 'gone', kind: 'pods' },
    code: 404,
  });
  const forbidden = await ask('/api/v1/nodes', { headers: PROTOBUF });
  expect(decode('Status', unwrap(forbidden.bytes).raw)).toMatchObject({ reason: 'Forbidden', code: 403 });
  const conflict = await patch(
    '/apis/apps/v1/namespaces/shop/deployments/web',
    [{ op: 'test', path: '/spec/replicas', value: 9 }],
    'json',
    PROTOBUF,
  );
  expect(decode('Status', unwrap(conflict.bytes).raw)).toMatchObject({ reason: 'Invalid', code: 422 });
});
