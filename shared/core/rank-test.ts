// Whether values became larger, by their ranks: no assumption on how they are spread, and no outlier counts for more than one value.
import { ascending, type Distribution } from './distribution.ts';

/**
 * One-sided Mann–Whitney test with the correction for ties: the chance to see `after` this far above `before` when nothing changed.
 * By the normal approximation, which is good from 8 values on each side; 1 where either side is empty or all values are equal.
 * Source: H. B. Mann, D. R. Whitney, Annals of Mathematical Statistics 18 (1947); ties: E. L. Lehmann, "Nonparametrics".
 */
export function largerByChance(before: Distribution, after: Distribution): number {
  const n = before.count;
  const m = after.count;
  if (n === 0 || m === 0) {
    return 1;
  }
  const values = new Map<number, { before: number; after: number }>();
  for (const { value, count } of ascending(before)) {
    values.set(value, { before: count, after: 0 });
  }
  for (const { value, count } of ascending(after)) {
    values.set(value, { before: values.get(value)?.before ?? 0, after: count });
  }
  let below = 0;
  let u = 0;
  let ties = 0;
  for (const [, tied] of [...values].sort(([a], [b]) => a - b)) {
    u += tied.after * (below + tied.before / 2);
    below += tied.before;
    const t = tied.before + tied.after;
    ties += t * t * t - t;
  }
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  if (variance <= 0) {
    return 1;
  }
  // Half a step towards the middle: U moves in steps of a half or one, the normal curve does not.
  return upperTail((u - (n * m) / 2 - 0.5) / Math.sqrt(variance));
}

/**
 * Which of several tests may be believed when they are looked at together (Holm): with `alpha` 0.01 one report in a hundred, at
 * most, believes any test that was chance. Source: S. Holm, Scandinavian Journal of Statistics 6 (1979).
 */
export function believed(chances: readonly number[], alpha: number): readonly boolean[] {
  const order = chances.map((chance, index) => ({ chance, index })).sort((a, b) => a.chance - b.chance);
  const result = chances.map(() => false);
  for (const [rank, { chance, index }] of order.entries()) {
    if (chance > alpha / (chances.length - rank)) {
      break;
    }
    result[index] = true;
  }
  return result;
}

/**
 * The chance of a standard normal value over `z`. Relative error under 1.2e-7 everywhere.
 * Source: the Chebyshev fit of erfc in "Numerical Recipes", §6.2.
 */
function upperTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const polynomial = coefficients.reduceRight((sum, coefficient) => coefficient + t * sum, 0);
  const tail = (t * Math.exp(-x * x + polynomial)) / 2;
  return z >= 0 ? tail : 1 - tail;
}
