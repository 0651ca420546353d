// Kubernetes' times in one spelling for both encodings: ISO in UTC, whole seconds, e.g. 2026-11-03T10:00:00Z.
import { MalformedError } from './message.ts';

const CANONICAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

const DAY_SECONDS = 86_400;
const TWO_DIGITS: readonly string[] = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

let lastDay = Number.NaN;
let lastDate = '';

/** Thousands of times of one list lie on few days: the date is kept, and only the clock part is made anew. */
export function isoTime(seconds: number): string {
  const day = Math.floor(seconds / DAY_SECONDS);
  if (day !== lastDay) {
    const date = new Date(day * DAY_SECONDS * 1000);
    if (Number.isNaN(date.getTime())) {
      throw new MalformedError(`${seconds} s is no time`);
    }
    lastDate = date.toISOString().slice(0, -13);
    lastDay = day;
  }
  const rest = seconds - day * DAY_SECONDS;
  const hours = TWO_DIGITS[Math.floor(rest / 3600)] ?? '';
  const minutes = TWO_DIGITS[Math.floor((rest % 3600) / 60)] ?? '';
  return `${lastDate}${hours}:${minutes}:${TWO_DIGITS[rest % 60] ?? ''}Z`;
}

/** The same spelling from any RFC 3339 text; `undefined` when it is none. */
export function isoTimeOf(text: string): string | undefined {
  if (CANONICAL.test(text)) {
    return text;
  }
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : isoTime(Math.floor(milliseconds / 1000));
}
