// What the rigs of the adapters share: a clock whose waits pass at once, failures, a free port, and servers that end with the test.
import { createServer, type AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import type { ScenarioClock } from '../../fixtures/platform/clock.ts';
import type { FaultKind } from '../../fixtures/platform/kit.ts';
import { PlatformError } from '../../shared/core/errors.ts';
import type { Clock } from '../../shared/ports/clock.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) {
    await close();
  }
});

/** Called after the test, in the order of the calls. */
export function afterTest(close: () => Promise<void>): void {
  closing.push(close);
}

/** A clock whose waits pass at once, in scenario time. */
export function waitingClock(clock: ScenarioClock, waits: number[]): Clock {
  return {
    now: () => clock.now(),
    sleep: (milliseconds) => {
      waits.push(milliseconds);
      clock.advance(milliseconds);
      return Promise.resolve();
    },
  };
}

export async function failureOf(doing: Promise<unknown>): Promise<PlatformError> {
  try {
    await doing;
  } catch (error) {
    if (error instanceof PlatformError) {
      return error;
    }
    throw error;
  }
  throw new Error('nothing failed');
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What is known after a write that is sent once met a fault, and how often the system did it. */
export const AFTER_A_WRITE: Readonly<
  Record<Exclude<FaultKind, 'slow' | 'trickle'>, { applied: 'no' | 'unknown'; done: number }>
> = {
  refuse: { applied: 'unknown', done: 0 },
  hang: { applied: 'unknown', done: 0 },
  cut: { applied: 'unknown', done: 1 },
  garbage: { applied: 'unknown', done: 0 },
  '429': { applied: 'no', done: 0 },
  '500': { applied: 'unknown', done: 0 },
  'expired-token': { applied: 'no', done: 0 },
  'lost-reply': { applied: 'unknown', done: 1 },
};
