import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dayAfter, dayOf, daysBetween, startOfDay } from '../../shared/core/local-day.ts';

test.each([
  ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00.000Z'],
  ['2026-03-30', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'],
  ['2026-10-26', 'Europe/Berlin', '2026-10-25T23:00:00.000Z'],
  ['2026-03-04', 'UTC', '2026-03-04T00:00:00.000Z'],
  ['2026-03-04', 'Asia/Kolkata', '2026-03-03T18:30:00.000Z'],
  // Midnight is skipped there.
  ['2026-09-06', 'America/Santiago', '2026-09-06T04:00:00.000Z'],
])('%s begins in %s at %s', (day, timezone, start) => {
  expect(startOfDay(day, timezone)).toBe(start);
});

test('each instant lies in its day', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('2024-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }),
      fc.constantFrom('UTC', 'Europe/Berlin', 'America/Santiago', 'Asia/Kolkata', 'Pacific/Auckland'),
      (instant, timezone) => {
        const day = dayOf(instant.toISOString(), timezone);
        expect(Date.parse(startOfDay(day, timezone))).toBeLessThanOrEqual(instant.getTime());
        expect(Date.parse(startOfDay(dayAfter(day), timezone))).toBeGreaterThan(instant.getTime());
      },
    ),
  );
});

test('days are counted over the ends of months', () => {
  expect(daysBetween('2026-02-27', '2026-03-02')).toEqual(['2026-02-27', '2026-02-28', '2026-03-01', '2026-03-02']);
  expect(daysBetween('2026-03-02', '2026-03-01')).toEqual([]);
  expect(dayAfter('2026-03-01', -1)).toBe('2026-02-28');
});
