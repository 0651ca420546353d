import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  added,
  Distribution,
  distributionOf,
  EMPTY,
  mean,
  quantile,
  RELATIVE_ERROR,
} from '../../shared/core/distribution.ts';

const value = fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 1e6, noNaN: true }));

test('parts that are added give what counting all at once gives', () => {
  fc.assert(
    fc.property(fc.array(fc.array(value)), (parts) => {
      const whole = distributionOf(parts.flat());
      const sum = added(parts.map((part) => distributionOf(part)));
      expect(sum.buckets).toEqual(whole.buckets);
      expect([sum.count, sum.least, sum.greatest]).toEqual([whole.count, whole.least, whole.greatest]);
      expect(sum.sum).toBeCloseTo(whole.sum, 3);
    }),
  );
});

test('a quantile is off by no more than it states, the mean not at all', () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const sorted = [...values].sort((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(q * values.length)) - 1] ?? 0;
      const distribution = distributionOf(values);
      expect(Math.abs((quantile(distribution, q) ?? -1) - exact)).toBeLessThanOrEqual(exact * RELATIVE_ERROR + 1e-9);
      expect(mean(distribution)).toBeCloseTo(values.reduce((a, b) => a + b, 0) / values.length, 6);
    }),
  );
});

test('what is stored is read back as it was', () => {
  const distribution = distributionOf([0, 0.5, 60, 61, 3600]);
  expect(Distribution.parse(JSON.parse(JSON.stringify(distribution)))).toEqual(distribution);
});

test('nothing has no mean and no quantile', () => {
  expect([mean(EMPTY), quantile(EMPTY, 0.5), distributionOf([])]).toEqual([null, null, EMPTY]);
});

test.each([-1, Number.NaN, Infinity])('%s is refused', (bad) => {
  expect(() => distributionOf([bad])).toThrow('only finite values from 0 on');
});
