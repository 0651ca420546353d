// Fifty callers of one scope at once, over HTTP, at the one-process host: each change is made once, and everybody gets a true answer.
import path from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { scenarioHost } from '../../shared/local/scenario-host.ts';
import { openScenario } from '../../shared/local/scenario.ts';
import { answer } from '../../shared/runtime/http.ts';

const CALLERS = 50;
const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');

test.each([
  ['by hand', {}, 409],
  ['by a schedule', { 'x-cloudscheduler': 'true' }, 200],
] as const)('%s: one of them works, the others are told so', async (_name, headers, busyStatus) => {
  const running = await openScenario(loadScenario(FOLDER), { duty: 'rebalance', deadlineSeconds: 60 });
  const { ready, store, platform } = running;
  const host = await scenarioHost(
    { ready, store },
    {
      functions: [
        { name: 'rebalance', schedule: undefined, lastRun: undefined, answer: (incoming) => answer(ready, incoming) },
      ],
      log: pino({ level: 'silent' }),
    },
  );
  try {
    const replies = await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        const response = await fetch(`${host.url}/rebalance`, {
          method: 'POST',
          headers,
          body: JSON.stringify({ scope: running.scenario.case.scope }),
        });
        const body = (await response.json()) as { result?: string; actions?: readonly { outcome: string }[] };
        return { status: response.status, body };
      }),
    );
    const worked = replies.filter(({ body }) => body.actions?.some(({ outcome }) => outcome === 'applied') === true);
    const busy = replies.filter(({ body }) => body.result === 'busy');
    const finished = replies.filter(({ body }) => body.actions !== undefined);
    expect(worked).toHaveLength(1);
    expect(busy.length + finished.length).toBe(CALLERS);
    expect(busy.every(({ status }) => status === busyStatus)).toBe(true);
    const patches = platform.calls.filter((call) => call.method === 'PATCH' && call.handledStatus === 200);
    expect(new Set(patches.map((call) => call.path)).size).toBe(2);
    expect(patches).toHaveLength(2);
    expect(platform.doubles.slack.state().messages).toHaveLength(1);
    expect(platform.doubles.jira.state().issues).toHaveLength(1);
  } finally {
    await host.stop();
    await running.close();
  }
});
