// Budget and share over many instances on one store: whatever the order in which they come to each step, the limits hold together.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import { run } from '../attack/rig.ts';
import { sizeDecision, sizeKind, testClock, testRuntime, testThings } from '../support/runtime.ts';

const PODS = 6;
const NAMES = Array.from({ length: PODS }, (_, index) => `p${String(index)}`);

/** Lets instances go on one at a time, in an order that fast-check chooses and shrinks. */
async function play(
  scheduler: fc.Scheduler,
  limits: { actionsPerHour: number; workloadShare: number; ofKind?: { 'ci.rerun': { actionsPerHour: number } } },
  kindOf: (thing: string) => string = () => 'test.size',
): Promise<readonly string[]> {
  const clock = testClock();
  const store = sqliteStore({ path: ':memory:', clock });
  const things = testThings(Object.fromEntries(NAMES.map((name) => [name, 100])));
  const runs = NAMES.slice(0, 4).map((name, instance) => {
    const runtime = testRuntime({
      clock,
      store,
      things,
      ids: name,
      team: { guardrails: limits },
      onStep: (step) => scheduler.schedule(Promise.resolve(), `${name} ${step}`),
      surroundings: {
        kinds: new Map(['test.size', 'ci.rerun'].map((kind) => [kind, { ...sizeKind(things), kind }])),
      },
    });
    // Duties of other names share the scope's budget and not its lease. Each wants two pods, every pod is wanted by somebody.
    const wanted = [NAMES[instance] ?? '', NAMES[(instance + 2) % PODS] ?? ''];
    const decide = (): readonly ReturnType<typeof sizeDecision>[] =>
      wanted.map((thing) => {
        const decision = sizeDecision(thing, 100, 125);
        const guard = {
          names: [thing],
          labels: {},
          workload: 'Deployment/web',
          workloadSize: PODS,
          touches: 1,
          part: thing,
        };
        return {
          ...decision,
          ...('action' in decision && decision.action !== undefined
            ? { action: { ...decision.action, kind: kindOf(thing), guard } }
            : {}),
        };
      });
    return run(runtime, {}, {}, { name: `duty-${name}`, decide });
  });
  await scheduler.waitFor(Promise.all(runs));
  await store.close();
  return things.effects;
}

test('no order of steps lets more changes through than the budget, or a pod be changed twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 0, max: 4 }), async (scheduler, actionsPerHour) => {
      const effects = await play(scheduler, { actionsPerHour, workloadShare: 1 });
      expect(effects.length).toBeLessThanOrEqual(actionsPerHour);
      expect(new Set(effects).size).toBe(effects.length);
    }),
    { numRuns: 20 },
  );
});

test('no order of steps lets more changes of a kind through than the budget of that kind', async () => {
  const budget = fc.integer({ min: 0, max: 3 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), budget, budget, async (scheduler, actionsPerHour, ofRerun) => {
      const isRerun = (thing: string): boolean => ['p0', 'p2', 'p4'].includes(thing);
      const limits = { actionsPerHour, workloadShare: 1, ofKind: { 'ci.rerun': { actionsPerHour: ofRerun } } };
      const effects = await play(scheduler, limits, (thing) => (isRerun(thing) ? 'ci.rerun' : 'test.size'));
      const reruns = effects.filter((effect) => isRerun(effect.slice(0, 2))).length;
      expect(reruns).toBe(Math.min(3, ofRerun));
      expect(effects.length - reruns).toBe(Math.min(3, actionsPerHour));
    }),
    { numRuns: 20 },
  );
});

test('no order of steps lets more of a workload be under way than its share', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), async (scheduler, allowed) => {
      const effects = await play(scheduler, { actionsPerHour: 100, workloadShare: (allowed + 0.01) / PODS });
      expect(effects.length).toBeLessThanOrEqual(allowed);
      expect(effects.length).toBeGreaterThan(0);
    }),
    { numRuns: 20 },
  );
});
