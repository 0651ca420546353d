// Tries a call again when that is safe: one policy for the adapters whose SDK makes the request. Waits by the clock that is handed in.
import { PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { isTransient, waitMilliseconds } from './retry.ts';

export interface AttemptOptions {
  /** A write is sent again only when the system certainly did nothing: refused connection, 429. */
  readonly effect: 'read' | 'write';
  /** 3 when absent: one blip and one bad instance behind a balancer are survived, an outage is not prolonged. */
  readonly attempts?: number;
  /** The system's own codes, beside the usual ones, that go away by themselves. */
  readonly transientCodes?: ReadonlySet<string>;
  readonly clock: Clock;
  /** Random number in [0, 1), for the jitter. */
  readonly random: () => number;
}

const DEFAULT_ATTEMPTS = 3;

/** The result of `once`, or its last failure. A Retry-After longer than a run should wait is not waited for. */
export async function withAttempts<T>(options: AttemptOptions, once: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once();
    } catch (error) {
      const wait = waitBeforeNext(options, attempt, error);
      if (wait === undefined) {
        throw error;
      }
      await options.clock.sleep(wait);
    }
  }
}

function waitBeforeNext(options: AttemptOptions, attempt: number, error: unknown): number | undefined {
  if (!(error instanceof PlatformError) || attempt >= (options.attempts ?? DEFAULT_ATTEMPTS)) {
    return undefined;
  }
  const { code, applied, retryAfterSeconds } = error.failure;
  const passes = isTransient(error) || (code !== undefined && options.transientCodes?.has(code) === true);
  const isSafe = options.effect === 'read' || applied === 'no';
  return passes && isSafe ? waitMilliseconds(attempt, retryAfterSeconds, options.random) : undefined;
}
