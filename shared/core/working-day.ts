// When an approval expires by itself: noon of the next working day, by the team's wall clock.

const FORMATS = new Map<string, Intl.DateTimeFormat>();
const DAY_MILLISECONDS = 86_400_000;
const NOON_HOUR = 12;

/** Wall clock of `instant` in the time zone, read as if it were UTC: milliseconds since 1970. */
function wallClock(instant: number, timezone: string): number {
  let format = FORMATS.get(timezone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    FORMATS.set(timezone, format);
  }
  const part = Object.fromEntries(
    format.formatToParts(new Date(instant)).map(({ type, value }) => [type, Number(value)]),
  );
  return Date.UTC(
    part['year'] ?? 0,
    (part['month'] ?? 1) - 1,
    part['day'],
    part['hour'],
    part['minute'],
    part['second'],
  );
}

/** The next noon (ISO) of a Monday to Friday after the day of `now` in the time zone. Holidays are not known. */
export function noonOfNextWorkingDay(now: string, timezone: string): string {
  const today = Math.floor(wallClock(Date.parse(now), timezone) / DAY_MILLISECONDS);
  let day = today + 1;
  while (isWeekend(day)) {
    day += 1;
  }
  const noon = day * DAY_MILLISECONDS + NOON_HOUR * 3_600_000;
  // Two steps find the offset that holds at that noon, whatever changes on the way there.
  let instant = noon;
  for (let round = 0; round < 2; round += 1) {
    instant += noon - wallClock(instant, timezone);
  }
  return new Date(instant).toISOString();
}

/** Day 0 (1 January 1970) was a Thursday. */
function isWeekend(day: number): boolean {
  const weekday = (day + 4) % 7;
  return weekday === 0 || weekday === 6;
}
