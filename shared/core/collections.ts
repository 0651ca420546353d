// What every store refuses, so that both adapters agree: names, sizes and queries that Firestore could not take.
// The declared indexes stand in collections.json. Holds no state and knows no database.
import collections from './collections.json' with { type: 'json' };
import { BugError } from './errors.ts';

/** Firestore takes 500 writes, 10 MiB a request and 1 MiB a document; the rest of each is left for its own framing. */
const MAX_WRITES = 500;
export const MAX_COMMIT_BYTES = 9 * 1024 * 1024;
export const MAX_DOCUMENT_BYTES = 1024 * 1024 - 16 * 1024;

/** Firestore's limits for the id of a document, and for what it compares of an indexed value. */
const MAX_ID_BYTES = 1500;
const MAX_INDEXED_BYTES = 1500;

export type Index = readonly string[];

/** Collection to its indexes, each a list of top-level fields. */
export const INDEXES: ReadonlyMap<string, readonly Index[]> = new Map(
  Object.entries(collections as Readonly<Record<string, { readonly indexes: readonly Index[] }>>).map(
    ([collection, { indexes }]) => [collection, indexes],
  ),
);

/** Fails when the collection is not declared or the id is one that Firestore refuses. */
export function checkName(collection: string, id: string): void {
  checkCollection(collection);
  const bytes = Buffer.byteLength(id);
  if (
    bytes === 0 ||
    bytes > MAX_ID_BYTES ||
    id === '.' ||
    id === '..' ||
    /\/|^__.*__$/s.test(id) ||
    !id.isWellFormed()
  ) {
    throw new BugError(
      `The id ${JSON.stringify(id.slice(0, 80))} in collection ${collection} is refused: an id has 1 to ${String(MAX_ID_BYTES)} bytes, no slash, and is not ".", ".." or "__…__".`,
    );
  }
}

function checkCollection(collection: string): readonly Index[] {
  const indexes = INDEXES.get(collection);
  if (indexes === undefined) {
    throw new BugError(`There is no collection ${collection}.`, {
      remedy: 'Declare it in shared/core/collections.json.',
    });
  }
  return indexes;
}

/** One write of a commit as far as its limits go; `data` is absent where nothing is written. */
interface CheckedWrite {
  readonly collection: string;
  readonly id: string;
  readonly data?: object;
}

/** Fails for a commit that is too large or names a document twice; gives each write's JSON text (null without data). */
export function checkedTexts(writes: readonly CheckedWrite[]): readonly (string | null)[] {
  if (writes.length === 0 || writes.length > MAX_WRITES) {
    throw new BugError(`A commit has 1 to ${String(MAX_WRITES)} writes, this one has ${String(writes.length)}.`);
  }
  const seen = new Set<string>();
  let bytes = 0;
  return writes.map((write) => {
    checkName(write.collection, write.id);
    const key = `${write.collection}/${write.id}`;
    if (seen.has(key)) {
      throw new BugError(`A commit names ${key} twice: which of the two comes first would be left to the database.`);
    }
    seen.add(key);
    const text = write.data === undefined ? null : documentText(key, write.data);
    indexedFields(write.collection, write.data ?? {});
    bytes += text === null ? 0 : Buffer.byteLength(text);
    if (bytes > MAX_COMMIT_BYTES) {
      throw new BugError(
        `A commit of more than ${String(MAX_COMMIT_BYTES)} bytes is refused: a request to Firestore ends at 10 MiB.`,
      );
    }
    return text;
  });
}

/** What an index can hold. Firestore would order other values, or the rest of a longer text, in its own way or not at all. */
export type IndexedValue = string | number | boolean | null;

/** The fields of `data` that an index of its collection names. Fails for a value that not every store compares alike. */
export function indexedFields(collection: string, data: object): ReadonlyMap<string, IndexedValue> {
  const fields = new Map<string, IndexedValue>();
  for (const field of new Set(checkCollection(collection).flat())) {
    const value = (data as Readonly<Record<string, unknown>>)[field];
    if (value === undefined) {
      continue;
    }
    if (!isIndexable(value)) {
      throw new BugError(
        `The field ${field} of a document in ${collection} is indexed: it must be text of at most ${String(MAX_INDEXED_BYTES)} bytes, a finite number, true, false or null.`,
      );
    }
    fields.set(field, value);
  }
  return fields;
}

function isIndexable(value: unknown): value is IndexedValue {
  return typeof value === 'string'
    ? value.isWellFormed() && Buffer.byteLength(value) <= MAX_INDEXED_BYTES
    : typeof value === 'boolean' || value === null || Number.isFinite(value);
}

function documentText(key: string, data: object): string {
  const text = JSON.stringify(data);
  if (typeof text !== 'string' || !text.startsWith('{')) {
    throw new BugError(`The data of ${key} is not an object that JSON can hold.`);
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_DOCUMENT_BYTES) {
    throw new BugError(
      `The document ${key} has ${String(bytes)} bytes, more than the ${String(MAX_DOCUMENT_BYTES)} that fit into one.`,
      {
        remedy: 'Store it in chunks: largeWrites of shared/runtime/large-document.ts.',
      },
    );
  }
  return text;
}

/** A query as far as its index goes. */
interface CheckedQuery {
  readonly where: readonly { readonly field: string; readonly op: string; readonly value: unknown }[];
  readonly orderBy?: { readonly field: string; readonly direction: string };
  readonly limit: number;
}

/**
 * Fails unless one declared index serves the query: its first fields are the equalities, the next one is the range
 * and the order, and with both there is no further one, for Firestore does not use the front part of an index.
 * Firestore would refuse any other query as long as its index is not deployed.
 * Gives that index, or `undefined` for a query over the whole collection by id.
 */
export function checkQuery(collection: string, query: CheckedQuery): Index | undefined {
  const indexes = checkCollection(collection);
  const equal = [...new Set(query.where.filter((condition) => condition.op === '==').map(({ field }) => field))];
  const ranges = query.where.filter((condition) => condition.op !== '==');
  const moving = [...new Set([...ranges.map(({ field }) => field), ...(query.orderBy ? [query.orderBy.field] : [])])];
  if (!Number.isInteger(query.limit) || query.limit < 1) {
    throw new BugError(
      `A query over ${collection} has the limit ${String(query.limit)}; it must be a whole number from 1.`,
    );
  }
  for (const { field, op, value } of query.where) {
    if (
      !['string', 'number', 'boolean'].includes(typeof value) ||
      (typeof value === 'number' && !Number.isFinite(value)) ||
      (typeof value === 'boolean' && op !== '==')
    ) {
      throw new BugError(
        `A query over ${collection} compares ${field} with ${JSON.stringify(value) ?? 'undefined'}; only text, numbers and booleans are ordered the same everywhere.`,
      );
    }
  }
  const fields = [...equal, ...moving];
  const served = indexes.find(
    (index) =>
      equal.every((field) => index.slice(0, equal.length).includes(field)) &&
      moving.every((field) => index[equal.length] === field) &&
      (equal.length === 0 || moving.length === 0 || index.length === equal.length + 1),
  );
  if (
    moving.length > 1 ||
    (fields.length > 0 && served === undefined) ||
    equal.some((field) => moving.includes(field))
  ) {
    throw new BugError(
      `No index of ${collection} serves a query over ${fields.join(', ')} (equality first, then one field for range and order).`,
      {
        remedy: 'Declare the index in shared/core/collections.json.',
      },
    );
  }
  return fields.length === 0 ? undefined : served;
}
