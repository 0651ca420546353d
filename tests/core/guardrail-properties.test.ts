// Guardrails over random histories: whatever is proposed and whenever, the limits of the policy hold.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActionProposal } from '../../shared/core/action.ts';
import { checkGuardrails, type RecentChange } from '../../shared/core/guardrail.ts';
import { matchesPattern } from '../../shared/core/pattern.ts';
import { change, proposal, request, teamWith } from './guardrail-request.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-11-21T00:00:00Z');

interface Step {
  readonly waitMilliseconds: number;
  readonly action: ActionProposal;
}

interface Applied {
  readonly instant: number;
  readonly entry: RecentChange;
}

const KINDS = ['cluster.resize-container', 'cluster.restart-pod', 'ci.rerun'];
const SIZES: Readonly<Record<string, number>> = { a: 1, b: 2, c: 5, d: 12 };

/** Proposals for pods of four workloads, now and then several in one instant, now and then an hour apart. */
const steps = fc.array(
  fc
    .record({
      waitMilliseconds: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400_000 }), fc.constantFrom(600_000, HOUR)),
      workload: fc.constantFrom(...Object.keys(SIZES)),
      pod: fc.nat(11),
      isNamed: fc.boolean(),
      touches: fc.integer({ min: 1, max: 3 }),
      kind: fc.constantFrom(...KINDS),
    })
    .map(({ waitMilliseconds, workload, pod, isNamed, touches, kind }): Step => {
      const workloadSize = SIZES[workload] ?? 1;
      const part = `${workload}-${pod % workloadSize}`;
      return {
        waitMilliseconds,
        action: {
          ...proposal({
            names: [part],
            workload,
            workloadSize,
            touches: isNamed ? 1 : Math.min(touches, Math.max(1, workloadSize - 1)),
            ...(isNamed ? { part } : {}),
          }),
          kind,
        },
      };
    }),
  { minLength: 1, maxLength: 80 },
);

/** What a run of the executor would apply: each applied change is part of the history of the next. */
function play(sequence: readonly Step[], guardrails: object): readonly Applied[] {
  const team = teamWith({ guardrails });
  const applied: Applied[] = [];
  let instant = START;
  for (const [index, { waitMilliseconds, action }] of sequence.entries()) {
    instant += waitMilliseconds;
    const now = new Date(instant).toISOString();
    const recent = applied.map(({ entry }) => entry);
    if (checkGuardrails(request({ team, action, now, recent })).verdict === 'apply') {
      const { workload, touches, part } = action.guard;
      const named = part === undefined ? {} : { part };
      const entry = change({ at: now, actionId: String(index), workload, touches, ...named });
      applied.push({ instant, entry: { ...entry, kind: action.kind } });
    }
  }
  return applied;
}

/** Every window of that length that begins with a change: fuller ones do not exist. */
function windowsOf(applied: readonly Applied[], length: number): readonly (readonly Applied[])[] {
  return applied.map((first) =>
    applied.filter(({ instant }) => instant >= first.instant && instant < first.instant + length),
  );
}

describe('over any sequence of proposals', () => {
  it('no 60 minutes hold more changes than the budget, nor more of a kind than its own', () => {
    const budget = fc.integer({ min: 0, max: 6 });
    fc.assert(
      fc.property(steps, budget, budget, (sequence, actionsPerHour, ofRerun) => {
        const ofKind = { 'ci.rerun': { actionsPerHour: ofRerun } };
        const applied = play(sequence, { actionsPerHour, ofKind, workloadShare: 1 });
        for (const window of windowsOf(applied, HOUR)) {
          const reruns = window.filter(({ entry }) => entry.kind === 'ci.rerun').length;
          expect(reruns).toBeLessThanOrEqual(ofRerun);
          expect(window.length - reruns).toBeLessThanOrEqual(actionsPerHour);
        }
      }),
    );
  });

  it('no settle time holds more parts of a workload than its share, and never fewer than one may go', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 100 }), (sequence, percent) => {
        const applied = play(sequence, { actionsPerHour: 1000, workloadShare: percent / 100 });
        for (const [workload, size] of Object.entries(SIZES)) {
          const ofWorkload = applied.filter(({ entry }) => entry.workload === workload);
          const allowed = Math.max(1, Math.floor((size * percent) / 100));
          for (const window of windowsOf(ofWorkload, 600_000)) {
            const names = window.flatMap(({ entry }) => (entry.part === undefined ? [] : [entry.part]));
            const unnamed = window.reduce((sum, { entry }) => sum + (entry.part === undefined ? entry.touches : 0), 0);
            expect(new Set(names).size + unnamed).toBeLessThanOrEqual(allowed);
          }
        }
        expect(sequence[0]?.action.guard.touches === 1 ? applied.length : 1).toBeGreaterThan(0);
      }),
    );
  });

  it('the moment that a used-up budget names is the first one at which a change goes through', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(2 * HOUR), { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (ages, actionsPerHour) => {
          const team = teamWith({ guardrails: { actionsPerHour } });
          const recent = ages.map((age) => change({ at: new Date(START - age).toISOString(), workload: 'other' }));
          const at = (instant: number): ReturnType<typeof checkGuardrails> =>
            checkGuardrails(request({ team, recent, now: new Date(instant).toISOString() }));
          const verdict = at(START);
          if (verdict.verdict === 'refuse') {
            const next = Date.parse(/next at (.*)\.$/.exec(verdict.why)?.[1] ?? '');
            expect(at(next - 1)).toMatchObject({ verdict: 'refuse', guardrail: 'budget' });
            expect(at(next).verdict).toBe('apply');
          } else {
            expect(ages.filter((age) => age < HOUR).length).toBeLessThan(actionsPerHour);
          }
        },
      ),
    );
  });
});

describe('whatever the numbers', () => {
  it('nothing is applied beyond the step and growth caps, and everything within them is', () => {
    const factor = fc.double({ min: 0, max: 20 });
    fc.assert(
      fc.property(
        factor,
        fc.option(factor, { nil: undefined }),
        fc.double({ min: 1.01, max: 4, noNaN: true }),
        fc.double({ min: 1.01, max: 16, noNaN: true }),
        (step, total, stepFactor, growthFactor) => {
          const team = teamWith({ guardrails: { stepFactor, growthFactor } });
          const { verdict } = checkGuardrails(request({ team, growth: { step, total } }));
          const slack = 1 + 2e-9;
          const isBeyond =
            !(step <= stepFactor * slack && step >= 1 / stepFactor / slack) ||
            !(total === undefined || total <= growthFactor * slack);
          const isWithin =
            step <= stepFactor &&
            step >= 1 / stepFactor &&
            (total === undefined || (total > 0 && total <= growthFactor));
          if (isBeyond) {
            expect(verdict).toBe('refuse');
          }
          if (isWithin) {
            expect(verdict).toBe('apply');
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('what is protected is never applied, nor made to wait', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 1, maxLength: 6 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(name, { minLength: 1, maxLength: 4 }),
        fc.array(pattern, { maxLength: 3 }),
        name,
        fc.array(pattern, { maxLength: 2 }),
        fc.option(fc.constantFrom('', 'true', 'false', 'no'), { nil: undefined }),
        fc.constantFrom('auto', 'approve'),
        (names, namePatterns, namespace, namespacePatterns, label, mode) => {
          const team = teamWith({ modes: [{ mode }], protect: { names: namePatterns, namespaces: namespacePatterns } });
          const labels = label === undefined ? {} : { 'nightshift.dev/protect': label };
          const scope = { cluster: 'prod', namespace };
          const { verdict } = checkGuardrails(request({ team, scope, action: proposal({ names, labels }) }));
          const isProtected =
            names.some((each) => namePatterns.some((protectedName) => matchesPattern(protectedName, each))) ||
            namespacePatterns.some((protectedNamespace) => matchesPattern(protectedNamespace, namespace)) ||
            (label !== undefined && label !== 'false');
          expect(verdict).toBe(isProtected ? 'refuse' : mode === 'auto' ? 'apply' : 'wait');
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('a mode that is not known never applies', () => {
    fc.assert(
      fc.property(fc.anything(), (mode) => {
        fc.pre(mode !== 'auto' && mode !== 'approve');
        const team = {
          ...teamWith({}),
          modes: [{ action: '*', cluster: '*', namespace: '*', repository: '*', mode: mode as 'observe' }],
        };
        return checkGuardrails(request({ team })).verdict === 'observe';
      }),
    );
  });
});
