// Bounded work on many items.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eachOf } from '../../shared/core/each-of.ts';

describe('work on many items', () => {
  it('is done on each once, with no more under way than allowed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.nat({ max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        async (s, count, atOnce) => {
          const items = Array.from({ length: count }, (_, index) => index);
          const done: number[] = [];
          let underWay = 0;
          let most = 0;
          const all = eachOf(items, atOnce, async (item) => {
            underWay += 1;
            most = Math.max(most, underWay);
            await s.schedule(Promise.resolve());
            underWay -= 1;
            done.push(item);
          });
          await s.waitFor(all);
          expect(done.sort((a, b) => a - b)).toEqual(items);
          expect(most).toBeLessThanOrEqual(atOnce);
        },
      ),
    );
  });

  it('begins nothing new after a failure, and fails with it', async () => {
    const begun: number[] = [];
    const all = eachOf([1, 2, 3], 1, (item) => {
      begun.push(item);
      return item === 2 ? Promise.reject(new Error('two')) : Promise.resolve();
    });
    await expect(all).rejects.toThrow('two');
    expect(begun).toEqual([1, 2]);
  });
});
