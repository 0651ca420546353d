// A query of the port as one SQL statement that a declared index serves. Touches no database.
import type { SQLInputValue } from 'node:sqlite';
import { checkQuery } from '../../core/collections.ts';
import type { Collection, Query } from '../../ports/store.ts';
import { fieldExpression, fieldType, indexName } from './schema.ts';

/**
 * Placeholders: the time in milliseconds, `values`, the limit. Fails with a BugError when no index serves the query.
 * Ranges and orders see only documents whose field has the compared type, as in Firestore. Ties go by id.
 */
export function selectStatement(
  collection: Collection,
  query: Query,
): { readonly sql: string; readonly where: string; readonly values: readonly SQLInputValue[] } {
  const index = checkQuery(collection, query);
  const conditions = query.where.map(({ field, op, value }) => {
    const types = { string: "'text'", number: "'integer', 'real'", boolean: `'${String(value)}'` };
    const type = types[typeof value as keyof typeof types];
    return `${fieldExpression(field)} ${op === '==' ? '=' : op} ? AND ${fieldType(field)} IN (${type})`;
  });
  const values = query.where.map(({ value }) =>
    typeof value === 'boolean' ? Number(value) : (value as SQLInputValue),
  );
  const ordered = query.orderBy ?? {
    field: query.where.find(({ op }) => op !== '==')?.field,
    direction: 'ascending',
  };
  const direction = ordered.direction === 'descending' ? 'DESC' : 'ASC';
  const order = ordered.field === undefined ? [] : [`${fieldExpression(ordered.field)} ${direction}`];
  if (query.orderBy !== undefined) {
    conditions.push(`${fieldType(query.orderBy.field)} IS NOT NULL`);
  }
  const where = [`collection = '${collection}'`, '(expires_at IS NULL OR expires_at > ?)', ...conditions];
  // The planner prefers the primary key to an index that only orders, and would sort the whole collection.
  const from = index === undefined ? '' : `INDEXED BY "${indexName(collection, index)}"`;
  return {
    where: where.join(' AND '),
    sql: `SELECT id, version, data FROM documents ${from} WHERE ${where.join(' AND ')} ORDER BY ${[...order, `id ${direction}`].join(', ')} LIMIT ?`,
    values,
  };
}
