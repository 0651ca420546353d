// Is the journal what was written? Follows the chain of each scope from its beginning to its head, and holds the actions
// against their last entries. It reads only. Who can rewrite the whole store can rewrite a whole chain: an exported copy that
// is kept elsewhere (`witness`) is what shows that.
import type { ActionRecord } from '../core/action.ts';
import type { Store } from '../ports/store.ts';
import type { JournalEntry, JournalHead } from './journal.ts';
import {
  added,
  type ChainEnd,
  chainStart,
  entriesOf,
  gapDefect,
  isInPlace,
  type JournalDefect,
  journalScopes,
  linkDefect,
  missing,
} from './journal-chain.ts';

export interface ScopeAudit {
  readonly scope: string;
  /** Entries that were followed without a defect. */
  readonly entries: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** The hash of the last good entry, to be kept elsewhere. */
  readonly hash: string;
  /** When retention cut the beginning. */
  readonly cutAt?: string;
  /** At most one of the chain, its first; then those of actions. */
  readonly defects: readonly JournalDefect[];
  /** What is odd and no defect: a clock that went backwards. At most `WARNINGS_SHOWN`, see `warningCount`. */
  readonly warnings: readonly string[];
  readonly warningCount: number;
}

/** Hashes of entries that were exported: scope → sequence → hash. */
export type Witness = ReadonlyMap<string, ReadonlyMap<number, string>>;

const WARNINGS_SHOWN = 10;
const ACTION_DEFECTS_SHOWN = 20;
/** Runs may append, and retention may cut, while the journal is read: the scope is then read again. */
const ATTEMPTS = 3;
const READS_AT_ONCE = 50;

/** Verifies the journal of `scope`, or of every scope, against itself, its actions and an exported copy. */
export async function verifyJournal(
  store: Store,
  scope?: string,
  witness: Witness = new Map(),
): Promise<readonly ScopeAudit[]> {
  const scopes =
    scope === undefined ? [...new Set([...(await journalScopes(store)), ...witness.keys()])].sort() : [scope];
  const audits: ScopeAudit[] = [];
  for (const one of scopes) {
    audits.push(await verifyScope(store, one, witness.get(one) ?? new Map()));
  }
  return audits;
}

async function verifyScope(store: Store, scope: string, witness: ReadonlyMap<number, string>): Promise<ScopeAudit> {
  for (let attempt = 1; ; attempt += 1) {
    const head = await readHead(store, scope);
    const start = chainStart(head);
    const walk: Walk = {
      store,
      scope,
      start,
      witness,
      end: { ...start, at: '' },
      stray: undefined,
      lastEntries: new Map(),
      warnings: [],
      warningCount: 0,
    };
    const defect = (await walkToHead(walk)) ?? walk.stray ?? notWitnessed(walk);
    const defects = defect === undefined ? await actionDefects(walk) : [defect];
    const isCutMeanwhile = (await readHead(store, scope))?.cut?.firstSequence !== head?.cut?.firstSequence;
    if (defects.length === 0 || !isCutMeanwhile || attempt === ATTEMPTS) {
      return {
        scope,
        entries: walk.end.sequence - start.sequence,
        firstSequence: start.sequence + 1,
        lastSequence: walk.end.sequence,
        hash: walk.end.hash,
        ...(head?.cut === undefined ? {} : { cutAt: head.cut.at }),
        defects,
        warnings: walk.warnings,
        warningCount: walk.warningCount,
      };
    }
  }
}

async function readHead(store: Store, scope: string): Promise<JournalHead | undefined> {
  return (await store.read<JournalHead>('journal-heads', scope))?.data;
}

/** One way along the chain of a scope, which goes on when entries were appended meanwhile. */
interface Walk {
  readonly store: Store;
  readonly scope: string;
  readonly start: ChainEnd;
  readonly witness: ReadonlyMap<number, string>;
  end: ChainEnd & { readonly at: string };
  /** The first entry that stands where it does not belong. It is told when every place holds what belongs there. */
  stray: JournalDefect | undefined;
  /** The last entry of each action: as many as the scope has actions, not entries. */
  readonly lastEntries: Map<string, Pick<JournalEntry, 'sequence' | 'state' | 'kind'>>;
  readonly warnings: string[];
  warningCount: number;
}

/** Goes on to the head; gives the first defect on the way. */
async function walkToHead(walk: Walk): Promise<JournalDefect | undefined> {
  for (;;) {
    const before = walk.end.sequence;
    const defect = await walkToLastEntry(walk);
    if (defect !== undefined) {
      return defect;
    }
    // Read after the entries: it may be ahead of them, when a run has appended since, but never behind.
    const head = await readHead(walk.store, walk.scope);
    const { sequence, hash } = walk.end;
    if (head === undefined) {
      return sequence === walk.start.sequence
        ? undefined
        : { sequence, kind: 'missing', message: 'The head of the journal, which says where it ends, is missing.' };
    }
    if (head.sequence === sequence) {
      return head.hash === hash ? undefined : replaced(sequence);
    }
    if (!(head.sequence > sequence)) {
      return {
        sequence: Math.max(head.sequence, walk.start.sequence) + 1,
        kind: 'added',
        message: `The head of the journal says that it ends with entry ${String(head.sequence)}, and there are entries up to ${String(sequence)}.`,
      };
    }
    if (sequence === before) {
      return gapDefect(walk.store, walk.scope, sequence + 1);
    }
  }
}

function replaced(sequence: number): JournalDefect {
  return {
    sequence,
    kind: 'altered',
    message: `The last entry, ${String(sequence)}, is not the one that the head of the journal knows: one of the two was altered.`,
  };
}

async function walkToLastEntry(walk: Walk): Promise<JournalDefect | undefined> {
  const from = walk.end.sequence === walk.start.sequence ? undefined : walk.end.sequence + 1;
  for await (const document of entriesOf(walk.store, walk.scope, from)) {
    if (!isInPlace(document)) {
      walk.stray ??= added(document);
      continue;
    }
    const defect = linkDefect(document, walk.end) ?? againstWitness(walk, document.data);
    if (defect?.kind === 'missing') {
      return gapDefect(walk.store, walk.scope, defect.sequence);
    }
    if (defect !== undefined) {
      return defect;
    }
    const { sequence, hash, at, actionId, state, kind } = document.data;
    watchClock(walk, document.data);
    if (state !== 'refused' && actionId !== '') {
      walk.lastEntries.set(actionId, { sequence, state, kind });
    }
    walk.end = { sequence, hash, at };
  }
  return undefined;
}

function againstWitness({ witness }: Walk, { sequence, hash }: JournalEntry): JournalDefect | undefined {
  const exported = witness.get(sequence);
  return exported === undefined || exported === hash
    ? undefined
    : {
        sequence,
        kind: 'altered',
        message: `Entry ${String(sequence)} is another one than the exported copy has: the journal was rewritten.`,
      };
}

/** The exported entries that should be there and are not. What retention cut is not asked for. */
function notWitnessed({ witness, end }: Walk): JournalDefect | undefined {
  const gone = [...witness.keys()].filter((sequence) => sequence > end.sequence);
  return gone.length === 0 ? undefined : missing(gone.reduce((a, b) => Math.min(a, b)));
}

function watchClock(walk: Walk, { sequence, at }: JournalEntry): void {
  if (at >= walk.end.at) {
    return;
  }
  walk.warningCount += 1;
  if (walk.warnings.length < WARNINGS_SHOWN) {
    walk.warnings.push(
      `Entry ${String(sequence)} is of ${at}, before the one that it follows (${walk.end.at}): a clock was set back, or two machines differ.`,
    );
  }
}

/** Actions that are not in the state that their last entry says. A run may be at work: what differs is looked at again. */
async function actionDefects(walk: Walk): Promise<readonly JournalDefect[]> {
  let suspects = [...walk.lastEntries.keys()];
  let defects: readonly JournalDefect[] = [];
  for (let attempt = 0; attempt < ATTEMPTS && suspects.length > 0; attempt += 1) {
    const found: [string, JournalDefect][] = [];
    for (let from = 0; from < suspects.length; from += READS_AT_ONCE) {
      const looked = await Promise.all(
        suspects.slice(from, from + READS_AT_ONCE).map(async (id) => [id, await actionDefect(walk, id)] as const),
      );
      found.push(...looked.flatMap(([id, defect]): [string, JournalDefect][] => (defect ? [[id, defect]] : [])));
    }
    suspects = found.map(([id]) => id);
    defects = found.map(([, defect]) => defect);
    const broken = suspects.length === 0 ? undefined : await walkToHead(walk);
    if (broken !== undefined) {
      return [broken];
    }
  }
  return [...defects].sort((a, b) => a.sequence - b.sequence).slice(0, ACTION_DEFECTS_SHOWN);
}

/** What the journal says last of an action against what its document says. */
async function actionDefect({ store, scope, lastEntries }: Walk, id: string): Promise<JournalDefect | undefined> {
  const last = lastEntries.get(id);
  if (last === undefined) {
    return undefined;
  }
  const { sequence, state, kind } = last;
  const action = (await store.read<ActionRecord>('actions', id))?.data;
  const name = `Action ${id.slice(0, 12)}`;
  if (action === undefined) {
    return { sequence, kind: 'action', message: `${name} is ${state} by entry ${String(sequence)}, and is missing.` };
  }
  const told = { state, kind, scope };
  const field = (['state', 'kind', 'scope'] as const).find((one) => action[one] !== told[one]);
  return field === undefined
    ? undefined
    : {
        sequence,
        kind: 'action',
        message: `${name} has the ${field} ${action[field]}, and ${told[field]} by its last entry, ${String(sequence)}: one of the two was altered.`,
      };
}
