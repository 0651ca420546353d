// The one-process host over a scenario: for the demo, and for tests that come by HTTP.
import { type HostOptions, type RunningHost, startHost } from './host.ts';
import { hostMetrics } from './metrics.ts';
import type { RunningScenario } from './scenario.ts';

/** On a free port of loopback and without a token, where `options` say nothing else. Who opened the scenario delivers its outbox. */
export function scenarioHost(
  { ready: { surroundings }, store }: Pick<RunningScenario, 'ready' | 'store'>,
  options: Partial<HostOptions>,
): Promise<RunningHost> {
  return startHost({
    functions: [],
    surroundings,
    host: '127.0.0.1',
    port: 0,
    token: undefined,
    store,
    clock: surroundings.ports.clock,
    log: surroundings.log,
    metrics: hostMetrics(),
    stopping: { stop: () => undefined },
    drainsOutbox: false,
    ...options,
  });
}
