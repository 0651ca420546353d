// Windows that move from step to step give what each window would give alone.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Columns } from '../../../fixtures/platform/victoriametrics/samples.ts';
import { quantile, Sum } from '../../../fixtures/platform/victoriametrics/statistics.ts';
import { newSeries, type Grid } from '../../../fixtures/platform/victoriametrics/values.ts';
import { overWindows, windowFunction } from '../../../fixtures/platform/victoriametrics/windows.ts';

const samples = fc
  .array(
    fc.tuple(fc.integer({ min: 1, max: 40 }), fc.oneof(fc.integer({ min: -5, max: 9 }), fc.constant(Number.NaN))),
    {
      maxLength: 40,
    },
  )
  .map((gaps) => {
    let time = 0;
    return gaps.map(([gap, value]) => [(time += gap), value] as const);
  });

function columnsOf(points: readonly (readonly [number, number])[]): Columns {
  return {
    labels: {},
    times: Float64Array.from(points, ([time]) => time),
    values: Float64Array.from(points, ([, value]) => value),
    count: points.length,
  };
}

function evaluated(name: string, columns: Columns, grid: Grid, rangeMs: number): (number | null)[] {
  const apply = windowFunction(name, columns, new Float64Array(grid.steps).fill(0.3));
  const result = newSeries({}, grid.steps);
  if (apply === undefined) {
    throw new Error(`no window function ${name}`);
  }
  overWindows(columns, { grid, rangeMs, offsetMs: 0 }, apply, result);
  return [...result.values].map((value, step) => (result.present[step] === 1 ? value : null));
}

/** Counter corrections are sums from the first sample on: equal but for their rounding. */
function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1e6) / 1e6 + 0;
}

describe('overWindows', () => {
  it.each([
    'count_over_time',
    'first_over_time',
    'last_over_time',
    'min_over_time',
    'max_over_time',
    'sum_over_time',
    'avg_over_time',
    'quantile_over_time',
    'present_over_time',
    'changes',
    'resets',
    'timestamp',
    'increase',
    'rate',
    'delta',
  ])('%s gives the same in one pass as for the samples of each window alone', (name) => {
    const shapes = fc.record({
      points: samples,
      rangeMs: fc.integer({ min: 1, max: 300 }),
      startMs: fc.integer({ min: -50, max: 500 }),
      stepMs: fc.integer({ min: 1, max: 90 }),
      steps: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(shapes, ({ points, rangeMs, ...grid }) => {
        const alone = Array.from({ length: grid.steps }, (_, step) => {
          const endMs = grid.startMs + step * grid.stepMs;
          const inside = points.filter(([time]) => time > endMs - rangeMs && time <= endMs);
          return evaluated(name, columnsOf(inside), { startMs: endMs, stepMs: 1, steps: 1 }, rangeMs)[0] ?? null;
        });
        const together = evaluated(name, columnsOf(points), grid, rangeMs);
        expect(together.map(rounded)).toEqual(alone.map(rounded));
      }),
    );
  });

  it('finds extremes as a plain search does', () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 200 }), (points, rangeMs) => {
        const grid = { startMs: 0, stepMs: 17, steps: 40 };
        const expected = Array.from({ length: grid.steps }, (_, step) => {
          const inside = points.filter(([time]) => time > step * 17 - rangeMs && time <= step * 17);
          const numbers = inside.map(([, value]) => value).filter((value) => !Number.isNaN(value));
          return inside.length === 0 ? null : numbers.length === 0 ? Number.NaN : Math.max(...numbers);
        });
        expect(evaluated('max_over_time', columnsOf(points), grid, rangeMs)).toEqual(expected);
      }),
    );
  });
});

describe('quantile', () => {
  it('interpolates between the neighbours of its rank', () => {
    expect(quantile(0.95, Float64Array.of(3, 1, 2))).toBeCloseTo(2.9, 12);
    expect(quantile(0, Float64Array.of(3, 1, 2))).toBe(1);
    expect(quantile(1, Float64Array.of(3, 1, 2))).toBe(3);
  });

  it('orders NaN before all numbers, as Prometheus does', () => {
    expect(quantile(1, Float64Array.of(Number.NaN, 1))).toBe(1);
    expect(quantile(0, Float64Array.of(1, Number.NaN))).toBeNaN();
  });

  it('lies between the extremes and grows with its rank', () => {
    /** Interpolating between two equal numbers may miss them by a last digit. */
    const ROUNDING = 1e-9;
    const numbers = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(numbers, fc.float({ min: 0, max: 1, noNaN: true }), (values, phi) => {
        const found = quantile(phi, Float64Array.from(values));
        const higher = quantile(Math.min(1, phi + 0.1), Float64Array.from(values));
        expect(found).toBeGreaterThanOrEqual(Math.min(...values) - ROUNDING);
        expect(higher).toBeGreaterThanOrEqual(found - 1e-9);
        expect(higher).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
      }),
    );
  });
});

describe('Sum', () => {
  it('keeps small values beside large ones, and infinities', () => {
    const sum = new Sum();
    [1, 1e100, 1, -1e100].forEach((value) => {
      sum.add(value);
    });
    expect(sum.total).toBe(2);
    sum.add(Infinity);
    expect(sum.total).toBe(Infinity);
  });
});
