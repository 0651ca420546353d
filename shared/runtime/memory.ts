// What a duty remembers of a scope from run to run: documents of its own, replaced in the commit that ends a run.
// The lease of the scope makes the run their only writer.
import { gunzipSync, gzipSync } from 'node:zlib';
import { MAX_DOCUMENT_BYTES } from '../core/collections.ts';
import { BugError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Memory } from '../ports/ports.ts';
import type { Store, Write } from '../ports/store.ts';
import type { Remembered } from './duty.ts';
import { secondsAfter } from './outbox-entry.ts';

/** Packed: counts of hundreds of repositories over weeks shrink to a tenth. */
interface Kept {
  readonly packed: string;
}

/** The memory of one duty for one scope, to be read by `observe`; what it gives belongs into the facts. */
export function memoryOf(store: Store, duty: string, scopeKey: string): Memory {
  return {
    async read(key) {
      const document = await store.read<Kept>('memories', memoryId(duty, scopeKey, key));
      return document === undefined ? undefined : unpacked(document.data);
    },
  };
}

/** The writes that keep `remembered`, for the run's last commit. A document of more than a MiB, packed, is refused with a BugError. */
export async function memoryWrites(
  store: Store,
  { duty, scopeKey, now }: { readonly duty: string; readonly scopeKey: string; readonly now: string },
  remembered: Readonly<Record<string, Remembered>>,
): Promise<readonly Write[]> {
  const writes = Object.entries(remembered).map(async ([key, { value, keepSeconds }]): Promise<Write> => {
    const id = memoryId(duty, scopeKey, key);
    const data: Kept = { packed: gzipSync(JSON.stringify(value)).toString('base64') };
    if (data.packed.length > MAX_DOCUMENT_BYTES - 1024) {
      throw new BugError(
        `What ${duty} remembers as ${key} is too large: ${String(data.packed.length)} bytes, packed.`,
        {
          remedy: 'Split it into several keys, or forget more of it.',
        },
      );
    }
    const until = keepSeconds === undefined ? {} : { expiresAt: secondsAfter(now, keepSeconds) };
    const before = await store.read('memories', id);
    return before === undefined
      ? { op: 'create', collection: 'memories', id, data, ...until }
      : { op: 'replace', collection: 'memories', id, data, version: before.version, ...until };
  });
  return Promise.all(writes);
}

function memoryId(duty: string, scopeKey: string, key: string): string {
  return `${duty}:${scopeKey}:${key}`;
}

function unpacked({ packed }: Kept): JsonObject {
  return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString('utf8')) as JsonObject;
}
