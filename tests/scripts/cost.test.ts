// The price of a month: arithmetic over figures, without any price of its own.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bill, billedSeconds, type MonthlyDuty, quantities, ticksPerMonth, total } from '../../scripts/cost/month.ts';

const ASSUMED = {
  secondsPerCall: 0.05,
  vcpu: 0.5,
  coldStartSeconds: 2,
  warmMinutes: 10,
  warmInstanceStartsPerDay: 0,
  secrets: 5,
  logKibPerRequest: 4,
};
const FIGURES = { cpuSeconds: 0.2, calls: 10, storeReads: 3, storeWrites: 2 };

function duty(more: Partial<MonthlyDuty> = {}): MonthlyDuty {
  return { name: 'x', memoryMib: 512, runs: 43_800, ticks: 0, figures: FIGURES, hasJob: true, ...more };
}

test.each([
  ['* * * * *', 43_800],
  ['*/15 * * * *', 2920],
  ['0 6 * * *', 365 / 12],
  ['0 7 * * MON-FRI', (365 / 12 / 7) * 5],
])('%s comes due %d times a month', (schedule, expected) => {
  expect(ticksPerMonth(schedule)).toBeCloseTo(expected, 6);
});

test('a run is billed for its work on the part of a processor that it has, its waits, and up to the next tenth', () => {
  expect(billedSeconds(FIGURES, ASSUMED)).toBe(0.9);
  expect(billedSeconds({ ...FIGURES, cpuSeconds: 0.201 }, ASSUMED)).toBe(1);
  expect(billedSeconds({ ...FIGURES, cpuSeconds: 0, calls: 0 }, ASSUMED)).toBe(0.1);
});

test('runs that come rarely start cold each time, others do not', () => {
  const often = quantities([duty({ runs: 4380 })], ASSUMED, {});
  expect(often.cpuSecond).toBeCloseTo(4380 * 0.9 * 0.5);
  const rarely = quantities([duty({ runs: 4379 })], ASSUMED, {});
  expect(rarely.cpuSecond).toBeCloseTo(4379 * (0.9 + 2) * 0.5);
});

test('each start reads the secrets; instances that are always warm start as often as is assumed', () => {
  expect(quantities([duty({ runs: 30 })], ASSUMED, {}).secretAccess).toBe(150);
  expect(quantities([duty()], { ...ASSUMED, warmInstanceStartsPerDay: 4 }, {}).secretAccess).toBeCloseTo(
    4 * (365 / 12) * 5,
  );
});

test('scopes that are handed out are messages and requests', () => {
  const amounts = quantities([duty({ runs: 100, ticks: 20 })], ASSUMED, { storeGib: 1 });
  expect(amounts).toMatchObject({ request: 120, storeRead: 300, storeWrite: 200, schedulerJob: 1, storeGib: 1 });
  expect(amounts.messageGib).toBeCloseTo((100 * 2000) / 1024 ** 3);
});

test('free tiers never make a bill negative, and never raise it', () => {
  const price = fc.record({ usd: fc.double({ min: 0, max: 1, noNaN: true }), free: fc.nat(1_000_000) });
  fc.assert(
    fc.property(fc.nat(1_000_000), price, (runs, one) => {
      const amounts = quantities([duty({ runs })], ASSUMED, {});
      const prices = Object.fromEntries(Object.keys(amounts).map((key) => [key, one])) as Parameters<typeof bill>[1];
      const lines = bill(amounts, prices);
      expect(total(lines)).toBeGreaterThanOrEqual(0);
      expect(total(lines, (quantity) => quantity === 'storeRead')).toBeGreaterThanOrEqual(total(lines));
      expect(total(lines)).toBeLessThanOrEqual(total(lines, () => true));
    }),
  );
});
