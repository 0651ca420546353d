// The machine's own clock and chance. Nothing else reads them.
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock, Ids } from '../../ports/clock.ts';

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (milliseconds, signal) => {
    await wait(milliseconds, undefined, signal === undefined ? {} : { signal });
  },
};

/** `20261121-093015-123-4f7c9a01`: sorts by time of creation, and people can read the time off it. */
export function systemIds(clock: Clock): Ids {
  return {
    next() {
      const time = clock
        .now()
        .toISOString()
        .replaceAll(/[-:]/g, '')
        .replace('T', '-')
        .replace('.', '-')
        .replace('Z', '');
      return `${time}-${randomBytes(4).toString('hex')}`;
    },
  };
}

export function systemRandom(): number {
  return Math.random();
}
