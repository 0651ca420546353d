// Operational state: documents with versions, one atomic commit, queries over declared indexes. No code.
import type { Json } from '../core/json.ts';

/** Names a collection of shared/core/collections.json, where its indexed fields stand. */
export type Collection = string;

/** Opaque: SQLite counts, Firestore takes the update time. Compare by handing it back only. */
export type Version = string;

export interface StoredDocument<T> {
  readonly id: string;
  readonly data: T;
  readonly version: Version;
}

export type Write =
  /** Fails when a document that has not expired exists. */
  | {
      readonly op: 'create';
      readonly collection: Collection;
      readonly id: string;
      readonly data: object;
      readonly expiresAt?: string;
    }
  /** Fails unless the document is there in that version. Without `expiresAt` the document does not expire. */
  | {
      readonly op: 'replace';
      readonly collection: Collection;
      readonly id: string;
      readonly data: object;
      readonly version: Version;
      readonly expiresAt?: string;
    }
  | { readonly op: 'remove'; readonly collection: Collection; readonly id: string; readonly version: Version }
  /** Writes nothing; fails unless the document is there in that version, or, for `null`, absent. */
  | { readonly op: 'check'; readonly collection: Collection; readonly id: string; readonly version: Version | null };

export type CommitResult =
  | { readonly committed: true; readonly versions: readonly (Version | null)[] }
  /** The first precondition that did not hold. Nothing was written. */
  | { readonly committed: false; readonly conflict: { readonly collection: Collection; readonly id: string } };

export interface Query {
  /** Equality first, then at most one range, over the fields of one declared index, in its order. */
  readonly where: readonly {
    readonly field: string;
    readonly op: '==' | '<' | '<=' | '>' | '>=';
    readonly value: Json;
  }[];
  readonly orderBy?: { readonly field: string; readonly direction: 'ascending' | 'descending' };
  readonly limit: number;
}

export interface Store {
  read<T>(collection: Collection, id: string): Promise<StoredDocument<T> | undefined>;
  /** All or nothing; at most 500 writes. Expired documents count as absent. */
  commit(writes: readonly Write[]): Promise<CommitResult>;
  /** Documents that have not expired. A query without a declared index is refused with a BugError. */
  query<T>(collection: Collection, query: Query): Promise<readonly StoredDocument<T>[]>;
  /** Deletes what has expired, at most `limit`; gives how many. */
  prune(limit: number): Promise<number>;
  /** Fails when the store cannot be read or written, with what to do. */
  check(): Promise<void>;
  close(): Promise<void>;
}
