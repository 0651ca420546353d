// Looking at a file that must not be written: it may be read-only, of a newer version, or damaged. Gives what can be read, and says
// what is wrong; nobody may act on it.
import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { Collection, Query, StoredDocument } from '../../ports/store.ts';
import { storeFailure } from './failure.ts';
import { prepare } from './schema.ts';
import { selectStatement } from './select.ts';

export interface Reading {
  /** Told once for each thing that is wrong with the file. */
  readonly onProblem: (message: string) => void;
}

/** Opens the file without a write to it or beside it; one that is not there reads as empty. */
export function openForReading(Database: typeof DatabaseSync, path: string, { onProblem }: Reading): DatabaseSync {
  if (path === ':memory:' || !existsSync(path)) {
    const empty = new Database(':memory:');
    prepare(empty, ':memory:', 0);
    return empty;
  }
  try {
    return begun(new Database(path, { readOnly: true }));
  } catch {
    // Tried in another way below.
  }
  try {
    // A folder that may not be written has no place for the log's index. What is in a log that was left behind is not seen then.
    const frozen = new URL(`${pathToFileURL(path).href}?immutable=1`);
    const database = begun(new Database(frozen, { readOnly: true }));
    if (existsSync(`${path}-wal`)) {
      onProblem(`${path}-wal cannot be read: the latest entries may be missing from what is shown.`);
    }
    return database;
  } catch (error) {
    throw storeFailure(error, { operation: 'open', path, busyTimeoutMilliseconds: 0 });
  }
}

/** Fails when nothing can be read by this connection. */
function begun(database: DatabaseSync): DatabaseSync {
  try {
    database.enableDefensive(false);
    // Otherwise SQLite shows nothing of a file that is shorter than it says. A connection that only reads can do no harm by it.
    database.exec('PRAGMA writable_schema = ON');
    database.prepare('SELECT count(*) FROM sqlite_master').get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Rows are read from both ends of the table up to the first damaged page; ones that hold no JSON are left out. */
export function salvage<T>(
  database: DatabaseSync,
  collection: Collection,
  query: Query,
  now: number,
  id?: string,
): readonly StoredDocument<T>[] {
  const { where, values } = selectStatement(collection, query);
  const found = new Map<string, StoredDocument<T>>();
  for (const direction of ['ASC', 'DESC']) {
    const sql = `SELECT id, version, data FROM documents NOT INDEXED WHERE ${where} ORDER BY rowid ${direction}`;
    try {
      for (const row of database.prepare(sql).iterate(now, ...values)) {
        keep(found, row);
      }
    } catch {
      // Here the readable part ends; that the file is damaged was told.
    }
  }
  return inOrder(
    [...found.values()].filter((document) => id === undefined || document.id === id),
    query,
  );
}

function keep<T>(found: Map<string, StoredDocument<T>>, row: Record<string, unknown>): void {
  const id = String(row['id']);
  try {
    found.set(id, { id, version: String(row['version']), data: JSON.parse(String(row['data'])) as T });
  } catch {
    // A row whose text was hit.
  }
}

function inOrder<T>(documents: readonly StoredDocument<T>[], { orderBy, limit }: Query): readonly StoredDocument<T>[] {
  const sign = orderBy?.direction === 'descending' ? -1 : 1;
  const keyOf = ({ id, data }: StoredDocument<T>): string | number => {
    const value = orderBy === undefined ? id : (data as Readonly<Record<string, unknown>>)[orderBy.field];
    return typeof value === 'number' ? value : String(value);
  };
  return [...documents]
    .sort((a, b) => {
      const [one, other] = [keyOf(a), keyOf(b)];
      return one === other ? 0 : one < other ? -sign : sign;
    })
    .slice(0, limit);
}
