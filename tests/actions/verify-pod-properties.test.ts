// The judge of a resize, whatever it is shown: no keeping without evidence, no undo of a raise for an OOM kill.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ContainerView, judgePod, type PodView } from '../../shared/actions/verify-pod.ts';
import { podView, raise, trim } from './views.ts';

const NOW = '2026-03-04T10:10:00Z';
const RESIZED = '2026-03-04T10:00:01Z';
const SINCE = '2026-03-04T10:05:00Z';
const EARLIER = '2026-03-04T09:57:00Z';

const number = (max: number): fc.Arbitrary<number | null> => fc.option(fc.double({ min: 0, max, noNaN: true }));
const times = fc.constantFrom(EARLIER, SINCE, RESIZED, null);
const anyContainer: fc.Arbitrary<ContainerView> = fc.record({
  phase: fc.constantFrom('Running', 'Pending', 'Failed', 'Succeeded', 'Unknown'),
  reason: fc.constantFrom(null, 'Evicted'),
  podReady: fc.boolean(),
  podStartedAt: fc.constantFrom(null, '2026-02-04T10:00:00Z', '2026-03-04T10:00:00Z'),
  sizes: fc.constantFrom('from' as const, 'to' as const, 'elsewhere' as const, 'gone' as const),
  hasCpuLimit: fc.boolean(),
  restartsOnResize: fc.boolean(),
  changedAt: times,
  resize: fc.option(
    fc.record({
      state: fc.constantFrom('deferred', 'infeasible', 'in-progress', 'error'),
      message: fc.constantFrom('', 'no room'),
      since: times,
    }),
  ),
  status: fc.option(
    fc.record({
      ready: fc.boolean(),
      isRunning: fc.boolean(),
      restarts: fc.nat(5),
      lastTermination: fc.option(fc.record({ reason: fc.constantFrom('OOMKilled', 'Error', ''), finishedAt: times })),
      isActuated: fc.option(fc.boolean()),
    }),
  ),
  usage: fc.record({ memoryBytes: number(1e9), cpuCores: number(2), throttledRatio: number(1) }),
  usageProblem: fc.constantFrom(null, 'dead'),
});
const anyView: fc.Arbitrary<PodView> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(EARLIER, NOW), anyContainer).map(([at, one]) => podView(at, one)) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('gone' as const, 'replaced' as const, 'being-deleted' as const)
      .map((pod) => ({ observedAt: NOW, pod, container: null })),
  },
);
const anyBefore = fc.option(anyView, { nil: undefined });

describe('whatever is seen', () => {
  test('nothing that is still there is kept while a number that speaks for it is unknown', () => {
    fc.assert(
      fc.property(anyBefore, anyView, (then, now) => {
        if (judgePod(trim, then, now).verdict !== 'kept') {
          return;
        }
        const one = now.container;
        if (one === null || one.phase === 'Succeeded' || one.sizes !== 'to') {
          return;
        }
        expect(then?.container).toBeTruthy();
        expect(one.status?.isActuated).toBe(true);
        expect(one.usage.memoryBytes).not.toBeNull();
        expect(one.usage.cpuCores).not.toBeNull();
        expect(one.hasCpuLimit && one.usage.throttledRatio === null).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });

  test('an OOM kill never turns a raise into an undo', () => {
    fc.assert(
      fc.property(anyView, anyView, (then, now) => {
        const { container } = now;
        const status = container?.status ?? null;
        // A resize that the node does not make is undone whatever else happens.
        fc.pre(container !== null && status !== null && then.container !== null && then.container.status !== null);
        fc.pre(container?.resize === null || container?.resize.state === 'in-progress');
        if (container === null || status === null) {
          return;
        }
        const killed: PodView = {
          ...now,
          container: {
            ...container,
            changedAt: RESIZED,
            status: {
              ...status,
              isRunning: false,
              lastTermination: { reason: 'OOMKilled', finishedAt: '2026-03-04T10:06:00Z' },
            },
          },
        };
        expect(judgePod(raise, then, killed).verdict).not.toBe('undo');
      }),
      { numRuns: 3000 },
    );
  });

  test('an undo is asked for only while our sizes are on a pod that can be changed', () => {
    fc.assert(
      fc.property(fc.constantFrom(raise, trim), anyBefore, anyView, (action, then, now) => {
        if (judgePod(action, then, now).verdict === 'undo') {
          expect(now).toMatchObject({ pod: 'there', container: { sizes: 'to' } });
          expect(['Failed', 'Succeeded']).not.toContain(now.container?.phase);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
