// A clock for a whole host that runs faster than time: it stands still while anybody works, and moves to the next moment that
// somebody waits for as soon as all loops wait.
import type { Clock } from '../../shared/ports/clock.ts';

export interface JumpingClock extends Clock {
  /** Time begins to move, whenever so many loops wait. */
  begin(loops: number): void;
}

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

const MINUTE = 60_000;

/**
 * `onMinute` is waited for before anybody sees that minute; it gives the time that it is then (later where time is to jump), or
 * undefined where time ends.
 */
export function jumpingClock(from: number, onMinute: (at: number) => Promise<number | undefined>): JumpingClock {
  let now = from;
  let enough = Infinity;
  let isMoving = false;
  const sleepers = new Set<Sleeper>();

  async function move(): Promise<void> {
    if (isMoving || sleepers.size < enough) {
      return;
    }
    isMoving = true;
    const next = Math.min(...[...sleepers].map(({ until }) => until));
    for (;;) {
      const minute = Math.floor(now / MINUTE) * MINUTE + MINUTE;
      if (minute > next) {
        break;
      }
      const time = await onMinute(minute);
      if (time === undefined) {
        return;
      }
      now = time;
    }
    now = Math.max(now, next);
    isMoving = false;
    for (const sleeper of [...sleepers].filter(({ until }) => until <= now)) {
      sleepers.delete(sleeper);
      sleeper.wake();
    }
  }

  return {
    now: () => new Date(now),
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        const sleeper: Sleeper = {
          until: now + milliseconds,
          wake: () => {
            signal?.removeEventListener('abort', end);
            resolve();
          },
        };
        const end = (): void => {
          sleepers.delete(sleeper);
          reject(new DOMException('The wait was ended.', 'AbortError'));
        };
        if (signal?.aborted === true) {
          end();
          return;
        }
        signal?.addEventListener('abort', end, { once: true });
        sleepers.add(sleeper);
        void move();
      }),
    begin(loops) {
      enough = loops;
      void move();
    },
  };
}
