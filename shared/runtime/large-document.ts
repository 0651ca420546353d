// Documents larger than one write (facts, reports) as gzipped chunks in the store, and back.
// Owns the chunks' form and their check. The caller commits the writes together with the reference, so that both exist or none.
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { MAX_COMMIT_BYTES } from '../core/collections.ts';
import { BugError, describeError, PlatformError } from '../core/errors.ts';
import type { Store, Write } from '../ports/store.ts';

/** Base64 characters of one chunk: under every store's limit of a document, with room for its frame. */
const CHUNK_CHARACTERS = 700_000;
/** Beyond this a commit would not take the chunks together with what refers to them. */
const MAX_CHUNKS = Math.floor((MAX_COMMIT_BYTES - 1024 * 1024) / (CHUNK_CHARACTERS + 100));

/** Where a large document is, and what it must be when it is read. */
export interface LargeReference {
  readonly id: string;
  readonly chunks: number;
  /** Bytes of the JSON. */
  readonly bytes: number;
  /** SHA-256 of the JSON, as 64 hex digits. */
  readonly sha256: string;
}

interface Chunk {
  readonly content: string;
}

/**
 * The writes that store `value` under `id`, to be committed with the document that holds `reference`. At most 11 of them
 * (7.7 MB compressed, some 100 MB of JSON); what is larger is refused with a BugError. `id` must be new: chunks are created.
 */
export function largeWrites(
  id: string,
  value: unknown,
  expiresAt?: string,
): { readonly writes: Write[]; readonly reference: LargeReference } {
  // Not canonical: the order of the keys is part of a report's agreed shape.
  const text = JSON.stringify(value);
  const large = largeTextWrites(id, text, expiresAt);
  if (large === undefined) {
    throw new BugError(
      `The document ${id} has ${String(Buffer.byteLength(text))} bytes of JSON; compressed, at most ${String(MAX_CHUNKS * CHUNK_CHARACTERS)} fit into one commit.`,
      { remedy: 'Make the scope smaller, e.g. a namespace of its own for the largest workloads.' },
    );
  }
  return large;
}

/** The same for JSON that is text already; `undefined` for what is too large. */
export function largeTextWrites(
  id: string,
  text: string,
  expiresAt?: string,
): { readonly writes: Write[]; readonly reference: LargeReference } | undefined {
  // Level 1: facts of 5,000 pods shrink to a twentieth already, and a run waits for this.
  const bytes = Buffer.from(text);
  const packed = gzipSync(bytes, { level: 1 }).toString('base64');
  const chunks = Math.ceil(packed.length / CHUNK_CHARACTERS);
  if (chunks > MAX_CHUNKS) {
    return undefined;
  }
  const writes = Array.from({ length: chunks }, (_, index): Write => {
    const data: Chunk = { content: packed.slice(index * CHUNK_CHARACTERS, (index + 1) * CHUNK_CHARACTERS) };
    const create = { op: 'create', collection: 'chunks', id: chunkId(id, index), data } as const;
    return expiresAt === undefined ? create : { ...create, expiresAt };
  });
  return { writes, reference: { id, chunks, bytes: bytes.length, sha256: sha256(bytes) } };
}

/** The value that `largeWrites` stored. Fails with a PlatformError when a chunk is missing, has expired or was altered. */
export async function readLarge<T>(store: Store, reference: LargeReference): Promise<T> {
  const documents = await Promise.all(
    Array.from({ length: reference.chunks }, (_, index) => store.read<Chunk>('chunks', chunkId(reference.id, index))),
  );
  const missing = documents.findIndex((document) => document === undefined);
  if (missing !== -1) {
    throw damaged(
      reference,
      `chunk ${String(missing + 1)} of ${String(reference.chunks)} is not there; it may have expired`,
    );
  }
  const packed = documents.map((document) => document?.data.content).join('');
  const json = unpacked(packed, reference);
  if (sha256(json) !== reference.sha256) {
    throw damaged(reference, 'its content is not what was stored: the SHA-256 differs');
  }
  return JSON.parse(json.toString('utf8')) as T;
}

function unpacked(packed: string, reference: LargeReference): Buffer {
  try {
    return gunzipSync(Buffer.from(packed, 'base64'), { maxOutputLength: Math.max(reference.bytes, 1) });
  } catch (error) {
    throw damaged(reference, `its content is not what was stored: ${describeError(error)}`, error);
  }
}

function damaged(reference: LargeReference, why: string, cause?: unknown): PlatformError {
  return new PlatformError(
    { system: 'store', operation: 'read large document', target: reference.id, code: 'damaged', applied: 'no' },
    why,
    { cause, remedy: 'What it held is lost unless a backup of the store has it; the journal does not depend on it.' },
  );
}

function chunkId(id: string, index: number): string {
  return `${id}.${String(index)}`;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
