// The end of a log in any encoding and of any length, with the right number for its first line.
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readLogEnd } from '../../../shared/local/log-file.ts';

const text = 'one\nzwölf\n';

describe('readLogEnd', () => {
  it.each([
    ['UTF-8', Buffer.from(text)],
    ['gzip', gzipSync(text)],
    ['UTF-16 with its mark', Buffer.from(`\uFEFF${text}`, 'utf16le')],
    ['Latin-1', Buffer.from(text, 'latin1')],
  ])('reads %s', async (_, bytes) => {
    expect(await readLogEnd(Readable.from([bytes]))).toEqual({ text, firstLine: 1 });
  });

  it('replaces broken bytes and keeps the rest', async () => {
    const bytes = Buffer.concat([Buffer.from('zwölf '), Buffer.from([0xff]), Buffer.from(' end')]);
    expect((await readLogEnd(Readable.from([bytes]))).text).toBe('zwölf \uFFFD end');
  });

  it('counts the lines of what it leaves out', async () => {
    const line = `${'x'.repeat(1023)}\n`;
    const chunks = Array.from({ length: 40 }, () => Buffer.from(line.repeat(256)));
    const { text: end, firstLine } = await readLogEnd(Readable.from(chunks));
    expect(firstLine + end.split('\n').length - 2).toBe(40 * 256);
    expect(firstLine).toBeGreaterThan(1);
  });

  it('reads nothing from nothing', async () => {
    expect(await readLogEnd(Readable.from([]))).toEqual({ text: '', firstLine: 1 });
  });
});
