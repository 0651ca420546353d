// Reading through ports: what fails becomes a fact or an error, what is not needed is not asked.
import { describe, expect, test } from 'vitest';
import type { ActionRecord } from '../../../shared/core/action.ts';
import { CallerError, PlatformError } from '../../../shared/core/errors.ts';
import type { Series } from '../../../shared/ports/metrics.ts';
import { ago, MI, policy, short } from './build.ts';
import { podOf, run, usual } from './observed-world.ts';

const FORBIDDEN = new PlatformError(
  {
    system: 'Kubernetes API',
    operation: 'list pods',
    target: 'namespace default',
    status: 403,
    code: 'Forbidden',
    applied: 'no',
  },
  'not permitted',
);
const DEAD = new PlatformError(
  { system: 'VictoriaMetrics', operation: 'query', target: 'x', applied: 'no' },
  'refused',
);

const THREE_KILLS: readonly Series[] = [
  { labels: { pod: 'shop-abc-1', uid: 'uid-shop-abc-1', container: 'app' }, points: [[Date.parse(ago(2)) / 1000, 3]] },
];

describe('the facts', () => {
  test('hold what rules need, without init containers, with the Deployment as owner', async () => {
    const { facts } = await run({});
    const [one] = facts.pods;
    expect(one?.owner).toEqual({ kind: 'Deployment', name: 'shop' });
    expect(one?.containers.map(({ name }) => name)).toEqual(['app']);
    expect(one?.labels).toEqual({ app: 'shop', 'pod-template-hash': 'abc', 'nightshift.dev/note': 'x' });
    expect(one?.containers[0]?.memory).toEqual({
      averageBytes: 512 * MI,
      p95Bytes: 512 * MI,
      maximumBytes: 512 * MI,
      samples: 288,
      fresh: true,
    });
    expect(facts.workloads[0]?.labels['tier']).toBe('web');
  });

  test('a ReplicaSet without a Deployment of that name stays what it is', async () => {
    const owners = [{ kind: 'ReplicaSet', name: 'canary-abc', uid: 'rs', controller: true }];
    const { facts } = await run({ pods: [podOf('canary-abc-1', {}, { owners })] });
    expect(facts.pods[0]?.owner).toEqual({ kind: 'ReplicaSet', name: 'canary-abc' });
  });

  test('pods come sorted, whatever the order of the pages', async () => {
    const { facts } = await run({ pods: [podOf('b'), podOf('a')] });
    expect(facts.pods.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('kills of a pod that had the name before are not its own', async () => {
    const kills = [
      {
        labels: { pod: 'shop-abc-1', uid: 'older', container: 'app' },
        points: [[Date.parse(ago(2)) / 1000, 3]] as const,
      },
    ];
    const { facts } = await run({ kills });
    expect(facts.pods[0]?.containers[0]?.oomKills).toEqual([]);
  });

  test('only what changed something, or may have, is our past', async () => {
    const record = (state: ActionRecord['state'], number: number) =>
      ({
        id: `r${number}`,
        kind: 'cluster.resize-container',
        state,
        target: { uid: 'uid-shop-abc-1', container: 'app' },
        from: { requests: {}, limits: { memory: '1Gi' } },
        to: { requests: {}, limits: { memory: '1280Mi' } },
        guard: { workload: 'Deployment/shop' },
        createdAt: ago(number),
        appliedAt: ago(number - 0.5),
        updatedAt: ago(number - 0.9),
      }) as unknown as ActionRecord;
    const history = (
      [
        'applied',
        'failed',
        'declined',
        'waiting',
        'undone',
        'unknown',
        'stale',
        'expired',
        'settled',
        'intended',
      ] as const
    )
      .map(record)
      .slice(0);
    const { facts } = await run({
      history: history.map((one, index) => ({
        ...one,
        createdAt: ago(20 - index),
        appliedAt: ago(20 - index),
        updatedAt: ago(19 - index),
      })),
    });
    expect(facts.history.map(({ id, stands }) => `${id} ${String(stands)}`)).toEqual([
      'r0 true',
      'r4 false',
      'r5 true',
      'r8 true',
      'r9 true',
    ]);
  });
});

describe('what is asked', () => {
  test('nothing of nodes or of seven days while all is well', async () => {
    const { calls } = await run({});
    expect(calls.filter((call) => call === 'listNodes' || call === 'listPodsOnNodes' || call.includes('[7d'))).toEqual(
      [],
    );
    expect(calls).not.toContain('listVerticalAutoscalers');
    expect(calls.filter((call) => call.includes('('))).toHaveLength(12);
  });

  test('the number of questions does not grow with the pods', async () => {
    const many = await run({ pods: Array.from({ length: 50 }, (_, index) => podOf(`shop-abc-${index}`)) });
    const few = await run({ pods: [podOf('shop-abc-1')] });
    expect(many.calls.length).toBe(few.calls.length);
  });

  test('the room of the nodes when something is to be raised: requests of all that runs there, ours and others', async () => {
    const neighbour = podOf('neighbour', {
      overhead: { memory: '100Mi' },
      containers: [
        { name: 'a', role: 'main', resources: { requests: { memory: '1Gi' }, limits: {} }, resizePolicy: {} },
        { name: 'b', role: 'sidecar', resources: { requests: { memory: '1Gi' }, limits: {} }, resizePolicy: {} },
      ],
    });
    const ended = podOf('shop-abc-0', { phase: 'Succeeded' });
    const { facts, calls, decisions } = await run({
      kills: THREE_KILLS,
      pods: [podOf('shop-abc-1'), ended],
      onNodes: [neighbour],
    });
    expect(calls).toContain('listPodsOnNodes');
    // 2Gi of an init container outweigh the 512Mi that run for good.
    expect(facts.nodes).toMatchObject({ items: [{ name: 'node-1', requestedMemoryBytes: (2048 + 2048 + 100) * MI }] });
    expect(decisions.map(short)).toEqual(['act raise-memory-after-oom']);
  });

  test('the nodes of what is to be raised in place, and all nodes when templates change', async () => {
    const nodes = ['node-1', 'node-2'].map((name) => ({
      name,
      allocatable: { memory: '8Gi' },
      unschedulable: false,
    }));
    const roomsOf = async (apply: 'in-place' | 'rollout') => {
      const { facts } = await run({ kills: THREE_KILLS, nodes }, policy({ apply }));
      return facts.nodes !== null && 'items' in facts.nodes ? facts.nodes.items.map(({ name }) => name) : facts.nodes;
    };
    expect(await roomsOf('in-place')).toEqual(['node-1']);
    expect(await roomsOf('rollout')).toEqual(['node-1', 'node-2']);
  });

  test('seven days when something is to be trimmed', async () => {
    const metrics = (query: string) =>
      usual(query).map((one) => (query.startsWith('count') ? one : { ...one, value: one.value / 10 }));
    const { facts, calls, decisions } = await run({ metrics });
    expect(calls.filter((call) => call.includes('[7d'))).toHaveLength(2);
    expect(facts.pods[0]?.containers[0]?.floors).toEqual({ memoryMaximumBytes: 51.2 * MI, cpuP95Cores: 0.05 });
    expect(decisions.map(short)).toEqual(['act lower-requests-when-idle']);
  });

  test('vertical autoscalers where the server has them', async () => {
    expect((await run({ verticalAutoscalers: true })).calls).toContain('listVerticalAutoscalers');
  });
});

describe('what fails', () => {
  test('dead metrics are told once and stop every act', async () => {
    const { facts, decisions } = await run({ metrics: () => DEAD, kills: DEAD });
    expect(facts.metrics.problems).toHaveLength(1);
    expect(facts.metrics.problems[0]?.message).toContain('13 of 13 queries');
    expect(decisions.map(short)).toEqual(['skip no-data']);
  });

  test('one query that fails leaves its number unknown, not zero', async () => {
    const { facts, decisions } = await run({
      metrics: (query) => (query.startsWith('max_over_time') ? DEAD : usual(query)),
    });
    expect(facts.pods[0]?.containers[0]?.cpu.maximumCores).toBeNull();
    expect(facts.metrics.problems[0]?.message).toContain('1 of 13 queries');
    expect(decisions.map(short)).toEqual(['skip healthy']);
  });

  test('samples that nobody could count are unknown, not none', async () => {
    const { facts, decisions } = await run({
      metrics: (query) => (query.startsWith('count_over_time') ? DEAD : usual(query)),
    });
    expect(facts.pods[0]?.containers[0]?.memory.samples).toBeNull();
    expect(decisions.map(short)).toEqual(['skip no-data']);
  });

  test('unknown OOM kills are not none', async () => {
    const { facts, decisions } = await run({ kills: DEAD });
    expect(facts.metrics.oomKillsUnknown).toContain('refused');
    expect(decisions[0]?.reason.label).toBe('OOM kills unknown');
  });

  test('metrics of several clusters refuse the run and say what to set', async () => {
    const both = [
      { labels: { cluster: 'prod"}' }, value: 4 },
      { labels: {}, value: 3 },
    ];
    const { facts, decisions } = await run({
      metrics: (query) => (query.startsWith('count by (cluster)') ? both : usual(query)),
      kills: THREE_KILLS,
    });
    expect(facts.metrics.problems).toMatchObject([{ kind: 'configuration' }]);
    expect(facts.metrics.problems[0]?.message).toContain('clusters.test.metrics.selector');
    expect(facts.metrics.problems[0]?.message).toContain(String.raw`cluster="prod\"}"`);
    expect(decisions.map(short)).toEqual(['skip no-data']);
  });

  test('a selector that is none asks nothing', async () => {
    const by = policy({}, { clusters: { test: { metrics: { url: 'http://m', selector: 'a="b"} or {x' } } } });
    const { facts, calls } = await run({}, by);
    expect(facts.metrics.problems).toMatchObject([{ kind: 'configuration' }]);
    expect(calls.filter((call) => call.includes('('))).toEqual([]);
  });

  test('no metrics at all are told', async () => {
    const { facts } = await run({ metrics: () => [] });
    expect(facts.metrics.problems[0]?.message).toContain('no container metrics');
  });

  test('an OOM kill that only the API server saw is told', async () => {
    const [status] = podOf('x').statuses;
    const statuses =
      status === undefined
        ? []
        : [{ ...status, lastTermination: { reason: 'OOMKilled', finishedAt: ago(3), exitCode: 137 } }];
    const { facts, decisions } = await run({ pods: [podOf('shop-abc-1', { statuses })] });
    expect(facts.metrics.problems[0]?.message).toContain('kube-state-metrics');
    expect(decisions[0]?.reason.label).toBe('contradictory metrics');
  });

  test('a forbidden namespace is the mistake of the caller, and names the field', async () => {
    const failed = run({ pods: FORBIDDEN });
    await expect(failed).rejects.toThrow(CallerError);
    await expect(failed).rejects.toMatchObject({ field: 'scope.namespace' });
  });

  test('an empty list of a namespace that is not there is not an empty namespace', async () => {
    await expect(run({ pods: [], exists: false })).rejects.toThrow(CallerError);
    expect((await run({ pods: [], exists: true })).facts.pods).toEqual([]);
    expect((await run({ pods: [], exists: FORBIDDEN })).facts.pods).toEqual([]);
    await expect(run({ pods: [], exists: DEAD })).rejects.toThrow(PlatformError);
  });

  test('an API server that fails ends the run', async () => {
    await expect(run({ pods: DEAD })).rejects.toThrow(PlatformError);
  });

  test('lists that may not be read become facts and problems', async () => {
    const unreadable = () => Promise.resolve({ unreadable: 'it is forbidden.' });
    const cluster = { listQuotas: unreadable, listNodes: unreadable, listHorizontalAutoscalers: unreadable };
    const { facts, decisions } = await run({ cluster, kills: THREE_KILLS });
    expect(facts.metrics.problems.map(({ message }) => message).join('\n')).toMatch(
      /HorizontalPodAutoscalers[\s\S]*resource quotas[\s\S]*room on nodes/,
    );
    expect(decisions.map(short)).toEqual(['escalate escalate-cannot-fit']);
  });
});
