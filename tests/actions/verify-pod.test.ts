// The judge of a resize, case by case: harm that the change can cause is undone, what was so before is escalated, nothing is kept without evidence.
import { describe, expect, test } from 'vitest';
import { type ContainerView, judgePod, type PodView } from '../../shared/actions/verify-pod.ts';
import { containerView, podView, raise, type StatusView, statusView, trim } from './views.ts';

const NOW = '2026-03-04T10:10:00Z';
const RESIZED = '2026-03-04T10:00:01Z';
const SINCE = '2026-03-04T10:05:00Z';
const EARLIER = '2026-03-04T09:57:00Z';
const OOM = { reason: 'OOMKilled', finishedAt: SINCE };
const OLD_OOM = { reason: 'OOMKilled', finishedAt: EARLIER };
const ERROR = { reason: 'Error', finishedAt: SINCE };
const OLD_ERROR = { reason: 'Error', finishedAt: EARLIER };
const MI = 1024 * 1024;

interface Changed extends Partial<Omit<ContainerView, 'status'>> {
  readonly status?: Partial<StatusView>;
}

function before({ status, ...changes }: Changed = {}): PodView {
  return podView('2026-03-04T10:00:00Z', {
    ...containerView,
    sizes: 'from',
    status: { ...statusView, ...status },
    ...changes,
  });
}

function after({ status, ...changes }: Changed = {}): PodView {
  const changed = { ...containerView, sizes: 'to' as const, changedAt: RESIZED, ...changes };
  return podView(NOW, { ...changed, status: { ...statusView, ...status } });
}

function verdict(action: typeof raise, then: PodView | undefined, now: PodView): string {
  const judgement = judgePod(action, then, now);
  expect(judgement.sentence).toMatch(/^[A-Z].*\.$/);
  return `${judgement.verdict} ${judgement.rule}`;
}

const PENDING = { state: 'deferred', message: 'no room', since: RESIZED };
const notActuated = { isActuated: false };

describe('a raise', () => {
  test.each<[string, PodView, PodView, string]>([
    ['that did well', before(), after(), 'kept verify/healthy'],
    ['whose metrics are dead', before(), after({ usageProblem: 'dead' }), 'kept verify/healthy'],
    ['that is put off', before(), after({ resize: PENDING, status: notActuated }), 'undo verify/resize-not-done'],
    [
      'that can never be',
      before(),
      after({
        resize: { ...PENDING, state: 'infeasible' },
        status: { ...notActuated, lastTermination: OOM, restarts: 3 },
      }),
      'undo verify/resize-not-done',
    ],
    [
      'that the node failed at',
      before(),
      after({ resize: { ...PENDING, state: 'error' }, status: notActuated }),
      'undo verify/resize-not-done',
    ],
    [
      'that is still under way',
      before(),
      after({ resize: { ...PENDING, state: 'in-progress' }, status: notActuated }),
      'undo verify/resize-not-done',
    ],
    ['of which the node says nothing', before(), after({ status: notActuated }), 'undo verify/resize-not-done'],
    ['beside a resize of another container', before(), after({ resize: PENDING }), 'kept verify/healthy'],
    [
      'whose sizes the server does not tell',
      before(),
      after({ status: { isActuated: null } }),
      'no-data verify/not-told',
    ],
    ['after which it is not ready', before(), after({ podReady: false }), 'undo verify/not-ready'],
    ['after which the container is not ready', before(), after({ status: { ready: false } }), 'undo verify/not-ready'],
    [
      'of what was not ready',
      before({ podReady: false }),
      after({ podReady: false }),
      'escalate verify/still-not-ready',
    ],
    [
      'and another OOM kill',
      before(),
      after({ status: { restarts: 3, lastTermination: OOM } }),
      'escalate verify/still-oom-killed',
    ],
    [
      'in a crash loop of OOM kills, that waits for the next start',
      before({ status: { lastTermination: OLD_OOM } }),
      after({
        podReady: false,
        resize: { ...PENDING, state: 'in-progress' },
        status: { restarts: 5, lastTermination: OOM, isRunning: false, ready: false, isActuated: false },
      }),
      'escalate verify/still-oom-killed',
    ],
    [
      'after an OOM kill of before',
      before({ status: { lastTermination: OLD_OOM } }),
      after({ status: { lastTermination: OLD_OOM } }),
      'kept verify/healthy',
    ],
    ['and a restart', before(), after({ status: { restarts: 3, lastTermination: ERROR } }), 'undo verify/restarted'],
    [
      'and the same OOM kill, which the clock of its node puts after the change',
      before({ status: { lastTermination: { reason: 'OOMKilled', finishedAt: RESIZED } } }),
      after({ status: { lastTermination: { reason: 'OOMKilled', finishedAt: RESIZED } } }),
      'kept verify/healthy',
    ],
    [
      'and a restart, after OOM kills of before',
      before({ status: { lastTermination: OLD_OOM } }),
      after({ status: { restarts: 3, lastTermination: ERROR } }),
      'undo verify/restarted',
    ],
    [
      'and a restart that the node has forgotten the reason of',
      before(),
      after({ status: { restarts: 3 } }),
      'undo verify/restarted',
    ],
    [
      'and a restart of what always restarts',
      before({ status: { lastTermination: OLD_ERROR } }),
      after({ status: { restarts: 4, lastTermination: ERROR } }),
      'escalate verify/still-restarting',
    ],
    [
      'and many more restarts than ever',
      before({ status: { restarts: 1, lastTermination: { reason: 'Error', finishedAt: '2026-03-02T10:00:00Z' } } }),
      after({ status: { restarts: 4, lastTermination: ERROR } }),
      'undo verify/restarted',
    ],
    [
      'that restarts the container by its resize policy',
      before(),
      after({
        restartsOnResize: true,
        status: { restarts: 3, lastTermination: { reason: 'Error', finishedAt: '2026-03-04T10:00:02Z' } },
      }),
      'kept verify/healthy',
    ],
    [
      'that restarts the container by its resize policy, and then it restarts again',
      before(),
      after({ restartsOnResize: true, status: { restarts: 4, lastTermination: ERROR } }),
      'undo verify/restarted',
    ],
    [
      'that was approved an hour after it was seen, with a restart in that hour',
      podView('2026-03-04T09:00:00Z', { ...containerView, sizes: 'from' }),
      after({ status: { restarts: 3, lastTermination: OLD_ERROR } }),
      'kept verify/healthy',
    ],
    ['of a pod that is gone', before(), { observedAt: NOW, pod: 'gone', container: null }, 'kept verify/target-gone'],
    [
      'of a pod that was replaced',
      before(),
      { observedAt: NOW, pod: 'replaced', container: null },
      'kept verify/target-gone',
    ],
    [
      'of a pod that has done its work',
      before(),
      after({ phase: 'Succeeded', podReady: false }),
      'kept verify/target-gone',
    ],
    [
      'that somebody changed since',
      before(),
      after({ sizes: 'elsewhere', podReady: false }),
      'kept verify/changed-since',
    ],
    ['of a pod that failed', before(), after({ phase: 'Failed', reason: null }), 'escalate verify/pod-failed'],
    [
      'of a container without a status',
      before(),
      podView(NOW, { ...containerView, sizes: 'to', status: null }),
      'no-data verify/no-status',
    ],
  ])('%s', (_name, then, now, expected) => {
    expect(verdict(raise, then, now)).toBe(expected);
  });
});

describe('a trim', () => {
  const usage = (changes: Partial<ContainerView['usage']>): Changed => ({
    usage: { ...containerView.usage, ...changes },
  });
  test.each<[string, PodView, PodView, string]>([
    ['that did well', before(), after(), 'kept verify/healthy'],
    [
      'and an eviction',
      before(),
      after({ phase: 'Failed', reason: 'Evicted', podReady: false }),
      'escalate verify/evicted',
    ],
    ['and an OOM kill', before(), after({ status: { restarts: 3, lastTermination: OOM } }), 'undo verify/oom-killed'],
    [
      'and the OOM kill that ended it',
      before(),
      after({ status: { lastTermination: OOM, isRunning: false } }),
      'undo verify/oom-killed',
    ],
    [
      'and the OOM kill that ended it, of what was killed once, days ago',
      before({ status: { restarts: 1, lastTermination: { reason: 'OOMKilled', finishedAt: '2026-03-02T10:00:00Z' } } }),
      after({ status: { restarts: 1, lastTermination: OOM, isRunning: false } }),
      'undo verify/oom-killed',
    ],
    [
      'and an OOM kill of what was killed before',
      before({ status: { lastTermination: OLD_OOM } }),
      after({ status: { restarts: 3, lastTermination: OOM } }),
      'escalate verify/still-oom-killed',
    ],
    ['after which it is not ready', before(), after({ podReady: false }), 'undo verify/not-ready'],
    ['and a restart', before(), after({ status: { restarts: 3, lastTermination: ERROR } }), 'undo verify/restarted'],
    ['and throttling', before(), after(usage({ throttledRatio: 0.26 })), 'undo verify/throttled'],
    ['and throttling at the bound', before(), after(usage({ throttledRatio: 0.25 })), 'kept verify/healthy'],
    [
      'and throttling as before',
      before(usage({ throttledRatio: 0.3 })),
      after(usage({ throttledRatio: 0.39 })),
      'kept verify/healthy',
    ],
    [
      'and throttling without a number of before',
      before(usage({ throttledRatio: null })),
      after(usage({ throttledRatio: 0.9 })),
      'no-data verify/no-metrics',
    ],
    ['whose throttling is unknown', before(), after(usage({ throttledRatio: null })), 'no-data verify/no-metrics'],
    [
      'without a CPU limit, where nothing throttles',
      before(),
      after({ ...usage({ throttledRatio: null }), hasCpuLimit: false }),
      'kept verify/healthy',
    ],
    ['under its memory', before(), after(usage({ memoryBytes: 410 * MI + 1 })), 'undo verify/memory-over-request'],
    ['right at its memory', before(), after(usage({ memoryBytes: 410 * MI })), 'kept verify/healthy'],
    ['under its CPU', before(), after(usage({ cpuCores: 0.481 })), 'undo verify/cpu-over-request'],
    ['and a burst', before(), after(usage({ cpuCores: 0.48 })), 'kept verify/healthy'],
    ['whose memory is unknown', before(), after(usage({ memoryBytes: null })), 'no-data verify/no-metrics'],
    ['whose CPU is unknown', before(), after(usage({ cpuCores: null })), 'no-data verify/no-metrics'],
    [
      'with harm in one number and none of the other',
      before(),
      after(usage({ cpuCores: null, memoryBytes: 500 * MI })),
      'undo verify/memory-over-request',
    ],
  ])('%s', (_name, then, now, expected) => {
    expect(verdict(trim, then, now)).toBe(expected);
  });

  test('of CPU alone is not blamed for an OOM kill, nor asked about memory', () => {
    const cpuTrim = {
      ...trim,
      from: { requests: { cpu: '500m' }, limits: {} },
      to: { requests: { cpu: '400m' }, limits: {} },
    };
    const killed = after({ status: { restarts: 3, lastTermination: OOM } });
    expect(verdict(cpuTrim, before(), killed)).toBe('escalate verify/oom-killed-apart');
    const unknown = after({ usage: { ...containerView.usage, memoryBytes: null } });
    expect(verdict(cpuTrim, before(), unknown)).toBe('kept verify/healthy');
  });

  test('that is put off is taken back as well', () => {
    expect(verdict(trim, before(), after({ resize: PENDING, status: notActuated }))).toBe(
      'undo verify/resize-not-done',
    );
  });
});

describe('what was stored before', () => {
  test.each([
    ['is not there', undefined],
    ['is of another shape', { there: true, ready: true, restarts: 2 }],
  ])('%s: it cannot be told', (_name, then) => {
    const judgement = judgePod(raise, then, after());
    expect(`${judgement.verdict} ${judgement.rule}`).toBe('no-data verify/no-before');
  });
});

test('the evidence holds the numbers of both sides', () => {
  const { evidence } = judgePod(
    trim,
    before({ status: { restarts: 2 } }),
    after({ status: { restarts: 3, lastTermination: ERROR } }),
  );
  expect(evidence).toMatchObject({
    restarts: 3,
    restartsBefore: 2,
    lastTermination: 'Error',
    throttledRatio: 0,
    throttledRatioBefore: 0,
    readyBefore: true,
  });
});
