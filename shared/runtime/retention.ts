// Takes away what the journal holds longer than policy keeps it: the beginning of each chain, and the actions that were over by
// then. What is left starts from the hash that was cut at, so that it can still be verified. A broken chain is not cut.
import { type ActionRecord, CLOSED_STATES } from '../core/action.ts';
import { ConfigurationError, PlatformError } from '../core/errors.ts';
import type { Store, StoredDocument, Write } from '../ports/store.ts';
import type { JournalEntry, JournalHead } from './journal.ts';
import { type ChainEnd, chainStart, entriesOf, linkDefect } from './journal-chain.ts';

/** Each entry may bring the document of its action: two writes, and one for the head, of the 500 of a commit. */
const ENTRIES_A_COMMIT = 200;
/** Runs append to the same head meanwhile. */
const COMMIT_ATTEMPTS = 20;

/**
 * Cuts the journal of a scope up to the first entry that was written at or after `before` (ISO). Gives how many entries are
 * gone. Commits batch by batch, each of which leaves a whole chain: a cut that dies goes on where it was.
 */
export async function cutJournal(store: Store, scope: string, before: string, now: Date): Promise<number> {
  let entries = 0;
  for (;;) {
    const done = await cutBatch(store, scope, new Date(before).toISOString(), now);
    entries += done;
    if (done < ENTRIES_A_COMMIT) {
      return entries;
    }
  }
}

async function cutBatch(store: Store, scope: string, before: string, now: Date): Promise<number> {
  for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt += 1) {
    const head = await store.read<JournalHead>('journal-heads', scope);
    if (head === undefined) {
      return 0;
    }
    const start = chainStart(head.data);
    const { cut, end } = await toCut(store, scope, start, before);
    if (cut.length === 0) {
      return 0;
    }
    const data: JournalHead = {
      ...head.data,
      cut: { firstSequence: end.sequence + 1, previous: end.hash, at: now.toISOString() },
    };
    const writes: Write[] = [
      { op: 'replace', collection: 'journal-heads', id: scope, data, version: head.version },
      ...cut.map(({ id, version }): Write => ({ op: 'remove', collection: 'journal', id, version })),
      ...(await actionRemovals(store, cut)),
    ];
    if ((await store.commit(writes)).committed) {
      return cut.length;
    }
  }
  throw new PlatformError(
    { system: 'store', operation: 'cut journal', target: scope, code: 'contended', applied: 'no' },
    'runs kept appending to it',
    { remedy: 'Cut again when it is quiet, or pause this scope meanwhile.' },
  );
}

/** The next entries that are older than `before`, from the beginning on, and the end of what was followed. */
async function toCut(
  store: Store,
  scope: string,
  start: ChainEnd,
  before: string,
): Promise<{ readonly cut: readonly StoredDocument<JournalEntry>[]; readonly end: ChainEnd }> {
  const cut: StoredDocument<JournalEntry>[] = [];
  let end = start;
  for await (const document of entriesOf(store, scope)) {
    const defect = linkDefect(document, end);
    if (defect !== undefined) {
      throw new ConfigurationError(`The journal of ${scope} is broken and was not cut: ${defect.message}`, {
        remedy: 'Keep a copy of the store, and find out who wrote to it: `nightshift audit verify` shows every scope.',
      });
    }
    if (document.data.at >= before || cut.length === ENTRIES_A_COMMIT) {
      break;
    }
    cut.push(document);
    end = document.data;
  }
  return { cut, end };
}

/**
 * Documents of actions that were over for good with an entry that is cut, and not undone since: nothing refers to them any
 * more, their epoch is kept apart.
 */
async function actionRemovals(store: Store, cut: readonly StoredDocument<JournalEntry>[]): Promise<readonly Write[]> {
  const last = new Map(
    cut
      .filter(({ data }) => CLOSED_STATES.some((state) => state === data.state))
      .map(({ data }) => [data.actionId, data]),
  );
  const actions = await Promise.all([...last.keys()].map((id) => store.read<ActionRecord>('actions', id)));
  return actions.flatMap((action): readonly Write[] => {
    const entry = action === undefined ? undefined : last.get(action.id);
    return action !== undefined && action.data.state === entry?.state
      ? [{ op: 'remove', collection: 'actions', id: action.id, version: action.version }]
      : [];
  });
}
