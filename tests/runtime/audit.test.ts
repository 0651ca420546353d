// The journal as evidence: whatever is altered, taken away, added or put in another order is found.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ActionRecord } from '../../shared/core/action.ts';
import type { Store } from '../../shared/ports/store.ts';
import { verifyJournal, type Witness } from '../../shared/runtime/audit.ts';
import { entryId, type JournalEntry, type JournalHead } from '../../shared/runtime/journal.ts';
import { journalScopes } from '../../shared/runtime/journal-chain.ts';
import { cutJournal } from '../../shared/runtime/retention.ts';
import {
  all,
  append,
  alter,
  audit,
  bound,
  emptyJournal,
  entry,
  found,
  journalOf,
  overwrite,
  rehashed,
  SCOPE,
} from './journal-under-test.ts';

describe('a journal as it was written', () => {
  test('is whole, and its last hash is told', async () => {
    const { store } = await journalOf(4);
    const last = await entry(store, 12);
    expect(await audit(store)).toEqual({
      scope: SCOPE,
      entries: 12,
      firstSequence: 1,
      lastSequence: 12,
      hash: last.hash,
      defects: [],
      warnings: [],
      warningCount: 0,
    });
  });

  test('is read in pages, none of which is skipped', async () => {
    const journal = await journalOf(400);
    expect((await all(journal.store)).map(({ data }) => data.sequence)).toEqual(
      Array.from({ length: 1200 }, (_, index) => index + 1),
    );
    expect(await audit(journal.store)).toMatchObject({ entries: 1200, defects: [] });
    await alter(journal.store, 777, { detail: 'nothing happened' });
    expect(await found(journal.store)).toEqual(['altered 777']);
  });

  test('is verified scope by scope when none is named, those without entries or head too', async () => {
    const journal = await journalOf(1);
    await append(journal, 'other', 'intended', 'cluster=prod,namespace=web');
    expect(await journalScopes(journal.store)).toEqual([SCOPE, 'cluster=prod,namespace=web']);
    await overwrite(journal.store, 'journal-heads', 'cluster=prod,namespace=web', undefined);
    for (const sequence of [1, 2, 3]) {
      await overwrite(journal.store, 'journal', entryId(SCOPE, sequence), undefined);
    }
    const audits = await verifyJournal(journal.store);
    expect(audits.map(({ defects }) => defects.map(({ message }) => message))).toEqual([
      ['Entry 1 is missing.'],
      ['The head of the journal, which says where it ends, is missing.'],
    ]);
  });

  test('tells a clock that went backwards as a warning', async () => {
    const journal = await journalOf(1);
    // Older versions kept no time in the head, and wrote what the clock said.
    const head = await journal.store.read<{ at?: string }>('journal-heads', SCOPE);
    await overwrite(journal.store, 'journal-heads', SCOPE, { ...head?.data, at: undefined });
    journal.clock.advance(-3_600_000);
    await append(journal, 'late', 'intended');
    const { defects, warnings, warningCount } = await audit(journal.store);
    expect(defects).toEqual([]);
    expect(warningCount).toBe(1);
    expect(warnings[0]).toMatch(/^Entry 4 is of 2026-03-04T09:04:00\.000Z, before the one that it follows/);
  });

  test('may be cut while it is verified', async () => {
    const { store, clock } = await journalOf(200);
    let queries = 0;
    const busy: Store = {
      ...bound(store),
      query: async (collection, query) => {
        queries += 1;
        if (queries === 2) {
          await cutJournal(store, SCOPE, '2099-01-01T00:00:00Z', clock.now());
        }
        return store.query(collection, query);
      },
    };
    expect(await audit(busy)).toMatchObject({ firstSequence: 601, entries: 0, defects: [] });
  });

  test('may grow while it is verified', async () => {
    const journal = await journalOf(200);
    let appended = 0;
    const busy: Store = {
      ...bound(journal.store),
      read: async (collection, id) => {
        // Runs go on right before the head is read, and right before the document of an action is.
        if (appended < 2 || (collection === 'actions' && appended < 3)) {
          appended += 1;
          await append(journal, 'action-0', appended === 3 ? 'undone' : 'applied');
        }
        return journal.store.read(collection, id);
      },
    };
    expect(await audit(busy)).toMatchObject({ entries: 603, defects: [] });
  });
});

describe('what was done to it', () => {
  test.each<[string, (store: Store) => Promise<void>, string]>([
    ['an entry that was altered', (store) => alter(store, 5, { state: 'failed' }), 'altered 5'],
    ['a field that was added', (store) => alter(store, 5, { note: 'x' }), 'altered 5'],
    ['a number that was altered', (store) => alter(store, 5, { sequence: 9 }), 'altered 5'],
    ['a number before the first', (store) => alter(store, 5, { sequence: 0 }), 'altered 5'],
    ['an entry that was moved to another scope', (store) => alter(store, 5, { scope: 'elsewhere' }), 'altered 5'],
    [
      'an entry that was replaced together with its hash',
      async (store) => alter(store, 5, rehashed(await entry(store, 5), { detail: 'nothing' })),
      'altered 5',
    ],
    [
      'the last entry replaced together with its hash',
      async (store) => alter(store, 12, rehashed(await entry(store, 12), { detail: 'nothing' })),
      'altered 12',
    ],
    ['the first entry taken away', (store) => overwrite(store, 'journal', entryId(SCOPE, 1), undefined), 'missing 1'],
    ['an entry taken away', (store) => overwrite(store, 'journal', entryId(SCOPE, 5), undefined), 'missing 5'],
    ['the last entry taken away', (store) => overwrite(store, 'journal', entryId(SCOPE, 12), undefined), 'missing 12'],
    [
      'two entries in each other’s place',
      async (store) => {
        const [third, fifth] = [await entry(store, 3), await entry(store, 5)];
        await overwrite(store, 'journal', entryId(SCOPE, 3), fifth);
        await overwrite(store, 'journal', entryId(SCOPE, 5), third);
      },
      'reordered 3',
    ],
    [
      'two entries with each other’s number',
      async (store) => {
        const [third, fifth] = [await entry(store, 3), await entry(store, 5)];
        await alter(store, 3, { ...fifth, sequence: 3 });
        await alter(store, 5, { ...third, sequence: 5 });
      },
      'altered 3',
    ],
    [
      'a second entry of one number',
      async (store) => overwrite(store, 'journal', `${SCOPE}:forged`, await entry(store, 5)),
      'added 5',
    ],
    [
      'an entry appended past the head',
      async (store) => {
        const last = await entry(store, 12);
        const forged = rehashed(last, { sequence: 13, previous: last.hash, detail: 'a person allowed it' });
        await overwrite(store, 'journal', entryId(SCOPE, 13), forged);
      },
      'added 13',
    ],
    [
      'a head that was set back with the entries after it',
      async (store) => {
        const head = await store.read<JournalHead>('journal-heads', SCOPE);
        await overwrite(store, 'journal-heads', SCOPE, { ...head?.data, sequence: 11, hash: 'f'.repeat(64) });
        await overwrite(store, 'journal', entryId(SCOPE, 12), undefined);
      },
      'altered 11',
    ],
  ])('%s is found', async (_name, attack, expected) => {
    const { store } = await journalOf(4);
    await attack(store);
    expect(await found(store)).toEqual([expected]);
  });

  test('any single field altered, entry taken away or pair swapped is found in its place', async () => {
    const { store } = await journalOf(5);
    const whole = await all(store);
    const fields = Object.keys(whole[0]?.data ?? {}) as (keyof JournalEntry)[];
    const place = fc.integer({ min: 1, max: whole.length });
    const attack = fc.oneof(
      fc.record({
        what: fc.constant('alter' as const),
        place,
        field: fc.constantFrom(...fields),
        // What an indexed field may hold; small numbers meet those of other entries.
        value: fc.oneof(
          fc.string(),
          fc.integer({ min: -1, max: 20 }),
          fc.double({ noNaN: true, noDefaultInfinity: true }),
          fc.boolean(),
          fc.constant(null),
        ),
      }),
      fc.record({ what: fc.constant('remove' as const), place }),
      fc.record({ what: fc.constant('swap' as const), place, other: place, keepNumber: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(attack, async (done) => {
        const one = whole[done.place - 1]?.data as JournalEntry;
        const other = done.what === 'swap' ? (whole[done.other - 1]?.data as JournalEntry) : one;
        fc.pre(done.what !== 'swap' || done.place !== done.other);
        fc.pre(done.what !== 'alter' || JSON.stringify(one[done.field]) !== JSON.stringify(done.value));
        switch (done.what) {
          case 'alter':
            await overwrite(store, 'journal', entryId(SCOPE, done.place), { ...one, [done.field]: done.value });
            break;
          case 'remove':
            await overwrite(store, 'journal', entryId(SCOPE, done.place), undefined);
            break;
          case 'swap': {
            const [first, second] = done.keepNumber ? [one.sequence, other.sequence] : [other.sequence, one.sequence];
            await overwrite(store, 'journal', entryId(SCOPE, done.place), { ...other, sequence: first });
            await overwrite(store, 'journal', entryId(SCOPE, done.other), { ...one, sequence: second });
            break;
          }
        }
        const { defects } = await audit(store);
        const attacked = done.what === 'swap' ? Math.min(done.place, done.other) : done.place;
        expect(defects).toHaveLength(1);
        expect(defects[0]?.sequence).toBe(attacked);
        for (const { id, data } of whole) {
          await overwrite(store, 'journal', id, data);
        }
        expect((await audit(store)).defects).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test('an action whose document disagrees with its last entry, or is gone, is found', async () => {
    const { store } = await journalOf(3);
    const action = await store.read<ActionRecord>('actions', 'action-1');
    await overwrite(store, 'actions', 'action-1', { ...action?.data, state: 'failed' });
    await overwrite(store, 'actions', 'action-2', undefined);
    expect((await audit(store)).defects.map(({ message }) => message)).toEqual([
      'Action action-1 has the state failed, and settled by its last entry, 6: one of the two was altered.',
      'Action action-2 is settled by entry 9, and is missing.',
    ]);
  });

  test('a chain that was rewritten as a whole is shown by an exported copy', async () => {
    const { store } = await journalOf(3);
    const copy: Witness = new Map([[SCOPE, new Map((await all(store)).map(({ data }) => [data.sequence, data.hash]))]]);
    expect((await audit(store, copy)).defects).toEqual([]);
    let previous = (await entry(store, 3)).hash;
    for (const sequence of [4, 5, 6, 7, 8, 9]) {
      const forged = rehashed(await entry(store, sequence), { by: 'run run-2', previous });
      await overwrite(store, 'journal', entryId(SCOPE, sequence), forged);
      previous = forged.hash;
    }
    await overwrite(store, 'journal-heads', SCOPE, { scope: SCOPE, sequence: 9, hash: previous });
    expect((await audit(store)).defects).toEqual([]);
    expect((await audit(store, copy)).defects).toMatchObject([{ kind: 'altered', sequence: 4 }]);
  });

  test('a journal that is gone altogether is shown by an exported copy', async () => {
    const { store } = emptyJournal();
    const copy: Witness = new Map([
      [
        SCOPE,
        new Map([
          [1, 'a'],
          [2, 'b'],
        ]),
      ],
    ]);
    expect((await verifyJournal(store, undefined, copy)).map(({ defects }) => defects[0]?.message)).toEqual([
      'Entry 1 is missing.',
    ]);
  });
});
