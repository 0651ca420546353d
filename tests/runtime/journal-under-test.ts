// A journal to be verified, attacked and cut: made entry by entry, and written past as somebody with the keys of the store could.
import { expect } from 'vitest';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import type { ActionRecord, ActionState } from '../../shared/core/action.ts';
import { hashOf } from '../../shared/core/fingerprint.ts';
import type { Store, StoredDocument, Write } from '../../shared/ports/store.ts';
import { type ScopeAudit, verifyJournal, type Witness } from '../../shared/runtime/audit.ts';
import { entryId, type JournalEntry, journalWrites } from '../../shared/runtime/journal.ts';
import { entriesOf } from '../../shared/runtime/journal-chain.ts';
import { type TestClock, testClock } from '../support/runtime.ts';

export const SCOPE = 'cluster=prod,namespace=shop';

export interface Journal {
  readonly store: Store;
  readonly clock: TestClock;
}

export function emptyJournal(): Journal {
  const clock = testClock();
  return { clock, store: sqliteStore({ path: ':memory:', clock }) };
}

/** Appends one entry with the document of its action, a minute after the last one. */
export async function append(
  { store, clock }: Journal,
  actionId: string,
  state: ActionState,
  scope = SCOPE,
): Promise<void> {
  clock.advance(60_000);
  const at = clock.now().toISOString();
  const before = await store.read<ActionRecord>('actions', actionId);
  const data = { id: actionId, kind: 'test.size', scope, state, updatedAt: at };
  const action: Write =
    before === undefined
      ? { op: 'create', collection: 'actions', id: actionId, data }
      : { op: 'replace', collection: 'actions', id: actionId, data, version: before.version };
  const detail = `${actionId} is ${state}`;
  const entry = { scope, at, actionId, kind: 'test.size', state, by: 'run run-1', detail };
  expect((await store.commit([action, ...(await journalWrites(store, entry))])).committed).toBe(true);
}

/** Every action is intended, applied and settled. */
export async function journalOf(actions: number, scope = SCOPE): Promise<Journal> {
  const journal = emptyJournal();
  for (let index = 0; index < actions; index += 1) {
    for (const state of ['intended', 'applied', 'settled'] as const) {
      await append(journal, `action-${String(index)}`, state, scope);
    }
  }
  return journal;
}

/** Writes past the journal, as somebody with the keys of the store could. */
export async function overwrite(store: Store, collection: string, id: string, data: object | undefined): Promise<void> {
  const before = await store.read(collection, id);
  const write: Write =
    data === undefined
      ? { op: 'remove', collection, id, version: before?.version ?? '' }
      : before === undefined
        ? { op: 'create', collection, id, data }
        : { op: 'replace', collection, id, data, version: before.version };
  expect((await store.commit([write])).committed).toBe(true);
}

export async function entry(store: Store, sequence: number): Promise<JournalEntry> {
  const document = await store.read<JournalEntry>('journal', entryId(SCOPE, sequence));
  return document?.data ?? expect.fail(`there is no entry ${String(sequence)}`);
}

export async function alter(store: Store, sequence: number, change: object): Promise<void> {
  await overwrite(store, 'journal', entryId(SCOPE, sequence), { ...(await entry(store, sequence)), ...change });
}

export async function audit(store: Store, witness?: Witness): Promise<ScopeAudit> {
  const [only] = await verifyJournal(store, SCOPE, witness);
  return only ?? expect.fail('no scope was verified');
}

export async function found(store: Store): Promise<readonly string[]> {
  return (await audit(store)).defects.map(({ kind, sequence }) => `${kind} ${String(sequence)}`);
}

export function rehashed(data: JournalEntry, change: Partial<JournalEntry>): JournalEntry {
  const { hash: _, ...unsigned } = { ...data, ...change };
  return { ...unsigned, hash: hashOf(unsigned) };
}

export async function all(store: Store): Promise<readonly StoredDocument<JournalEntry>[]> {
  const documents: StoredDocument<JournalEntry>[] = [];
  for await (const document of entriesOf(store, SCOPE)) {
    documents.push(document);
  }
  return documents;
}

/** The same store with methods that a test may replace. */
export function bound(store: Store): Store {
  return {
    read: (collection, id) => store.read(collection, id),
    commit: (writes) => store.commit(writes),
    query: (collection, query) => store.query(collection, query),
    prune: (limit) => store.prune(limit),
    check: () => store.check(),
    close: () => store.close(),
  };
}
