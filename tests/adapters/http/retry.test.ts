// When an HTTP call is tried again, and how long that waits.
import { describe, expect, it } from 'vitest';
import { isTransient, retryAfterSeconds, waitMilliseconds } from '../../../shared/adapters/http/retry.ts';
import { PlatformError, type PlatformFailure } from '../../../shared/core/errors.ts';

const NOW = new Date('2026-03-01T12:00:00Z');

function failureWith(fields: Partial<PlatformFailure>): PlatformError {
  return new PlatformError({ system: 's', operation: 'o', target: 't', applied: 'no', ...fields }, 'why');
}

describe('isTransient', () => {
  it.each([429, 500, 502, 503, 504])('holds for %i', (status) => {
    expect(isTransient(failureWith({ status }))).toBe(true);
  });

  it.each([301, 400, 401, 403, 404, 409, 422, 501])('does not hold for %i', (status) => {
    expect(isTransient(failureWith({ status, code: 'ECONNRESET' }))).toBe(false);
  });

  it('holds for lost connections and not for a deadline, a wrong name or a wrong body', () => {
    expect(isTransient(failureWith({ code: 'ECONNREFUSED' }))).toBe(true);
    expect(isTransient(failureWith({ status: 200, code: 'UND_ERR_SOCKET' }))).toBe(true);
    expect(isTransient(failureWith({ code: 'TIMEOUT' }))).toBe(false);
    expect(isTransient(failureWith({ code: 'ENOTFOUND' }))).toBe(false);
    expect(isTransient(failureWith({ status: 200, code: 'NOT_JSON' }))).toBe(false);
    expect(isTransient(failureWith({}))).toBe(false);
  });
});

describe('waitMilliseconds', () => {
  it('draws from a bound that doubles up to five seconds', () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7].map((attempt) => waitMilliseconds(attempt, undefined, () => 0.999999));
    expect(bounds).toEqual([249, 499, 999, 1999, 3999, 4999, 4999]);
    expect(waitMilliseconds(3, undefined, () => 0)).toBe(0);
  });

  it('never waits shorter than asked', () => {
    expect(waitMilliseconds(1, 2, () => 0)).toBe(2000);
    expect(waitMilliseconds(1, 2, () => 0.5)).toBe(2125);
  });

  it('gives up when the system asks for more than half a minute', () => {
    expect(waitMilliseconds(1, 30, () => 0)).toBe(30_000);
    expect(waitMilliseconds(1, 31, () => 0)).toBeUndefined();
  });
});

describe('retryAfterSeconds', () => {
  it('reads seconds', () => {
    expect(retryAfterSeconds(new Headers({ 'retry-after': '7' }), NOW)).toBe(7);
  });

  it('counts a date from the Date of the same reply, so that clocks may differ', () => {
    const headers = { 'retry-after': 'Sun, 01 Mar 2026 09:00:10 GMT', date: 'Sun, 01 Mar 2026 09:00:00 GMT' };
    expect(retryAfterSeconds(new Headers(headers), NOW)).toBe(10);
  });

  it('counts a date from now when the reply has none, and a date that has passed as none to wait', () => {
    expect(retryAfterSeconds(new Headers({ 'retry-after': 'Sun, 01 Mar 2026 12:00:05 GMT' }), NOW)).toBe(5);
    expect(retryAfterSeconds(new Headers({ 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }), NOW)).toBe(0);
  });

  it('gives nothing for what is neither', () => {
    expect(retryAfterSeconds(new Headers({ 'retry-after': 'soon' }), NOW)).toBeUndefined();
    expect(retryAfterSeconds(new Headers({ 'retry-after': '-3' }), NOW)).toBeUndefined();
    expect(retryAfterSeconds(new Headers(), NOW)).toBeUndefined();
  });
});
