// Structured queries as Firestore answers them: values ordered by type first, text by bytes, only documents that have every field that
// is asked for; and refused without a composite index where the real one needs one.
import { INDEXES } from '../../../shared/core/collections.ts';
import { StatusError } from './grpc-server.ts';

export interface Time {
  readonly seconds: string;
  readonly nanos?: number;
}
export type Value = Readonly<Record<string, unknown>>;

export interface Document {
  readonly name: string;
  readonly fields: Readonly<Record<string, Value>>;
  readonly updateTime: Time;
}

interface FieldFilter {
  readonly field: { readonly fieldPath: string };
  readonly op: string;
  readonly value: Value;
}

export interface StructuredQuery {
  readonly from?: readonly { readonly collectionId: string }[];
  readonly select?: { readonly fields?: readonly { readonly fieldPath: string }[] };
  readonly where?: {
    readonly compositeFilter?: { readonly filters?: readonly { readonly fieldFilter: FieldFilter }[] };
  };
  readonly orderBy?: readonly { readonly field: { readonly fieldPath: string }; readonly direction: string }[];
  readonly startAt?: { readonly values: readonly Value[]; readonly before?: boolean };
  readonly limit?: { readonly value: number };
}

const NAME = '__name__';

export function selectDocuments(
  documents: readonly Document[],
  query: StructuredQuery = {},
  prefix: string,
): readonly Document[] {
  const { from = [], where, orderBy = [], startAt, limit, select } = query;
  const collection = from[0]?.collectionId ?? '';
  const filters = (where?.compositeFilter?.filters ?? []).map(({ fieldFilter }) => fieldFilter);
  requireIndex(collection, filters, orderBy);
  const parent = `${prefix}/${collection}/`;
  const direction = (at: number): number => (orderBy[at]?.direction === 'DESCENDING' ? -1 : 1);
  const keyOf = (document: Document): readonly (Value | undefined)[] =>
    orderBy.map(({ field }) => valueAt(document, field.fieldPath));
  const compareKeys = (a: readonly (Value | undefined)[], b: readonly (Value | undefined)[]): number =>
    a.reduce((sign, value, at) => (sign !== 0 ? sign : compare(value, b[at]) * direction(at)), 0);
  return documents
    .filter(({ name }) => name.startsWith(parent) && !name.slice(parent.length).includes('/'))
    .filter((document) => filters.every((filter) => matches(document, filter)))
    .filter((document) => keyOf(document).every((value) => value !== undefined))
    .filter((document) => startAt === undefined || compareKeys(keyOf(document), startAt.values) > 0)
    .toSorted((a, b) => compareKeys(keyOf(a), keyOf(b)))
    .slice(0, limit?.value)
    .map((document) =>
      projected(
        document,
        select?.fields?.map(({ fieldPath }) => fieldPath),
      ),
    );
}

/** Equalities with an order or a range over another field need a composite index, whose last field goes the way of the order. */
function requireIndex(
  collection: string,
  filters: readonly FieldFilter[],
  orderBy: NonNullable<StructuredQuery['orderBy']>,
): void {
  const equal = filters.filter(({ op }) => op === 'EQUAL').map(({ field }) => field.fieldPath);
  const moving = filters.filter(({ op }) => op !== 'EQUAL').map(({ field }) => field.fieldPath);
  const [first] = orderBy;
  if (moving.some((field) => field !== first?.field.fieldPath)) {
    throw new StatusError(3, 'The first ordered field must be the one with the inequality.');
  }
  if (equal.length === 0 || first === undefined || first.field.fieldPath === NAME) {
    return;
  }
  const served = deployedIndexes(collection).some(
    ({ fields, direction }) =>
      direction === first.direction &&
      fields.at(-1) === first.field.fieldPath &&
      fields.length === equal.length + 1 &&
      equal.every((field) => fields.includes(field)),
  );
  if (!served) {
    throw new StatusError(
      9,
      'The query requires an index. You can create it here: https://console.firebase.google.com/x',
    );
  }
}

/** What is deployed by the rule that shared/adapters/firestore/select.ts states. */
function deployedIndexes(
  collection: string,
): readonly { readonly fields: readonly string[]; readonly direction: string }[] {
  return (INDEXES.get(collection) ?? [])
    .filter((fields) => fields.length > 1)
    .flatMap((fields) => ['ASCENDING', 'DESCENDING'].map((direction) => ({ fields, direction })));
}

function matches(document: Document, { field, op, value }: FieldFilter): boolean {
  const actual = valueAt(document, field.fieldPath);
  if (actual === undefined || rankOf(actual) !== rankOf(value)) {
    return false;
  }
  const sign = compare(actual, value);
  return (
    (op === 'EQUAL' && sign === 0) ||
    (op === 'LESS_THAN' && sign < 0) ||
    (op === 'LESS_THAN_OR_EQUAL' && sign <= 0) ||
    (op === 'GREATER_THAN' && sign > 0) ||
    (op === 'GREATER_THAN_OR_EQUAL' && sign >= 0)
  );
}

function valueAt(document: Document, field: string): Value | undefined {
  return field === NAME ? { referenceValue: document.name } : document.fields[field];
}

function projected(document: Document, fields: readonly string[] | undefined): Document {
  return fields === undefined
    ? document
    : {
        ...document,
        fields: Object.fromEntries(Object.entries(document.fields).filter(([field]) => fields.includes(field))),
      };
}

/** https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering */
const RANKS = ['nullValue', 'booleanValue', 'integerValue', 'timestampValue', 'stringValue', 'referenceValue'];

function rankOf(value: Value): number {
  return RANKS.findIndex((rank) => rank in value || (rank === 'integerValue' && 'doubleValue' in value));
}

function compare(a: Value | undefined, b: Value | undefined): number {
  if (a === undefined || b === undefined) {
    return Number(a !== undefined) - Number(b !== undefined);
  }
  const rank = rankOf(a);
  return rank === rankOf(b) ? comparePlain(plain(a), plain(b)) : Math.sign(rank - rankOf(b));
}

function comparePlain(a: string | number, b: string | number): number {
  return typeof a === 'string' && typeof b === 'string'
    ? Buffer.compare(Buffer.from(a), Buffer.from(b))
    : Math.sign(Number(a) - Number(b));
}

function plain(value: Value): string | number {
  const { stringValue, referenceValue, timestampValue, booleanValue, integerValue, doubleValue } = value;
  if (timestampValue !== undefined) {
    const { seconds, nanos = 0 } = timestampValue as { readonly seconds: string; readonly nanos?: number };
    return Number(seconds) * 1000 + nanos / 1_000_000;
  }
  const text = stringValue ?? referenceValue;
  return text === undefined ? Number(integerValue ?? doubleValue ?? booleanValue ?? 0) : String(text);
}
