// Intervals for shares that were counted few times: a bare mean of five tries says next to nothing.
import { BugError } from './errors.ts';

/** 95%, two-sided. */
const Z = 1.959964;

/**
 * Wilson's score interval of a share, 95%: `{ low, high }` between 0 and 1. Right also for few tries and for shares near 0 and 1.
 * Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
 */
export function shareInterval(successes: number, tries: number): { readonly low: number; readonly high: number } {
  if (!Number.isSafeInteger(successes) || !Number.isSafeInteger(tries) || successes < 0 || tries < successes) {
    throw new BugError(`${String(successes)} of ${String(tries)} is no share.`);
  }
  if (tries === 0) {
    return { low: 0, high: 1 };
  }
  const share = successes / tries;
  const square = Z * Z;
  const middle = share + square / (2 * tries);
  const half = Z * Math.sqrt((share * (1 - share)) / tries + square / (4 * tries * tries));
  const scale = 1 + square / tries;
  return { low: Math.max(0, (middle - half) / scale), high: Math.min(1, (middle + half) / scale) };
}
