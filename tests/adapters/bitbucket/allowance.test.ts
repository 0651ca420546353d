// The request allowance: never more than the budget in any rolling hour, whatever instances do on one store.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestAllowance, type Allowance } from '../../../shared/adapters/bitbucket/allowance.ts';
import { PlatformError } from '../../../shared/core/errors.ts';
import type { CiPriority } from '../../../shared/ports/ci.ts';
import type { Store } from '../../../shared/ports/store.ts';
import { memoryStore } from '../../../shared/wiring/ports.ts';
import { TestClock } from '../../contract/store-under-test.ts';

const QUIET = { refused: false, retryAfterSeconds: undefined, nearLimit: false, limit: undefined };

function instances(count: number, rules: { requestsPerHour?: number; urgentShare?: number } = {}, slow = false) {
  const clock = new TestClock();
  const memory = memoryStore(clock);
  const store = slow ? yielding(memory) : memory;
  const one = (instance: number): Allowance =>
    requestAllowance({
      token: 'secret-token',
      instance: `i${String(instance)}`,
      store,
      clock: { now: () => clock.now(), sleep: () => Promise.resolve() },
      random: () => 0.5,
      requestsPerHour: rules.requestsPerHour ?? 40,
      urgentShare: rules.urgentShare ?? 0.25,
    });
  return { clock, store: memory, allowances: Array.from({ length: count }, (_, index) => one(index)) };
}

/** Every call takes a turn of the event loop, so that reads and commits of instances interleave. */
function yielding(store: Store): Store {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    ...store,
    read: async (collection, id) => {
      const document = await store.read(collection, id);
      await turn();
      return document as never;
    },
    commit: async (writes) => {
      await turn();
      return store.commit(writes);
    },
  };
}

async function taken(allowance: Allowance | undefined, priority: CiPriority = 'background'): Promise<boolean> {
  try {
    await allowance?.take(priority, 'list pipelines', 'repository shop');
    return true;
  } catch (error) {
    if (error instanceof PlatformError && error.failure.code === 'ALLOWANCE_SPENT') {
      return false;
    }
    throw error;
  }
}

function mostInAnHour(times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 3_600_000).length));
}

const step = fc.record({
  instance: fc.nat({ max: 3 }),
  priority: fc.constantFrom<CiPriority>('urgent', 'background', 'best-effort'),
  takes: fc.integer({ min: 1, max: 25 }),
  passes: fc.integer({ min: 0, max: 1500 }),
});

describe('the request allowance', () => {
  it('is never overspent in any rolling hour, whatever the interleaving of instances', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 14 }), async (rounds) => {
        const { clock, allowances } = instances(4, {}, true);
        const times: number[] = [];
        for (const round of rounds) {
          await Promise.all(
            round.map(async ({ instance, priority, takes }) => {
              for (let count = 0; count < takes; count += 1) {
                if (await taken(allowances[instance], priority)) {
                  times.push(clock.now().getTime());
                }
              }
            }),
          );
          clock.advance(round[0]?.passes ?? 0);
        }
        expect(mostInAnHour(times)).toBeLessThanOrEqual(40);
      }),
      { numRuns: 60 },
    );
  });

  it('can be spent wholly in an hour, and again in the next', async () => {
    const { clock, allowances } = instances(1);
    let first = 0;
    while (await taken(allowances[0], 'urgent')) {
      first += 1;
    }
    clock.advance(3600 + 26);
    let second = 0;
    while (await taken(allowances[0], 'urgent')) {
      second += 1;
    }
    expect([first, second]).toEqual([40, 40]);
  });

  it('keeps a share for urgent requests', async () => {
    const { allowances } = instances(2);
    let background = 0;
    while (await taken(allowances[0])) {
      background += 1;
    }
    expect(background).toBe(30);
    expect(await taken(allowances[1], 'urgent')).toBe(true);
    expect(await allowances[0]?.remaining()).toMatchObject({ background: 0 });
  });

  it('lets background work go on however much urgent work has spent, within the budget', async () => {
    const { allowances } = instances(1);
    for (let count = 0; count < 20; count += 1) {
      expect(await taken(allowances[0], 'urgent')).toBe(true);
    }
    let background = 0;
    while (await taken(allowances[0])) {
      background += 1;
    }
    expect([background, await taken(allowances[0], 'urgent')]).toEqual([18, true]);
  });

  it('puts off what may come later before lists, and counts it with them', async () => {
    const { allowances } = instances(1);
    for (let count = 0; count < 20; count += 1) {
      await taken(allowances[0], 'urgent');
    }
    const spent = { later: 0, lists: 0 };
    while (await taken(allowances[0], 'best-effort')) {
      spent.later += 1;
    }
    while (await taken(allowances[0])) {
      spent.lists += 1;
    }
    expect(spent).toEqual({ later: 17, lists: 1 });
    const { allowances: others } = instances(1);
    let later = 0;
    while (await taken(others[0], 'best-effort')) {
      later += 1;
    }
    expect([later, await taken(others[0])]).toEqual([30, false]);
  });

  it('hands back what was reserved and not spent in a minute', async () => {
    const { clock, allowances } = instances(2);
    await taken(allowances[0], 'urgent');
    expect(await allowances[1]?.remaining()).toMatchObject({ urgent: 30 });
    clock.advance(61);
    await taken(allowances[0], 'urgent');
    clock.advance(61);
    expect(await allowances[0]?.remaining()).toMatchObject({ urgent: 38 });
    await allowances[0]?.take('urgent', 'x', 'y');
    expect(await allowances[1]?.remaining()).toMatchObject({ urgent: 28 });
  });

  it('says when to come again where nothing is left, and that nothing happened', async () => {
    const { clock, allowances } = instances(1);
    while (await taken(allowances[0], 'urgent'));
    clock.advance(600);
    const error = await allowances[0]?.take('urgent', 'start pipeline', 'repository shop').catch((met: unknown) => met);
    expect(error).toBeInstanceOf(PlatformError);
    expect((error as PlatformError).failure).toMatchObject({ retryAfterSeconds: 3025, applied: 'no' });
    clock.advance(3024);
    expect(await taken(allowances[0], 'urgent')).toBe(false);
    clock.advance(1);
    expect(await taken(allowances[0], 'urgent')).toBe(true);
  });

  it('is closed for all instances after a 429, as long as Bitbucket asks', async () => {
    const { clock, allowances } = instances(2);
    await taken(allowances[0]);
    allowances[0]?.note({ ...QUIET, refused: true, retryAfterSeconds: 90 });
    await allowances[0]?.publish();
    expect(await taken(allowances[0], 'urgent')).toBe(false);
    expect(await taken(allowances[1], 'urgent')).toBe(false);
    clock.advance(89);
    expect(await taken(allowances[1], 'urgent')).toBe(false);
    clock.advance(1);
    expect(await taken(allowances[1], 'urgent')).toBe(true);
  });

  it('leaves the rest to urgent requests while Bitbucket says that its limit is near', async () => {
    const { clock, allowances } = instances(2);
    allowances[0]?.note({ ...QUIET, nearLimit: true });
    await allowances[0]?.publish();
    expect([await taken(allowances[1]), await taken(allowances[1], 'urgent')]).toEqual([false, true]);
    clock.advance(60);
    expect(await taken(allowances[1])).toBe(true);
  });

  it('takes no warning that its own spending explains, and one that it does not', async () => {
    const after = async (limit: number): Promise<boolean> => {
      const { allowances } = instances(1, { urgentShare: 0 });
      for (let count = 0; count < 20; count += 1) {
        await taken(allowances[0]);
      }
      allowances[0]?.note({ ...QUIET, nearLimit: true, limit });
      await allowances[0]?.publish();
      return taken(allowances[0]);
    };
    expect([await after(25), await after(26)]).toEqual([true, false]);
  });

  it('follows a limit that is lower than policy, and none that is higher', async () => {
    const { allowances } = instances(2);
    allowances[0]?.note({ ...QUIET, limit: 10_000 });
    await allowances[0]?.publish();
    expect(await allowances[1]?.remaining()).toMatchObject({ urgent: 40 });
    allowances[0]?.note({ ...QUIET, limit: 20 });
    await allowances[0]?.publish();
    expect(await allowances[1]?.remaining()).toMatchObject({ urgent: 19 });
  });

  it('costs one commit for ten requests, however often headers repeat the same', async () => {
    const { clock, store } = instances(0);
    let commits = 0;
    const counted: Store = {
      ...store,
      read: (collection, id) => store.read(collection, id),
      commit: (writes) => {
        commits += 1;
        return store.commit(writes);
      },
    };
    const allowance = requestAllowance({
      ...{
        token: 't',
        instance: 'i',
        store: counted,
        clock,
        random: () => 0.5,
        requestsPerHour: 900,
        urgentShare: 0.2,
      },
    });
    for (let count = 0; count < 100; count += 1) {
      await allowance.take('background', 'x', 'y');
      allowance.note({ ...QUIET, limit: 1000 });
    }
    expect(commits).toBe(10);
  });

  it('keeps the token out of the store', async () => {
    const { allowances, store } = instances(1);
    await taken(allowances[0]);
    const id = (await import('node:crypto')).createHash('sha256').update('bitbucket:secret-token').digest('hex');
    const document = await store.read('allowances', id.slice(0, 32));
    expect(JSON.stringify(document)).not.toContain('secret-token');
    expect(document).toBeDefined();
  });
});
