import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expandNotation, notationSeconds, pointsOf } from '../../fixtures/platform/series-notation.ts';

test.each<[string, (number | null)[]]>([
  ['1 2 3', [1, 2, 3]],
  ['-2+4x3', [-2, 2, 6, 10]],
  ['10-2x2', [10, 8, 6]],
  ['1x4', [1, 1, 1, 1, 1]],
  ['5x0', [5]],
  ['1 _x3 2', [1, null, null, null, 2]],
  ['_ 7 _', [null, 7, null]],
  ['0.5+0.25x2', [0.5, 0.75, 1]],
  ['1e3+1e2x1', [1000, 1100]],
  ['  1\n  2x1 ', [1, 2, 2]],
  ['', []],
])('expands %j as promtool does', (notation, values) => {
  expect(expandNotation(notation)).toEqual(values);
});

test('knows infinities and NaN', () => {
  expect(expandNotation('+Inf -Inf NaN')).toEqual([Infinity, -Infinity, Number.NaN]);
});

test.each(['1+x3', 'x3', '1x', 'one', '1+2', '_y', '1x-2', '1,2'])('refuses %j', (notation) => {
  expect(() => expandNotation(notation)).toThrow(/no series notation/);
});

test('refuses a series that would fill the memory', () => {
  expect(() => expandNotation('1x99999999')).toThrow(/more than/);
});

test('places the last value at the end and leaves out missing samples', () => {
  expect(pointsOf('1 _ 3', 60, 1000)).toEqual([
    [880, 1],
    [1000, 3],
  ]);
});

test('gives n + 1 values, each a step after the one before, whatever the numbers are', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1000, max: 1000 }),
      fc.integer({ min: 0, max: 1000 }),
      fc.integer({ min: 0, max: 200 }),
      (start, step, count) => {
        const points = pointsOf(`${String(start)}+${String(step)}x${String(count)}`, 30, 10_000);
        expect(points).toHaveLength(count + 1);
        expect(points.at(-1)).toEqual([10_000, start + step * count]);
        for (const [index, [seconds, value]] of points.entries()) {
          expect(seconds).toBe(10_000 - (count - index) * 30);
          expect(value).toBe(start + step * index);
        }
      },
    ),
  );
});

test.each([
  ['60s', 60],
  ['5m', 300],
  ['2h', 7200],
  ['7d', 604_800],
  ['0s', 0],
  ['500ms', 0.5],
])('reads the duration %s', (duration, seconds) => {
  expect(notationSeconds(duration)).toBe(seconds);
});

test('refuses a duration without a unit', () => {
  expect(() => notationSeconds('60')).toThrow(/no duration/);
});
