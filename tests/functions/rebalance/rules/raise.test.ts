import { describe, expect, test } from 'vitest';
import {
  ago,
  container,
  decideOn,
  decideOne,
  facts,
  GI,
  kills,
  MI,
  oomContainer,
  pastChange,
  pod,
  policy,
  short,
  shorts,
  workload,
} from '../build.ts';

describe('raise-memory-after-oom', () => {
  test.each([
    [[1, 2], 'skip healthy'],
    [[1, 2, 3], 'act raise-memory-after-oom'],
    [[1, 2, 24.5], 'skip healthy'],
    [[1, 2, 23.9], 'act raise-memory-after-oom'],
  ])('kills %j hours ago', (hours, expected) => {
    expect(short(decideOne(container({ oomKills: kills(...hours) })))).toBe(expected);
  });

  test('several kills between two scrapes count as several', () => {
    expect(short(decideOne(container({ oomKills: [[Date.parse(ago(2)) / 1000, 3]] })))).toBe(
      'act raise-memory-after-oom',
    );
  });

  test('kills from before a resize do not count, whoever resized', () => {
    expect(short(decideOne(oomContainer({ resizedAt: ago(2) })))).toBe('skip healthy');
    expect(short(decideOne(oomContainer({ resizedAt: ago(6) })))).toBe('act raise-memory-after-oom');
    expect(short(decideOne(oomContainer({ oomKills: kills(7, 8, 9) }), { history: [pastChange(6.5)] }))).toBe(
      'skip healthy',
    );
    expect(short(decideOne(oomContainer(), { history: [pastChange(6.5)] }))).toBe('act raise-memory-after-oom');
  });

  test('a kill within a minute of the resize may be from before it', () => {
    const resizedAt = ago(5);
    const at = Date.parse(resizedAt) / 1000;
    const with3 = (seconds: number) => container({ resizedAt, oomKills: [[at + seconds, 1], ...kills(2, 1)] });
    expect(short(decideOne(with3(60)))).toBe('skip healthy');
    expect(short(decideOne(with3(61)))).toBe('act raise-memory-after-oom');
  });

  test('changes of another pod or container are no resize of this one', () => {
    const others = [pastChange(0.5, { targetUid: 'uid-shop-2' }), pastChange(0.5, { container: 'other' })];
    expect(short(decideOne(oomContainer(), { history: others }))).toBe('act raise-memory-after-oom');
  });

  test('the limit grows by a quarter, rounded up to whole Mi, and the request stays', () => {
    const { action } = decideOne(oomContainer());
    expect(action).toMatchObject({
      kind: 'cluster.resize-container',
      target: {
        cluster: 'test',
        namespace: 'default',
        pod: 'shop-1',
        uid: 'uid-shop-1',
        container: 'app',
        role: 'main',
      },
      from: { requests: {}, limits: { memory: '1Gi' } },
      to: { requests: {}, limits: { memory: '1280Mi' } },
      guard: {
        names: ['shop-1', 'shop'],
        workload: 'Deployment/shop',
        workloadSize: 2,
        touches: 1,
        declared: { limits: { memory: '1Gi' } },
      },
    });
    expect(action?.guard.labels).toEqual({ app: 'shop', team: 'checkout' });
  });

  test.each([
    ['1.5Gi', '1920Mi'],
    ['100Mi', '125Mi'],
    ['101Mi', '127Mi'],
    ['1G', '1193Mi'],
  ])('%s becomes %s', (memory, expected) => {
    const one = oomContainer({
      limits: { memory },
      memory: { ...container().memory, averageBytes: MI, maximumBytes: MI },
    });
    const template = workload({}, [{ limits: { memory } }]);
    expect(decideOne(one, { workloads: [template] }).action?.to).toEqual({
      requests: {},
      limits: { memory: expected },
    });
  });

  test('a guaranteed pod stays guaranteed', () => {
    const sizes = { cpu: '1', memory: '1Gi' };
    const one = oomContainer({ requests: sizes, limits: sizes });
    const { action } = decideOne(one, {}, policy(), { qosClass: 'Guaranteed' });
    expect(action?.to).toEqual({ requests: { memory: '1280Mi' }, limits: { memory: '1280Mi' } });
    expect(action?.from).toEqual({ requests: { memory: '1Gi' }, limits: { memory: '1Gi' } });
  });

  test('it names the raise when the container is near its limit as well', () => {
    expect(short(decideOne(oomContainer({ memory: { ...container().memory, averageBytes: 1000 * MI } })))).toBe(
      'act raise-memory-after-oom',
    );
  });

  test('native sidecars are judged like any other container', () => {
    const sidecar = oomContainer({ name: 'proxy', role: 'sidecar' });
    const decisions = decideOn(facts([pod('shop-1', [container(), sidecar])]));
    expect(shorts(decisions)).toEqual({ 'shop-1/app': 'skip healthy', 'shop-1/proxy': 'act raise-memory-after-oom' });
    expect(decisions[1]?.action?.target).toMatchObject({ container: 'proxy', role: 'sidecar' });
  });
});

describe('raise-memory-near-limit', () => {
  test.each([
    [0.9 * GI, 'skip healthy'],
    [0.9 * GI + 1, 'act raise-memory-near-limit'],
  ])('an average of %s bytes of 1Gi', (averageBytes, expected) => {
    expect(short(decideOne(container({ memory: { ...container().memory, averageBytes } })))).toBe(expected);
  });

  test('without a limit there is nothing to be near to', () => {
    const one = container({ limits: {}, memory: { ...container().memory, averageBytes: 600 * MI } });
    expect(short(decideOne(one))).toBe('skip healthy');
  });
});

describe('escalate-growth-cap', () => {
  const raised = (limit: string, declared = '1Gi') => ({
    one: oomContainer({ limits: { cpu: '2', memory: limit } }),
    workloads: [workload({}, [{ limits: { memory: declared } }])],
  });

  test.each([
    ['1638Mi', 'act raise-memory-after-oom'], // → 2048Mi, exactly twice
    ['1639Mi', 'escalate escalate-growth-cap'],
  ])('a raise of %s over a declared 1Gi', (limit, expected) => {
    const { one, workloads } = raised(limit);
    expect(short(decideOne(one, { workloads }))).toBe(expected);
  });

  test('the cap never exceeds the guardrail, which would refuse in silence', () => {
    const { one, workloads } = raised('1280Mi');
    const by = policy({ growthCap: 3 }, { guardrails: { growthFactor: 1.4 } });
    expect(short(decideOne(one, { workloads }, by))).toBe('escalate escalate-growth-cap');
  });

  test('the third raise within seven days is escalated, even in the cooldown of the second', () => {
    const oomKills = kills(0.2, 0.4, 0.6);
    const two = [pastChange(100), pastChange(1)];
    expect(short(decideOne(container({ oomKills }), { history: two }))).toBe('escalate escalate-growth-cap');
    expect(short(decideOne(oomContainer(), { history: [pastChange(169), pastChange(7)] }))).toBe(
      'act raise-memory-after-oom',
    );
    const undone = [pastChange(100, { stands: false }), pastChange(7)];
    expect(short(decideOne(oomContainer(), { history: undone }))).toBe('act raise-memory-after-oom');
  });

  test('a bare pod grows from the size before our first change', () => {
    const history = [
      pastChange(200, {
        from: { requests: {}, limits: { memory: '512Mi' } },
        to: { requests: {}, limits: { memory: '1Gi' } },
      }),
    ];
    const bare = { owner: null };
    expect(short(decideOne(oomContainer(), { history }, policy(), bare))).toBe('escalate escalate-growth-cap');
    expect(short(decideOne(oomContainer(), {}, policy(), bare))).toBe('act raise-memory-after-oom');
  });
});

describe('escalate-cannot-fit', () => {
  const node = (freeMi: number) => ({
    nodes: {
      items: [
        {
          name: 'node-1',
          allocatableMemoryBytes: 4 * GI,
          unschedulable: false,
          requestedMemoryBytes: 4 * GI - freeMi * MI,
        },
      ],
    },
  });

  test.each([
    [256, 'act raise-memory-after-oom'],
    [255, 'escalate escalate-cannot-fit'],
  ])('a raise by 256Mi on a node with %sMi left', (free, expected) => {
    expect(short(decideOne(oomContainer(), node(free)))).toBe(expected);
  });

  test('raises of one run share the room of their node, in the order of the pods', () => {
    const pods = ['shop-1', 'shop-2', 'shop-3'].map((name) => pod(name, [oomContainer()]));
    expect(Object.values(shorts(decideOn(facts(pods, node(600)))))).toEqual([
      'act raise-memory-after-oom',
      'act raise-memory-after-oom',
      'escalate escalate-cannot-fit',
    ]);
  });

  test('a raise that is held takes no room from others', () => {
    const pods = [
      pod('shop-1', [oomContainer()], { labels: { 'nightshift.dev/protect': 'true' } }),
      pod('shop-2', [oomContainer()]),
    ];
    expect(Object.values(shorts(decideOn(facts(pods, node(256)))))).toEqual([
      'escalate hold-protected',
      'act raise-memory-after-oom',
    ]);
  });

  const quota = (hard: Record<string, string>, used: Record<string, string>, scopes: string[] = []) => ({
    quotas: { items: [{ name: 'team', hard, used, scopes }] },
  });

  test.each([
    [
      'limits with room',
      quota({ 'limits.memory': '4Gi' }, { 'limits.memory': '3840Mi' }),
      'act raise-memory-after-oom',
    ],
    [
      'limits without room',
      quota({ 'limits.memory': '4Gi' }, { 'limits.memory': '3841Mi' }),
      'escalate escalate-cannot-fit',
    ],
    [
      'requests, which do not grow',
      quota({ 'requests.memory': '1Gi' }, { 'requests.memory': '1Gi' }),
      'act raise-memory-after-oom',
    ],
    [
      'best effort pods only',
      quota({ 'limits.memory': '1Gi' }, { 'limits.memory': '1Gi' }, ['BestEffort']),
      'act raise-memory-after-oom',
    ],
    [
      'not best effort pods',
      quota({ 'limits.memory': '1Gi' }, { 'limits.memory': '1Gi' }, ['NotBestEffort']),
      'escalate escalate-cannot-fit',
    ],
  ])('a quota of %s', (_what, changes, expected) => {
    expect(short(decideOne(oomContainer(), changes))).toBe(expected);
  });

  test.each(['requests.memory', 'memory'])(
    'a quota of %s counts for a guaranteed pod, whose request grows',
    (resource) => {
      const sizes = { cpu: '1', memory: '1Gi' };
      const one = oomContainer({ requests: sizes, limits: sizes });
      const full = quota({ [resource]: '1Gi' }, { [resource]: '1Gi' });
      expect(short(decideOne(one, full, policy(), { qosClass: 'Guaranteed' }))).toBe('escalate escalate-cannot-fit');
    },
  );

  const range = (type: string, sizes: object) => ({
    limitRanges: {
      items: [{ name: 'range', items: [{ type, max: {}, min: {}, maxLimitRequestRatio: {}, ...sizes }] }],
    },
  });

  test.each([
    ['1280Mi for a container', range('Container', { max: { memory: '1280Mi' } }), 'act raise-memory-after-oom'],
    ['less for a container', range('Container', { max: { memory: '1279Mi' } }), 'escalate escalate-cannot-fit'],
    ['less for a pod', range('Pod', { max: { memory: '1279Mi' } }), 'escalate escalate-cannot-fit'],
    [
      '2.5 times the request',
      range('Container', { maxLimitRequestRatio: { memory: '2500m' } }),
      'act raise-memory-after-oom',
    ],
    [
      'twice the request',
      range('Container', { maxLimitRequestRatio: { memory: '2' } }),
      'escalate escalate-cannot-fit',
    ],
    [
      'a claim, which it is not',
      range('PersistentVolumeClaim', { max: { memory: '1Mi' } }),
      'act raise-memory-after-oom',
    ],
  ])('a limit range that allows %s', (_what, changes, expected) => {
    expect(short(decideOne(oomContainer(), changes))).toBe(expected);
  });

  test.each([
    ['nodes', { nodes: { unreadable: 'nodes is forbidden.' } }],
    ['quotas', { quotas: { unreadable: 'resourcequotas is forbidden.' } }],
    ['limit ranges', { limitRanges: { unreadable: 'limitranges is forbidden.' } }],
    ['a node that is not listed', { nodes: { items: [] } }],
    ['nodes that nobody asked for', { nodes: null }],
  ])('without knowing %s nothing is raised, and a person is told', (_what, changes) => {
    expect(short(decideOne(oomContainer(), changes))).toBe('escalate escalate-cannot-fit');
  });
});
