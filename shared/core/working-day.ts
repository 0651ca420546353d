// When an approval expires by itself: noon of the next working day, by the team's wall clock.
import { DAY_MILLISECONDS, instantOfWallClock, wallClock } from './local-day.ts';

const NOON_HOUR = 12;

/** The next noon (ISO) of a Monday to Friday after the day of `now` in the time zone. Holidays are not known. */
export function noonOfNextWorkingDay(now: string, timezone: string): string {
  const today = Math.floor(wallClock(Date.parse(now), timezone) / DAY_MILLISECONDS);
  let day = today + 1;
  while (isWeekend(day)) {
    day += 1;
  }
  const noon = day * DAY_MILLISECONDS + NOON_HOUR * 3_600_000;
  return new Date(instantOfWallClock(noon, timezone)).toISOString();
}

/** Day 0 (1 January 1970) was a Thursday. */
function isWeekend(day: number): boolean {
  const weekday = (day + 4) % 7;
  return weekday === 0 || weekday === 6;
}
