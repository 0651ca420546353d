// The one-process host over a scenario of pipeline-report that has run, for tests of its page.
import path from 'node:path';
import { loadScenario, mergeDeep } from '../../fixtures/platform/scenario.ts';
import { duty } from '../../functions/pipeline-report/index.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { scenarioHost } from '../../shared/local/scenario-host.ts';
import { openScenario } from '../../shared/local/scenario.ts';

export const TOKEN = 'a-token-that-is-long-enough';

export interface ReportHost {
  readonly url: string;
  /** Ids of the runs, oldest first. */
  readonly runs: readonly string[];
  close(): Promise<void>;
}

export async function reportHost(
  name: string,
  { runs = 1, token = TOKEN as string | undefined } = {},
): Promise<ReportHost> {
  const scenario = loadScenario(path.resolve(import.meta.dirname, '../../fixtures/pipeline-report', name));
  const policy = mergeDeep(scenario.policy, { chat: null }) as JsonObject;
  const running = await openScenario({ ...scenario, policy }, { duty: duty.name });
  const ids: string[] = [];
  for (let run = 0; run < runs; run += 1) {
    const result = await running.run();
    ids.push(result.kind === 'busy' ? 'busy' : result.report.run.id);
    running.platform.clock.advance(60_000);
  }
  const { page } = duty;
  const host = await scenarioHost(running, {
    token,
    clock: systemClock,
    pages: new Map(page === undefined ? [] : [[duty.name, page]]),
  });
  return {
    url: `${host.url}/reports/${duty.name}`,
    runs: ids,
    async close() {
      await host.stop();
      await running.close();
    },
  };
}
