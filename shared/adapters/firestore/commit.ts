// One atomic commit with its preconditions, and the truth about it afterwards: which document was in the way, or that a commit whose
// reply was lost did happen. Every write carries its precondition to the server: one call in the usual case, a repeated commit cannot
// happen twice, and no transaction is open whose locks would outlive a process that dies or is frozen (60 s and more).
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../ports/clock.ts';
import type { CommitResult, Version, Write } from '../../ports/store.ts';
import { waitMilliseconds } from '../http/retry.ts';
import { commitIdOf, expiryOf, fieldsOf, hasExpired, STATE_MASK, updateTimeOf, versionOf } from './documents.ts';
import { type CommitFate, commitFate, firestoreFailure, lostCommit } from './failure.ts';
import type { Database, Precondition, StoredMessage, Timestamp, WriteMessage } from './messages.ts';

export interface CommitOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly deadlineSeconds: number;
}

/** A write that was checked: `text` is its data as JSON, `expiresAt` in milliseconds. */
export interface PlannedWrite {
  readonly write: Write;
  readonly text: string | null;
  readonly expiresAt: number | null;
}

/** Contention on one document ends when each has had its turn; 8 tries with jitter are some 10 s. */
const ATTEMPTS = 8;
/** What cannot be reached is not asked as often as what is only busy. */
const LOST_ATTEMPTS = 3;

/** Fails with a PlatformError whose `applied` is `unknown` when nobody can tell whether the commit happened. */
export async function commitWrites(
  database: Database,
  planned: readonly PlannedWrite[],
  options: CommitOptions,
): Promise<CommitResult> {
  const commit = new Commit(database, planned, options.clock);
  const context = { operation: 'commit', label: database.label, deadlineSeconds: options.deadlineSeconds };
  let mayHaveHappened = false;
  let lost = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = commit.mustLook ? await commit.look() : undefined;
      if (result !== undefined && !result.committed && mayHaveHappened && !commit.isUntouched) {
        throw lostCommit(context);
      }
      return result ?? (await commit.send());
    } catch (error) {
      const fate = fateOf(error, commit);
      mayHaveHappened ||= fate === 'lost' && commit.wasSent;
      lost += Number(fate === 'lost');
      if (fate === 'final' || attempt >= ATTEMPTS || lost >= LOST_ATTEMPTS) {
        const result = mayHaveHappened ? await commit.look().catch(() => undefined) : undefined;
        if (result?.committed === true) {
          return result;
        }
        throw firestoreFailure(error, { ...context, applied: mayHaveHappened ? 'unknown' : 'no' });
      }
      // A first refusal is looked into at once: mostly it is the answer, and else only an expired document was in the way.
      if (fate !== 'refused' || attempt > 1) {
        await options.clock.sleep(waitMilliseconds(attempt, undefined, options.random) ?? 0);
      }
    }
  }
}

/** A refusal is one of the commit's own preconditions only; the same code from a read is a database that is not there. */
function fateOf(error: unknown, commit: Commit): CommitFate {
  const fate = commitFate(error);
  return fate === 'refused' && !commit.wasSent ? 'final' : fate;
}

/**
 * Removed from a document that is only checked, and there in none: such a write has a precondition and changes nothing, and then the
 * update time stays: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#writeresult
 */
const NO_FIELD = 'none';

class Commit {
  /** Whether the documents must be read before the commit is sent (again). */
  mustLook: boolean;
  /** Whether the last call was the commit itself. */
  wasSent = false;
  /** As of the last look: a document that the commit would have changed was not changed, so that it did not happen. */
  isUntouched = false;
  readonly #id = randomUUID();
  readonly #database: Database;
  readonly #planned: readonly PlannedWrite[];
  readonly #clock: Clock;
  readonly #names: readonly string[];
  readonly #onlyChecks: boolean;
  /** Expired documents that are still there, in the place of those that are to be absent: name to update time. */
  #leftovers: ReadonlyMap<string, Timestamp> = new Map();

  constructor(database: Database, planned: readonly PlannedWrite[], clock: Clock) {
    this.#database = database;
    this.#planned = planned;
    this.#clock = clock;
    this.#names = planned.map(({ write }) => database.nameOf(write.collection, write.id));
    this.#onlyChecks = planned.every(({ write }) => write.op === 'check');
    const now = clock.now().getTime();
    // A version that has lapsed cannot win; the look tells which document is named first.
    this.mustLook =
      this.#onlyChecks ||
      planned.some(({ write }) => {
        const expected = expectedVersion(write);
        return expected !== null && updateTimeOf(expected, now) === undefined;
      });
  }

  /** The result as the documents show it: a conflict, or our own commit that went through; `undefined` when it may be sent. */
  async look(): Promise<CommitResult | undefined> {
    this.wasSent = false;
    const found = await this.#database.batchGet(this.#names, STATE_MASK);
    const ours = [...found.values()].find((document) => commitIdOf(document) === this.#id);
    if (ours !== undefined) {
      return { committed: true, versions: this.#versions(() => ours.updateTime) };
    }
    const now = this.#clock.now().getTime();
    const holds = this.#planned.map(({ write }, index) => isAsExpected(write, found.get(this.#nameAt(index)), now));
    this.isUntouched = this.#planned.some(
      ({ write }, index) => holds[index] === true && (write.op === 'replace' || write.op === 'remove'),
    );
    const conflict = this.#planned[holds.indexOf(false)]?.write;
    if (conflict !== undefined) {
      return { committed: false, conflict: { collection: conflict.collection, id: conflict.id } };
    }
    if (this.#onlyChecks) {
      return { committed: true, versions: this.#planned.map(({ write }) => expectedVersion(write)) };
    }
    this.#leftovers = new Map([...found].map(([name, document]) => [name, document.updateTime]));
    this.mustLook = false;
    return undefined;
  }

  async send(): Promise<CommitResult> {
    // Whatever goes wrong from here on, the documents know more than this process.
    this.mustLook = true;
    this.wasSent = true;
    const updateTimes = await this.#database.commit(
      this.#planned.map((planned, index) => this.#message(planned, this.#nameAt(index))),
    );
    return { committed: true, versions: this.#versions((index) => updateTimes[index] ?? undefined) };
  }

  #message({ write, text, expiresAt }: PlannedWrite, name: string): WriteMessage {
    const currentDocument = this.#precondition(write, name);
    switch (write.op) {
      case 'remove':
        return { delete: name, currentDocument };
      case 'check':
        return 'exists' in currentDocument
          ? { delete: name, currentDocument }
          : { update: { name, fields: {} }, updateMask: { fieldPaths: [NO_FIELD] }, currentDocument };
      case 'create':
      case 'replace': {
        const { collection, data } = write;
        const fields = fieldsOf({ collection, data, text: text ?? '', expiresAt, commitId: this.#id });
        return { update: { name, fields }, currentDocument };
      }
    }
  }

  #precondition(write: Write, name: string): Precondition {
    const expected = expectedVersion(write);
    const updateTime = expected === null ? this.#leftovers.get(name) : updateTimeOf(expected, Number.NEGATIVE_INFINITY);
    return updateTime === undefined ? { exists: false } : { updateTime };
  }

  #versions(updateTimeAt: (index: number) => Timestamp | undefined): readonly (Version | null)[] {
    return this.#planned.map(({ write, expiresAt }, index) => {
      const updateTime = updateTimeAt(index);
      if (write.op === 'check') {
        return write.version;
      }
      return write.op === 'remove' || updateTime === undefined ? null : versionOf(updateTime, expiresAt);
    });
  }

  #nameAt(index: number): string {
    return this.#names[index] ?? '';
  }
}

function isAsExpected(write: Write, document: StoredMessage | undefined, now: number): boolean {
  const isThere = document !== undefined && !hasExpired(document, now);
  return (isThere ? versionOf(document.updateTime, expiryOf(document)) : null) === expectedVersion(write);
}

function expectedVersion(write: Write): Version | null {
  return write.op === 'create' ? null : write.version;
}
