// The store on one SQLite file: node:sqlite is synchronous, so that no transaction is ever held over an await.
// Several processes on one machine may share the file. Limits and names are checked by core/collections.ts.
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { checkedTexts, checkName } from '../../core/collections.ts';
import { BugError, ConfigurationError, describeError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Collection, CommitResult, Query, Store, StoredDocument, Version, Write } from '../../ports/store.ts';
import { storeFailure } from './failure.ts';
import { openForReading, type Reading, salvage } from './reading.ts';
import { inTransaction, prepare, refuseDamaged } from './schema.ts';
import { selectStatement } from './select.ts';

export interface SqliteOptions {
  /** The file, made with its folder when it is not there, or `:memory:`. */
  readonly path: string;
  readonly clock: Clock;
  /** How long a write waits for other processes. It blocks this one meanwhile; 5 s is far over any commit of ours. */
  readonly busyTimeoutMilliseconds?: number;
  /** For looking at the past only: a file that may not be written, is damaged or of a newer version shows what can be read of it. */
  readonly reading?: Reading;
}

/** The file is opened at the first use. */
export function sqliteStore({ path, clock, busyTimeoutMilliseconds = 5000, reading }: SqliteOptions): Store {
  return new SqliteStore(path, clock, busyTimeoutMilliseconds, reading);
}

class SqliteStore implements Store {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #busyTimeoutMilliseconds: number;
  readonly #reading: Reading | undefined;
  readonly #statements = new Map<string, StatementSync>();
  #database: Promise<DatabaseSync> | undefined;
  #closed = false;

  constructor(path: string, clock: Clock, busyTimeoutMilliseconds: number, reading: Reading | undefined) {
    this.#reading = reading;
    this.#path = path;
    this.#clock = clock;
    this.#busyTimeoutMilliseconds = busyTimeoutMilliseconds;
  }

  async read<T>(collection: Collection, id: string): Promise<StoredDocument<T> | undefined> {
    checkName(collection, id);
    return this.#run('read', (database) => {
      const row = this.#statement(database, SELECT_ONE).get(collection, id, this.#now());
      return row === undefined ? undefined : this.#document<T>(collection, row);
    }).catch((error: unknown) => this.#saved<T>(error, collection, { where: [], limit: 1 }, id).then(([only]) => only));
  }

  async commit(writes: readonly Write[]): Promise<CommitResult> {
    const texts = checkedTexts(writes);
    const expiries = writes.map((write) => ('expiresAt' in write ? milliseconds(write.expiresAt) : null));
    return this.#run('commit', (database) =>
      inTransaction(database, () => this.#apply(database, writes, texts, expiries)),
    );
  }

  async query<T>(collection: Collection, query: Query): Promise<readonly StoredDocument<T>[]> {
    const { sql, values } = selectStatement(collection, query);
    return this.#run('query', (database) =>
      this.#statement(database, sql)
        .all(this.#now(), ...values, query.limit)
        .map((row) => this.#document<T>(collection, row)),
    ).catch((error: unknown) => this.#saved<T>(error, collection, query));
  }

  /** What is left of a query that failed, for somebody who only looks; throws `error` for everybody else. */
  async #saved<T>(
    error: unknown,
    collection: Collection,
    query: Query,
    id?: string,
  ): Promise<readonly StoredDocument<T>[]> {
    const database = await this.#database?.catch(() => undefined);
    if (this.#reading === undefined || database === undefined || !(error instanceof ConfigurationError)) {
      throw error;
    }
    this.#reading.onProblem(error.full);
    return salvage<T>(database, collection, query, this.#now(), id);
  }

  async prune(limit: number): Promise<number> {
    return this.#run('prune', (database) =>
      inTransaction(database, () => Number(this.#statement(database, DELETE_EXPIRED).run(this.#now(), limit).changes)),
    );
  }

  async check(): Promise<void> {
    await this.#run('check', (database) => inTransaction(database, () => this.#nextVersion(database)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opening = this.#database;
    this.#database = undefined;
    this.#statements.clear();
    const database = await opening?.catch(() => undefined);
    database?.close();
  }

  /** All preconditions first: a rollback would otherwise undo writes that others never saw, at the cost of the log. */
  #apply(
    database: DatabaseSync,
    writes: readonly Write[],
    texts: readonly (string | null)[],
    expiries: readonly (number | null)[],
  ): CommitResult {
    const now = this.#now();
    for (const write of writes) {
      const row = this.#statement(database, SELECT_VERSION).get(write.collection, write.id, now);
      const actual = row === undefined ? null : String(row['version']);
      if (actual !== expectedVersion(write)) {
        return { committed: false, conflict: { collection: write.collection, id: write.id } };
      }
    }
    if (writes.every((write) => write.op === 'check')) {
      return { committed: true, versions: writes.map((write) => expectedVersion(write)) };
    }
    const version = this.#nextVersion(database);
    const versions = writes.map((write, index): Version | null => {
      switch (write.op) {
        case 'create':
        case 'replace':
          this.#statement(database, UPSERT).run(
            write.collection,
            write.id,
            version,
            texts[index] ?? null,
            expiries[index] ?? null,
          );
          return String(version);
        case 'remove':
          this.#statement(database, DELETE_ONE).run(write.collection, write.id);
          return null;
        case 'check':
          return write.version;
      }
    });
    return { committed: true, versions };
  }

  /** One counter for the whole file, so that a document that is removed and created again never repeats a version. */
  #nextVersion(database: DatabaseSync): number {
    return Number(this.#statement(database, NEXT_VERSION).get()?.['value']);
  }

  #document<T>(collection: Collection, row: Record<string, unknown>): StoredDocument<T> {
    const id = String(row['id']);
    try {
      return { id, data: JSON.parse(String(row['data'])) as T, version: String(row['version']) };
    } catch (error) {
      throw new ConfigurationError(
        `The store ${this.#path} is damaged: ${collection}/${id} is no JSON (${describeError(error)}).`,
        { cause: error, remedy: 'Put a backup of the file in its place.' },
      );
    }
  }

  #now(): number {
    return this.#clock.now().getTime();
  }

  #statement(database: DatabaseSync, sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) {
      return known;
    }
    const statement = database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  async #run<T>(operation: string, work: (database: DatabaseSync) => T): Promise<T> {
    const context = { operation, path: this.#path, busyTimeoutMilliseconds: this.#busyTimeoutMilliseconds };
    if (this.#closed) {
      throw new BugError(`The store ${this.#path} is closed; ${operation} came too late.`);
    }
    try {
      // A failed opening is not kept: the disk may have room or the folder its permission the next time.
      this.#database ??= this.#open().catch((error: unknown) => {
        this.#database = undefined;
        throw error;
      });
      const database = await this.#database;
      return work(database);
    } catch (error) {
      throw storeFailure(error, context);
    }
  }

  async #open(): Promise<DatabaseSync> {
    const { DatabaseSync } = await import('node:sqlite');
    if (this.#reading !== undefined) {
      return openForReading(DatabaseSync, this.#path, this.#reading);
    }
    const context = { operation: 'open', path: this.#path, busyTimeoutMilliseconds: this.#busyTimeoutMilliseconds };
    await makeFile(this.#path);
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(this.#path, { timeout: this.#busyTimeoutMilliseconds });
      prepare(database, this.#path, this.#busyTimeoutMilliseconds);
      refuseDamaged(database, this.#path);
      return database;
    } catch (error) {
      database?.close();
      throw storeFailure(error, context);
    }
  }
}

const SELECT_ONE =
  'SELECT id, version, data FROM documents WHERE collection = ? AND id = ? AND (expires_at IS NULL OR expires_at > ?)';
const SELECT_VERSION =
  'SELECT version FROM documents WHERE collection = ? AND id = ? AND (expires_at IS NULL OR expires_at > ?)';
const UPSERT = 'INSERT OR REPLACE INTO documents (collection, id, version, data, expires_at) VALUES (?, ?, ?, ?, ?)';
const DELETE_ONE = 'DELETE FROM documents WHERE collection = ? AND id = ?';
const DELETE_EXPIRED =
  'DELETE FROM documents WHERE rowid IN (SELECT rowid FROM documents WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)';
const NEXT_VERSION = 'UPDATE counter SET value = value + 1 RETURNING value';

function expectedVersion(write: Write): Version | null {
  return write.op === 'create' ? null : write.version;
}

function milliseconds(expiresAt: string | undefined): number | null {
  if (expiresAt === undefined) {
    return null;
  }
  const time = Date.parse(expiresAt);
  if (Number.isNaN(time)) {
    throw new BugError(`${JSON.stringify(expiresAt)} is no ISO time for expiresAt.`);
  }
  return time;
}

/** The file holds what the team's systems look like: only this user may read it. SQLite gives -wal and -shm the same mode. */
async function makeFile(path: string): Promise<void> {
  if (path === ':memory:') {
    return;
  }
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'ax', 0o600);
    await file.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return;
    }
    throw new ConfigurationError(`The store ${path} cannot be made: ${describeError(error)}.`, {
      cause: error,
      remedy: 'Set NIGHTSHIFT_STORE to sqlite:<file> in a folder that this user may write.',
    });
  }
}
