// Intervals of shares.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareInterval } from '../../shared/core/interval.ts';

describe('the interval of a share', () => {
  it.each([
    // Values of the score interval as published, to three digits.
    [0, 5, 0, 0.434],
    [5, 5, 0.566, 1],
    [10, 20, 0.299, 0.701],
    [1, 29, 0.006, 0.172],
  ])('%i of %i', (successes, tries, low, high) => {
    const interval = shareInterval(successes, tries);
    expect(interval.low).toBeCloseTo(low, 3);
    expect(interval.high).toBeCloseTo(high, 3);
  });

  it('of nothing says nothing', () => {
    expect(shareInterval(0, 0)).toEqual({ low: 0, high: 1 });
  });

  it('holds the share, lies within 0 and 1, and narrows with more tries', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 0, max: 500 }), (tries, some) => {
        const successes = Math.min(some, tries);
        const { low, high } = shareInterval(successes, tries);
        const share = successes / tries;
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(share + 1e-9);
        expect(high).toBeGreaterThanOrEqual(share - 1e-9);
        const more = shareInterval(successes * 4, tries * 4);
        expect(more.high - more.low).toBeLessThan(high - low);
      }),
    );
  });

  it('refuses what is no share', () => {
    expect(() => shareInterval(3, 2)).toThrow('3 of 2 is no share');
    expect(() => shareInterval(-1, 2)).toThrow('no share');
    expect(() => shareInterval(0.5, 2)).toThrow('no share');
  });
});
