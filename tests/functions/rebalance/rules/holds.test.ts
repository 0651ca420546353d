import { describe, expect, test } from 'vitest';
import type { ContainerFacts, PodFacts, RebalanceFacts } from '../../../../functions/rebalance/schema-facts.ts';
import {
  ago,
  container,
  decideOn,
  decideOne,
  facts,
  idleContainer,
  oomContainer,
  pastChange,
  pod,
  policy,
  short,
  shorts,
  TRIM,
  workload,
} from '../build.ts';

interface Case {
  readonly what: string;
  readonly rule: string;
  readonly facts?: Partial<RebalanceFacts>;
  readonly pod?: Partial<PodFacts>;
  readonly container?: Partial<ContainerFacts>;
  readonly team?: object;
  readonly duty?: object;
}

const WINDOW = { name: 'freeze', start: '2026-11-20T00:00:00Z', end: '2026-11-21T00:00:00Z' };
const OLD_SERVER = { version: 'v1.29.0', major: 1, minor: 29, podResize: false };

const TEMPORARY: readonly Case[] = [
  {
    what: 'a change of ours under 6 h ago',
    rule: 'hold-cooldown',
    facts: { history: [pastChange(5.99)] },
    container: { oomKills: [[Date.parse(ago(1)) / 1000, 3]] },
  },
  {
    what: 'an undone change of ours',
    rule: 'hold-cooldown',
    facts: { history: [pastChange(5.99, { stands: false })] },
    container: { oomKills: [[Date.parse(ago(1)) / 1000, 3]] },
  },
  {
    what: 'a second undone change of ours within twice the time',
    rule: 'hold-cooldown',
    facts: { history: [pastChange(100, { stands: false }), pastChange(11.9, { stands: false })] },
    container: { oomKills: [[Date.parse(ago(1)) / 1000, 3]] },
  },
  { what: 'an open window', rule: 'hold-window', team: { windows: [WINDOW] } },
  {
    what: 'a template that the controller has not seen',
    rule: 'hold-rollout',
    facts: { workloads: [workload({ isObserved: false })] },
  },
  {
    what: 'pods of the version before',
    rule: 'hold-rollout',
    facts: { workloads: [workload({ updatedReplicas: 1 })] },
  },
  { what: 'a pending revision', rule: 'hold-rollout', facts: { workloads: [workload({ revisionPending: true })] } },
  {
    what: 'a resize in progress',
    rule: 'hold-resize-pending',
    pod: { resize: { state: 'in-progress', message: '', since: ago(0.1) } },
  },
  {
    what: 'a resize of somebody else that is infeasible',
    rule: 'hold-resize-pending',
    pod: { resize: { state: 'infeasible', message: 'too large', since: ago(9) } },
  },
];

const STANDING: readonly Case[] = [
  { what: 'a protected pod', rule: 'hold-protected', pod: { labels: { 'nightshift.dev/protect': 'yes' } } },
  {
    what: 'a protected workload',
    rule: 'hold-protected',
    facts: { workloads: [workload({ labels: { 'nightshift.dev/protect': '' } })] },
  },
  { what: 'a protected name', rule: 'hold-protected', team: { protect: { names: ['sh*p'] } } },
  { what: 'a protected namespace', rule: 'hold-protected', team: { protect: { namespaces: ['def*'] } } },
  {
    what: 'an HPA on memory',
    rule: 'hold-autoscaler',
    facts: {
      horizontalAutoscalers: {
        items: [{ name: 'h', target: { kind: 'Deployment', name: 'shop' }, resources: ['cpu', 'memory'] }],
      },
    },
  },
  {
    what: 'a VPA that writes',
    rule: 'hold-autoscaler',
    facts: {
      verticalAutoscalers: { items: [{ name: 'v', target: { kind: 'Deployment', name: 'shop' }, updateMode: 'Auto' }] },
    },
  },
  {
    what: 'HPAs that cannot be read',
    rule: 'hold-autoscaler',
    facts: { horizontalAutoscalers: { unreadable: 'forbidden' } },
  },
  {
    what: 'VPAs that cannot be read',
    rule: 'hold-autoscaler',
    facts: { verticalAutoscalers: { unreadable: 'forbidden' } },
  },
  { what: 'no memory limit', rule: 'hold-no-memory-limit', container: { limits: { cpu: '2' } } },
  {
    what: 'a static pod',
    rule: 'hold-unsupported-owner',
    pod: { isStatic: true, owner: { kind: 'Node', name: 'node-1' } },
  },
  { what: 'a Job', rule: 'hold-unsupported-owner', pod: { owner: { kind: 'Job', name: 'nightly' } } },
  {
    what: 'an owner that nobody knows',
    rule: 'hold-unsupported-owner',
    pod: { owner: { kind: 'ReplicaSet', name: 'rollout-77' } },
  },
  { what: 'pod-level resources', rule: 'hold-unsupported-owner', pod: { hasPodResources: true } },
  {
    what: 'a restart of the only replica',
    rule: 'hold-single-replica-restart',
    container: { restartsFor: ['memory'] },
    facts: { workloads: [workload({ replicas: 1, updatedReplicas: 1 })] },
  },
  {
    what: 'a restart of a bare pod',
    rule: 'hold-single-replica-restart',
    container: { restartsFor: ['memory'] },
    pod: { owner: null },
  },
  {
    what: 'a bare pod on an old server',
    rule: 'hold-unsupported-owner',
    pod: { owner: null },
    facts: { server: OLD_SERVER },
  },
  { what: 'a bare pod by rollout', rule: 'hold-unsupported-owner', pod: { owner: null }, duty: { apply: 'rollout' } },
  {
    what: 'OnDelete by rollout',
    rule: 'hold-unsupported-owner',
    duty: { apply: 'rollout' },
    facts: { workloads: [workload({ strategy: 'OnDelete' })] },
  },
  {
    what: 'an injected container by rollout',
    rule: 'hold-unsupported-owner',
    duty: { apply: 'rollout' },
    facts: { workloads: [workload({}, [{ name: 'other' }])] },
  },
];

function decided(
  one: ContainerFacts,
  { facts: changes, pod: podChanges, container: containerChanges, team, duty }: Case,
): string {
  return short(decideOne({ ...one, ...containerChanges }, changes, policy(duty, team), podChanges));
}

describe.each(TEMPORARY)('$what', (held) => {
  test('a raise waits', () => {
    expect(decided(oomContainer(), held)).toBe(`skip ${held.rule}`);
  });
  test('a trim waits', () => {
    expect(decided(idleContainer(), { ...held, container: {} })).toBe(`skip ${held.rule}`);
  });
  test('a healthy container is healthy all the same', () => {
    expect(decided(container(), { ...held, container: {} })).toBe('skip healthy');
  });
});

describe.each(STANDING)('$what', (held) => {
  test('a raise is escalated', () => {
    expect(decided(oomContainer(), held)).toBe(`escalate ${held.rule}`);
  });
  test('a trim is skipped', () => {
    expect(decided(idleContainer(), held)).toBe(`skip ${held.rule}`);
  });
  test('a healthy container is healthy all the same', () => {
    expect(decided(container(), held)).toBe('skip healthy');
  });
});

describe('what is no hold', () => {
  const free: readonly Case[] = [
    { what: 'a change of 6 h ago', rule: '', facts: { history: [pastChange(6)] } },
    { what: 'a change of a sibling', rule: '', facts: { history: [pastChange(1, { targetUid: 'uid-shop-2' })] } },
    { what: 'a window that is over', rule: '', team: { windows: [{ ...WINDOW, end: '2026-11-20T12:00:00Z' }] } },
    { what: 'a window of another namespace', rule: '', team: { windows: [{ ...WINDOW, namespace: 'other' }] } },
    { what: 'a label that says false', rule: '', pod: { labels: { 'nightshift.dev/protect': 'false' } } },
    {
      what: 'an HPA on requests per second',
      rule: '',
      facts: {
        horizontalAutoscalers: { items: [{ name: 'h', target: { kind: 'Deployment', name: 'shop' }, resources: [] }] },
      },
    },
    {
      what: 'an HPA of another workload',
      rule: '',
      facts: {
        horizontalAutoscalers: {
          items: [{ name: 'h', target: { kind: 'StatefulSet', name: 'shop' }, resources: ['memory'] }],
        },
      },
    },
    {
      what: 'a VPA that recommends',
      rule: '',
      facts: {
        verticalAutoscalers: {
          items: [{ name: 'v', target: { kind: 'Deployment', name: 'shop' }, updateMode: 'Off' }],
        },
      },
    },
    { what: 'a restart of one of two replicas', rule: '', container: { restartsFor: ['memory'] } },
    {
      what: 'a restart for CPU, which a raise does not touch',
      rule: '',
      container: { restartsFor: ['cpu'] },
      facts: { workloads: [workload({ replicas: 1, updatedReplicas: 1 })] },
    },
    { what: 'a bare pod on a new server', rule: '', pod: { owner: null } },
    {
      what: 'a DaemonSet',
      rule: '',
      pod: { owner: { kind: 'DaemonSet', name: 'agent' } },
      facts: { workloads: [workload({ kind: 'DaemonSet', name: 'agent' })] },
    },
    { what: 'pods that are not ready', rule: '', facts: { workloads: [workload()] } },
  ];
  test.each(free)('$what', (one) => {
    expect(decided(oomContainer(), one)).toBe('act raise-memory-after-oom');
  });

  test('an HPA on CPU holds a trim, which lowers the request that it measures by, and no raise of memory', () => {
    const horizontalAutoscalers = {
      items: [{ name: 'h', target: { kind: 'Deployment', name: 'shop' }, resources: ['cpu'] }],
    };
    expect(short(decideOne(idleContainer(), { horizontalAutoscalers }))).toBe('skip hold-autoscaler');
    expect(short(decideOne(oomContainer(), { horizontalAutoscalers }))).toBe('act raise-memory-after-oom');
  });
});

describe('order', () => {
  test('a known issue comes before the rules, no data before the known issue', () => {
    const team = { knownIssues: [{ id: 'OPS-1', subject: { workload: 'shop' }, reason: 'being rewritten' }] };
    expect(short(decideOne(oomContainer(), {}, policy({}, team)))).toBe('skip known-issue');
    expect(short(decideOne(oomContainer(), {}, policy({}, team), { terminating: true }))).toBe('skip no-data');
  });

  test.each([
    [{ subject: { pod: 'shop-*', container: 'app' } }, 'skip known-issue'],
    [{ subject: { pod: 'shop-2' } }, 'act raise-memory-after-oom'],
    [{ subject: { workload: 'Deployment/shop', cluster: 'test', namespace: 'default' } }, 'skip known-issue'],
    [{ subject: { nonsense: '*' } }, 'act raise-memory-after-oom'],
    [{ subject: { pod: '*' }, duty: 'pvc-*' }, 'act raise-memory-after-oom'],
    [{ subject: { pod: '*' }, until: '2026-11-20T12:00:00Z' }, 'act raise-memory-after-oom'],
    [{ subject: { pod: '*' }, until: '2026-11-20T12:00:01Z' }, 'skip known-issue'],
  ])('the known issue %j', (issue, expected) => {
    const team = { knownIssues: [{ id: 'OPS-1', reason: 'known', ...issue }] };
    expect(short(decideOne(oomContainer(), {}, policy({}, team)))).toBe(expected);
  });

  test('a temporary hold comes before a standing one', () => {
    const by = policy({}, { windows: [WINDOW] });
    expect(short(decideOne(oomContainer(), {}, by, { labels: { 'nightshift.dev/protect': '1' } }))).toBe(
      'skip hold-window',
    );
  });

  test('growth cap and room come before holds', () => {
    const by = policy({}, { windows: [WINDOW] });
    expect(short(decideOne(oomContainer(), { nodes: { items: [] } }, by))).toBe('escalate escalate-cannot-fit');
  });
});

describe('one trim of a workload in seven days', () => {
  const trim = (hours: number, uid: string) => pastChange(hours, { targetUid: uid, ...TRIM });

  test.each([
    ['its own of three days ago', [trim(72, 'uid-shop-1')], 'skip hold-cooldown'],
    ['its own of seven days ago', [trim(168, 'uid-shop-1')], 'act lower-requests-when-idle'],
    ['a sibling of an hour ago: the same step, under way', [trim(1, 'uid-shop-2')], 'act lower-requests-when-idle'],
    ['a sibling of two days ago: that step is over', [trim(48, 'uid-shop-2')], 'skip hold-cooldown'],
    ['one that was taken back', [{ ...trim(72, 'uid-shop-1'), stands: false }], 'act lower-requests-when-idle'],
    ['a raise of two days ago', [pastChange(48)], 'act lower-requests-when-idle'],
  ])('%s', (_what, history, expected) => {
    expect(short(decideOne(idleContainer(), { history }))).toBe(expected);
  });

  test('it holds no raise', () => {
    expect(short(decideOne(oomContainer(), { history: [trim(72, 'uid-shop-1')] }))).toBe('act raise-memory-after-oom');
  });
});

describe('rollouts as seen by the pods', () => {
  const sibling = (changes: Partial<PodFacts>) =>
    decideOn(facts([pod('shop-1', [oomContainer()]), pod('shop-2', [container()], changes)]));

  test.each([
    [{ terminating: true }, 'skip hold-rollout'],
    [{ revision: 'b2' }, 'skip hold-rollout'],
    [{ revision: 'b2', phase: 'Failed' }, 'act raise-memory-after-oom'],
    [{ owner: { kind: 'Deployment', name: 'other' }, terminating: true }, 'act raise-memory-after-oom'],
  ])('a sibling that is %j', (changes, expected) => {
    expect(shorts(sibling(changes))['shop-1/app']).toBe(expected);
  });
});

describe('escalate-resize-infeasible', () => {
  const after = (
    state: 'infeasible' | 'deferred' | 'in-progress' | 'error',
    sinceHours: number,
    changes: Partial<RebalanceFacts> = {},
  ) =>
    short(
      decideOne(container(), { history: [pastChange(8)], ...changes }, policy(), {
        resize: { state, message: 'no room', since: ago(sinceHours) },
      }),
    );

  test.each([
    ['infeasible', 0, 'escalate escalate-resize-infeasible'],
    ['error', 0, 'escalate escalate-resize-infeasible'],
    ['deferred', 0.5, 'skip healthy'],
    ['deferred', 0.51, 'escalate escalate-resize-infeasible'],
    ['in-progress', 0.5, 'skip healthy'],
    ['in-progress', 0.51, 'escalate escalate-resize-infeasible'],
  ] as const)('our resize %s for %s h', (state, hours, expected) => {
    expect(after(state, hours)).toBe(expected);
  });

  test('is not for the resize of somebody else, nor for one that we took back', () => {
    expect(after('infeasible', 0, { history: [] })).toBe('skip healthy');
    expect(after('infeasible', 0, { history: [pastChange(8, { stands: false })] })).toBe('skip healthy');
  });

  test('names the container of our last change alone', () => {
    const two = [container({ name: 'app' }), container({ name: 'proxy' })];
    const history = [pastChange(9), pastChange(8, { container: 'proxy' })];
    const resize = { state: 'infeasible', message: '', since: null } as const;
    expect(shorts(decideOn(facts([pod('shop-1', two, { resize })], { history })))).toEqual({
      'shop-1/app': 'skip healthy',
      'shop-1/proxy': 'escalate escalate-resize-infeasible',
    });
  });
});
