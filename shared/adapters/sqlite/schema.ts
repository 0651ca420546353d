// The file's tables, its migrations and its indexes. Forward only: a file that a newer version wrote is refused.
import type { DatabaseSync } from 'node:sqlite';
import { INDEXES } from '../../core/collections.ts';
import type { Index } from '../../core/collections.ts';
import { ConfigurationError } from '../../core/errors.ts';
import { damaged, isBusy } from './failure.ts';

/** Statement lists; the n-th brings a file from version n to n + 1. Append only: files in the field have run them. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE documents (
     collection TEXT NOT NULL,
     id TEXT NOT NULL,
     version INTEGER NOT NULL,
     data TEXT NOT NULL,
     expires_at INTEGER,
     PRIMARY KEY (collection, id)
   ) STRICT;
   CREATE INDEX documents_expiry ON documents (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE counter (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL) STRICT;
   INSERT INTO counter VALUES (1, 0);`,
];

/** The version that this code writes. */
const SCHEMA_VERSION = MIGRATIONS.length;

/** The SQL expression of a top-level field; an index serves a query only when both spell it the same way. */
export function fieldExpression(field: string): string {
  return `json_extract(data, '$."${checkedField(field)}"')`;
}

/** The SQL expression of the field's JSON type, NULL when it is absent. */
export function fieldType(field: string): string {
  return `json_type(data, '$."${checkedField(field)}"')`;
}

function checkedField(field: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(field)) {
    throw new RangeError(`${JSON.stringify(field)} cannot be a field of an index.`);
  }
  return field;
}

/** Makes a connection safe to use: durable commits, the tables of this version, the declared indexes. */
export function prepare(database: DatabaseSync, path: string, busyTimeoutMilliseconds: number): void {
  refuseNewer(database, path);
  useWriteAheadLog(database, busyTimeoutMilliseconds);
  // FULL: a commit is on disk before it is answered. The journal promises that an intent outlives a power cut.
  database.exec('PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864');
  if (userVersion(database) < SCHEMA_VERSION || missingIndexes(database).length > 0) {
    inTransaction(database, () => {
      // Another process may have done it while this one waited for the lock.
      refuseNewer(database, path);
      for (const migration of MIGRATIONS.slice(userVersion(database))) {
        database.exec(migration);
      }
      for (const statement of missingIndexes(database)) {
        database.exec(statement);
      }
      database.exec(`PRAGMA user_version = ${String(SCHEMA_VERSION)}`);
    });
  }
}

/** Runs `work` between BEGIN IMMEDIATE and COMMIT, or leaves no trace. `work` is synchronous: nothing runs in between. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // A full disk rolls back by itself; a second ROLLBACK would hide why.
    if (database.isTransaction) {
      database.exec('ROLLBACK');
    }
    throw error;
  }
}

/**
 * SQLite does not run its busy handler for the change to WAL, which needs the file for itself: processes that open a new
 * file together would fail at once. The mode stays in the file, so that this waits at most once in its life.
 */
function useWriteAheadLog(database: DatabaseSync, busyTimeoutMilliseconds: number): void {
  const pauseMilliseconds = 10;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; journalMode(database) !== 'wal'; waited += pauseMilliseconds) {
    try {
      database.prepare('PRAGMA journal_mode = WAL').get();
      return;
    } catch (error) {
      if (!isBusy(error) || waited >= busyTimeoutMilliseconds) {
        throw error;
      }
      Atomics.wait(pause, 0, 0, pauseMilliseconds);
    }
  }
}

function journalMode(database: DatabaseSync): unknown {
  return database.prepare('PRAGMA journal_mode').get()?.['journal_mode'];
}

function userVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

function refuseNewer(database: DatabaseSync, path: string): void {
  const version = userVersion(database);
  if (version > SCHEMA_VERSION) {
    throw new ConfigurationError(
      `The store ${path} has schema version ${String(version)}; this version of Nightshift knows up to ${String(SCHEMA_VERSION)}.`,
      { remedy: 'Update Nightshift, or set NIGHTSHIFT_STORE to another file.' },
    );
  }
}

/**
 * A damaged file is refused as a whole before anything is decided on a part of it. Once a process: 0.5 to 0.9 ms a MiB of a file in the
 * page cache (documents of 20 KB to 0.5 KB, files of 37 to 183 MiB, Node 24), and the disk's time where it is not.
 */
export function refuseDamaged(database: DatabaseSync, path: string): void {
  const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found !== 'ok') {
    throw damaged(path, 'check', String(found));
  }
}

/** CREATE statements of the declared indexes that the file lacks. Others stay: an older or newer process may use them. */
function missingIndexes(database: DatabaseSync): readonly string[] {
  const present = new Set(
    database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'index'")
      .all()
      .map((row) => row['name']),
  );
  return [...INDEXES].flatMap(([collection, indexes]) =>
    indexes
      .map((index) => ({ name: indexName(collection, index), index }))
      .filter(({ name }) => !present.has(name))
      .map(({ name, index }) => indexStatement(name, collection, index)),
  );
}

export function indexName(collection: string, index: Index): string {
  return `documents_${collection}(${index.join(',')})`;
}

function indexStatement(name: string, collection: string, index: Index): string {
  const columns = [...index.map(fieldExpression), 'id'].join(', ');
  return `CREATE INDEX "${name}" ON documents (${columns}) WHERE collection = '${collection}'`;
}
