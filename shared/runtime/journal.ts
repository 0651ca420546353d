// The journal: append-only, one chain of hashes a scope. An action's document and its journal entry change in one commit.
import { type ActionRecord, type ActionState, CLOSED_STATES, targetKey } from '../core/action.ts';
import { hashOf } from '../core/fingerprint.ts';
import type { History, Ports } from '../ports/ports.ts';
import type { Store, StoredDocument, Version, Write } from '../ports/store.ts';

/** The state that an action got; or `refused`: somebody wanted something and may not, and nothing changed; or a pause's. */
export type JournalState = ActionState | 'refused' | 'paused' | 'resumed';

/** One line of the journal. `hash` covers everything else, `previous` included: an altered or missing line breaks the chain. */
export interface JournalEntry {
  readonly scope: string;
  readonly sequence: number;
  readonly at: string;
  /** '' for what is about no action: a pause. */
  readonly actionId: string;
  readonly kind: string;
  readonly state: JournalState;
  /** Who: a run id, or a person. */
  readonly by: string;
  readonly detail: string;
  readonly previous: string;
  readonly hash: string;
}

/** The end of a scope's chain, and its beginning where retention has cut it. */
export interface JournalHead {
  readonly scope: string;
  readonly sequence: number;
  readonly hash: string;
  /** The time of the last entry; absent in a head that an older version wrote. */
  readonly at?: string;
  readonly cut?: JournalCut;
}

/** What a cut leaves behind: where the chain goes on, and the hash of the last entry that was taken away. */
export interface JournalCut {
  readonly firstSequence: number;
  readonly previous: string;
  /** ISO time of the cut. */
  readonly at: string;
}

/** What the first entry of a scope has for `previous`. */
export const FIRST_HASH = '0'.repeat(64);
const HISTORY_LIMIT = 5000;

/** Clocks of two instances differ by less than this. */
const CLOCK_TOLERANCE_MILLISECONDS = 60_000;

/**
 * Why nothing new may be begun: a clock that stands before the last entry makes budgets, cooldowns and windows count wrongly. What was
 * begun is still accounted for.
 */
export async function clockBehind(store: Store, scope: string, now: Date): Promise<string | undefined> {
  const last = (await store.read<JournalHead>('journal-heads', scope))?.data.at;
  return last === undefined || Date.parse(last) <= now.getTime() + CLOCK_TOLERANCE_MILLISECONDS
    ? undefined
    : `The clock shows ${now.toISOString()}, and the last journal entry is of ${last}: nothing is changed until it is right again (check the time of this machine).`;
}

/** The writes that append one entry; its time is never before that of the entry that it follows. They fail when another instance appended meanwhile: read again and retry. */
export async function journalWrites(
  store: Store,
  entry: Omit<JournalEntry, 'sequence' | 'previous' | 'hash'>,
): Promise<readonly Write[]> {
  const head = await store.read<JournalHead>('journal-heads', entry.scope);
  const sequence = (head?.data.sequence ?? 0) + 1;
  const last = head?.data.at ?? entry.at;
  const at = last > entry.at ? last : entry.at;
  const unsigned = { ...entry, at, sequence, previous: head?.data.hash ?? FIRST_HASH };
  const signed: JournalEntry = { ...unsigned, hash: hashOf(unsigned) };
  const next: JournalHead = { ...head?.data, scope: entry.scope, sequence, hash: signed.hash, at };
  return [
    head === undefined
      ? { op: 'create', collection: 'journal-heads', id: entry.scope, data: next }
      : { op: 'replace', collection: 'journal-heads', id: entry.scope, data: next, version: head.version },
    { op: 'create', collection: 'journal', id: entryId(entry.scope, sequence), data: signed },
  ];
}

export function entryId(scope: string, sequence: number): string {
  return `${scope}:${String(sequence).padStart(9, '0')}`;
}

export interface Transition {
  readonly state: ActionState;
  readonly detail: string;
  readonly by: string;
  /** When `settle` looks at it next; never, when absent. */
  readonly dueAt?: string;
}

const COMMIT_ATTEMPTS = 8;
/** Somebody else decided, took the scope over, or did the same for the same event: trying again would not help. */
const NOT_OURS: ReadonlySet<string> = new Set(['actions', 'leases', 'deliveries']);

/**
 * Moves an action to its next state: document, journal entry and, when the action is over, its target's epoch, in one commit.
 * `also` adds writes such as the check of the lease; what may conflict with others is made anew for each try. Gives undefined when the action or the lease was changed by somebody else.
 */
export async function transition(
  ports: Pick<Ports, 'store' | 'clock'>,
  action: StoredDocument<ActionRecord>,
  next: Transition,
  also: readonly Write[] | (() => Promise<readonly Write[]>),
): Promise<StoredDocument<ActionRecord> | undefined> {
  const { store, clock } = ports;
  for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt += 1) {
    const at = clock.now().toISOString();
    const { dueAt: _due, ...before } = action.data;
    const data: ActionRecord = {
      ...before,
      ...(next.dueAt === undefined ? {} : { dueAt: next.dueAt }),
      state: next.state,
      outcome: next.detail,
      updatedAt: at,
      ...(next.state === 'applied' && before.appliedAt === undefined ? { appliedAt: at } : {}),
    };
    const result = await store.commit([
      { op: 'replace', collection: 'actions', id: action.id, data, version: action.version },
      ...(typeof also === 'function' ? await also() : also),
      ...(CLOSED_STATES.includes(next.state) ? [await epochWrite(store, action.data)] : []),
      ...(await journalWrites(store, {
        scope: data.scope,
        at,
        actionId: action.id,
        kind: data.kind,
        state: next.state,
        by: next.by,
        detail: next.detail,
      })),
    ]);
    if (result.committed) {
      return { id: action.id, data, version: result.versions[0] as Version };
    }
    if (NOT_OURS.has(result.conflict.collection)) {
      return undefined;
    }
  }
  return undefined;
}

async function epochWrite(store: Store, action: ActionRecord): Promise<Write> {
  const id = targetKey(action);
  const target = await store.read<{ epoch: number }>('targets', id);
  // Never back: another action of this target may have been closed since this one began.
  const data = { epoch: Math.max(action.epoch, target?.data.epoch ?? 0) + 1 };
  return target === undefined
    ? { op: 'create', collection: 'targets', id, data }
    : { op: 'replace', collection: 'targets', id, data, version: target.version };
}

/** Our own past of one duty and scope, as observe needs it. */
export function historyOf(store: Store, duty: string, scope: string): History {
  return {
    async actionsSince(since) {
      const documents = await store.query<ActionRecord>('actions', {
        where: [
          { field: 'duty', op: '==', value: duty },
          { field: 'scope', op: '==', value: scope },
          { field: 'createdAt', op: '>=', value: since },
        ],
        orderBy: { field: 'createdAt', direction: 'descending' },
        limit: HISTORY_LIMIT,
      });
      return documents.map((document) => document.data).reverse();
    },
  };
}
