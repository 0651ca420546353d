// Cron inside the one-process host: one loop a duty, no overlap, and every tick that was missed is told.
import { Cron } from 'croner';
import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';

export interface Schedule {
  readonly name: string;
  /** Five fields, as in function.yaml. */
  readonly cron: string;
  readonly timezone: string;
  /** The work of one tick; `tick` is the time that the schedule names, ISO. */
  readonly run: (tick: string) => Promise<void>;
  /** When it last ran before this process, ISO; missed ticks since then are told once. */
  readonly lastRun: string | undefined;
}

/** Long sleeps are cut, so that a machine that slept or whose clock was set notices soon. */
const LONGEST_SLEEP_MILLISECONDS = 30_000;
const MISSED_COUNT_LIMIT = 1000;

/** Runs until `signal` fires; then the tick in hand is finished first. */
export async function runSchedule(schedule: Schedule, clock: Clock, log: Logger, signal: AbortSignal): Promise<void> {
  const cron = new Cron(schedule.cron, { timezone: schedule.timezone, paused: true });
  tellMissed(schedule, cron, log, schedule.lastRun, clock.now());
  let after = clock.now();
  while (!signal.aborted) {
    const next = cron.nextRun(after);
    if (next === null) {
      log.warn({ duty: schedule.name, cron: schedule.cron }, 'the schedule never comes again');
      return;
    }
    await sleepUntil(next, clock, signal);
    if (signal.aborted) {
      return;
    }
    const reached = clock.now();
    await schedule.run(next.toISOString());
    // A tick that came while this one ran is not made up for: the next one sees the same world.
    const ended = clock.now();
    tellMissed(schedule, cron, log, next.toISOString(), ended);
    after = ended > reached ? ended : reached;
  }
}

async function sleepUntil(time: Date, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    const left = time.getTime() - clock.now().getTime();
    if (left <= 0 || signal.aborted) {
      return;
    }
    try {
      await clock.sleep(Math.min(left, LONGEST_SLEEP_MILLISECONDS), signal);
    } catch (error) {
      if (!signal.aborted) {
        throw error;
      }
    }
  }
}

function tellMissed(schedule: Schedule, cron: Cron, log: Logger, since: string | undefined, now: Date): void {
  if (since === undefined) {
    return;
  }
  let missed = 0;
  let tick = cron.nextRun(new Date(since));
  const first = tick;
  while (tick !== null && tick <= now && missed < MISSED_COUNT_LIMIT) {
    missed += 1;
    tick = cron.nextRun(tick);
  }
  if (missed > 0) {
    log.warn(
      { duty: schedule.name, missed, first: first?.toISOString() },
      `${schedule.name} missed ${String(missed)} of its ticks`,
    );
  }
}
