// The adapter against the embedded platform's API server: both sides were written apart, from the public definitions.
import { describe, expect, onTestFinished, test } from 'vitest';
import { scenarioClock } from '../../../fixtures/platform/clock.ts';
import { type Fault, type RecordedCall, serve } from '../../../fixtures/platform/kit.ts';
import {
  KUBERNETES_TOKEN,
  type KubernetesDouble,
  kubernetesDouble,
} from '../../../fixtures/platform/kubernetes/kubernetes-double.ts';
import { validate } from '../../../fixtures/platform/spec-check.ts';
import { kubernetesCluster } from '../../../shared/adapters/kubernetes/cluster.ts';
import type { Cluster, PodResize } from '../../../shared/ports/cluster.ts';
import { testClock, writeKubeconfig } from './api-server.ts';

interface Rig {
  readonly cluster: Cluster;
  readonly double: KubernetesDouble;
  readonly calls: readonly RecordedCall[];
  readonly advance: (milliseconds: number) => void;
}

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1' },
  status: {
    allocatable: { cpu: '8', memory: '32Gi', pods: '110' },
    capacity: { cpu: '8', memory: '32Gi', pods: '110' },
  },
};
const RESOURCES = { requests: { cpu: '250m', memory: '512Mi' }, limits: { cpu: '500m', memory: '1Gi' } };

function pod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels: { app: 'web', note: 'Größe' }, annotations: { 'example.com/x': 'y' } },
    spec: { nodeName: 'node-1', containers: [{ name: 'app', image: 'app:1', resources: RESOURCES }] },
    status: {
      phase: 'Running',
      startTime: '2026-11-01T10:00:00Z',
      qosClass: 'Burstable',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-11-01T10:00:10Z' }],
      containerStatuses: [
        {
          name: 'app',
          ready: true,
          restartCount: 0,
          image: 'app:1',
          imageID: 'x',
          state: { running: { startedAt: '2026-11-01T10:00:05Z' } },
          resources: RESOURCES,
        },
      ],
    },
  };
}

async function rig(
  options: {
    readonly faults?: readonly Fault[];
    readonly objects?: readonly object[];
    readonly pageSize?: number;
  } = {},
): Promise<Rig> {
  const clock = scenarioClock('2026-11-03T10:00:00Z');
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
  const objects = [NODE, namespace, ...(options.objects ?? [pod('a')])];
  const double = kubernetesDouble(
    { version: 'v1.34.4', podResize: true, objects, forbidden: [] } as Parameters<typeof kubernetesDouble>[0],
    clock,
  );
  const calls: RecordedCall[] = [];
  const running = await serve(double, {
    clock,
    faults: options.faults ?? [],
    calls,
    validate: (request, reply) => validate('kubernetes', request, reply),
  });
  onTestFinished(async () => {
    await running.close();
    expect(calls.flatMap(({ violations }) => violations)).toEqual([]);
  });
  const cluster = kubernetesCluster({
    name: 'test',
    kubeconfig: writeKubeconfig(running.url, { token: KUBERNETES_TOKEN }),
    clock: testClock([]),
    random: () => 0,
    deadlineSeconds: 1,
    ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
  });
  return {
    cluster,
    double,
    calls,
    advance: (milliseconds) => {
      clock.advance(milliseconds);
    },
  };
}

async function raise(cluster: Cluster, memory = '1280Mi'): Promise<PodResize> {
  const found = await cluster.readPod('shop', 'a');
  return {
    namespace: 'shop',
    pod: 'a',
    uid: found?.meta.uid ?? '',
    container: 'app',
    role: 'main',
    from: { requests: {}, limits: { memory: '1024Mi' } },
    to: { requests: {}, limits: { memory } },
  };
}

describe('against the embedded API server', () => {
  test('lists in pages, and reads what it listed', async () => {
    const { cluster, calls } = await rig({
      objects: Array.from({ length: 7 }, (_, index) => pod(`p${index}`)),
      pageSize: 3,
    });
    const pods = await cluster.listPods('shop');
    expect(pods.map(({ meta }) => meta.name)).toEqual(['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6']);
    expect(calls).toHaveLength(3);
    expect(pods[0]).toMatchObject({
      nodeName: 'node-1',
      qosClass: 'Burstable',
      ready: true,
      startedAt: '2026-11-01T10:00:00Z',
      containers: [{ name: 'app', role: 'main', resources: RESOURCES }],
      statuses: [{ state: 'running', resources: RESOURCES }],
      meta: { labels: { app: 'web', note: 'Größe' }, annotations: {} },
    });
    expect(await cluster.readPod('shop', 'p0')).toEqual(pods[0]);
    expect(await cluster.listPodsOnNodes(['node-1'])).toEqual({ items: pods });
    expect(await cluster.listNodes()).toMatchObject({
      items: [{ name: 'node-1', allocatable: { cpu: '8', memory: '32Gi' } }],
    });
  });

  test('tells version, clock, permissions and namespaces', async () => {
    const { cluster } = await rig();
    expect(await cluster.version()).toMatchObject({
      gitVersion: 'v1.34.4',
      minor: 34,
      podResize: true,
      verticalAutoscalers: false,
    });
    expect(await cluster.serverTime()).toBe('2026-11-03T10:00:00.000Z');
    expect(
      await cluster.allowed([{ verb: 'list', group: '', resource: 'pods', subresource: '', namespace: 'shop' }]),
    ).toMatchObject([{ allowed: true }]);
    expect(await cluster.namespaceExists('shop')).toBe(true);
    await expect(cluster.listPods('nowhere')).rejects.toMatchObject({ failure: { code: 'NotFound' } });
    expect(await cluster.listWorkloads('shop')).toEqual([]);
    for (const list of [
      cluster.listHorizontalAutoscalers('shop'),
      cluster.listVerticalAutoscalers('shop'),
      cluster.listQuotas('shop'),
      cluster.listLimitRanges('shop'),
    ]) {
      expect(await list).toEqual({ items: [] });
    }
  });

  test('resizes in place, and finds its own mark in managedFields', async () => {
    const { cluster, advance } = await rig();
    const resized = await cluster.resizePod(await raise(cluster));
    expect(resized.containers[0]?.resources).toEqual({ ...RESOURCES, limits: { cpu: '500m', memory: '1280Mi' } });
    expect(resized.resizes).toEqual([{ container: 'app', manager: 'nightshift', at: '2026-11-03T10:00:00Z' }]);
    advance(5000);
    const settled = await cluster.readPod('shop', 'a');
    expect(settled?.resize).toBeNull();
    expect(settled?.statuses[0]?.resources?.limits.memory).toBe('1280Mi');
  });

  test('meets a conflict when somebody changes the size between read and patch', async () => {
    const { cluster, double } = await rig();
    const change = await raise(cluster);
    double.before('patch pods/resize', 1, () => {
      double.mutate('Pod', 'shop', 'a', (draft) => {
        const { containers } = draft['spec'] as { containers: { resources: { limits: Record<string, string> } }[] };
        for (const { resources } of containers) {
          resources.limits['memory'] = '4Gi';
        }
      });
    });
    await expect(cluster.resizePod(change)).rejects.toMatchObject({
      failure: { status: 409, code: 'Conflict', applied: 'no' },
    });
  });

  test('keeps the words of a refusal', async () => {
    const { cluster } = await rig();
    const change = await raise(cluster, '256Mi');
    await expect(cluster.resizePod(change)).rejects.toMatchObject({
      failure: { status: 422, code: 'Invalid', applied: 'no' },
    });
  });

  test('survives a snapshot that expires between two pages', async () => {
    const { cluster, double } = await rig({
      objects: Array.from({ length: 5 }, (_, index) => pod(`p${index}`)),
      pageSize: 2,
    });
    double.before('list pods', 2, () => {
      double.remove('Pod', 'shop', 'p3');
      double.expireContinueTokens();
    });
    expect((await cluster.listPods('shop')).map(({ meta }) => meta.name)).toEqual(['p0', 'p1', 'p2', 'p4']);
  });

  test.each([
    ['refuse', 1, 'ok'],
    ['cut', 1, 'ok'],
    ['429', 1, 'ok'],
    ['500', 1, 'ok'],
    ['expired-token', 1, 'ok'],
    ['lost-reply', 1, 'ok'],
    ['hang', 1, 'TIMEOUT'],
    ['garbage', 1, 'MalformedReply'],
    ['refuse', undefined, 'ECONNRESET'],
    ['cut', undefined, 'ECONNRESET'],
    ['429', undefined, 429],
    ['500', undefined, 500],
    ['expired-token', undefined, 401],
  ] as const)('a list under the fault %s (call %s) ends with %s', async (kind, call, end) => {
    const fault: Fault = {
      system: 'kubernetes',
      operation: 'list pods',
      kind,
      ...(call === undefined ? {} : { call }),
    };
    const { cluster } = await rig({ faults: [fault] });
    const result = await cluster.listPods('shop').catch((error: unknown) => error);
    if (end === 'ok') {
      expect(result).toHaveLength(1);
    } else {
      expect(result).toMatchObject({ failure: { applied: 'no', [typeof end === 'number' ? 'status' : 'code']: end } });
    }
  });

  test.each([
    ['refuse', 'unknown', '1Gi'],
    ['hang', 'unknown', '1Gi'],
    ['500', 'unknown', '1Gi'],
    ['cut', 'unknown', '1280Mi'],
    ['lost-reply', 'unknown', '1280Mi'],
    ['429', 'done', '1280Mi'],
    ['expired-token', 'done', '1280Mi'],
  ] as const)('a resize under the fault %s is %s', async (kind, told, memory) => {
    const faults: Fault[] = [{ system: 'kubernetes', operation: 'patch pods/resize', kind, call: 1 }];
    const { cluster, calls } = await rig({ faults });
    const result = await cluster.resizePod(await raise(cluster)).catch((error: unknown) => error);
    if (told === 'done') {
      expect(result).toMatchObject({ meta: { name: 'a' } });
    } else {
      expect(result).toMatchObject({ failure: { applied: 'unknown' } });
      expect(calls.filter(({ operation }) => operation === 'patch pods/resize')).toHaveLength(1);
    }
    expect((await cluster.readPod('shop', 'a'))?.containers[0]?.resources.limits.memory).toBe(memory);
  });
});
