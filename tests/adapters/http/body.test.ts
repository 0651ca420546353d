// Bodies of any length, gathered one after another and side by side: each is what came, whatever is gathered after it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Body } from '../../../shared/adapters/http/body.ts';

const KIB = 1024;

function gathered(chunks: readonly Buffer[], declared = 0): Buffer {
  const body = new Body(declared);
  for (const chunk of chunks) {
    body.add(chunk);
  }
  return body.whole();
}

describe('a body', () => {
  test.each([
    ['none', []],
    ['a short one', ['abc', 'de']],
    ['one that grows a little', ['a'.repeat(60 * KIB), 'b'.repeat(10 * KIB)]],
    ['a long one', Array.from({ length: 300 }, (_, index) => String(index % 10).repeat(9 * KIB))],
    ['one beyond what is kept', Array.from({ length: 90 }, (_, index) => String(index % 10).repeat(128 * KIB))],
  ])('of unknown length: %s', (_name, texts) => {
    expect(gathered(texts.map((text) => Buffer.from(text))).toString()).toBe(texts.join(''));
  });

  test('of a length that was told, and of one that was told wrongly', () => {
    const chunks = [Buffer.from('abc'), Buffer.from('de')];
    expect(gathered(chunks, 5).toString()).toBe('abcde');
    expect(gathered(chunks, 2).toString()).toBe('abcde');
    expect(gathered(chunks, 200_000).toString()).toBe('abcde');
  });

  test('stays as it came while others are gathered, several at a time', () => {
    const chunk = fc.record({
      of: fc.nat(2),
      byte: fc.integer({ min: 1, max: 255 }),
      kib: fc.integer({ min: 1, max: 200 }),
    });
    const done: { readonly bytes: Buffer; readonly expected: Buffer }[] = [];
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 40 }), (chunks) => {
        const bodies = [new Body(0), new Body(0), new Body(0)];
        const parts: Buffer[][] = [[], [], []];
        for (const { of, byte, kib } of chunks) {
          const bytes = Buffer.alloc(kib * KIB, byte);
          bodies[of]?.add(bytes);
          parts[of]?.push(bytes);
        }
        done.splice(0, Math.max(0, done.length - 6));
        done.push(
          ...bodies.map((body, index) => ({ bytes: body.whole(), expected: Buffer.concat(parts[index] ?? []) })),
        );
        return done.every(({ bytes, expected }) => bytes.equals(expected));
      }),
      { numRuns: 60 },
    );
  });

  test('long ones one after another share the place in which they gather, and hold no more than their own bytes', () => {
    const long = Buffer.alloc(300 * KIB, 7);
    const [first, second] = [gathered([long, long]), gathered([long, long])];
    expect([first.buffer.byteLength, second.buffer.byteLength]).toEqual([600 * KIB, 600 * KIB]);
    expect(first.buffer).not.toBe(second.buffer);
    // One that would be too much to keep is not copied either.
    const longest = gathered(Array.from({ length: 30 }, () => long));
    expect(longest.buffer.byteLength).toBeGreaterThan(longest.length);
  });
});
