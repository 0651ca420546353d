// The pods that a changed template has made, taken together.
import { describe, expect, test } from 'vitest';
import { podsOfTemplate, podsView, usageOfPods } from '../../shared/actions/template-pods.ts';
import type { Usage } from '../../shared/actions/recent-usage.ts';
import type { Pod, Workload } from '../../shared/ports/cluster.ts';
import { podOf } from '../functions/rebalance/observed-world.ts';
import { raise } from './views.ts';

const NOW = '2026-03-04T10:10:00.000Z';
const LIMIT = raise.to['limits'] as Readonly<Record<string, string>>;

function ago(seconds: number): string {
  return new Date(Date.parse(NOW) - seconds * 1000).toISOString();
}

function pod(name: string, limits = LIMIT, meta: Partial<Pod['meta']> = {}, changes: Partial<Pod> = {}): Pod {
  const containers = [{ name: 'app', role: 'main' as const, resources: { requests: {}, limits }, resizePolicy: {} }];
  return podOf(name, { containers, ...changes }, { labels: { app: 'shop', hash: 'b' }, createdAt: ago(400), ...meta });
}

const workload = {
  kind: 'Deployment',
  meta: { ...pod('shop').meta, name: 'shop', uid: 'uid-shop' },
  templateLabels: { app: 'shop' },
  containers: pod('shop').containers,
} as unknown as Workload;

function names(pods: readonly Pod[], of = workload): string[] {
  return podsOfTemplate(pods, of, 'app', raise).map(({ meta }) => meta.name);
}

describe('the pods of a template', () => {
  test('have its sizes, by value; those of before are others', () => {
    expect(names([pod('new', { memory: '1.25Gi' }), pod('old', { memory: '1Gi' }), pod('none', {})])).toEqual(['new']);
  });

  test('are not those of another workload, of other labels, or on their way out', () => {
    const owners = [{ kind: 'ReplicaSet', name: 'shopping-abc', uid: 'rs', controller: true }];
    const set = [{ kind: 'StatefulSet', name: 'shop', uid: 'uid-set', controller: true }];
    const pods = [
      pod('other', LIMIT, { owners }),
      pod('of-a-set', LIMIT, { owners: set }),
      pod('bare', LIMIT, { owners: [] }),
      pod('labelled', LIMIT, { labels: { app: 'web' } }),
      pod('leaving', LIMIT, { deletedAt: NOW }),
      pod('own'),
    ];
    expect(names(pods)).toEqual(['own']);
    const statefulSet = { ...workload, kind: 'StatefulSet', meta: { ...workload.meta, uid: 'uid-set' } } as Workload;
    expect(names(pods, statefulSet)).toEqual(['of-a-set']);
  });
});

test('restarts, kills and evictions are counted over all of them', () => {
  const [status] = pod('a').statuses;
  const restarted = (reason: string, restartCount: number): Partial<Pod> =>
    status === undefined
      ? {}
      : { statuses: [{ ...status, restartCount, lastTermination: { reason, finishedAt: NOW, exitCode: 1 } }] };
  const pods = [
    pod('a', LIMIT, {}, restarted('OOMKilled', 2)),
    pod('down', LIMIT, {}, restarted('OOMKilled', 0)),
    pod('b', LIMIT, { createdAt: ago(30) }, restarted('Error', 1)),
    pod('c', LIMIT, { createdAt: ago(1) }, { phase: 'Failed', reason: 'Evicted' }),
    pod('d', LIMIT, { createdAt: ago(1) }, { phase: 'Failed', reason: 'Shutdown' }),
  ];
  expect(podsView(pods, 'app', NOW)).toEqual({
    count: 3,
    youngestSeconds: 30,
    oomKills: 3,
    otherRestarts: 1,
    evicted: 1,
  });
  expect(podsView([], 'app', NOW)).toMatchObject({ count: 0, youngestSeconds: null });
});

describe('their use', () => {
  const usages: Record<string, Usage> = {
    a: { memoryBytes: 100, cpuCores: 1, throttledRatio: 0.2 },
    b: { memoryBytes: 300, cpuCores: 3, throttledRatio: null },
    young: { memoryBytes: 900, cpuCores: 9, throttledRatio: 0.9 },
  };
  const reading = {
    of: (name: string) => usages[name] ?? { memoryBytes: null, cpuCores: null, throttledRatio: null },
    problem: null,
  };
  const young = pod('young', LIMIT, { createdAt: ago(299) });

  test('is the largest memory and the mean CPU of those that are old enough; one gap hides a number', () => {
    expect(usageOfPods([pod('a'), pod('b'), young], reading, NOW)).toEqual({
      memoryBytes: 300,
      cpuCores: 2,
      throttledRatio: null,
    });
    expect(usageOfPods([pod('a'), pod('unseen')], reading, NOW).memoryBytes).toBeNull();
  });

  test('is unknown while all are young', () => {
    expect(usageOfPods([young], reading, NOW)).toEqual({ memoryBytes: null, cpuCores: null, throttledRatio: null });
  });
});
