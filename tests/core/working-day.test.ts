// Approvals expire at noon of the next working day, by the team's own clock.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noonOfNextWorkingDay } from '../../shared/core/working-day.ts';

test.each([
  ['a Tuesday', '2026-03-03T15:00:00Z', 'UTC', '2026-03-04T12:00:00.000Z'],
  ['a Friday', '2026-03-06T15:00:00Z', 'UTC', '2026-03-09T12:00:00.000Z'],
  ['a Saturday', '2026-03-07T15:00:00Z', 'UTC', '2026-03-09T12:00:00.000Z'],
  ['a Sunday', '2026-03-08T15:00:00Z', 'UTC', '2026-03-09T12:00:00.000Z'],
  [
    'the night before in Berlin is the same day in UTC',
    '2026-03-03T23:30:00Z',
    'Europe/Berlin',
    '2026-03-05T11:00:00.000Z',
  ],
  ['over the change to summer time', '2026-03-27T10:00:00Z', 'Europe/Berlin', '2026-03-30T10:00:00.000Z'],
  ['a half hour zone', '2026-03-03T10:00:00Z', 'Asia/Kolkata', '2026-03-04T06:30:00.000Z'],
])('%s', (_name, now, timezone, expected) => {
  expect(noonOfNextWorkingDay(now, timezone)).toBe(expected);
});

test('it is always later, within four days, and noon there', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true }),
      fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia'),
      (now, timezone) => {
        const noon = new Date(noonOfNextWorkingDay(now.toISOString(), timezone));
        expect(noon.getTime()).toBeGreaterThan(now.getTime());
        expect(noon.getTime() - now.getTime()).toBeLessThan(4.5 * 86_400_000);
        const there = noon.toLocaleString('en-GB', {
          timeZone: timezone,
          weekday: 'short',
          hour: '2-digit',
          minute: '2-digit',
        });
        expect(there).toMatch(/^(Mon|Tue|Wed|Thu|Fri),? 12:00$/);
      },
    ),
  );
});
