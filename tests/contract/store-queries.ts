// The part of the store's contract about queries and limits: what no adapter may answer differently.
import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_DOCUMENT_BYTES } from '../../shared/core/collections.ts';
import { BugError } from '../../shared/core/errors.ts';
import type { Store, Write } from '../../shared/ports/store.ts';
import { create } from './store-under-test.ts';

/** `current` gives the store of the running test. */
export function queryContract(current: () => Store): void {
  describe('query', () => {
    let store: Store;
    const at = (minute: number): string => `2026-11-01T00:${String(minute).padStart(2, '0')}:00.000Z`;

    beforeEach(async () => {
      store = current();
      await store.commit(
        [5, 1, 4, 2, 3].flatMap((minute) => [
          create('runs', `a${String(minute)}`, { duty: 'rebalance', scope: 'x', startedAt: at(minute) }),
          create('runs', `b${String(minute)}`, { duty: 'cost-report', scope: 'x', startedAt: at(minute) }),
        ]),
      );
    });

    async function ids(query: Parameters<Store['query']>[1]): Promise<readonly string[]> {
      return (await store.query('runs', query)).map(({ id }) => id);
    }
    const rebalance = { field: 'duty', op: '==', value: 'rebalance' } as const;

    it('selects by equality and range, in the order of the range', async () => {
      const range = [
        { field: 'startedAt', op: '>=', value: at(2) },
        { field: 'startedAt', op: '<', value: at(5) },
      ] as const;
      expect(await ids({ where: [rebalance, ...range], limit: 10 })).toEqual(['a2', 'a3', 'a4']);
      expect(await ids({ where: [rebalance, { field: 'startedAt', op: '>', value: at(4) }], limit: 10 })).toEqual([
        'a5',
      ]);
      expect(await ids({ where: [rebalance, { field: 'startedAt', op: '<=', value: at(2) }], limit: 10 })).toEqual([
        'a1',
        'a2',
      ]);
    });

    it('orders both ways and stops at the limit', async () => {
      const order = { field: 'startedAt', direction: 'descending' } as const;
      expect(await ids({ where: [rebalance], orderBy: order, limit: 2 })).toEqual(['a5', 'a4']);
      expect(await ids({ where: [], orderBy: order, limit: 3 })).toEqual(['b5', 'a5', 'b4']);
      expect(await ids({ where: [], orderBy: { ...order, direction: 'ascending' }, limit: 3 })).toEqual([
        'a1',
        'b1',
        'a2',
      ]);
    });

    it('orders by id when nothing else is asked', async () => {
      expect(await ids({ where: [], limit: 3 })).toEqual(['a1', 'a2', 'a3']);
      expect(await ids({ where: [rebalance], limit: 2 })).toEqual(['a1', 'a2']);
    });

    it('gives data and a version that can be handed back', async () => {
      const [found] = await store.query<{ duty: string }>('runs', { where: [rebalance], limit: 1 });
      expect(found?.data.duty).toBe('rebalance');
      const replace: Write = { op: 'replace', collection: 'runs', id: 'a1', data: {}, version: found?.version ?? '' };
      expect(await store.commit([replace])).toMatchObject({ committed: true });
      expect(await ids({ where: [rebalance], limit: 1 })).toEqual(['a2']);
    });

    it('compares values of one type only, and leaves out documents without the field', async () => {
      await store.commit([
        create('journal', 'number', { scope: 's', sequence: 7 }),
        create('journal', 'large', { scope: 's', sequence: 2 ** 53 - 1 }),
        create('journal', 'text', { scope: 's', sequence: '7' }),
        create('journal', 'truth', { scope: 's', sequence: true }),
        create('journal', 'null', { scope: 's', sequence: null }),
        create('journal', 'absent', { scope: 's' }),
      ]);
      const by = async (op: '==' | '>=', value: string | number | boolean): Promise<readonly string[]> => {
        const scope = { field: 'scope', op: '==', value: 's' } as const;
        const found = await store.query('journal', { where: [scope, { field: 'sequence', op, value }], limit: 10 });
        return found.map(({ id }) => id);
      };
      expect(await by('>=', 1)).toEqual(['number', 'large']);
      expect(await by('==', '7')).toEqual(['text']);
      expect(await by('==', true)).toEqual(['truth']);
      expect(await by('>=', '')).toEqual(['text']);
    });

    it('orders text by code point, so that pages are the same everywhere', async () => {
      await store.commit(
        ['é', 'z', 'Z', '🦉', '\uffee'].map((scope) => create('actions', scope, { scope, state: 's' })),
      );
      const order = { field: 'state', direction: 'ascending' } as const;
      const found = await store.query('actions', {
        where: [{ field: 'scope', op: '==', value: 'é' }],
        orderBy: order,
        limit: 9,
      });
      expect(found.map(({ id }) => id)).toEqual(['é']);
      const all = await store.query('actions', { where: [], limit: 9 });
      expect(all.map(({ id }) => id)).toEqual(['Z', 'z', 'é', '\uffee', '🦉']);
    });

    it.each([
      ['a field without an index', [{ field: 'trigger', op: '==', value: 'x' }], undefined],
      ['a field that is not the first of its index', [{ field: 'scope', op: '==', value: 'x' }], undefined],
      [
        'ranges over two fields',
        [
          { field: 'duty', op: '>', value: '' },
          { field: 'startedAt', op: '>', value: '' },
        ],
        undefined,
      ],
      [
        'a range that only the front part of an index has',
        [
          { field: 'duty', op: '==', value: 'x' },
          { field: 'scope', op: '>', value: 'x' },
        ],
        undefined,
      ],
      ['an order that the index lacks', [{ field: 'duty', op: '==', value: 'x' }], 'scope2'],
      ['null', [{ field: 'duty', op: '==', value: null }], undefined],
      ['a range over booleans', [{ field: 'startedAt', op: '>', value: false }], undefined],
    ] as const)('refuses %s', async (_, where, field) => {
      const orderBy = field === undefined ? {} : { orderBy: { field, direction: 'ascending' as const } };
      await expect(store.query('runs', { where, ...orderBy, limit: 1 })).rejects.toThrow(BugError);
    });

    it.each([0, -1, 1.5, Number.NaN])('refuses the limit %s', async (limit) => {
      await expect(store.query('runs', { where: [], limit })).rejects.toThrow(BugError);
    });
  });

  describe('limits', () => {
    let store: Store;
    beforeEach(() => {
      store = current();
    });

    it('takes a document just under the limit and refuses one over it, in bytes', async () => {
      const room = MAX_DOCUMENT_BYTES - '{"t":""}'.length;
      const fitting = { t: 'ü'.repeat(Math.floor(room / 2)) };
      await store.commit([create('chunks', 'fits', fitting)]);
      expect((await store.read('chunks', 'fits'))?.data).toEqual(fitting);
      await expect(store.commit([create('chunks', 'over', { t: `${fitting.t}üü` })])).rejects.toMatchObject({
        kind: 'bug',
        remedy: expect.stringContaining('largeWrites') as unknown,
      });
      expect(await store.read('chunks', 'over')).toBeUndefined();
    });

    it('refuses a commit that no request of Firestore could carry', async () => {
      const writes = Array.from({ length: 10 }, (_, index) =>
        create('chunks', String(index), { t: 'x'.repeat(1_000_000) }),
      );
      await expect(store.commit(writes)).rejects.toThrow(BugError);
    });

    it.each([
      ['nothing', ''],
      ['a dot', '.'],
      ['two dots', '..'],
      ['a slash', 'a/b'],
      ['reserved', '__reserved__'],
      ['1501 bytes', 'x'.repeat(1501)],
      ['half a character', '\ud800'],
    ])('refuses an id that is %s', async (_, id) => {
      await expect(store.commit([create('runs', id, {})])).rejects.toThrow(BugError);
      await expect(store.read('runs', id)).rejects.toThrow(BugError);
    });

    it('refuses a collection that is not declared, and data that is no object', async () => {
      await expect(store.read('nonsense', 'x')).rejects.toThrow('nonsense');
      await expect(store.commit([create('nonsense', 'x', {})])).rejects.toThrow(BugError);
      await expect(store.query('nonsense', { where: [], limit: 1 })).rejects.toThrow(BugError);
      await expect(store.commit([create('runs', 'x', [1])])).rejects.toThrow(BugError);
    });

    it.each([
      ['text that no index holds', 'x'.repeat(1501)],
      ['half a character', '\ud800'],
      ['a list', ['x']],
      ['an object', { x: 1 }],
      ['no number', Number.NaN],
    ])('refuses %s in an indexed field', async (_, scope) => {
      await expect(store.commit([create('runs', 'x', { scope })])).rejects.toThrow(/scope .* is indexed/);
    });

    it('refuses an expiry that is no time', async () => {
      await expect(store.commit([create('runs', 'x', {}, 'tomorrow')])).rejects.toThrow(BugError);
    });
  });
}
