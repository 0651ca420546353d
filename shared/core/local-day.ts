// Days of a time zone: which day an instant belongs to, and when a day begins. It reads no clock.

// The first formatter of a process costs ten milliseconds, each further one about a hundred times what using it does.
const FORMATS = new Map<string, Intl.DateTimeFormat>();
export const DAY_MILLISECONDS = 86_400_000;

/** Wall clock of `instant` in the time zone, read as if it were UTC: milliseconds since 1970. */
export function wallClock(instant: number, timezone: string): number {
  if (timezone === 'UTC') {
    return Math.floor(instant / 1000) * 1000;
  }
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

/** The instant at which the wall clock of the time zone shows `clock` (as `wallClock` gives it). */
export function instantOfWallClock(clock: number, timezone: string): number {
  // Two steps find the offset that holds then, whatever changes on the way there.
  let instant = clock;
  for (let round = 0; round < 2; round += 1) {
    instant += clock - wallClock(instant, timezone);
  }
  return instant;
}

/** The day of the instant (ISO), such as `2026-03-04`. */
export function dayOf(iso: string, timezone: string): string {
  return new Date(wallClock(Date.parse(iso), timezone)).toISOString().slice(0, 10);
}

/** When the day begins, ISO: its midnight, or the first moment after it where a clock change skips that. */
export function startOfDay(day: string, timezone: string): string {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  const found = instantOfWallClock(midnight, timezone);
  const isSkipped = wallClock(found, timezone) < midnight;
  return new Date(isSkipped ? found + 3_600_000 : found).toISOString();
}

/** `count` days later, or earlier for a negative count. */
export function dayAfter(day: string, count = 1): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MILLISECONDS).toISOString().slice(0, 10);
}

/** From `first` to `last`, both included; none when `last` is before `first`. */
export function daysBetween(first: string, last: string): readonly string[] {
  const days: string[] = [];
  for (let day = first; day <= last; day = dayAfter(day)) {
    days.push(day);
  }
  return days;
}
