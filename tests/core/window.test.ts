// Windows: open by the wall clock of their zone, on both sides of a daylight-saving change, over midnight, and once by instants.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BugError } from '../../shared/core/errors.ts';
import { Window } from '../../shared/core/policy.ts';
import { activeWindow } from '../../shared/core/window.ts';

const scope = { cluster: 'prod', namespace: 'shop' };
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const MINUTE = 60_000;

function isOpen(fields: object, now: string, timezone = 'UTC'): boolean {
  return activeWindow([Window.parse({ name: 'w', ...fields })], scope, now, timezone) !== undefined;
}

describe('a window with days and times', () => {
  // 2026-11-21 is a Saturday.
  it.each([
    [{ from: '09:00', to: '17:00' }, '2026-11-21T08:59:59.999Z', false],
    [{ from: '09:00', to: '17:00' }, '2026-11-21T09:00:00Z', true],
    [{ from: '09:00', to: '17:00' }, '2026-11-21T16:59:59.999Z', true],
    [{ from: '09:00', to: '17:00' }, '2026-11-21T17:00:00Z', false],
    [{ days: ['sat'] }, '2026-11-20T23:59:59Z', false],
    [{ days: ['sat'] }, '2026-11-21T00:00:00Z', true],
    [{ days: ['sat'] }, '2026-11-21T23:59:59Z', true],
    [{ days: ['sat'] }, '2026-11-22T00:00:00Z', false],
    [{ days: ['fri'], from: '22:00', to: '06:00' }, '2026-11-20T21:59:00Z', false],
    [{ days: ['fri'], from: '22:00', to: '06:00' }, '2026-11-20T22:00:00Z', true],
    [{ days: ['fri'], from: '22:00', to: '06:00' }, '2026-11-21T05:59:59Z', true],
    [{ days: ['fri'], from: '22:00', to: '06:00' }, '2026-11-21T06:00:00Z', false],
    [{ days: ['fri'], from: '22:00', to: '06:00' }, '2026-11-20T03:00:00Z', false],
    [{ days: ['sun'], from: '22:00', to: '06:00' }, '2026-11-23T01:00:00Z', true],
    [{ from: '18:00', to: '24:00' }, '2026-11-21T23:59:59Z', true],
    [{ from: '18:00', to: '24:00' }, '2026-11-21T00:00:00Z', false],
    [{ from: '00:00', to: '24:00' }, '2026-11-21T12:00:00Z', true],
    [{ days: ['fri'], from: '24:00', to: '02:00' }, '2026-11-21T01:00:00Z', true],
    [{ days: ['sat'], from: '24:00', to: '02:00' }, '2026-11-21T01:00:00Z', false],
    [{ days: ['fri'], from: '08:00', to: '08:00' }, '2026-11-21T07:59:00Z', true],
    [{ days: ['fri'], from: '08:00', to: '08:00' }, '2026-11-21T08:00:00Z', false],
  ])('%j at %s: %s', (fields, now, expected) => {
    expect(isOpen(fields, now)).toBe(expected);
  });

  it('is in the time zone of the policy', () => {
    expect(isOpen({ days: ['sat'] }, '2026-11-20T23:30:00Z', 'Europe/Berlin')).toBe(true);
    expect(isOpen({ days: ['sat'] }, '2026-11-21T23:30:00Z', 'Europe/Berlin')).toBe(false);
    expect(isOpen({ days: ['fri'] }, '2026-11-21T04:30:00Z', 'America/New_York')).toBe(true);
    expect(isOpen({ from: '00:00', to: '00:30' }, '2026-11-20T13:15:00Z', 'Australia/Lord_Howe')).toBe(true);
  });

  it('keeps its wall clock times when the offset changes', () => {
    const night = { from: '22:00', to: '06:00' };
    for (const [opens, closes] of [
      ['2026-03-27T21:00:00Z', '2026-03-28T05:00:00Z'],
      ['2026-03-28T21:00:00Z', '2026-03-29T04:00:00Z'],
      ['2026-03-29T20:00:00Z', '2026-03-30T04:00:00Z'],
      ['2026-10-24T20:00:00Z', '2026-10-25T05:00:00Z'],
    ] as const) {
      expect(edges(night, opens, closes, 'Europe/Berlin')).toEqual([false, true, true, false]);
    }
  });

  it('is never open within the hour that is skipped, and twice within the hour that repeats', () => {
    const early = { from: '02:15', to: '02:45' };
    expect(openMinutes(early, '2026-03-29T00:00:00Z', 180, 'Europe/Berlin')).toEqual([]);
    expect(openMinutes(early, '2026-10-25T00:00:00Z', 180, 'Europe/Berlin')).toEqual([
      ...span(15, 45),
      ...span(75, 105),
    ]);
    expect(openMinutes({ from: '01:30', to: '02:00' }, '2026-04-04T14:00:00Z', 120, 'Australia/Lord_Howe')).toEqual(
      span(30, 90),
    );
  });

  it('agrees with intervals on the local calendar around every change of offset', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: -3 * 1440, max: 3 * 1440 }),
        fc.option(fc.uniqueArray(fc.constantFrom(...DAYS), { minLength: 1 }), { nil: undefined }),
        fc.option(fc.tuple(fc.integer({ min: 0, max: 1440 }), fc.integer({ min: 0, max: 1440 })), { nil: undefined }),
        ({ timezone, change, before, after }, minutes, days, times) => {
          fc.pre(days !== undefined || times !== undefined);
          const instant = Date.parse(change) + minutes * MINUTE;
          const local = instant + (minutes < 0 ? before : after) * MINUTE;
          const fields = {
            ...(days === undefined ? {} : { days }),
            ...(times === undefined ? {} : { from: clock(times[0]), to: clock(times[1]) }),
          };
          expect(isOpen(fields, new Date(instant).toISOString(), timezone)).toBe(
            byIntervals(local, days, times ?? [0, 1440]),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('a window that happens once', () => {
  const freeze = { start: '2026-12-20T00:00:00+01:00', end: '2027-01-02T00:00:00+01:00' };

  it.each([
    ['2026-12-19T22:59:59.999Z', false],
    ['2026-12-19T23:00:00Z', true],
    ['2027-01-01T22:59:59.999Z', true],
    ['2027-01-01T23:00:00Z', false],
  ])('at %s: %s', (now, expected) => {
    expect(isOpen(freeze, now, 'Asia/Tokyo')).toBe(expected);
  });
});

describe('which window', () => {
  it('is the first open one of the scope', () => {
    const windows = [
      { name: 'other cluster', cluster: 'stage', days: ['sat'] },
      { name: 'other namespace', namespace: 'pay*', days: ['sat'] },
      { name: 'closed', days: ['sun'] },
      { name: 'first', cluster: 'pr*', namespace: 'sh*p', days: ['sat'] },
      { name: 'second', days: ['sat'] },
    ].map((fields) => Window.parse(fields));
    expect(activeWindow(windows, scope, '2026-11-21T12:00:00Z', 'UTC')?.name).toBe('first');
    expect(activeWindow(windows.slice(0, 3), scope, '2026-11-21T12:00:00Z', 'UTC')).toBeUndefined();
  });

  it('cannot be told at a time that is none', () => {
    expect(() => activeWindow([], scope, 'yesterday', 'UTC')).toThrow(BugError);
    expect(() => activeWindow([], scope, '2026-11-21T12:00:00Z', 'Mars/Olympus')).toThrow();
  });
});

// Changes of offset in 2026 and the offsets in minutes before and after, from the public rules of each zone.
const zones = [
  { timezone: 'Europe/Berlin', change: '2026-03-29T01:00:00Z', before: 60, after: 120 },
  { timezone: 'Europe/Berlin', change: '2026-10-25T01:00:00Z', before: 120, after: 60 },
  { timezone: 'America/New_York', change: '2026-03-08T07:00:00Z', before: -300, after: -240 },
  { timezone: 'America/New_York', change: '2026-11-01T06:00:00Z', before: -240, after: -300 },
  { timezone: 'Australia/Lord_Howe', change: '2026-04-04T15:00:00Z', before: 660, after: 630 },
  { timezone: 'Australia/Lord_Howe', change: '2026-10-03T15:30:00Z', before: 630, after: 660 },
  { timezone: 'Asia/Kolkata', change: '2026-06-01T00:00:00Z', before: 330, after: 330 },
] as const;

/** The definition: some day of the window, today or yesterday, begins an interval that holds the local time. */
function byIntervals(
  local: number,
  days: readonly string[] | undefined,
  [from, to]: readonly [number, number],
): boolean {
  const day = 1440 * MINUTE;
  const midnight = Math.floor(local / day) * day;
  const length = to > from ? to - from : to + 1440 - from;
  return [midnight, midnight - day].some((begin) => {
    const name = DAYS[(new Date(begin).getUTCDay() + 6) % 7] ?? '';
    const opens = begin + from * MINUTE;
    return (days === undefined || days.includes(name)) && opens <= local && local < opens + length * MINUTE;
  });
}

function clock(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}

function edges(fields: object, opens: string, closes: string, timezone: string): boolean[] {
  return [Date.parse(opens) - 1, Date.parse(opens), Date.parse(closes) - 1, Date.parse(closes)].map((instant) =>
    isOpen(fields, new Date(instant).toISOString(), timezone),
  );
}

function openMinutes(fields: object, begin: string, minutes: number, timezone: string): number[] {
  return span(0, minutes).filter((minute) =>
    isOpen(fields, new Date(Date.parse(begin) + minute * MINUTE).toISOString(), timezone),
  );
}

function span(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
