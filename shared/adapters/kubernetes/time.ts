// Kubernetes' times in one spelling for both encodings: ISO in UTC, whole seconds, e.g. 2026-11-03T10:00:00Z.
import { MalformedError } from './message.ts';

const CANONICAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

let lastSeconds = Number.NaN;
let lastText = '';

/** Thousands of statuses share the second before: the last answer is kept. */
export function isoTime(seconds: number): string {
  if (seconds !== lastSeconds) {
    const date = new Date(seconds * 1000);
    if (Number.isNaN(date.getTime())) {
      throw new MalformedError(`${seconds} s is no time`);
    }
    lastText = `${date.toISOString().slice(0, -5)}Z`;
    lastSeconds = seconds;
  }
  return lastText;
}

/** The same spelling from any RFC 3339 text; `undefined` when it is none. */
export function isoTimeOf(text: string): string | undefined {
  if (CANONICAL.test(text)) {
    return text;
  }
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : isoTime(Math.floor(milliseconds / 1000));
}
