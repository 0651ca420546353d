// What a run tells, by what its duty may do: an escalation reaches the tracker unless policy only observes the duty's actions.
import { describe, expect, test } from 'vitest';
import { runDuty } from '../../shared/runtime/run.ts';
import { sizeDuty, testRuntime, type TestRuntime } from '../support/runtime.ts';

async function escalate(runtime: TestRuntime, actionKinds: readonly string[]): Promise<void> {
  const duty = { ...sizeDuty(runtime.things, { a: 0 }), actionKinds };
  await runDuty(runtime.surroundings, duty, runtime.policy, {
    scope: { cluster: 'prod', namespace: 'shop' },
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
  });
}

describe('an escalation', () => {
  test('of a duty that has no actions opens an issue, whatever the modes say', async () => {
    const runtime = testRuntime({ team: { modes: [] } });
    await escalate(runtime, []);
    expect(runtime.tracker.issues).toHaveLength(1);
    expect(runtime.chat.messages).toHaveLength(1);
  });

  test('of a duty whose actions are only observed opens none', async () => {
    const runtime = testRuntime({ team: { modes: [] } });
    await escalate(runtime, ['test.size']);
    expect(runtime.tracker.issues).toHaveLength(0);
  });
});
