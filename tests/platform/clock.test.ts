import { expect, test } from 'vitest';
import { scenarioClock } from '../../fixtures/platform/clock.ts';

test('stands still until it is moved', () => {
  const clock = scenarioClock('2026-03-04T10:00:00Z');
  expect(clock.now().toISOString()).toBe('2026-03-04T10:00:00.000Z');
  clock.advance(90_000);
  expect(clock.now().toISOString()).toBe('2026-03-04T10:01:30.000Z');
  clock.set('2026-01-01T00:00:00+01:00');
  expect(clock.now().toISOString()).toBe('2025-12-31T23:00:00.000Z');
});

test('refuses what would move it to nowhere', () => {
  const clock = scenarioClock('2026-03-04T10:00:00Z');
  expect(() => {
    clock.advance(-1);
  }).toThrow(/cannot advance/);
  expect(() => {
    clock.set('yesterday');
  }).toThrow(/"yesterday"/);
  expect(clock.now().toISOString()).toBe('2026-03-04T10:00:00.000Z');
});
