// The part of Firestore's protocol that the store speaks, as types: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1
// Holds no code.

export interface Timestamp {
  /** The SDK gives 64-bit numbers as text. */
  readonly seconds: string;
  readonly nanos: number;
}

export type Value =
  | { readonly stringValue: string }
  | { readonly integerValue: string }
  | { readonly doubleValue: number }
  | { readonly booleanValue: boolean }
  | { readonly nullValue: 'NULL_VALUE' }
  | { readonly timestampValue: Timestamp }
  | { readonly referenceValue: string };

export type Fields = Readonly<Record<string, Value>>;

export interface StoredMessage {
  /** `projects/<project>/databases/<database>/documents/<collection>/<id>` */
  readonly name: string;
  readonly fields: Fields;
  readonly updateTime: Timestamp;
}

export type Precondition = { readonly exists: false } | { readonly updateTime: Timestamp };

export type WriteMessage = { readonly currentDocument: Precondition } & (
  | {
      readonly update: { readonly name: string; readonly fields: Fields };
      /** Only these fields are set, or removed where `fields` lacks them; without it the whole document is replaced. */
      readonly updateMask?: { readonly fieldPaths: readonly string[] };
    }
  | { readonly delete: string }
);

export type Direction = 'ASCENDING' | 'DESCENDING';

export interface StructuredQuery {
  readonly from: readonly { readonly collectionId: string }[];
  readonly select?: { readonly fields: readonly { readonly fieldPath: string }[] };
  readonly where?: {
    readonly compositeFilter: {
      readonly op: 'AND';
      readonly filters: readonly {
        readonly fieldFilter: {
          readonly field: { readonly fieldPath: string };
          readonly op: 'EQUAL' | 'LESS_THAN' | 'LESS_THAN_OR_EQUAL' | 'GREATER_THAN' | 'GREATER_THAN_OR_EQUAL';
          readonly value: Value;
        };
      }[];
    };
  };
  readonly orderBy: readonly { readonly field: { readonly fieldPath: string }; readonly direction: Direction }[];
  /** Right after these values of `orderBy`. */
  readonly startAt?: { readonly values: readonly Value[]; readonly before: false };
  readonly limit: { readonly value: number };
}

/** One database, call by call: every call has a deadline, none is repeated, and failures are the SDK's own errors. */
export interface Database {
  /** `<project>/<database>`, for messages. */
  readonly label: string;
  nameOf(collection: string, id: string): string;
  /** What is absent is absent in the map. With `mask` only those fields. */
  batchGet(names: readonly string[], mask?: readonly string[]): Promise<ReadonlyMap<string, StoredMessage>>;
  /** All or nothing. Gives the update time of each write, null for a delete. */
  commit(writes: readonly WriteMessage[]): Promise<readonly (Timestamp | null)[]>;
  /** Each write for itself. Gives for each whether it was applied. */
  batchWrite(writes: readonly WriteMessage[]): Promise<readonly boolean[]>;
  runQuery(query: StructuredQuery): Promise<readonly StoredMessage[]>;
  close(): Promise<void>;
}
