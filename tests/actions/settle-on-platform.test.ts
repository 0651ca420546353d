// From a change to its judgement on the embedded platform: kept where the pod lives well with it, taken back where it does not.
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { openScenario } from '../../shared/local/scenario.ts';
import { settle } from '../../shared/runtime/settle.ts';

/** Longer than guardrails.settle. */
const SETTLED = 11 * 60_000;

function open() {
  const folder = path.resolve(import.meta.dirname, '../../fixtures/rebalance/fractional-limit');
  return openScenario(loadScenario(folder), { duty: 'rebalance' });
}

interface PodObject {
  spec: { containers: { resources: { limits: { memory: string } } }[] };
  status: { conditions: { type: string; status: string }[] };
}

test('a raise that the pod lives well with is kept', async () => {
  await using stack = new AsyncDisposableStack();
  const running = stack.adopt(await open(), (one) => one.close());
  await running.run();
  running.platform.clock.advance(SETTLED);
  expect(await settle(running.ready.surroundings)).toMatchObject({ kept: 1, undone: 0, problems: [] });
});

test('a raise after which the pod is not ready is taken back on the cluster', async () => {
  await using stack = new AsyncDisposableStack();
  const running = stack.adopt(await open(), (one) => one.close());
  const { kubernetes } = running.platform.doubles;
  const limit = (name: string): string | undefined =>
    (kubernetes.object('Pod', 'default', name) as unknown as PodObject | undefined)?.spec.containers[0]?.resources
      .limits.memory;
  const result = await running.run();
  const target = result.kind === 'busy' ? undefined : result.report.actions[0]?.target;
  const name = String(target?.['pod']);
  const raised = limit(name);
  running.platform.clock.advance(SETTLED);
  kubernetes.mutate('Pod', 'default', name, (draft) => {
    const { status } = draft as unknown as PodObject;
    status.conditions = status.conditions.map((one) => (one.type === 'Ready' ? { ...one, status: 'False' } : one));
  });
  expect(await settle(running.ready.surroundings)).toMatchObject({ undone: 1, problems: [] });
  expect([raised, limit(name)]).toEqual(['1920Mi', '1536Mi']);
});
