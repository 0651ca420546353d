// What the facts say for the cases that decide: roles, states, resizes, owners, defaults.
import { describe, expect, test } from 'vitest';
import { readJson } from '../../../shared/adapters/kubernetes/json.ts';
import * as messages from '../../../shared/adapters/kubernetes/messages.ts';
import {
  horizontalAutoscalerFacts,
  resourceQuotaFacts,
  verticalAutoscalerFacts,
} from '../../../shared/adapters/kubernetes/namespace-facts.ts';
import {
  daemonSetFacts,
  deploymentFacts,
  podFacts,
  statefulSetFacts,
} from '../../../shared/adapters/kubernetes/pod-facts.ts';
import type { Pod } from '../../../shared/ports/cluster.ts';
import type { JsonValue } from './encode.ts';

function pod(parts: { metadata?: JsonValue; spec?: JsonValue; status?: JsonValue } = {}): Pod {
  const value = { ...parts, metadata: { name: 'a', namespace: 'shop', uid: 'u', ...parts.metadata } };
  return podFacts(readJson(messages.POD, value, 'Pod'));
}

function conditions(...list: readonly JsonValue[]): Pod['resize'] {
  return pod({ status: { conditions: list } }).resize;
}

describe('a pod', () => {
  test('lists containers, then init containers, each with its role and in the order of the spec', () => {
    const { containers } = pod({
      spec: {
        initContainers: [{ name: 'migrate' }, { name: 'proxy', restartPolicy: 'Always' }],
        containers: [
          {
            name: 'app',
            resources: { limits: { memory: '1.5Gi' } },
            resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
          },
          { name: 'log' },
        ],
      },
    });
    expect(containers.map(({ name, role }) => [name, role])).toEqual([
      ['app', 'main'],
      ['log', 'main'],
      ['migrate', 'init'],
      ['proxy', 'sidecar'],
    ]);
    expect(containers[0]).toMatchObject({
      resources: { requests: {}, limits: { memory: '1.5Gi' } },
      resizePolicy: { memory: 'RestartContainer' },
    });
  });

  test('tells the state of its containers, and their last end', () => {
    const { statuses } = pod({
      status: {
        containerStatuses: [
          {
            name: 'app',
            ready: false,
            restartCount: 4,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { reason: 'OOMKilled', exitCode: 137, finishedAt: '2026-11-03T09:00:00Z' } },
          },
          {
            name: 'log',
            ready: true,
            restartCount: 0,
            state: { running: { startedAt: '2026-11-03T08:00:00+02:00' } },
            resources: { limits: { cpu: '1' } },
          },
        ],
        initContainerStatuses: [{ name: 'migrate', state: { terminated: { reason: 'Completed', exitCode: 0 } } }],
      },
    });
    expect(statuses).toEqual([
      {
        name: 'app',
        ready: false,
        restartCount: 4,
        state: 'waiting',
        reason: 'CrashLoopBackOff',
        startedAt: null,
        lastTermination: { reason: 'OOMKilled', exitCode: 137, finishedAt: '2026-11-03T09:00:00Z' },
        resources: null,
      },
      {
        name: 'log',
        ready: true,
        restartCount: 0,
        state: 'running',
        reason: null,
        startedAt: '2026-11-03T06:00:00Z',
        lastTermination: null,
        resources: { requests: {}, limits: { cpu: '1' } },
      },
      {
        name: 'migrate',
        ready: false,
        restartCount: 0,
        state: 'terminated',
        reason: 'Completed',
        startedAt: null,
        lastTermination: { reason: 'Completed', exitCode: 0, finishedAt: null },
        resources: null,
      },
    ]);
  });

  test('tells how a resize is going, by condition or by the older field', () => {
    const at = '2026-11-03T09:00:00Z';
    const pending = { type: 'PodResizePending', status: 'True', lastTransitionTime: at, message: 'no room' };
    const progress = { type: 'PodResizeInProgress', status: 'True', lastTransitionTime: at };
    expect(conditions({ ...pending, reason: 'Deferred' })).toEqual({
      state: 'deferred',
      message: 'no room',
      since: at,
    });
    expect(conditions(progress, { ...pending, reason: 'Infeasible' })?.state).toBe('infeasible');
    expect(conditions(progress)?.state).toBe('in-progress');
    expect(conditions({ ...progress, reason: 'Error', message: 'failed' })).toEqual({
      state: 'error',
      message: 'failed',
      since: at,
    });
    expect(conditions({ ...pending, status: 'False', reason: 'Deferred' })).toBeNull();
    expect(pod({ status: { resize: 'Proposed' } }).resize?.state).toBe('in-progress');
    expect(pod({ status: { resize: 'Infeasible' } }).resize?.state).toBe('infeasible');
    expect(pod().resize).toBeNull();
  });

  test('takes from managedFields only who resized which container', () => {
    const fieldsV1 = {
      'f:spec': {
        'f:containers': { 'k:{"name":"app"}': { '.': {}, 'f:resources': {} }, 'k:{"name":"log"}': { 'f:image': {} } },
        'f:initContainers': { 'k:{"name":"proxy"}': { 'f:resources': {} } },
      },
    };
    const entry = {
      operation: 'Update',
      apiVersion: 'v1',
      time: '2026-11-03T09:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1,
    };
    const { resizes } = pod({
      metadata: {
        managedFields: [
          { ...entry, manager: 'kubectl' },
          { ...entry, manager: 'nightshift', subresource: 'resize' },
          { ...entry, manager: 'kubelet', subresource: 'status' },
        ],
      },
    });
    expect(resizes).toEqual([
      { container: 'app', manager: 'nightshift', at: '2026-11-03T09:00:00Z' },
      { container: 'proxy', manager: 'nightshift', at: '2026-11-03T09:00:00Z' },
    ]);
  });

  test('is static when the kubelet mirrors it or a node owns it, and keeps only annotations that are ours', () => {
    const mirrored = pod({
      metadata: { annotations: { 'kubernetes.io/config.mirror': 'x', 'kubectl.kubernetes.io/last-applied': '{}' } },
    });
    expect(mirrored.isStatic).toBe(true);
    expect(mirrored.meta.annotations).toEqual({ 'kubernetes.io/config.mirror': 'x' });
    expect(pod({ metadata: { ownerReferences: [{ kind: 'Node', name: 'n', uid: 'n' }] } }).isStatic).toBe(true);
    expect(
      pod({ metadata: { ownerReferences: [{ kind: 'ReplicaSet', name: 'r', uid: 'r', controller: true }] } }).isStatic,
    ).toBe(false);
  });

  test('without a name or uid is refused', () => {
    expect(() => pod({ metadata: { uid: '' } })).toThrow('a Pod has no uid');
    expect(() => podFacts({ metadata: { uid: 'u' } })).toThrow('a Pod has no name');
  });
});

describe('workloads', () => {
  const metadata = { name: 'w', uid: 'u' };
  test('count replicas by the fields of their own kind', () => {
    const deployment = deploymentFacts({
      metadata,
      spec: { strategy: { type: 'Recreate' }, paused: true },
      status: { readyReplicas: 1 },
    });
    expect(deployment).toMatchObject({
      replicas: 1,
      readyReplicas: 1,
      strategy: 'Recreate',
      paused: true,
      revisionPending: false,
    });
    expect(deploymentFacts({ metadata, spec: { replicas: 0 } }).replicas).toBe(0);
    const daemonSet = daemonSetFacts({
      metadata,
      status: { desiredNumberScheduled: 5, numberReady: 4, updatedNumberScheduled: 3, numberAvailable: 2 },
    });
    expect(daemonSet).toMatchObject({ replicas: 5, readyReplicas: 4, updatedReplicas: 3, availableReplicas: 2 });
  });

  test('a StatefulSet has a revision pending while its revisions differ', () => {
    expect(statefulSetFacts({ metadata, status: { currentRevision: 'a', updateRevision: 'b' } }).revisionPending).toBe(
      true,
    );
    expect(statefulSetFacts({ metadata, status: { currentRevision: 'b', updateRevision: 'b' } }).revisionPending).toBe(
      false,
    );
    expect(statefulSetFacts({ metadata }).revisionPending).toBe(false);
  });
});

describe('autoscalers and quotas', () => {
  test('an HPA names the resources that it follows, once each', () => {
    const metrics = [
      { resource: { name: 'memory' } },
      { containerResource: { name: 'cpu' } },
      { resource: { name: 'cpu' } },
      {},
    ];
    const facts = horizontalAutoscalerFacts({
      metadata: { name: 'h' },
      spec: { metrics, scaleTargetRef: { kind: 'Deployment', name: 'web' } },
    });
    expect(facts).toMatchObject({
      resources: ['cpu', 'memory'],
      minReplicas: 1,
      target: { kind: 'Deployment', name: 'web' },
    });
  });

  test('a VPA without an update mode writes', () => {
    expect(verticalAutoscalerFacts({ metadata: { name: 'v' } }).updateMode).toBe('Auto');
    expect(
      verticalAutoscalerFacts({ metadata: { name: 'v' }, spec: { updatePolicy: { updateMode: 'Off' } } }).updateMode,
    ).toBe('Off');
  });

  test('a quota says what narrows it', () => {
    const matchExpressions = [
      { scopeName: 'PriorityClass', operator: 'In', values: ['high', 'low'] },
      { scopeName: 'BestEffort', operator: 'Exists' },
    ];
    const facts = resourceQuotaFacts({
      metadata: { name: 'q' },
      spec: { hard: { cpu: '9' }, scopes: ['NotTerminating'], scopeSelector: { matchExpressions } },
      status: { hard: { cpu: '8' }, used: { cpu: '1' } },
    });
    expect(facts).toEqual({
      name: 'q',
      hard: { cpu: '8' },
      used: { cpu: '1' },
      scopes: ['NotTerminating', 'PriorityClass In (high, low)', 'BestEffort Exists'],
    });
  });
});
