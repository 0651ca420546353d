// When a failed HTTP call is worth another attempt, and after how long. Pure arithmetic; the waiting is done by the caller.
import type { PlatformError } from '../../core/errors.ts';
import type { ReplyHeaders } from './exchange.ts';

/** 500 is among them: behind a balancer the next instance often answers. Only calls that are safe to repeat get here. */
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);

const FIRST_BACKOFF_MILLISECONDS = 250;
const MAX_BACKOFF_MILLISECONDS = 5_000;

/** A system that asks for more than this is left alone by this run: its error carries the seconds for whoever comes back. */
const MAX_RETRY_AFTER_SECONDS = 30;

export function isTransient(failure: PlatformError): boolean {
  const { status, code } = failure.failure;
  return status === undefined || status < 300
    ? code !== undefined && TRANSIENT_CODES.has(code)
    : TRANSIENT_STATUS.has(status);
}

/**
 * Milliseconds before attempt `attempt` + 1, or `undefined` when the system asked for longer than a run should wait.
 * Full jitter over a doubling bound (AWS, "Exponential Backoff And Jitter"); after Retry-After the jitter comes on top,
 * because waiting shorter than asked only earns the next refusal.
 */
export function waitMilliseconds(
  attempt: number,
  retryAfter: number | undefined,
  random: () => number,
): number | undefined {
  if (retryAfter !== undefined) {
    return retryAfter > MAX_RETRY_AFTER_SECONDS
      ? undefined
      : retryAfter * 1000 + Math.floor(random() * FIRST_BACKOFF_MILLISECONDS);
  }
  const bound = Math.min(MAX_BACKOFF_MILLISECONDS, FIRST_BACKOFF_MILLISECONDS * 2 ** (attempt - 1));
  return Math.floor(random() * bound);
}

/**
 * Seconds that the Retry-After header asks for: a number of seconds or a date (RFC 9110, 10.2.3). A date is counted from
 * the reply's own Date header, so that a difference between the clocks does not matter; from `now` when there is none.
 */
export function retryAfterSeconds(headers: ReplyHeaders, now: Date): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (value === undefined || value === '') {
    return undefined;
  }
  if (/^[0-9]{1,9}$/.test(value)) {
    return Number(value);
  }
  // Date.parse takes much that is no date, "-3" for one.
  const until = value.endsWith(' GMT') ? Date.parse(value) : Number.NaN;
  const sentAt = Date.parse(headers.get('date') ?? '');
  const from = Number.isNaN(sentAt) ? now.getTime() : sentAt;
  return Number.isNaN(until) ? undefined : Math.max(0, Math.ceil((until - from) / 1000));
}
