// How values (durations, sizes) are spread, small enough to be kept a day for years and added up without loss: counts in buckets
// whose bounds grow by a fixed factor. Exact in count, sum, least and greatest; a quantile is off by at most 2.5%.
// Source of the form: Masson, Rim, Lee, "DDSketch", VLDB 2019.
import { z } from 'zod';
import { BugError } from './errors.ts';

const GROWTH = 1.05;
const LOG_GROWTH = Math.log(GROWTH);
/** Largest error of a quantile, as a share of its value. */
export const RELATIVE_ERROR = (GROWTH - 1) / (GROWTH + 1);
/** What is smaller counts as zero. */
const LEAST = 0.001;

const bucketKey = z.string().regex(/^(zero|-?[0-9]{1,5})$/);

export const Distribution = z.strictObject({
  count: z.int().min(0),
  sum: z.number().min(0),
  least: z.number().min(0).nullable(),
  greatest: z.number().min(0).nullable(),
  /** Bucket `n` holds values over 1.05^(n−1) up to 1.05^n; `zero` those under a thousandth. */
  buckets: z.record(bucketKey, z.int().min(1)),
});
export type Distribution = z.infer<typeof Distribution>;

export const EMPTY: Distribution = Object.freeze({ count: 0, sum: 0, least: null, greatest: null, buckets: {} });

/** The distribution of finite values from 0 on. */
export function distributionOf(values: readonly number[]): Distribution {
  const buckets: Record<string, number> = {};
  let sum = 0;
  for (const value of values) {
    if (!Number.isFinite(value) || value < 0) {
      throw new BugError(`${String(value)} cannot be counted: only finite values from 0 on have a bucket.`);
    }
    const key = value < LEAST ? 'zero' : String(Math.ceil(Math.log(value) / LOG_GROWTH));
    buckets[key] = (buckets[key] ?? 0) + 1;
    sum += value;
  }
  return values.length === 0
    ? EMPTY
    : {
        count: values.length,
        sum,
        least: values.reduce((a, b) => Math.min(a, b)),
        greatest: values.reduce((a, b) => Math.max(a, b)),
        buckets,
      };
}

/** As if all their values had been counted at once. */
export function added(parts: readonly Distribution[]): Distribution {
  const buckets: Record<string, number> = {};
  let whole: Omit<Distribution, 'buckets'> = EMPTY;
  for (const part of parts) {
    for (const [key, count] of Object.entries(part.buckets)) {
      buckets[key] = (buckets[key] ?? 0) + count;
    }
    whole = {
      count: whole.count + part.count,
      sum: whole.sum + part.sum,
      least: extreme(Math.min, whole.least, part.least),
      greatest: extreme(Math.max, whole.greatest, part.greatest),
    };
  }
  return { ...whole, buckets };
}

function extreme(pick: (a: number, b: number) => number, a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : pick(a, b);
}

/** Mean, exact; `null` without values. */
export function mean({ count, sum }: Distribution): number | null {
  return count === 0 ? null : sum / count;
}

/** The value that a share `q` (0 to 1) of all values does not exceed, within `RELATIVE_ERROR`; `null` without values. */
export function quantile(distribution: Distribution, q: number): number | null {
  const { count, least, greatest } = distribution;
  if (count === 0 || least === null || greatest === null) {
    return null;
  }
  const rank = Math.max(1, Math.ceil(q * count));
  let seen = 0;
  for (const { value, count: own } of ascending(distribution)) {
    seen += own;
    if (seen >= rank) {
      return Math.min(greatest, Math.max(least, value));
    }
  }
  return greatest;
}

/** The buckets from the smallest value on, each with the value that stands for it. */
export function ascending({ buckets }: Distribution): readonly { readonly value: number; readonly count: number }[] {
  return Object.entries(buckets)
    .map(([key, count]) => ({
      value: key === 'zero' ? 0 : (2 * GROWTH ** Number(key)) / (GROWTH + 1),
      count,
    }))
    .sort((a, b) => a.value - b.value);
}
