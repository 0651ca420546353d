// The chain of hashes that makes the journal's entries one line: reading it page by page, and whether an entry follows another.
// It writes nothing.
import { hashOf } from '../core/fingerprint.ts';
import type { Store, StoredDocument } from '../ports/store.ts';
import { entryId, FIRST_HASH, type JournalEntry, type JournalHead } from './journal.ts';

const PAGE = 500;

/** What an entry must follow. */
export interface ChainEnd {
  readonly sequence: number;
  readonly hash: string;
}

export interface JournalDefect {
  /** The first entry that is not as it was written. */
  readonly sequence: number;
  readonly kind: 'altered' | 'missing' | 'reordered' | 'added' | 'action';
  readonly message: string;
}

/** Where the chain of a scope begins: at its first entry, or where retention has cut it. */
export function chainStart(head: JournalHead | undefined): ChainEnd {
  return head?.cut === undefined
    ? { sequence: 0, hash: FIRST_HASH }
    : { sequence: head.cut.firstSequence - 1, hash: head.cut.previous };
}

/** All entries of a scope in the order of their sequence, read page by page; `from` is the first sequence of interest. */
export async function* entriesOf(
  store: Store,
  scope: string,
  from?: number,
): AsyncGenerator<StoredDocument<JournalEntry>, undefined> {
  // A number that cannot be compared is no number of an entry: its place is looked at when it is found empty.
  let bound = from ?? Number.MIN_SAFE_INTEGER;
  let seen: string | undefined;
  for (;;) {
    const page = await store.query<JournalEntry>('journal', {
      where: [
        { field: 'scope', op: '==', value: scope },
        { field: 'sequence', op: '>=', value: bound },
      ],
      orderBy: { field: 'sequence', direction: 'ascending' },
      limit: PAGE,
    });
    // The last entry comes again, so that a forged second one of the same number cannot hide behind the end of a page.
    const fresh = page.filter((document) => document.id !== seen);
    yield* fresh;
    const last = page.at(-1);
    if (page.length < PAGE || fresh.length === 0 || last === undefined) {
      return undefined;
    }
    bound = last.data.sequence;
    seen = last.id;
  }
}

/** Every scope that has a head or an entry, sorted. */
export async function journalScopes(store: Store): Promise<readonly string[]> {
  const scopes = new Set<string>();
  // One query for each scope: entries are never listed as a whole for this.
  for (let after = ''; ;) {
    const [next] = await store.query<JournalEntry>('journal', {
      where: [{ field: 'scope', op: '>', value: after }],
      orderBy: { field: 'scope', direction: 'ascending' },
      limit: 1,
    });
    if (next === undefined) {
      break;
    }
    after = next.data.scope;
    scopes.add(after);
  }
  for (let after = ''; ;) {
    const page = await store.query<JournalHead>('journal-heads', {
      where: [{ field: 'scope', op: '>', value: after }],
      orderBy: { field: 'scope', direction: 'ascending' },
      limit: PAGE,
    });
    for (const head of page) {
      scopes.add(head.id);
    }
    const last = page.at(-1);
    if (page.length < PAGE || last === undefined) {
      break;
    }
    after = last.data.scope;
  }
  return [...scopes].sort();
}

/** What is wrong with an entry that is to follow `end`, `undefined` when nothing is. */
export function linkDefect(document: StoredDocument<JournalEntry>, end: ChainEnd): JournalDefect | undefined {
  const { sequence, previous } = document.data;
  if (!isInPlace(document) || sequence <= end.sequence) {
    return added(document);
  }
  if (sequence > end.sequence + 1) {
    return missing(end.sequence + 1);
  }
  if (!isWhole(document)) {
    return altered(sequence);
  }
  if (previous !== end.hash) {
    return {
      sequence: end.sequence,
      kind: 'altered',
      message: `Entry ${String(sequence)} was written after another entry ${String(end.sequence)} than the one that is there: that one was replaced.`,
    };
  }
  return undefined;
}

/** Whether an entry stands where its number belongs. */
export function isInPlace({ id, data }: StoredDocument<JournalEntry>): boolean {
  return id === entryId(data.scope, data.sequence);
}

function isWhole({ data }: StoredDocument<JournalEntry>): boolean {
  const { hash, ...unsigned } = data;
  return hashOf(unsigned) === hash;
}

/** What became of an entry that should be there: another one, an altered one, or nothing stands in its place. */
export async function gapDefect(store: Store, scope: string, sequence: number): Promise<JournalDefect> {
  const document = await store.read<JournalEntry>('journal', entryId(scope, sequence));
  if (document === undefined) {
    return missing(sequence);
  }
  return isWhole(document)
    ? {
        sequence,
        kind: 'reordered',
        message: `In the place of entry ${String(sequence)} stands entry ${String(document.data.sequence)}: the order was changed.`,
      }
    : altered(sequence);
}

export function added({ id, data }: StoredDocument<JournalEntry>): JournalDefect {
  return {
    sequence: data.sequence,
    kind: 'added',
    message: `Journal document ${id} calls itself entry ${String(data.sequence)} and has no place in the chain: it was added.`,
  };
}

function altered(sequence: number): JournalDefect {
  return {
    sequence,
    kind: 'altered',
    message: `The hash of entry ${String(sequence)} does not fit what it says: it was altered.`,
  };
}

export function missing(sequence: number): JournalDefect {
  return { sequence, kind: 'missing', message: `Entry ${String(sequence)} is missing.` };
}
