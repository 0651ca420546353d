// A cut of the journal: takes what is older, loses nothing else, and leaves a chain that can still be verified.
import { describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../shared/core/errors.ts';
import type { Store } from '../../shared/ports/store.ts';
import { entryId, type JournalHead } from '../../shared/runtime/journal.ts';
import { cutJournal } from '../../shared/runtime/retention.ts';
import { START } from '../support/runtime.ts';
import { all, append, alter, audit, bound, entry, found, journalOf, overwrite, SCOPE } from './journal-under-test.ts';

describe('a cut', () => {
  const minutes = (count: number): string => new Date(Date.parse(START) + count * 60_000).toISOString();

  test('takes what is older, keeps the hash it starts from, and the chain goes on', async () => {
    const journal = await journalOf(4);
    const { store, clock } = journal;
    const fifth = await entry(store, 5);
    expect(await cutJournal(store, SCOPE, minutes(6), clock.now())).toBe(5);
    expect((await store.read<JournalHead>('journal-heads', SCOPE))?.data.cut).toEqual({
      firstSequence: 6,
      previous: fifth.hash,
      at: clock.now().toISOString(),
    });
    await append(journal, 'later', 'intended');
    expect(await audit(store)).toMatchObject({ firstSequence: 6, lastSequence: 13, entries: 8, defects: [] });
  });

  test('removes the actions that were over by then and no others', async () => {
    const { store, clock } = await journalOf(3);
    await cutJournal(store, SCOPE, minutes(6), clock.now());
    const ids = ['action-0', 'action-1', 'action-2'];
    expect(await Promise.all(ids.map(async (id) => (await store.read('actions', id)) !== undefined))).toEqual([
      false,
      true,
      true,
    ]);
    expect((await audit(store)).defects).toEqual([]);
  });

  test('keeps an action that was undone later, with the entry that says so', async () => {
    const journal = await journalOf(1);
    await append(journal, 'action-0', 'undone');
    expect(await cutJournal(journal.store, SCOPE, minutes(4), journal.clock.now())).toBe(3);
    expect(await journal.store.read('actions', 'action-0')).toBeDefined();
    expect((await audit(journal.store)).defects).toEqual([]);
  });

  test('may take everything, in as many commits as it needs; a new entry follows the last one', async () => {
    const journal = await journalOf(150);
    const last = await entry(journal.store, 450);
    expect(await cutJournal(journal.store, SCOPE, minutes(10_000), journal.clock.now())).toBe(450);
    expect(await audit(journal.store)).toMatchObject({ entries: 0, firstSequence: 451, hash: last.hash, defects: [] });
    await append(journal, 'later', 'intended');
    expect((await entry(journal.store, 451)).previous).toBe(last.hash);
    expect((await audit(journal.store)).defects).toEqual([]);
  });

  test('ends at the first entry that is to be kept, whatever clocks said later', async () => {
    const journal = await journalOf(1);
    journal.clock.advance(-7_200_000);
    await append(journal, 'late', 'intended');
    expect(await cutJournal(journal.store, SCOPE, minutes(2), journal.clock.now())).toBe(1);
    expect((await audit(journal.store)).defects).toEqual([]);
  });

  test('of a journal that is broken there is refused: the evidence stays', async () => {
    const { store, clock } = await journalOf(4);
    await alter(store, 2, { detail: 'nothing' });
    await expect(cutJournal(store, SCOPE, minutes(9), clock.now())).rejects.toThrow(ConfigurationError);
    expect(await all(store)).toHaveLength(12);
  });

  test('loses no entry that a run appends meanwhile', async () => {
    const journal = await journalOf(4);
    let late = 2;
    const busy: Store = {
      ...bound(journal.store),
      commit: async (writes) => {
        if (late > 0) {
          late -= 1;
          await append(journal, `late-${String(late)}`, 'intended');
        }
        return journal.store.commit(writes);
      },
    };
    expect(await cutJournal(busy, SCOPE, minutes(6), journal.clock.now())).toBe(5);
    expect(await audit(journal.store)).toMatchObject({ firstSequence: 6, lastSequence: 14, defects: [] });
  });

  test('that was made up to hide entries is shown by what it leaves', async () => {
    const { store } = await journalOf(2);
    const head = await store.read<JournalHead>('journal-heads', SCOPE);
    const cut = { firstSequence: 4, previous: 'f'.repeat(64), at: START };
    for (const sequence of [1, 2, 3]) {
      await overwrite(store, 'journal', entryId(SCOPE, sequence), undefined);
    }
    await overwrite(store, 'journal-heads', SCOPE, { ...head?.data, cut });
    expect(await found(store)).toEqual(['altered 3']);
  });

  test('leaves nothing before its beginning; what stands there was added', async () => {
    const { store, clock } = await journalOf(2);
    const first = await entry(store, 1);
    await cutJournal(store, SCOPE, minutes(3), clock.now());
    await overwrite(store, 'journal', entryId(SCOPE, 1), first);
    expect(await found(store)).toEqual(['added 1']);
  });
});
