// Maintenance and freeze windows: whether one is open for a scope at a given instant. It reads no clock; `now` is handed in.
// Windows with days or times follow the wall clock of the policy's time zone, so that "22:00" means 22:00 on both sides of a
// daylight-saving change; in the hour that repeats such a window is open twice, in the hour that is skipped never.
import { BugError } from './errors.ts';
import { wallClock } from './local-day.ts';
import { matchesPattern } from './pattern.ts';
import type { Window } from './policy.ts';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
type Day = (typeof DAYS)[number];

const MINUTES_PER_DAY = 1440;

/** A wall clock's day of the week and minutes since midnight. */
interface WallClock {
  readonly day: Day;
  readonly dayBefore: Day;
  readonly minute: number;
}

/** The first window that is open for the scope at `now` (ISO instant), in policy order; `undefined` when none is. */
export function activeWindow(
  windows: readonly Window[],
  scope: { readonly cluster: string; readonly namespace: string; readonly repository?: string },
  now: string,
  timezone: string,
): Window | undefined {
  const instant = instantOf(now);
  // Also where no window asks for it: a time zone that does not exist is told.
  const clock = wallClockIn(timezone, instant);
  return windows.find(
    (window) =>
      matchesPattern(window.cluster, scope.cluster) &&
      matchesPattern(window.namespace, scope.namespace) &&
      matchesPattern(window.repository, scope.repository ?? '') &&
      isOpen(window, instant, clock),
  );
}

function isOpen(window: Window, instant: number, clock: WallClock): boolean {
  if (window.start !== undefined && window.end !== undefined) {
    return instantOf(window.start) <= instant && instant < instantOf(window.end);
  }
  const from = window.from === undefined ? 0 : minutesOf(window.from);
  const to = window.to === undefined ? MINUTES_PER_DAY : minutesOf(window.to);
  const beginsOn = (day: Day): boolean => window.days === undefined || window.days.includes(day);
  if (from < to) {
    return beginsOn(clock.day) && from <= clock.minute && clock.minute < to;
  }
  return (beginsOn(clock.day) && from <= clock.minute) || (beginsOn(clock.dayBefore) && clock.minute < to);
}

function wallClockIn(timezone: string, instant: number): WallClock {
  const shown = new Date(wallClock(instant, timezone));
  const index = (shown.getUTCDay() + 6) % 7;
  const day = DAYS[index];
  const dayBefore = DAYS[(index + 6) % 7];
  if (day === undefined || dayBefore === undefined) {
    throw new BugError(`Cannot tell the time in ${timezone} at ${new Date(instant).toISOString()}.`);
  }
  return { day, dayBefore, minute: shown.getUTCHours() * 60 + shown.getUTCMinutes() };
}

function instantOf(iso: string): number {
  const instant = Date.parse(iso);
  if (Number.isNaN(instant)) {
    throw new BugError(`Cannot check windows at ${JSON.stringify(iso)}: it is not an ISO time.`);
  }
  return instant;
}

/** Minutes since midnight of a time such as 22:30; 24:00 is the end of the day. */
function minutesOf(time: string): number {
  const minutes = Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
  if (!Number.isInteger(minutes)) {
    throw new BugError(`Cannot check a window at ${JSON.stringify(time)}: it is not a time of day such as 22:30.`);
  }
  return minutes;
}
