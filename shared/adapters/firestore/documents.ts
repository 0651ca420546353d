// Our documents in Firestore's form and back. `data` is JSON text, so that nested arrays, long numbers and odd keys come back as
// they were; beside it the indexed fields, the expiry, and the id of the commit that wrote it. Makes no call.
import { indexedFields, type IndexedValue } from '../../core/collections.ts';
import { BugError, ConfigurationError, describeError } from '../../core/errors.ts';
import type { Collection, StoredDocument, Version } from '../../ports/store.ts';
import type { Fields, StoredMessage, Timestamp, Value } from './messages.ts';

/** Names that no index may have: the fields of every document. TTL goes by `expiresAt`. */
export const OWN_FIELDS = ['data', 'expiresAt', 'commit'] as const;

/** What tells the state of a document without its data. */
export const STATE_MASK = ['expiresAt', 'commit'] as const;

export interface NewDocument {
  readonly collection: Collection;
  readonly data: object;
  /** `data` as JSON. */
  readonly text: string;
  readonly expiresAt: number | null;
  readonly commitId: string;
}

/** The commit's id is in it also because Firestore keeps the update time of a document that a write does not change. */
export function fieldsOf({ collection, data, text, expiresAt, commitId }: NewDocument): Fields {
  const indexed = [...indexedFields(collection, data)].map(([field, value]) => [field, valueOf(value)] as const);
  return {
    ...Object.fromEntries(indexed),
    data: { stringValue: text },
    commit: { stringValue: commitId },
    ...(expiresAt === null ? {} : { expiresAt: { timestampValue: timestampOf(expiresAt) } }),
  };
}

export function valueOf(value: IndexedValue): Value {
  if (typeof value === 'string') {
    return { stringValue: value };
  }
  if (typeof value === 'boolean') {
    return { booleanValue: value };
  }
  if (value === null) {
    return { nullValue: 'NULL_VALUE' };
  }
  return Number.isSafeInteger(value) ? { integerValue: String(value) } : { doubleValue: value };
}

export function documentOf<T>(message: StoredMessage, label: string): StoredDocument<T> {
  const id = message.name.slice(message.name.lastIndexOf('/') + 1);
  const text = textOf(message.fields['data']);
  try {
    return { id, data: JSON.parse(text ?? '') as T, version: versionOf(message.updateTime, expiryOf(message)) };
  } catch (error) {
    throw new ConfigurationError(
      `The store ${label} is damaged: the field data of ${message.name} is no JSON (${describeError(error)}).`,
      {
        cause: error,
        remedy:
          'Something other than Nightshift wrote it: give Nightshift a database of its own, or restore the document from a backup.',
      },
    );
  }
}

/** Milliseconds since 1970, null for a document that stays. */
export function expiryOf({ fields }: StoredMessage): number | null {
  const field = fields['expiresAt'];
  return field !== undefined && 'timestampValue' in field ? millisecondsOf(field.timestampValue) : null;
}

export function hasExpired(message: StoredMessage, now: number): boolean {
  const expiry = expiryOf(message);
  return expiry !== null && expiry <= now;
}

export function commitIdOf({ fields }: StoredMessage): string | undefined {
  return textOf(fields['commit']);
}

function textOf(field: Value | undefined): string | undefined {
  return field !== undefined && 'stringValue' in field ? field.stringValue : undefined;
}

const VERSION = /^(\d+)\.(\d{9})(?:!(-?\d+))?$/;

/**
 * The update time with all its digits, and the expiry: whoever holds a version knows without a read when it has lapsed, so that a
 * commit needs no read to refuse a change to an expired document that is still there.
 */
export function versionOf(updateTime: Timestamp, expiresAt: number | null): Version {
  const time = `${updateTime.seconds}.${String(updateTime.nanos).padStart(9, '0')}`;
  return expiresAt === null ? time : `${time}!${String(expiresAt)}`;
}

/** The update time of a version that has not expired; `undefined` for one that no document can have now. */
export function updateTimeOf(version: Version, now: number): Timestamp | undefined {
  const [, seconds, nanos, expiry] = VERSION.exec(version) ?? [];
  if (seconds === undefined || nanos === undefined || (expiry !== undefined && Number(expiry) <= now)) {
    return undefined;
  }
  return { seconds, nanos: Number(nanos) };
}

export function timestampOf(milliseconds: number): Timestamp {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: String(seconds), nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}

function millisecondsOf({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

/** Firestore's times lie in the years 1 to 9999. */
const EARLIEST_MILLISECONDS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MILLISECONDS = Date.parse('9999-12-31T23:59:59.999Z');

export function expiryMilliseconds(expiresAt: string | undefined): number | null {
  if (expiresAt === undefined) {
    return null;
  }
  const time = Date.parse(expiresAt);
  if (!(time >= EARLIEST_MILLISECONDS && time <= LATEST_MILLISECONDS)) {
    throw new BugError(`${JSON.stringify(expiresAt)} is no ISO time for expiresAt.`);
  }
  return time;
}
