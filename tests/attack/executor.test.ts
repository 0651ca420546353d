// The journal says what happened and nothing else: when the store fails, when a record is poisoned, when actions end out of order.
import { describe, expect, test } from 'vitest';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import { type ActionRecord, targetKey } from '../../shared/core/action.ts';
import { hashOf } from '../../shared/core/fingerprint.ts';
import type { JournalEntry } from '../../shared/runtime/journal.ts';
import { transition } from '../../shared/runtime/journal.ts';
import type { StoredDocument } from '../../shared/ports/store.ts';
import { testClock, testRuntime, type TestRuntime, testThings } from '../support/runtime.ts';
import { run, SCOPE_KEY, storeDown, storesAction, watchedStore } from './rig.ts';

const NEXT_TICK = 15 * 60_000;

async function journal(runtime: TestRuntime, scope = SCOPE_KEY): Promise<readonly JournalEntry[]> {
  const documents = await runtime.store.query<JournalEntry>('journal', {
    where: [{ field: 'scope', op: '==', value: scope }],
    orderBy: { field: 'sequence', direction: 'ascending' },
    limit: 500,
  });
  return documents.map((document) => document.data);
}

function isUnbroken(entries: readonly JournalEntry[]): boolean {
  return entries.every(({ hash, ...entry }, index) => {
    const previous = index === 0 ? '0'.repeat(64) : entries[index - 1]?.hash;
    return entry.sequence === index + 1 && entry.previous === previous && hash === hashOf(entry);
  });
}

describe('a store that fails', () => {
  test.each(['once', 'always'] as const)(
    'right after the change (%s) does not make it one that failed',
    async (times) => {
      const clock = testClock();
      let failures = 0;
      let isDown = true;
      const store = watchedStore(sqliteStore({ path: ':memory:', clock }), (writes) => {
        if (isDown && storesAction(writes, 'applied') && (times === 'always' || failures === 0)) {
          failures += 1;
          throw storeDown();
        }
      });
      const runtime = testRuntime({ clock, store });
      await run(runtime, { a: 125 }).catch(() => undefined);
      isDown = false;
      clock.advance(NEXT_TICK);
      await run(runtime, { a: 125 });
      const told = await journal(runtime);
      expect(told.map((entry) => entry.state)).toEqual(['intended', 'applied']);
      expect(isUnbroken(told)).toBe(true);
      expect(runtime.things.effects).toEqual(['a=125']);
      expect(runtime.tracker.issues).toEqual([]);
    },
  );
});

describe('an action that cannot be looked at', () => {
  test('does not keep the rest of its scope from being looked after, and is told', async () => {
    const things = testThings({ a: 100, b: 100 });
    const runtime = testRuntime({ things });
    await run(runtime, { a: 125 });
    const [action] = await runtime.store.query<ActionRecord>('actions', { where: [], limit: 1 });
    const poisoned = { ...action?.data, id: 'poisoned', kind: 'gone.kind', state: 'intended' };
    await runtime.store.commit([{ op: 'create', collection: 'actions', id: 'poisoned', data: poisoned }]);
    runtime.clock.advance(NEXT_TICK);
    const result = await run(runtime, { a: 125, b: 125 });
    expect(result.kind === 'done' && result.report.run.problems.map((problem) => problem.message).join()).toContain(
      'gone.kind',
    );
    expect(things.sizes.get('b')).toBe(125);
  });
});

describe('epochs', () => {
  test('never go back when an older action of the target ends after a younger one', async () => {
    const runtime = testRuntime();
    await run(runtime, { a: 125 });
    const [first] = await runtime.store.query<ActionRecord>('actions', { where: [], limit: 1 });
    const old = first as StoredDocument<ActionRecord>;
    for (const size of [150, 180]) {
      runtime.clock.advance(NEXT_TICK);
      runtime.things.fates = ['refused'];
      await run(runtime, { a: size });
    }
    const epoch = async (): Promise<number> =>
      (await runtime.store.read<{ epoch: number }>('targets', targetKey(old.data)))?.data.epoch ?? -1;
    const before = await epoch();
    expect(before).toBe(2);
    await transition(runtime.surroundings.ports, old, { state: 'settled', detail: 'kept', by: 'test' }, []);
    expect(await epoch()).toBe(before + 1);
  });
});

describe('the journal of one scope under many writers', () => {
  test('is one unbroken chain', async () => {
    const clock = testClock();
    const names = Array.from({ length: 12 }, (_, index) => `t${String(index)}`);
    const things = testThings(Object.fromEntries(names.map((name) => [name, 100])));
    const store = sqliteStore({ path: ':memory:', clock });
    // Duties of other names share the scope's chain and have leases of their own.
    const runtimes = names.map((name) => testRuntime({ clock, things, store, ids: name }));
    await Promise.all(
      runtimes.map((runtime, index) => {
        const name = names[index] ?? '';
        return run(runtime, { [name]: 125 }, {}, { name: `duty-${name}` });
      }),
    );
    const [any] = runtimes;
    const entries = await journal(any as TestRuntime);
    expect(entries.length).toBeGreaterThanOrEqual(things.effects.length * 2);
    expect(isUnbroken(entries)).toBe(true);
    expect(new Set(things.effects).size).toBe(things.effects.length);
  });
});
