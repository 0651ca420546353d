// Cron over the days that have 23 and 25 hours, ticks that take too long, and a clock that jumps.
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../shared/ports/clock.ts';
import { runSchedule } from '../../shared/local/schedule.ts';
import { pino } from 'pino';

interface Played {
  readonly ticks: readonly string[];
  readonly missed: readonly number[];
}

interface Play {
  readonly cron: string;
  readonly timezone?: string;
  readonly from: string;
  readonly ticks: number;
  readonly lastRun?: string;
  /** Moves the clock while the n-th tick (from 1) runs. */
  readonly during?: (tick: number, advance: (milliseconds: number) => void) => void;
}

async function play({ cron, timezone = 'Europe/Berlin', from, ticks, lastRun, during }: Play): Promise<Played> {
  let now = Date.parse(from);
  const stop = new AbortController();
  const clock: Clock = {
    now: () => new Date(now),
    sleep: async (milliseconds) => {
      now += milliseconds;
      await Promise.resolve();
    },
  };
  const told: string[] = [];
  const missed: number[] = [];
  let working = 0;
  const log = pino({ base: null }, { write: (line) => missed.push((JSON.parse(line) as { missed: number }).missed) });
  await runSchedule(
    {
      name: 'test',
      cron,
      timezone,
      lastRun,
      run: async (tick) => {
        working += 1;
        expect(working).toBe(1);
        told.push(tick);
        during?.(told.length, (milliseconds) => (now += milliseconds));
        await Promise.resolve();
        working -= 1;
        if (told.length === ticks) {
          stop.abort();
        }
      },
    },
    clock,
    log,
    stop.signal,
  );
  return { ticks: told, missed };
}

const MINUTE = 60_000;
const gaps = (ticks: readonly string[]): readonly number[] =>
  ticks.slice(1).map((tick, index) => (Date.parse(tick) - Date.parse(ticks[index] ?? '')) / MINUTE);

describe('a schedule', () => {
  test.each([
    ['summer time begins', '2026-03-28T23:50:00Z'],
    ['summer time ends', '2026-10-24T22:50:00Z'],
  ])('of every quarter of an hour goes on evenly when %s', async (_name, from) => {
    const { ticks, missed } = await play({ cron: '*/15 * * * *', from, ticks: 20 });
    expect(new Set(gaps(ticks))).toEqual(new Set([15]));
    expect(missed).toEqual([]);
  });

  test.each([
    ['is skipped', '2026-03-28T12:00:00Z'],
    ['comes twice', '2026-10-24T12:00:00Z'],
  ])('of once a night runs once in the night in which its hour %s', async (_name, from) => {
    const { ticks } = await play({ cron: '30 2 * * *', from, ticks: 3 });
    expect(new Set(ticks.map((tick) => tick.slice(0, 10))).size).toBe(3);
  });

  test('has no overlap: what came while a tick ran is told and not made up for', async () => {
    const during: Play['during'] = (tick, advance) => {
      advance(tick === 1 ? 50 * MINUTE : 0);
    };
    const { ticks, missed } = await play({ cron: '*/15 * * * *', from: '2026-06-01T00:01:00Z', ticks: 3, during });
    expect(gaps(ticks)).toEqual([60, 15]);
    expect(missed).toEqual([3]);
  });

  test('tells what it missed while nobody ran it', async () => {
    const played = await play({
      cron: '*/15 * * * *',
      from: '2026-06-01T02:01:00Z',
      lastRun: '2026-06-01T00:00:03Z',
      ticks: 1,
    });
    expect(played.missed).toEqual([8]);
  });

  test('runs no tick twice when the clock is set back while it runs', async () => {
    const during: Play['during'] = (tick, advance) => {
      advance(tick === 2 ? -120 * MINUTE : 0);
    };
    const { ticks } = await play({ cron: '*/15 * * * *', from: '2026-06-01T04:01:00Z', ticks: 5, during });
    expect(new Set(ticks).size).toBe(5);
    expect(gaps(ticks).every((gap) => gap > 0)).toBe(true);
  });
});
