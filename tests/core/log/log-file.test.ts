// The end of a log in any encoding and of any length, with the right number for its first line.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLogEnd, readLogFile } from '../../../shared/local/log-file.ts';

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

describe('readLogFile', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'nightshift-log-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function read(bytes: Buffer): ReturnType<typeof readLogFile> {
    const file = path.join(folder, 'some.log');
    await writeFile(file, bytes);
    return readLogFile(file);
  }

  it.each([
    ['UTF-8', Buffer.from(text)],
    ['gzip', gzipSync(text)],
    ['UTF-16 with its mark', Buffer.from(`\uFEFF${text}`, 'utf16le')],
    ['nothing', Buffer.alloc(0)],
  ])('reads %s', async (name, bytes) => {
    expect(await read(bytes)).toEqual({ text: name === 'nothing' ? '' : text, firstLine: 1 });
  });

  it.each([
    ['UTF-8', 'utf8'],
    ['UTF-16', 'utf16le'],
  ] as const)('reads the end of a long file of %s, and counts the lines before it', async (_, encoding) => {
    const lines = Array.from({ length: 120_000 }, (_unused, index) => `line ${String(index + 1)} of the log`);
    const mark = encoding === 'utf16le' ? '\uFEFF' : '';
    const { text: end, firstLine } = await read(Buffer.from(`${mark}${lines.join('\n')}`, encoding));
    const shown = end.split('\n');
    expect(firstLine).toBeGreaterThan(1);
    expect(shown.at(-1)).toBe('line 120000 of the log');
    expect(shown.slice(1)).toEqual(lines.slice(firstLine));
  });

  it('fails for what is not there', async () => {
    await expect(readLogFile(path.join(folder, 'nowhere.log'))).rejects.toThrow('ENOENT');
  });
});
