// What the judge of a resize is shown, read from the embedded platform over HTTP: done, impossible, harmful, and with dead metrics.
import { afterEach, describe, expect, test } from 'vitest';
import type { ActionKind } from '../../shared/actions/kind.ts';
import { resizeContainer } from '../../shared/actions/resize-container.ts';
import { PodView } from '../../shared/actions/verify-pod.ts';
import type { ActionProposal } from '../../shared/core/action.ts';
import { PlatformError } from '../../shared/core/errors.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { RunningScenario } from '../../shared/local/scenario.ts';
import {
  change,
  closeScenario,
  CPU,
  manifest,
  MEMORY,
  mutate,
  nowOf,
  open,
  PERIODS,
  POD,
  scraped,
  see,
  THROTTLED,
} from './platform.ts';

const MI = 1024 * 1024;

afterEach(closeScenario);

function resize(from: JsonObject, to: JsonObject, pod = POD): ActionProposal {
  return {
    kind: resizeContainer.kind,
    target: {
      cluster: 'test',
      namespace: 'default',
      pod,
      uid: manifest('Pod', pod).metadata.uid,
      container: 'app',
      role: 'main',
    },
    from,
    to,
    guard: { names: [pod], labels: {}, workload: 'Deployment/tight', workloadSize: 1, touches: 1 },
  };
}

const raise = (): ActionProposal =>
  resize({ requests: {}, limits: { memory: '1Gi' } }, { requests: {}, limits: { memory: '1280Mi' } });
const trim = (): ActionProposal =>
  resize(
    { requests: { cpu: '200m' }, limits: { cpu: '400m' } },
    { requests: { cpu: '150m' }, limits: { cpu: '300m' } },
  );

async function after(one: RunningScenario, kind: ActionKind, action: ActionProposal): Promise<PodView> {
  return PodView.parse(await see(one, kind, action, nowOf(one)));
}

describe('a resize', () => {
  test('is seen before and after in one shape, and kept', async () => {
    const one = await open('near-limit');
    const action = raise();
    const before = await change(one, resizeContainer, action);
    expect(PodView.parse(before)).toMatchObject({
      pod: 'there',
      container: { sizes: 'from', changedAt: null, resize: null },
    });
    scraped(one, { metric: MEMORY, perMinute: () => 1100 * MI });
    const seen = await after(one, resizeContainer, action);
    expect(seen.container).toMatchObject({
      sizes: 'to',
      changedAt: '2026-03-04T10:00:00Z',
      status: { isActuated: true, restarts: 0, lastTermination: null },
      usage: { memoryBytes: 1100 * MI },
      usageProblem: null,
    });
    expect(resizeContainer.judge(action, before, seen)).toMatchObject({ verdict: 'kept', rule: 'verify/healthy' });
    expect(one.platform.violations()).toEqual([]);
  });

  test('asks before it only for what the judge compares: of a raise nothing, of a trim of CPU how much it is held back', async () => {
    const one = await open('near-limit');
    const asked = async (action: ActionProposal, moment: 'before' | 'after'): Promise<number> => {
      const calls = one.platform.calls.length;
      await see(one, resizeContainer, action, nowOf(one), moment);
      return one.platform.calls.slice(calls).filter(({ system }) => system === 'victoriametrics').length;
    };
    expect([await asked(raise(), 'before'), await asked(raise(), 'after')]).toEqual([0, 1]);
    expect([await asked(trim(), 'before'), await asked(trim(), 'after')]).toEqual([2, 3]);
    mutate(POD, ({ spec }) => {
      delete spec.containers[0]?.resources.limits['cpu'];
    });
    expect([await asked(trim(), 'before'), await asked(trim(), 'after')]).toEqual([0, 1]);
  });

  test('that the node can never hold is undone', async () => {
    const one = await open('near-limit');
    const action = resize(
      { requests: { memory: '512Mi' }, limits: { memory: '1Gi' } },
      { requests: { memory: '100Gi' }, limits: { memory: '100Gi' } },
    );
    const before = await change(one, resizeContainer, action);
    const seen = await after(one, resizeContainer, action);
    expect(seen.container).toMatchObject({ resize: { state: 'infeasible' }, status: { isActuated: false } });
    const judgement = resizeContainer.judge(action, before, seen);
    expect(judgement).toMatchObject({ verdict: 'undo', rule: 'verify/resize-not-done' });
    expect(judgement.sentence).toContain('capacity');
  });

  test('of a pod that was replaced under its name has nothing to judge', async () => {
    const one = await open('near-limit');
    const action = raise();
    const before = await change(one, resizeContainer, action);
    const { kubernetes } = one.platform.doubles;
    const old = manifest('Pod', POD);
    kubernetes.remove('Pod', 'default', POD);
    kubernetes.add({ ...old, metadata: { ...old.metadata, uid: '11111111-2222-4333-8444-555555555555' } });
    const seen = await after(one, resizeContainer, action);
    expect(seen).toMatchObject({ pod: 'replaced', container: null });
    expect(resizeContainer.judge(action, before, seen)).toMatchObject({ verdict: 'kept', rule: 'verify/target-gone' });
  });

  test('of a pod that its node evicted tells so', async () => {
    const one = await open('near-limit');
    const action = trim();
    const before = await change(one, resizeContainer, action);
    mutate(POD, ({ status }) => {
      status.phase = 'Failed';
      status.reason = 'Evicted';
    });
    const seen = await after(one, resizeContainer, action);
    expect(resizeContainer.judge(action, before, seen)).toMatchObject({ verdict: 'escalate', rule: 'verify/evicted' });
  });

  test('and the next OOM kill of its container', async () => {
    const one = await open('near-limit');
    const action = raise();
    const before = await change(one, resizeContainer, action);
    mutate(POD, ({ status }) => {
      const [container] = status.containerStatuses;
      if (container !== undefined) {
        container.restartCount = 1;
        container.lastState = {
          terminated: { exitCode: 137, reason: 'OOMKilled', finishedAt: '2026-03-04T10:07:00Z' },
        };
      }
    });
    const seen = await after(one, resizeContainer, action);
    expect(resizeContainer.judge(action, before, seen)).toMatchObject({
      verdict: 'escalate',
      rule: 'verify/still-oom-killed',
    });
  });

  test.each([
    ['290m', true],
    ['289m', false],
  ])('that the node reports as %s of CPU is done: %s', async (cpu, isActuated) => {
    const one = await open('near-limit');
    const action = trim();
    await change(one, resizeContainer, action);
    mutate(POD, ({ status }) => {
      const [container] = status.containerStatuses;
      if (container !== undefined) {
        container.resources.limits['cpu'] = cpu;
      }
    });
    expect((await after(one, resizeContainer, action)).container?.status?.isActuated).toBe(isActuated);
  });

  test('of memory restarts the container where its policy says so of memory, and is kept', async () => {
    const one = await open('near-limit');
    mutate(POD, ({ spec }) => {
      const [container] = spec.containers;
      if (container !== undefined) {
        container.resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
      }
    });
    const action = raise();
    const before = await change(one, resizeContainer, action);
    const seen = await after(one, resizeContainer, action);
    expect(seen.container).toMatchObject({ restartsOnResize: true, status: { restarts: 1 } });
    expect(resizeContainer.judge(action, before, seen)).toMatchObject({ verdict: 'kept' });
    const cpu = await after(one, resizeContainer, trim());
    expect(cpu.container?.restartsOnResize).toBe(false);
  });

  test('of another container of the pod is not taken for ours', async () => {
    const one = await open('near-limit');
    const action = raise();
    await change(one, resizeContainer, action);
    const other = { ...action, target: { ...action.target, container: 'proxy' } };
    expect((await after(one, resizeContainer, other)).container).toMatchObject({
      changedAt: null,
      sizes: 'gone',
      status: null,
    });
  });

  test('of an API server that does not answer is an error, not a view', async () => {
    const one = await open('near-limit');
    const action = raise();
    one.platform.inject({ system: 'kubernetes', operation: 'get pods', kind: 'refuse' });
    await expect(see(one, resizeContainer, action, nowOf(one))).rejects.toThrow(PlatformError);
  });
});

describe('the metrics of a trim', () => {
  test('come from the time since the change, doubled scrapes counted once', async () => {
    const one = await open('near-limit');
    const action = trim();
    scraped(one, { metric: PERIODS, perMinute: (minute) => minute * 600 });
    scraped(one, { metric: THROTTLED, perMinute: (minute) => minute * 30 });
    const before = await change(one, resizeContainer, action);
    for (const instance of ['a', 'b']) {
      const labels = { instance };
      scraped(one, { metric: CPU, perMinute: (minute) => minute * 6, labels });
      scraped(one, { metric: PERIODS, perMinute: (minute) => minute * 600, labels });
      scraped(one, { metric: THROTTLED, perMinute: (minute) => minute * 240, labels });
    }
    const seen = await after(one, resizeContainer, action);
    expect(seen.container?.usage.cpuCores).toBeCloseTo(0.1, 5);
    expect(seen.container?.usage.throttledRatio).toBeCloseTo(0.4, 5);
    expect(seen.container?.usage.memoryBytes).toBeNull();
    expect(PodView.parse(before).container?.usage.throttledRatio).toBeCloseTo(0.05, 5);
    expect(resizeContainer.judge(action, before, seen)).toMatchObject({ verdict: 'undo', rule: 'verify/throttled' });
  });

  test('of a container that sleeps are no gap: what has no periods is not throttled', async () => {
    const one = await open('near-limit');
    const action = trim();
    const idle = [
      { metric: CPU, perMinute: () => 5 },
      { metric: PERIODS, perMinute: () => 100 },
      { metric: THROTTLED, perMinute: () => 7 },
    ];
    idle.forEach((samples) => {
      scraped(one, { ...samples, labels: { instance: 'z' } });
    });
    const before = await change(one, resizeContainer, action);
    idle.forEach((samples) => {
      scraped(one, { ...samples, labels: { instance: 'z2' } });
    });
    const seen = await after(one, resizeContainer, action);
    expect(seen.container?.usage).toMatchObject({ cpuCores: 0, throttledRatio: 0 });
    expect(resizeContainer.judge(action, before, seen)).toMatchObject({ verdict: 'kept' });
  });

  test('that are of two clusters are believed of neither', async () => {
    const one = await open('near-limit');
    const action = trim();
    for (const cluster of ['a', 'b']) {
      scraped(one, { metric: CPU, perMinute: (minute) => minute * 6, labels: { cluster } });
    }
    expect((await after(one, resizeContainer, action)).container?.usage.cpuCores).toBeNull();
  });

  test('that are dead leave it undecided, with the reason', async () => {
    const one = await open('near-limit');
    const action = trim();
    const before = await change(one, resizeContainer, action);
    one.platform.inject({ system: 'victoriametrics', operation: 'query', kind: 'refuse' });
    const seen = await after(one, resizeContainer, action);
    expect(seen.container?.usage).toEqual({ memoryBytes: null, cpuCores: null, throttledRatio: null });
    const judgement = resizeContainer.judge(action, before, seen);
    expect(judgement).toMatchObject({ verdict: 'no-data', rule: 'verify/no-metrics' });
    expect(judgement.sentence).toContain('VictoriaMetrics');
  });
});
