// Starts one double with the checks of the official description, for the tests of that double.
import { scenarioClock } from '../../fixtures/platform/clock.ts';
import type { ScenarioClock } from '../../fixtures/platform/clock.ts';
import { serve } from '../../fixtures/platform/kit.ts';
import type { Double, Fault, RecordedCall } from '../../fixtures/platform/kit.ts';
import { validate } from '../../fixtures/platform/spec-check.ts';
import { isDescribed } from '../../fixtures/platform/spec-description.ts';

export const NOW = '2026-03-04T10:00:00Z';

export interface ServedDouble<D extends Double> {
  readonly url: string;
  readonly clock: ScenarioClock;
  readonly double: D;
  readonly calls: readonly RecordedCall[];
  readonly faults: Fault[];
  violations(): readonly string[];
  close(): Promise<void>;
}

export async function serveDouble<D extends Double>(make: (clock: ScenarioClock) => D): Promise<ServedDouble<D>> {
  const clock = scenarioClock(NOW);
  const double = make(clock);
  const calls: RecordedCall[] = [];
  const faults: Fault[] = [];
  const { system } = double;
  const running = await serve(double, {
    clock,
    calls,
    faults,
    ...(isDescribed(system) ? { validate: (request, reply) => validate(system, request, reply) } : {}),
  });
  return {
    url: running.url,
    clock,
    double,
    calls,
    faults,
    violations: () => calls.flatMap(({ violations }) => violations),
    close: () => running.close(),
  };
}
