// The judge of a template: a rollout that is stuck or does harm is undone, one that makes progress is waited for.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeRollout, type Rollout, type WorkloadView } from '../../shared/actions/verify-rollout.ts';
import type { ActionProposal } from '../../shared/core/action.ts';
import { raise as podRaise, trim as podTrim } from './views.ts';

const raise: ActionProposal = { ...podRaise, kind: 'cluster.patch-template' };
const trim: ActionProposal = { ...podTrim, kind: 'cluster.patch-template' };
const PODS: Rollout['pods'] = { count: 3, youngestSeconds: 500, oomKills: 0, otherRestarts: 0, evicted: 0 };
const DONE: Rollout = {
  isObserved: true,
  paused: false,
  strategy: 'RollingUpdate',
  revisionPending: false,
  replicas: 3,
  updated: 3,
  ready: 3,
  available: 3,
  sizes: 'to',
  hasCpuLimit: true,
  pods: PODS,
  usage: { memoryBytes: 1e8, cpuCores: 0.1, throttledRatio: 0 },
  usageProblem: null,
};

function viewOf(rollout: Rollout): WorkloadView {
  return { observedAt: '2026-03-04T10:10:00Z', workload: 'there', rollout };
}

type Changed = Partial<Omit<Rollout, 'pods'>> & { readonly pods?: Partial<Rollout['pods']> };

function changed(changes: Changed, sizes: Rollout['sizes']): WorkloadView {
  return viewOf({ ...DONE, sizes, ...changes, pods: { ...PODS, ...changes.pods } });
}

function verdict(action: ActionProposal, before: Changed | null, after: Changed): string {
  const then = before === null ? undefined : changed(before, 'from');
  const judgement = judgeRollout(action, then, changed(after, 'to'));
  expect(judgement.sentence).toMatch(/^[A-Z0-9].*\.$/);
  return `${judgement.verdict} ${judgement.rule}`;
}

test.each<[string, ActionProposal, Changed | null, Changed, string]>([
  ['that is done', raise, {}, {}, 'kept verify/rolled-out'],
  ['that is done, of a trim', trim, {}, {}, 'kept verify/rolled-out'],
  ['of which nothing was known before', raise, null, {}, 'no-data verify/no-before'],
  ['that is stuck', raise, {}, { updated: 1, ready: 2 }, 'undo verify/rollout-stuck'],
  [
    'that is stuck without a new pod',
    raise,
    {},
    { updated: 0, pods: { count: 0, youngestSeconds: null } },
    'undo verify/rollout-stuck',
  ],
  ['whose pods are not ready', raise, {}, { ready: 2, available: 2 }, 'undo verify/rollout-stuck'],
  ['whose pods are not available', raise, {}, { available: 2 }, 'undo verify/rollout-stuck'],
  ['whose revision is not the current one', raise, {}, { revisionPending: true }, 'undo verify/rollout-stuck'],
  [
    'of what was not whole before',
    raise,
    { ready: 2, available: 2 },
    { ready: 2, available: 2 },
    'escalate verify/rollout-stuck-as-before',
  ],
  [
    'that makes progress',
    raise,
    {},
    { updated: 2, ready: 2, pods: { youngestSeconds: 299 } },
    'no-data verify/rollout-under-way',
  ],
  [
    'that made its last progress too long ago',
    raise,
    {},
    { updated: 2, ready: 2, pods: { youngestSeconds: 300 } },
    'undo verify/rollout-stuck',
  ],
  ['that is paused', raise, {}, { paused: true, updated: 0 }, 'no-data verify/rollout-paused'],
  ['that its controller has not seen', raise, {}, { isObserved: false }, 'no-data verify/rollout-not-begun'],
  ['of no replicas', raise, {}, { replicas: 0, updated: 0, ready: 0, available: 0 }, 'no-data verify/no-replicas'],
  [
    'that waits for people to delete pods',
    raise,
    {},
    { strategy: 'OnDelete', updated: 0 },
    'no-data verify/rollout-by-hand',
  ],
  ['that somebody changed since', raise, {}, { sizes: 'elsewhere', ready: 0 }, 'kept verify/changed-since'],
  [
    'with OOM kills, of a raise',
    raise,
    { pods: { oomKills: 6 } },
    { ready: 0, pods: { oomKills: 1 } },
    'escalate verify/still-oom-killed',
  ],
  ['with OOM kills, of a trim', trim, {}, { pods: { oomKills: 1 } }, 'undo verify/oom-killed'],
  [
    'with OOM kills as before, of a trim',
    trim,
    { pods: { oomKills: 2 } },
    { pods: { oomKills: 2 } },
    'escalate verify/still-oom-killed',
  ],
  ['with restarts', raise, {}, { pods: { otherRestarts: 1 } }, 'undo verify/restarted'],
  [
    'with restarts as before',
    raise,
    { pods: { otherRestarts: 3 } },
    { pods: { otherRestarts: 3 } },
    'escalate verify/still-restarting',
  ],
  [
    'with evictions, of a trim',
    trim,
    {},
    { ready: 2, pods: { evicted: 1, youngestSeconds: 10 } },
    'undo verify/evicted',
  ],
  [
    'with evictions as before, of a trim',
    trim,
    { pods: { evicted: 2 } },
    { pods: { evicted: 1 } },
    'escalate verify/still-evicted',
  ],
  ['with evictions, of a raise', raise, {}, { pods: { evicted: 1 } }, 'kept verify/rolled-out'],
  [
    'over its request of memory',
    trim,
    {},
    { usage: { ...DONE.usage, memoryBytes: 5e8 } },
    'undo verify/memory-over-request',
  ],
  ['that is throttled', trim, {}, { usage: { ...DONE.usage, throttledRatio: 0.5 } }, 'undo verify/throttled'],
  ['without numbers, of a trim', trim, {}, { usage: { ...DONE.usage, cpuCores: null } }, 'no-data verify/no-metrics'],
  [
    'without numbers, of a raise',
    raise,
    {},
    { usage: { memoryBytes: null, cpuCores: null, throttledRatio: null } },
    'kept verify/rolled-out',
  ],
])('a rollout %s', (_name, action, before, after, expected) => {
  expect(verdict(action, before, after)).toBe(expected);
});

test.each(['gone', 'replaced', 'being-deleted'] as const)('a workload that is %s', (workload) => {
  const judgement = judgeRollout(raise, changed({}, 'from'), {
    observedAt: '2026-03-04T10:10:00Z',
    workload,
    rollout: null,
  });
  expect(judgement).toMatchObject({ verdict: 'kept', rule: 'verify/target-gone' });
});

const count = fc.nat(4);
const number = (max: number): fc.Arbitrary<number | null> => fc.option(fc.double({ min: 0, max, noNaN: true }));
const anyView = fc
  .record({
    isObserved: fc.boolean(),
    paused: fc.boolean(),
    strategy: fc.constantFrom('RollingUpdate', 'OnDelete', 'Recreate'),
    revisionPending: fc.boolean(),
    replicas: count,
    updated: count,
    ready: count,
    available: count,
    sizes: fc.constantFrom('from' as const, 'to' as const, 'elsewhere' as const),
    hasCpuLimit: fc.boolean(),
    pods: fc.record({
      count,
      youngestSeconds: fc.option(fc.nat(1000)),
      oomKills: count,
      otherRestarts: count,
      evicted: count,
    }),
    usage: fc.record({ memoryBytes: number(1e9), cpuCores: number(2), throttledRatio: number(1) }),
    usageProblem: fc.constantFrom(null, 'dead'),
  })
  .map(viewOf);

describe('whatever is seen', () => {
  test('a trim is kept only with all replicas well and every number known', () => {
    fc.assert(
      fc.property(fc.option(anyView, { nil: undefined }), anyView, (then, now) => {
        const { rollout } = now;
        if (judgeRollout(trim, then, now).verdict !== 'kept' || rollout === null || rollout.sizes !== 'to') {
          return;
        }
        expect(then).toBeDefined();
        expect(rollout.replicas).toBeGreaterThan(0);
        expect(Math.min(rollout.updated, rollout.ready, rollout.available)).toBeGreaterThanOrEqual(rollout.replicas);
        expect(rollout.usage.memoryBytes).not.toBeNull();
        expect(rollout.usage.cpuCores).not.toBeNull();
        expect(rollout.hasCpuLimit && rollout.usage.throttledRatio === null).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });

  test('a raise whose pods were OOM-killed is never undone', () => {
    fc.assert(
      fc.property(fc.option(anyView, { nil: undefined }), anyView, (then, now) => {
        fc.pre((now.rollout?.pods.oomKills ?? 0) > 0);
        expect(judgeRollout(raise, then, now).verdict).not.toBe('undo');
      }),
    );
  });
});
