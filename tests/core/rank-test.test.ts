import fc from 'fast-check';
import { expect, test } from 'vitest';
import { distributionOf } from '../../shared/core/distribution.ts';
import { believed, largerByChance } from '../../shared/core/rank-test.ts';

const chance = (before: readonly number[], after: readonly number[]): number =>
  largerByChance(distributionOf(before), distributionOf(after));

test('agrees with the published example', () => {
  // scipy.stats.mannwhitneyu([19, 22, 16, 29, 24], [20, 11, 17, 12], alternative="greater", method="asymptotic") gives 0.0556.
  expect(chance([20, 11, 17, 12], [19, 22, 16, 29, 24])).toBeCloseTo(0.0556, 3);
});

test('values that are all larger are no chance, all smaller are certain chance', () => {
  const low = Array.from({ length: 20 }, (_, index) => 100 + index * 7);
  const high = low.map((value) => value * 3);
  expect(chance(low, high)).toBeLessThan(1e-6);
  expect(chance(high, low)).toBeGreaterThan(0.999);
});

test('nothing and sameness prove nothing', () => {
  expect([chance([], [1]), chance([1], []), chance([5, 5, 5], [5, 5])]).toEqual([1, 1, 1]);
});

test('both directions together are about one, whatever the values', () => {
  const values = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 8, maxLength: 40 });
  fc.assert(
    fc.property(values, values, (a, b) => {
      const sum = chance(a, b) + chance(b, a);
      expect(sum).toBeGreaterThanOrEqual(1 - 1e-6);
      expect(sum).toBeLessThanOrEqual(2);
    }),
  );
});

test('of several tests only those are believed that their number allows', () => {
  expect(believed([0.004, 0.0001, 0.02], 0.01)).toEqual([true, true, false]);
  expect(believed([0.006, 0.006], 0.01)).toEqual([false, false]);
  expect(believed([], 0.01)).toEqual([]);
});
