// The store on one Firestore database, shared by any number of instances. Limits and names are checked by core/collections.ts.
// Expired documents are hidden here, by the clock that is handed in; Firestore's TTL policy on `expiresAt` deletes them within a day.
import { randomUUID } from 'node:crypto';
import { checkedTexts, checkName, checkQuery, INDEXES } from '../../core/collections.ts';
import { BugError, PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Collection, CommitResult, Query, Store, StoredDocument, Version, Write } from '../../ports/store.ts';
import { withAttempts } from '../http/attempts.ts';
import { commitWrites } from './commit.ts';
import { documentOf, expiryMilliseconds, expiryOf, hasExpired } from './documents.ts';
import { firestoreFailure, TRANSIENT } from './failure.ts';
import type { Database, StoredMessage } from './messages.ts';
import { openDatabase } from './sdk.ts';
import { expiredQuery, structuredQuery } from './select.ts';

export interface FirestoreOptions {
  /** Google Cloud project id. */
  readonly project: string;
  /** Database id; `(default)` when absent. */
  readonly database?: string | undefined;
  readonly clock: Clock;
  /** Random number in [0, 1), for the jitter between attempts. */
  readonly random: () => number;
  /** For each call; 10 when absent, of which Firestore usually takes some hundredths of one. */
  readonly deadlineSeconds?: number | undefined;
  /** `host:port` of Google's emulator. */
  readonly emulatorHost?: string | undefined;
}

/** The SDK is loaded, and credentials are looked for, at the first use. */
export function firestoreStore(options: FirestoreOptions): Store {
  return new FirestoreStore(options);
}

const DEFAULT_DEADLINE_SECONDS = 10;
/** A page's documents at their usual size arrive well within the deadline. */
const PAGE_DOCUMENTS = 500;
/** Firestore's limit for one request. */
const BATCH_WRITES = 500;
/** Where `check` writes; long enough for the slowest check, and gone by TTL if the process dies in it. */
const CHECK_COLLECTION = 'leases';
const CHECK_SECONDS = 60;

class FirestoreStore implements Store {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #deadlineSeconds: number;
  readonly #label: string;
  readonly #open: () => Promise<Database>;
  #database: Promise<Database> | undefined;
  #closed = false;

  constructor({ project, database = '(default)', clock, random, deadlineSeconds, emulatorHost }: FirestoreOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#deadlineSeconds = deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS;
    this.#label = `${project}/${database}`;
    this.#open = () => openDatabase({ project, database, emulatorHost, deadlineSeconds: this.#deadlineSeconds });
  }

  async read<T>(collection: Collection, id: string): Promise<StoredDocument<T> | undefined> {
    checkName(collection, id);
    const message = await this.#call('read', async (database) => {
      const name = database.nameOf(collection, id);
      return (await database.batchGet([name])).get(name);
    });
    return message === undefined || hasExpired(message, this.#now()) ? undefined : documentOf<T>(message, this.#label);
  }

  async commit(writes: readonly Write[]): Promise<CommitResult> {
    const texts = checkedTexts(writes);
    const planned = writes.map((write, index) => ({
      write,
      text: texts[index] ?? null,
      expiresAt: 'expiresAt' in write ? expiryMilliseconds(write.expiresAt) : null,
    }));
    const options = { clock: this.#clock, random: this.#random, deadlineSeconds: this.#deadlineSeconds };
    return commitWrites(await this.#ready('commit'), planned, options);
  }

  async query<T>(collection: Collection, query: Query): Promise<readonly StoredDocument<T>[]> {
    checkQuery(collection, query);
    const found: StoredDocument<T>[] = [];
    const now = this.#now();
    let after: StoredMessage | undefined;
    while (found.length < query.limit) {
      const limit = Math.min(query.limit - found.length, PAGE_DOCUMENTS);
      const page = structuredQuery(collection, query, { limit, after });
      const messages = await this.#call('query', (database) => database.runQuery(page));
      found.push(
        ...messages
          .filter((message) => !hasExpired(message, now))
          .map((message) => documentOf<T>(message, this.#label)),
      );
      after = messages.at(-1);
      if (messages.length < limit) {
        break;
      }
    }
    return found;
  }

  async prune(limit: number): Promise<number> {
    const now = this.#now();
    const expired = await Promise.all(
      [...INDEXES.keys()].map((collection) =>
        this.#call('prune', (database) => database.runQuery(expiredQuery(collection, now, limit))),
      ),
    );
    const oldest = expired
      .flat()
      .toSorted((a, b) => (expiryOf(a) ?? 0) - (expiryOf(b) ?? 0))
      .slice(0, limit);
    let pruned = 0;
    for (let at = 0; at < oldest.length; at += BATCH_WRITES) {
      // A document that somebody wrote anew since then has another update time, and stays.
      const writes = oldest.slice(at, at + BATCH_WRITES).map(({ name, updateTime }) => ({
        delete: name,
        currentDocument: { updateTime },
      }));
      const applied = await this.#call('prune', (database) => database.batchWrite(writes));
      pruned += applied.filter(Boolean).length;
    }
    return pruned;
  }

  /**
   * Writes documents of its own and removes them: an account that may only read fails here, and so does a database that is not there
   * or one that does not keep the update time of a document that is only checked, on which every fence rests.
   */
  async check(): Promise<void> {
    const checked = { collection: CHECK_COLLECTION, id: `check:${randomUUID()}` };
    const written = { ...checked, id: `${checked.id}:written` };
    const expiresAt = new Date(this.#now() + CHECK_SECONDS * 1000).toISOString();
    const create = { op: 'create', data: {}, expiresAt } as const;
    const [version = null] = versionsOf(await this.commit([{ ...create, ...checked }]));
    const [, other = null] = versionsOf(
      await this.commit([
        { op: 'check', ...checked, version },
        { ...create, ...written },
      ]),
    );
    const read = await this.read(checked.collection, checked.id);
    const removed = await this.commit([
      { op: 'remove', ...checked, version: version ?? '' },
      { op: 'remove', ...written, version: other ?? '' },
    ]);
    if (read?.version !== version || !removed.committed) {
      throw new PlatformError(
        {
          system: 'store',
          operation: 'check',
          target: `Firestore ${this.#label}`,
          code: 'inconsistent',
          applied: 'no',
        },
        'a document that was only checked did not keep its version',
        { remedy: 'Check that NIGHTSHIFT_STORE names a database in Native mode, which Nightshift has for itself.' },
      );
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opening = this.#database;
    this.#database = undefined;
    const database = await opening?.catch(() => undefined);
    await database?.close();
  }

  /** A read, or a write that may be repeated without harm. */
  async #call<T>(operation: string, work: (database: Database) => Promise<T>): Promise<T> {
    const database = await this.#ready(operation);
    const options = { effect: 'read', transientCodes: TRANSIENT, clock: this.#clock, random: this.#random } as const;
    return withAttempts(options, async () => {
      try {
        return await work(database);
      } catch (error) {
        throw firestoreFailure(error, this.#context(operation));
      }
    });
  }

  async #ready(operation: string): Promise<Database> {
    if (this.#closed) {
      throw new BugError(`The store Firestore ${this.#label} is closed; ${operation} came too late.`);
    }
    // A failed opening is not kept: the credentials may be there the next time.
    this.#database ??= this.#open().catch((error: unknown) => {
      this.#database = undefined;
      throw firestoreFailure(error, this.#context('open'));
    });
    return this.#database;
  }

  #context(operation: string): { operation: string; label: string; deadlineSeconds: number } {
    return { operation, label: this.#label, deadlineSeconds: this.#deadlineSeconds };
  }

  #now(): number {
    return this.#clock.now().getTime();
  }
}

function versionsOf(result: CommitResult): readonly (Version | null)[] {
  return result.committed ? result.versions : [];
}
