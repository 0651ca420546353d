// Large documents: whole, compressed, atomic with their reference, and never read back altered.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import { MAX_DOCUMENT_BYTES } from '../../shared/core/collections.ts';
import { largeWrites, readLarge } from '../../shared/runtime/large-document.ts';
import type { Store, Write } from '../../shared/ports/store.ts';
import { committed, create, TestClock } from '../contract/store-under-test.ts';

let clock: TestClock;
let store: Store;
beforeEach(() => {
  clock = new TestClock();
  store = sqliteStore({ path: ':memory:', clock });
});
afterEach(() => store.close());

/** Text that gzip cannot shrink by much, the same in every run. */
function noise(characters: number): string {
  let text = '';
  for (let block = 0; text.length < characters; block += 1) {
    text += createHash('sha512').update(String(block)).digest('base64');
  }
  return text.slice(0, characters);
}

async function altered(id: string, change: (content: string) => string): Promise<void> {
  const chunk = await store.read<{ content: string }>('chunks', id);
  const write: Write = {
    op: 'replace',
    collection: 'chunks',
    id,
    data: { content: change(chunk?.data.content ?? '') },
    version: chunk?.version ?? '',
  };
  committed(await store.commit([write]));
}

describe('large documents', () => {
  it('give back any JSON value', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        count += 1;
        const { writes, reference } = largeWrites(`d${String(count)}`, value);
        committed(await store.commit(writes));
        expect(await readLarge(store, reference)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 50 },
    );
  });

  it('go into several chunks, each within the limit of a document, and commit with what refers to them', async () => {
    const facts = { pods: noise(2_000_000), unicode: 'ü🦉' };
    const { writes, reference } = largeWrites('run-1', facts);
    expect(writes.length).toBeGreaterThan(2);
    expect(reference.chunks).toBe(writes.length);
    for (const write of writes) {
      expect(Buffer.byteLength(JSON.stringify('data' in write ? write.data : {}))).toBeLessThan(MAX_DOCUMENT_BYTES);
    }
    committed(await store.commit([...writes, create('runs', 'run-1', { facts: reference })]));
    expect(await readLarge(store, reference)).toEqual(facts);
  });

  it('shrink what repeats', () => {
    const pods = Array.from({ length: 5000 }, (_, index) => ({
      name: `checkout-${String(index)}`,
      memoryBytes: 1 << 30,
    }));
    const { writes, reference } = largeWrites('run-1', pods);
    expect(reference.bytes).toBeGreaterThan(200_000);
    expect(JSON.stringify(writes).length).toBeLessThan(reference.bytes / 4);
  });

  it('keep the order of their keys, which is part of a report', async () => {
    const { writes, reference } = largeWrites('x', { b: 1, a: [2] });
    const store = sqliteStore({ path: ':memory:', clock: { now: () => new Date(0), sleep: () => Promise.resolve() } });
    await store.commit(writes);
    expect(JSON.stringify(await readLarge(store, reference))).toBe('{"b":1,"a":[2]}');
    await store.close();
  });

  it('are not written at all when a precondition beside them fails', async () => {
    committed(await store.commit([create('runs', 'run-1', {})]));
    const { writes, reference } = largeWrites('run-1', { a: 1 });
    expect(await store.commit([...writes, create('runs', 'run-1', {})])).toMatchObject({ committed: false });
    await expect(readLarge(store, reference)).rejects.toThrow('chunk 1 of 1 is not there');
  });

  it('expire as a whole, and say so', async () => {
    const { writes, reference } = largeWrites('run-1', { a: noise(1_500_000) }, clock.iso(60));
    committed(await store.commit(writes));
    clock.advance(60);
    await expect(readLarge(store, reference)).rejects.toMatchObject({
      message: expect.stringMatching(/run-1.*is not there; it may have expired/) as unknown,
      failure: { system: 'store', code: 'damaged' },
    });
    expect(await store.prune(100)).toBe(writes.length);
  });

  it('are refused when a chunk was altered, cut, swapped, or grew', async () => {
    const { writes, reference } = largeWrites('run-1', { a: noise(1_500_000) });
    committed(await store.commit(writes));
    const first = await store.read<{ content: string }>('chunks', 'run-1.0');
    const original = first?.data.content ?? '';
    const changes: ((content: string) => string)[] = [
      (content) => `${content.slice(0, 5000)}${content[5000] === 'A' ? 'B' : 'A'}${content.slice(5001)}`,
      (content) => content.slice(0, -4),
      () => '',
      (content) => content + content.slice(0, 4000),
    ];
    for (const change of changes) {
      await altered('run-1.0', () => change(original));
      await expect(readLarge(store, reference)).rejects.toThrow('is not what was stored');
    }
    await altered('run-1.0', () => original);
    await expect(readLarge(store, reference)).resolves.toBeDefined();
  });

  it('are refused when another document lies under their name', async () => {
    const { reference } = largeWrites('run-1', { a: 1 });
    committed(await store.commit(largeWrites('run-1', { a: 2 }).writes));
    await expect(readLarge(store, reference)).rejects.toThrow('SHA-256 differs');
  });

  it('do not unpack more than was stored', async () => {
    const { writes } = largeWrites('run-1', 'x'.repeat(5_000_000));
    committed(await store.commit(writes));
    const small = largeWrites('run-1', 'x').reference;
    await expect(readLarge(store, small)).rejects.toMatchObject({
      failure: { code: 'damaged' },
      cause: { code: 'ERR_BUFFER_TOO_LARGE' },
    });
  });

  it('beyond one commit are refused with their size', () => {
    expect(() => largeWrites('run-1', noise(11_000_000))).toThrow(/run-1 has 110000\d\d bytes of JSON/);
  });
});
