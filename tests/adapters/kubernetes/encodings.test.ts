// Both encodings of the same object must give the same facts: generated objects, encoded independently of the adapter.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readJson } from '../../../shared/adapters/kubernetes/json.ts';
import { MalformedError, type Message, type Read } from '../../../shared/adapters/kubernetes/message.ts';
import * as messages from '../../../shared/adapters/kubernetes/messages.ts';
import {
  horizontalAutoscalerFacts,
  limitRangeFacts,
  nodeFacts,
  resourceQuotaFacts,
} from '../../../shared/adapters/kubernetes/namespace-facts.ts';
import {
  daemonSetFacts,
  deploymentFacts,
  podFacts,
  statefulSetFacts,
} from '../../../shared/adapters/kubernetes/pod-facts.ts';
import { openEnvelope, readProtobuf, splitList } from '../../../shared/adapters/kubernetes/protobuf.ts';
import { encode, type JsonValue } from './encode.ts';

const some = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/);
const words = fc.string({ unit: 'grapheme', maxLength: 80 });
const time = fc
  .integer({ min: 1, max: 4_000_000_000 })
  .map((seconds) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z'));
const amount = fc.constantFrom('0', '1', '250m', '1.5', '512Mi', '1Gi', '1e3', '123456789012', '100u');
const amounts = fc.dictionary(fc.constantFrom('cpu', 'memory', 'ephemeral-storage', 'nvidia.com/gpu'), amount);
const labels = fc.dictionary(name, words);
const resources = fc.record({
  requests: some(amounts),
  limits: some(amounts),
  claims: some(fc.constant([{ name: 'gpu' }])),
});
const annotations = fc.dictionary(
  fc.constantFrom(
    'nightshift.dev/protect',
    'kubernetes.io/config.mirror',
    'kubernetes.io/config.source',
    'example.com/big',
  ),
  words,
);
const managedFields = fc.array(
  fc.record({
    manager: name,
    operation: fc.constantFrom('Update', 'Apply'),
    apiVersion: fc.constant('v1'),
    time: some(time),
    fieldsType: fc.constant('FieldsV1'),
    fieldsV1: some(
      fc.array(name, { maxLength: 3 }).map((names) => ({
        'f:spec': {
          'f:containers': Object.fromEntries(
            names.map((one, index) => [
              `k:${JSON.stringify({ name: one })}`,
              index === 1 ? { '.': {} } : { 'f:resources': { 'f:limits': { 'f:memory': {} } } },
            ]),
          ),
        },
      })),
    ),
    subresource: some(fc.constantFrom('resize', 'status', '')),
  }),
  { maxLength: 4 },
);
const metadata = fc.record({
  name,
  namespace: name,
  uid: fc.uuid(),
  resourceVersion: fc.nat().map(String),
  generation: some(fc.nat()),
  creationTimestamp: time,
  deletionTimestamp: some(time),
  labels: some(labels),
  annotations: some(annotations),
  ownerReferences: some(
    fc.array(
      fc.record({
        apiVersion: fc.constant('apps/v1'),
        kind: fc.constantFrom('ReplicaSet', 'Node'),
        name,
        uid: fc.uuid(),
        controller: some(fc.boolean()),
      }),
      { maxLength: 2 },
    ),
  ),
  managedFields: some(managedFields),
});
const container = fc.record({
  name,
  image: words,
  env: fc.array(fc.record({ name, value: words }), { maxLength: 3 }),
  resources: some(resources),
  resizePolicy: some(
    fc.constant([
      { resourceName: 'cpu', restartPolicy: 'NotRequired' },
      { resourceName: 'memory', restartPolicy: 'RestartContainer' },
    ]),
  ),
  restartPolicy: some(fc.constant('Always')),
});
const podSpec = fc.record({
  containers: fc.array(container, { minLength: 1, maxLength: 3 }),
  initContainers: some(fc.array(container, { maxLength: 2 })),
  nodeName: some(name),
  nodeSelector: some(labels),
  priorityClassName: some(name),
  priority: fc.integer({ min: -1000, max: 1000 }),
  terminationGracePeriodSeconds: fc.nat(),
  overhead: some(amounts),
  resources: some(resources),
});
const state = fc.oneof(
  fc.record({ running: fc.record({ startedAt: some(time) }) }),
  fc.record({ waiting: fc.record({ reason: some(name), message: words }) }),
  fc.record({
    terminated: fc.record({
      exitCode: fc.integer({ min: -2_147_483_648, max: 2_147_483_647 }),
      reason: some(name),
      startedAt: some(time),
      finishedAt: some(time),
    }),
  }),
  fc.constant({}),
);
const containerStatus = fc.record({
  name,
  state: some(state),
  lastState: some(state),
  ready: fc.boolean(),
  restartCount: fc.nat(),
  image: words,
  resources: some(resources),
  allocatedResources: some(amounts),
});
const condition = fc.record({
  type: fc.constantFrom('Ready', 'PodResizePending', 'PodResizeInProgress', 'Initialized'),
  status: fc.constantFrom('True', 'False', 'Unknown'),
  lastTransitionTime: some(time),
  reason: some(fc.constantFrom('Deferred', 'Infeasible', 'Error')),
  message: some(words),
});
const podStatus = fc.record({
  phase: fc.constantFrom('Running', 'Pending', 'Succeeded', 'Failed'),
  conditions: some(fc.array(condition, { maxLength: 3 })),
  startTime: some(time),
  qosClass: fc.constantFrom('Guaranteed', 'Burstable', 'BestEffort'),
  containerStatuses: some(fc.array(containerStatus, { maxLength: 3 })),
  initContainerStatuses: some(fc.array(containerStatus, { maxLength: 1 })),
  resize: some(fc.constantFrom('Proposed', 'InProgress', 'Deferred', 'Infeasible')),
  observedGeneration: some(fc.nat()),
});
const pod = fc.record({ metadata, spec: podSpec, status: podStatus });
const template = fc.record({ metadata: fc.record({ labels: some(labels) }), spec: podSpec });
const selector = fc.record({ matchLabels: labels });
const count = some(fc.nat({ max: 5000 }));
const deployment = fc.record({
  metadata,
  spec: fc.record({
    replicas: count,
    selector,
    template,
    strategy: some(fc.constant({ type: 'Recreate' })),
    paused: some(fc.boolean()),
  }),
  status: fc.record({
    observedGeneration: count,
    readyReplicas: count,
    updatedReplicas: count,
    availableReplicas: count,
    unavailableReplicas: count,
  }),
});
const statefulSet = fc.record({
  metadata,
  spec: fc.record({ replicas: count, selector, template, updateStrategy: some(fc.constant({ type: 'OnDelete' })) }),
  status: fc.record({
    observedGeneration: count,
    readyReplicas: count,
    currentRevision: some(name),
    updateRevision: some(name),
    availableReplicas: count,
  }),
});
const daemonSet = fc.record({
  metadata,
  spec: fc.record({ selector, template, updateStrategy: some(fc.constant({ type: 'RollingUpdate' })) }),
  status: fc.record({
    desiredNumberScheduled: count,
    numberReady: count,
    updatedNumberScheduled: count,
    numberAvailable: count,
    observedGeneration: count,
  }),
});
const autoscaler = fc.record({
  metadata,
  spec: fc.record({
    scaleTargetRef: fc.record({ kind: fc.constant('Deployment'), name, apiVersion: fc.constant('apps/v1') }),
    minReplicas: count,
    maxReplicas: fc.nat({ max: 100 }),
    metrics: some(
      fc.array(
        fc.oneof(
          fc.record({ type: fc.constant('Resource'), resource: fc.record({ name: fc.constantFrom('cpu', 'memory') }) }),
          fc.record({
            type: fc.constant('ContainerResource'),
            containerResource: fc.record({ name: fc.constant('cpu'), container: name }),
          }),
        ),
        { maxLength: 3 },
      ),
    ),
  }),
});
const quota = fc.record({
  metadata,
  spec: fc.record({
    hard: some(amounts),
    scopes: some(fc.constant(['NotTerminating'])),
    scopeSelector: some(
      fc.record({
        matchExpressions: fc.constant([{ scopeName: 'PriorityClass', operator: 'In', values: ['high', 'low'] }]),
      }),
    ),
  }),
  status: fc.record({ hard: some(amounts), used: some(amounts) }),
});
const limitRange = fc.record({
  metadata,
  spec: fc.record({
    limits: fc.array(
      fc.record({
        type: fc.constant('Container'),
        max: some(amounts),
        min: some(amounts),
        default: some(amounts),
        maxLimitRequestRatio: some(amounts),
      }),
      { maxLength: 2 },
    ),
  }),
});
const node = fc.record({
  metadata,
  spec: fc.record({ podCIDR: words, unschedulable: some(fc.boolean()) }),
  status: fc.record({
    capacity: amounts,
    allocatable: some(amounts),
    images: fc.constant([{ names: ['a'], sizeBytes: 5_000_000_000 }]),
  }),
});

function bothWays<M extends Message>(
  kind: string,
  apiVersion: string,
  message: M,
  facts: (raw: Read<M>) => unknown,
  value: unknown,
) {
  const wire = JSON.parse(JSON.stringify(value)) as JsonValue;
  const envelope = openEnvelope(encode(kind, apiVersion, wire));
  expect(envelope.kind).toBe(kind);
  const fromJson = facts(readJson(message, wire, kind));
  expect(facts(readProtobuf(message, envelope.raw))).toEqual(fromJson);
  return fromJson;
}

describe('both encodings give equal facts', () => {
  test('of pods', () => {
    fc.assert(
      fc.property(pod, (value) => void bothWays('Pod', 'v1', messages.POD, podFacts, value)),
      { numRuns: 200 },
    );
  });
  test.each([
    ['Deployment', 'apps/v1', messages.DEPLOYMENT, deploymentFacts, deployment],
    ['StatefulSet', 'apps/v1', messages.STATEFUL_SET, statefulSetFacts, statefulSet],
    ['DaemonSet', 'apps/v1', messages.DAEMON_SET, daemonSetFacts, daemonSet],
    [
      'HorizontalPodAutoscaler',
      'autoscaling/v2',
      messages.HORIZONTAL_POD_AUTOSCALER,
      horizontalAutoscalerFacts,
      autoscaler,
    ],
    ['ResourceQuota', 'v1', messages.RESOURCE_QUOTA, resourceQuotaFacts, quota],
    ['LimitRange', 'v1', messages.LIMIT_RANGE, limitRangeFacts, limitRange],
    ['Node', 'v1', messages.NODE, nodeFacts, node],
  ] as const)('of %s', (kind, apiVersion, message, facts, arbitrary) => {
    const check = (value: unknown) =>
      void bothWays(kind, apiVersion, message as Message, facts as (raw: unknown) => unknown, value);
    fc.assert(fc.property(arbitrary as fc.Arbitrary<unknown>, check), { numRuns: 50 });
  });
});

describe('protobuf that is no protobuf', () => {
  test('is refused or read, and never runs away, wherever it is cut or changed', () => {
    const value = {
      metadata: { name: 'a', uid: 'u', labels: { app: 'a' } },
      spec: { containers: [{ name: 'app', resources: { limits: { cpu: '1' } } }] },
    };
    const bytes = openEnvelope(encode('Pod', 'v1', value)).raw;
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), fc.boolean(), (at, byte, isCut) => {
        const broken = isCut ? Buffer.from(bytes.subarray(0, at)) : Buffer.from(bytes);
        if (!isCut) {
          broken[at] = byte;
        }
        try {
          readProtobuf(messages.POD, broken);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
      { numRuns: 2000 },
    );
  });
  test('is refused when the prefix is missing or a message is cut', () => {
    const whole = encode('Pod', 'v1', { metadata: { name: 'a' } });
    expect(() => openEnvelope(Buffer.from('{"kind":"Pod"}'))).toThrow(MalformedError);
    expect(() => openEnvelope(whole.subarray(0, whole.length - 8))).toThrow(MalformedError);
  });
});

describe('a list in protobuf', () => {
  test('is split into its metadata and items', () => {
    const list = {
      metadata: { resourceVersion: '5', continue: 'next', remainingItemCount: 7 },
      items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }],
    };
    const { metadata: head, items } = splitList(messages.LIST_META, openEnvelope(encode('PodList', 'v1', list)).raw);
    expect(head).toEqual({ resourceVersion: '5', continue: 'next', remainingItemCount: 7 });
    expect(items.map((item) => readProtobuf(messages.POD, item).metadata?.name)).toEqual(['a', 'b']);
  });
});

test('JSON of a wrong shape is refused with the path of what is wrong', () => {
  const value = { metadata: { name: 'a' }, spec: { containers: [{ name: 'x' }, { name: 7 }] } };
  expect(() => readJson(messages.POD, value, 'Pod')).toThrow(
    'Pod.spec.containers[1].name should be a string and is a number',
  );
  expect(() => readJson(messages.POD, { metadata: [] }, 'Pod')).toThrow(
    'Pod.metadata should be an object and is a list',
  );
  expect(() => readJson(messages.POD, { metadata: { creationTimestamp: 'today' } }, 'Pod')).toThrow('should be a time');
});
