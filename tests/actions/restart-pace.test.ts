// The pace of restarts before and after a change.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSamePace } from '../../shared/actions/restart-pace.ts';
import { windowSince } from '../../shared/actions/recent-usage.ts';

test.each([
  [{ restarts: 1, over: 2400 }, { restarts: 1, over: 600 }, true],
  [{ restarts: 1, over: 2401 }, { restarts: 1, over: 600 }, false],
  [{ restarts: 1, over: 0 }, { restarts: 9, over: 600 }, true],
  [{ restarts: 0, over: 0 }, { restarts: 1, over: 600 }, false],
  [{ restarts: 0, over: 600 }, { restarts: 0, over: 600 }, false],
])('%o before and %o after: %s', (before, after, expected) => {
  expect(isSamePace(before, after)).toBe(expected);
});

test('what had no restart before never had the same pace', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), (over, restarts, seconds) => {
      expect(isSamePace({ restarts: 0, over }, { restarts, over: seconds })).toBe(false);
    }),
  );
});

test.each([
  [null, 300],
  ['2026-03-04T09:00:00Z', 300],
  ['2026-03-04T09:57:00Z', 180],
  ['2026-03-04T09:59:50Z', 60],
  ['2026-03-04T10:00:05Z', 60],
])('a change of %s is looked at over %s seconds', (changedAt, seconds) => {
  expect(windowSince(changedAt, '2026-03-04T10:00:00.000Z')).toBe(seconds);
});
