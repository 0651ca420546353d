import { describe, expect, test } from 'vitest';
import {
  container,
  decideOn,
  facts,
  GI,
  idleContainer,
  kills,
  MI,
  oomContainer,
  pastChange,
  pod,
  policy,
  shorts,
  workload,
} from './build.ts';

const ROLLOUT = policy({ apply: 'rollout' });
const NODES = {
  nodes: {
    items: [{ name: 'node-1', allocatableMemoryBytes: 8 * GI, unschedulable: false, requestedMemoryBytes: null }],
  },
};

describe('rollout mode', () => {
  test('one raise gives all pods of the workload the same change of the template', () => {
    const pods = [pod('shop-1', [container()]), pod('shop-2', [oomContainer()]), pod('shop-3', [idleContainer()])];
    const decisions = decideOn(facts(pods, NODES), ROLLOUT);
    expect(new Set(Object.values(shorts(decisions)))).toEqual(new Set(['act raise-memory-after-oom']));
    expect(decisions[0]?.action).toEqual(decisions[1]?.action);
    expect(decisions[0]?.action).toMatchObject({
      kind: 'cluster.patch-template',
      target: { kind: 'Deployment', name: 'shop', uid: 'uid-shop', container: 'app', role: 'main' },
      from: { limits: { memory: '1Gi' } },
      to: { requests: {}, limits: { memory: '1280Mi' } },
      guard: { workloadSize: 2, touches: 2 },
    });
    expect(decisions[0]?.reason.sentence).toContain('Pod shop-2');
  });

  test('a server without pod resize gets it whatever policy says', () => {
    const server = { version: 'v1.29.0', major: 1, minor: 29, podResize: false };
    const [decision] = decideOn(facts([pod('shop-1', [oomContainer()])], { ...NODES, server }), policy());
    expect(decision?.action?.kind).toBe('cluster.patch-template');
  });

  test('the step starts from the template, not from what a pod was resized to', () => {
    const one = oomContainer({ limits: { cpu: '2', memory: '1Gi' } });
    const workloads = [workload({}, [{ limits: { memory: '800Mi' } }])];
    const [decision] = decideOn(facts([pod('shop-1', [one])], { ...NODES, workloads }), ROLLOUT);
    expect(decision?.action?.from).toEqual({ requests: {}, limits: { memory: '800Mi' } });
    expect(decision?.action?.to).toEqual({ requests: {}, limits: { memory: '1000Mi' } });
  });

  test('pods without data and known issues keep their own verdict', () => {
    const pods = [
      pod('shop-1', [oomContainer()]),
      pod('shop-2', [container()], { phase: 'Pending' }),
      pod('shop-3', [container()]),
    ];
    const by = policy(
      { apply: 'rollout' },
      { knownIssues: [{ id: 'OPS-1', subject: { pod: 'shop-3' }, reason: 'known' }] },
    );
    expect(shorts(decideOn(facts(pods, NODES), by))).toEqual({
      'shop-1/app': 'act raise-memory-after-oom',
      'shop-2/app': 'skip no-data',
      'shop-3/app': 'skip known-issue',
    });
  });

  test('a trim needs every pod to be idle', () => {
    const idle = [pod('shop-1', [idleContainer()]), pod('shop-2', [idleContainer()])];
    expect(new Set(Object.values(shorts(decideOn(facts(idle), ROLLOUT))))).toEqual(
      new Set(['act lower-requests-when-idle']),
    );
    for (const other of [pod('shop-3', [container()]), pod('shop-3', [idleContainer()], { phase: 'Pending' })]) {
      expect(shorts(decideOn(facts([...idle, other]), ROLLOUT))['shop-1/app']).toBe('skip healthy');
    }
  });

  test('the floor of a trim is that of the busiest pod', () => {
    const busy = idleContainer({ floors: { memoryMaximumBytes: 430 * MI, cpuP95Cores: 0.8 } });
    const decisions = decideOn(facts([pod('shop-1', [idleContainer()]), pod('shop-2', [busy])]), ROLLOUT);
    expect(decisions.map(({ action }) => action?.to)).toEqual([
      { requests: { cpu: '920m', memory: '495Mi' }, limits: {} },
      { requests: { cpu: '920m', memory: '495Mi' }, limits: {} },
    ]);
  });

  test('any raise wins over any trim, also of another container', () => {
    const workloads = [workload({}, [{}, { name: 'proxy' }])];
    const pods = [pod('shop-1', [oomContainer(), idleContainer({ name: 'proxy' })])];
    expect(shorts(decideOn(facts(pods, { ...NODES, workloads }), ROLLOUT))).toEqual({
      'shop-1/app': 'act raise-memory-after-oom',
      'shop-1/proxy': 'skip hold-rollout',
    });
  });

  test('the protection of one pod holds for the template', () => {
    const pods = [
      pod('shop-1', [oomContainer()]),
      pod('shop-2', [container()], { labels: { 'nightshift.dev/protect': 'x' } }),
    ];
    expect(shorts(decideOn(facts(pods, NODES), ROLLOUT))).toEqual({
      'shop-1/app': 'escalate hold-protected',
      'shop-2/app': 'skip healthy',
    });
  });

  test('a change of any container of the workload cools all of them down', () => {
    const history = [pastChange(2, { kind: 'cluster.patch-template', targetUid: 'uid-shop', container: 'other' })];
    const pods = [pod('shop-1', [oomContainer()])];
    expect(shorts(decideOn(facts(pods, { ...NODES, history }), ROLLOUT))).toEqual({
      'shop-1/app': 'skip hold-cooldown',
    });
  });

  test('the cap counts from the template before our first raise of it', () => {
    const template = { kind: 'cluster.patch-template', targetUid: 'uid-shop' } as const;
    const first = {
      from: { requests: {}, limits: { memory: '600Mi' } },
      to: { requests: {}, limits: { memory: '1Gi' } },
    };
    const one = container({ oomKills: kills(1, 2, 3) });
    const run = (history: ReturnType<typeof pastChange>[]) =>
      shorts(decideOn(facts([pod('shop-1', [one])], { ...NODES, history }), ROLLOUT));
    expect(run([pastChange(200, { ...template, ...first })])).toEqual({ 'shop-1/app': 'escalate escalate-growth-cap' });
    expect(run([])).toEqual({ 'shop-1/app': 'act raise-memory-after-oom' });
  });

  test('quotas are asked for the growth of all replicas, nodes for one that could hold the container', () => {
    const pods = [pod('shop-1', [oomContainer()])];
    const quota = (used: string) => ({
      quotas: { items: [{ name: 'q', hard: { 'limits.memory': '4Gi' }, used: { 'limits.memory': used }, scopes: [] }] },
    });
    expect(shorts(decideOn(facts(pods, { ...NODES, ...quota('3584Mi') }), ROLLOUT))).toEqual({
      'shop-1/app': 'act raise-memory-after-oom',
    });
    expect(shorts(decideOn(facts(pods, { ...NODES, ...quota('3585Mi') }), ROLLOUT))).toEqual({
      'shop-1/app': 'escalate escalate-cannot-fit',
    });
    const small = (unschedulable: boolean, mebibytes: number) => ({
      nodes: {
        items: [{ name: 'node-1', allocatableMemoryBytes: mebibytes * MI, unschedulable, requestedMemoryBytes: null }],
      },
    });
    expect(shorts(decideOn(facts(pods, small(false, 1280)), ROLLOUT))).toEqual({
      'shop-1/app': 'act raise-memory-after-oom',
    });
    expect(shorts(decideOn(facts(pods, small(false, 1279)), ROLLOUT))).toEqual({
      'shop-1/app': 'escalate escalate-cannot-fit',
    });
    expect(shorts(decideOn(facts(pods, small(true, 8192)), ROLLOUT))).toEqual({
      'shop-1/app': 'escalate escalate-cannot-fit',
    });
  });

  test('what was escalated stays so beside a raise of its workload', () => {
    const odd = container({
      cpu: { averageCores: 0.1, p95Cores: 0.9, maximumCores: 1, samples: 288, fresh: true },
      memory: { averageBytes: 100 * MI, p95Bytes: 100 * MI, maximumBytes: 100 * MI, samples: 288, fresh: true },
    });
    const pods = [pod('shop-1', [odd]), pod('shop-2', [oomContainer()])];
    expect(shorts(decideOn(facts(pods, NODES), ROLLOUT))).toEqual({
      'shop-1/app': 'escalate escalate-inconsistent-metrics',
      'shop-2/app': 'act raise-memory-after-oom',
    });
  });
});
