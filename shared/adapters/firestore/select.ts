// A query of the port as Firestore's structured query, page by page. Makes no call.
// What it needs in the database, and the emulator does not ask for: for every declared index of two or more fields a composite index
// with all fields ascending and one with the last field descending; single fields are indexed by Firestore itself.
import type { IndexedValue } from '../../core/collections.ts';
import type { Collection, Query } from '../../ports/store.ts';
import { timestampOf, valueOf } from './documents.ts';
import type { Direction, StoredMessage, StructuredQuery, Value } from './messages.ts';

const OPERATORS = {
  '==': 'EQUAL',
  '<': 'LESS_THAN',
  '<=': 'LESS_THAN_OR_EQUAL',
  '>': 'GREATER_THAN',
  '>=': 'GREATER_THAN_OR_EQUAL',
} as const;

const NAME = '__name__';

/**
 * Up to `limit` documents, expired ones among them, after the document `after`; checkQuery has let the query through.
 * As in every store: ranges see values of their own type only, and ties go by id in the direction of the order.
 */
export function structuredQuery(
  collection: Collection,
  query: Query,
  page: { readonly limit: number; readonly after?: StoredMessage | undefined },
): StructuredQuery {
  const ordered = query.orderBy?.field ?? query.where.find(({ op }) => op !== '==')?.field;
  const direction: Direction = query.orderBy?.direction === 'descending' ? 'DESCENDING' : 'ASCENDING';
  const order = [...(ordered === undefined ? [] : [ordered]), NAME];
  const filters = query.where.map(({ field, op, value }) => ({
    // checkQuery lets only text, numbers and booleans through.
    fieldFilter: { field: { fieldPath: field }, op: OPERATORS[op], value: valueOf(value as IndexedValue) },
  }));
  return {
    from: [{ collectionId: collection }],
    ...(filters.length === 0 ? {} : { where: { compositeFilter: { op: 'AND', filters } } }),
    orderBy: order.map((fieldPath) => ({ field: { fieldPath }, direction })),
    ...(page.after === undefined ? {} : { startAt: { values: cursorOf(page.after, ordered), before: false } }),
    limit: { value: page.limit },
  };
}

function cursorOf(last: StoredMessage, ordered: string | undefined): readonly Value[] {
  const value = ordered === undefined ? undefined : last.fields[ordered];
  return [...(value === undefined ? [] : [value]), { referenceValue: last.name }];
}

/** What has expired in one collection, oldest first, without its data. */
export function expiredQuery(collection: Collection, now: number, limit: number): StructuredQuery {
  const field = { fieldPath: 'expiresAt' };
  const value = { timestampValue: timestampOf(now) };
  return {
    from: [{ collectionId: collection }],
    select: { fields: [field] },
    where: {
      compositeFilter: { op: 'AND', filters: [{ fieldFilter: { field, op: 'LESS_THAN_OR_EQUAL', value } }] },
    },
    orderBy: [{ field, direction: 'ASCENDING' }],
    limit: { value: limit },
  };
}
