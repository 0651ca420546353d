// What every store adapter must do, whatever database is under it. Run by tests/adapters/<database>/.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BugError } from '../../shared/core/errors.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Store, Version, Write } from '../../shared/ports/store.ts';
import { queryContract } from './store-queries.ts';
import { committed, create, TestClock, version } from './store-under-test.ts';
import type { StoreUnderTest } from './store-under-test.ts';

export function storeContract(name: string, make: (clock: Clock) => Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, () => {
    let clock: TestClock;
    let made: StoreUnderTest;
    let store: Store;

    beforeEach(async () => {
      clock = new TestClock();
      made = await make(clock);
      store = made.store;
    });
    afterEach(() => made.dispose());

    describe('create, replace, remove', () => {
      it('gives back what was created, with the version of the commit', async () => {
        const data = { text: 'naïve 🦉 \u0000 "quoted" 漢字', nested: { list: [1, 2.5, null, true] }, 'odd key': -0.1 };
        const at = version(await store.commit([create('runs', 'r1', data)]));
        expect(await store.read('runs', 'r1')).toEqual({ id: 'r1', data, version: at });
      });

      it('gives nothing for what is not there, and keeps collections apart', async () => {
        await store.commit([create('runs', 'same', { a: 1 })]);
        expect(await store.read('issues', 'same')).toBeUndefined();
        expect(await store.read('runs', 'other')).toBeUndefined();
      });

      it('creates only what is absent', async () => {
        await store.commit([create('runs', 'r1', { first: true })]);
        expect(await store.commit([create('runs', 'r1', { first: false })])).toEqual({
          committed: false,
          conflict: { collection: 'runs', id: 'r1' },
        });
        expect((await store.read('runs', 'r1'))?.data).toEqual({ first: true });
      });

      it('replaces the whole document in the version that was read, and no other', async () => {
        const first = version(await store.commit([create('runs', 'r1', { a: 1, b: 1 })]));
        const replace: Write = { op: 'replace', collection: 'runs', id: 'r1', data: { a: 2 }, version: first };
        const second = version(await store.commit([replace]));
        expect(second).not.toBe(first);
        expect(await store.commit([replace])).toMatchObject({ committed: false });
        expect(await store.read('runs', 'r1')).toEqual({ id: 'r1', data: { a: 2 }, version: second });
      });

      it('refuses to replace or remove what is absent', async () => {
        const at = version(await store.commit([create('runs', 'r1', {})]));
        expect(
          await store.commit([{ op: 'replace', collection: 'runs', id: 'none', data: {}, version: at }]),
        ).toMatchObject({ committed: false });
        expect(await store.commit([{ op: 'remove', collection: 'runs', id: 'none', version: at }])).toMatchObject({
          committed: false,
        });
      });

      it('removes the version that was read, and never gives its version to another document of that id', async () => {
        const first = version(await store.commit([create('runs', 'r1', { life: 1 })]));
        expect(await store.commit([{ op: 'remove', collection: 'runs', id: 'r1', version: first }])).toEqual({
          committed: true,
          versions: [null],
        });
        expect(await store.read('runs', 'r1')).toBeUndefined();
        const second = version(await store.commit([create('runs', 'r1', { life: 2 })]));
        expect(second).not.toBe(first);
        expect(
          await store.commit([{ op: 'replace', collection: 'runs', id: 'r1', data: {}, version: first }]),
        ).toMatchObject({ committed: false });
      });

      it('keeps documents and versions over a restart', async () => {
        const first = version(await store.commit([create('runs', 'r1', { a: 1 })]));
        store = await made.reopen();
        expect(await store.read('runs', 'r1')).toEqual({ id: 'r1', data: { a: 1 }, version: first });
        const second = version(
          await store.commit([{ op: 'replace', collection: 'runs', id: 'r1', data: { a: 2 }, version: first }]),
        );
        expect(second).not.toBe(first);
      });

      it('hands out copies: a change to what was read or written stays outside', async () => {
        const data = { list: [1] };
        await store.commit([create('runs', 'r1', data)]);
        data.list.push(2);
        const read = await store.read<{ list: number[] }>('runs', 'r1');
        read?.data.list.push(3);
        expect((await store.read('runs', 'r1'))?.data).toEqual({ list: [1] });
      });
    });

    describe('commit of several writes', () => {
      it('writes all of them or, when one precondition fails, none', async () => {
        await store.commit([create('runs', 'taken', {})]);
        const held = version(await store.commit([create('issues', 'held', { state: 'before' })]));
        const result = await store.commit([
          create('runs', 'new', {}),
          { op: 'replace', collection: 'issues', id: 'held', data: { state: 'after' }, version: held },
          create('runs', 'taken', {}),
        ]);
        expect(result).toEqual({ committed: false, conflict: { collection: 'runs', id: 'taken' } });
        expect(await store.read('runs', 'new')).toBeUndefined();
        expect(await store.read('issues', 'held')).toEqual({ id: 'held', data: { state: 'before' }, version: held });
      });

      it('names the first precondition that failed', async () => {
        await store.commit([create('runs', 'a', {}), create('runs', 'b', {})]);
        const result = await store.commit([create('runs', 'c', {}), create('runs', 'b', {}), create('runs', 'a', {})]);
        expect(result).toEqual({ committed: false, conflict: { collection: 'runs', id: 'b' } });
      });

      it('checks without writing: present in a version, or absent', async () => {
        const lease = version(await store.commit([create('leases', 'l', { holder: 'me' })]));
        const check = (id: string, at: Version | null): Write => ({
          op: 'check',
          collection: 'leases',
          id,
          version: at,
        });
        const written = await store.commit([check('l', lease), check('none', null), create('runs', 'r1', {})]);
        expect(committed(written).slice(0, 2)).toEqual([lease, null]);
        expect((await store.read('leases', 'l'))?.version).toBe(lease);
        expect(await store.commit([check('l', null), create('runs', 'r2', {})])).toMatchObject({ committed: false });
        expect(await store.commit([check('none', lease), create('runs', 'r2', {})])).toMatchObject({
          committed: false,
        });
        expect(await store.read('runs', 'r2')).toBeUndefined();
        expect(await store.commit([check('l', lease)])).toEqual({ committed: true, versions: [lease] });
      });

      it('takes 500 writes at once and refuses 501', async () => {
        const writes = Array.from({ length: 500 }, (_, index) => create('runs', `r${String(index)}`, { index }));
        expect(committed(await store.commit(writes))).toHaveLength(500);
        expect((await store.read('runs', 'r499'))?.data).toEqual({ index: 499 });
        await expect(store.commit([...writes, create('runs', 'r500', {})])).rejects.toThrow(BugError);
      });

      it('refuses no writes at all, and one document named twice', async () => {
        await expect(store.commit([])).rejects.toThrow(BugError);
        await expect(store.commit([create('runs', 'r1', {}), create('runs', 'r1', {})])).rejects.toThrow(
          'runs/r1 twice',
        );
      });

      it('lets exactly one of many competing commits win', async () => {
        const first = version(await store.commit([create('targets', 't', { wins: 0 })]));
        const other = await made.second();
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 === 0 ? store : other).commit([
              { op: 'replace', collection: 'targets', id: 't', data: { by: index }, version: first },
              create('journal', `entry-${String(index)}`, { by: index }),
            ]),
          ),
        );
        const winners = results.flatMap((result, index) => (result.committed ? [index] : []));
        expect(winners).toHaveLength(1);
        expect((await other.read('targets', 't'))?.data).toEqual({ by: winners[0] });
        const entries = await Promise.all(results.map((_, index) => store.read('journal', `entry-${String(index)}`)));
        expect(entries.flatMap((entry, index) => (entry === undefined ? [] : [index]))).toEqual(winners);
        await other.close();
      });

      it('counts exactly when two handles read, add one and retry', async () => {
        const other = await made.second();
        await store.commit([create('budgets', 'b', { used: 0 })]);
        const addOne = async (handle: Store): Promise<void> => {
          for (;;) {
            const current = await handle.read<{ used: number }>('budgets', 'b');
            const result = await handle.commit([
              {
                op: 'replace',
                collection: 'budgets',
                id: 'b',
                data: { used: (current?.data.used ?? 0) + 1 },
                version: current?.version ?? '',
              },
            ]);
            if (result.committed) {
              return;
            }
          }
        };
        await Promise.all(Array.from({ length: 10 }, (_, index) => addOne(index % 2 === 0 ? store : other)));
        expect((await store.read('budgets', 'b'))?.data).toEqual({ used: 10 });
        await other.close();
      });
    });

    describe('expiry', () => {
      it('reads as absent from the moment of expiry on', async () => {
        await store.commit([create('leases', 'l', {}, clock.iso(60))]);
        clock.advance(59);
        expect(await store.read('leases', 'l')).toBeDefined();
        clock.advance(1);
        expect(await store.read('leases', 'l')).toBeUndefined();
      });

      it('lets create and check treat the expired as absent, and replace and remove fail', async () => {
        const old = version(await store.commit([create('leases', 'l', { holder: 'dead' }, clock.iso(60))]));
        clock.advance(60);
        const lease = { collection: 'leases', id: 'l', version: old };
        expect(await store.commit([{ op: 'check', ...lease }])).toMatchObject({ committed: false });
        expect(await store.commit([{ op: 'remove', ...lease }])).toMatchObject({ committed: false });
        expect(await store.commit([{ op: 'replace', data: {}, ...lease }])).toMatchObject({ committed: false });
        expect(await store.commit([{ op: 'check', ...lease, version: null }])).toMatchObject({ committed: true });
        const fresh = version(await store.commit([create('leases', 'l', { holder: 'new' }, clock.iso(60))]));
        expect(fresh).not.toBe(old);
        expect((await store.read('leases', 'l'))?.data).toEqual({ holder: 'new' });
      });

      it('is taken from the last write: replace without it makes a document stay', async () => {
        const first = version(await store.commit([create('leases', 'l', {}, clock.iso(60))]));
        await store.commit([{ op: 'replace', collection: 'leases', id: 'l', data: {}, version: first }]);
        clock.advance(3600);
        expect(await store.read('leases', 'l')).toBeDefined();
      });

      it('hides the expired from queries', async () => {
        await store.commit([
          create('runs', 'old', { startedAt: clock.iso() }, clock.iso(60)),
          create('runs', 'new', { startedAt: clock.iso() }, clock.iso(120)),
        ]);
        clock.advance(60);
        const found = await store.query('runs', { where: [], limit: 10 });
        expect(found.map(({ id }) => id)).toEqual(['new']);
      });

      it('prunes what has expired, oldest first, up to the limit, and nothing else', async () => {
        await store.commit([
          create('chunks', 'a', {}, clock.iso(1)),
          create('chunks', 'b', {}, clock.iso(2)),
          create('chunks', 'c', {}, clock.iso(3)),
          create('chunks', 'later', {}, clock.iso(60)),
          create('chunks', 'never', {}),
        ]);
        clock.advance(10);
        expect(await store.prune(2)).toBe(2);
        expect(await store.prune(100)).toBe(1);
        expect(await store.prune(100)).toBe(0);
        const left = await store.query('chunks', { where: [], limit: 10 });
        expect(left.map(({ id }) => id)).toEqual(['later', 'never']);
      });
    });

    queryContract(() => store);

    it('checks itself without leaving anything behind', async () => {
      const at = version(await store.commit([create('runs', 'r1', {})]));
      await store.check();
      expect((await store.read('runs', 'r1'))?.version).toBe(at);
    });

    it('closes twice without harm and refuses what comes after', async () => {
      await store.close();
      await store.close();
      await expect(store.read('runs', 'r1')).rejects.toThrow(BugError);
    });
  });
}
