// What the judge of a template is shown, read from the embedded platform over HTTP: rolled out, harmful, gone.
import { afterEach, describe, expect, test } from 'vitest';
import { patchTemplate } from '../../shared/actions/patch-template.ts';
import { WorkloadView } from '../../shared/actions/verify-rollout.ts';
import type { ActionProposal } from '../../shared/core/action.ts';
import { change, closeScenario, type Manifest, manifest, mutate, nowOf, open, see } from './platform.ts';

afterEach(closeScenario);

describe('a template', () => {
  const NAMES = ['shop-7d9c5b8f6d-ksxdc', 'shop-7d9c5b8f6d-mvldw', 'shop-7d9c5b8f6d-tvkm5'];

  function action(): ActionProposal {
    const [container] = manifest('Pod', NAMES[0] ?? '').spec.containers;
    const memory = container?.resources.limits['memory'] ?? '';
    return {
      kind: patchTemplate.kind,
      target: {
        cluster: 'test',
        kind: 'Deployment',
        namespace: 'default',
        name: 'shop',
        uid: manifest('Deployment', 'shop').metadata.uid,
        container: 'app',
        role: 'main',
      },
      from: { requests: {}, limits: { memory } },
      to: { requests: {}, limits: { memory: '1536Mi' } },
      guard: { names: ['shop'], labels: {}, workload: 'Deployment/shop', workloadSize: 3, touches: 3 },
    };
  }

  test('that was rolled out is kept, by one list of pods and not one request each', async () => {
    const one = await open('rollout-mode');
    const raised = action();
    const before = await change(one, patchTemplate, raised);
    expect(WorkloadView.parse(before).rollout?.pods).toMatchObject({ count: 3, oomKills: 0, otherRestarts: 0 });
    const calls = one.platform.calls.length;
    const seen = WorkloadView.parse(await see(one, patchTemplate, raised, nowOf(one)));
    expect(seen.rollout).toMatchObject({
      sizes: 'to',
      isObserved: true,
      replicas: 3,
      updated: 3,
      available: 3,
      pods: { count: 3, oomKills: 0, otherRestarts: 0, evicted: 0 },
    });
    expect(patchTemplate.judge(raised, before, seen)).toMatchObject({ verdict: 'kept', rule: 'verify/rolled-out' });
    const asked = one.platform.calls.slice(calls).map(({ system, operation }) => `${system} ${operation}`);
    expect(asked.sort()).toEqual(['kubernetes get deployments', 'kubernetes list pods', 'victoriametrics query']);
    expect(one.platform.violations()).toEqual([]);
  });

  test('is judged by its own new pods alone: those are OOM-killed', async () => {
    const one = await open('rollout-mode');
    const raised = action();
    const before = await change(one, patchTemplate, raised);
    const pods = one.platform.doubles.kubernetes.objects('Pod') as unknown as Manifest[];
    const killed = pods.filter(({ metadata }) => /^(shop|mixed)-/.test(metadata.name));
    expect(killed.length).toBeGreaterThan(3);
    for (const { metadata } of killed) {
      mutate(metadata.name, ({ status }) => {
        const [container] = status.containerStatuses;
        if (container !== undefined) {
          container.restartCount = 2;
          container.lastState = {
            terminated: { exitCode: 137, reason: 'OOMKilled', finishedAt: '2026-03-04T10:07:00Z' },
          };
        }
      });
    }
    const seen = WorkloadView.parse(await see(one, patchTemplate, raised, nowOf(one)));
    expect(seen.rollout?.pods).toMatchObject({ count: 3, oomKills: 6, otherRestarts: 0 });
    expect(patchTemplate.judge(raised, before, seen)).toMatchObject({
      verdict: 'escalate',
      rule: 'verify/still-oom-killed',
    });
  });

  test('of a workload that is gone has nothing to judge', async () => {
    const one = await open('rollout-mode');
    const raised = action();
    const before = await change(one, patchTemplate, raised);
    one.platform.doubles.kubernetes.remove('Deployment', 'default', 'shop');
    const seen = await see(one, patchTemplate, raised, nowOf(one));
    expect(seen).toMatchObject({ workload: 'gone', rollout: null });
    expect(patchTemplate.judge(raised, before, seen)).toMatchObject({ verdict: 'kept', rule: 'verify/target-gone' });
  });
});
