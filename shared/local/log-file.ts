// Reads a log file of any size in chunks and keeps its end: an explanation looks at no more, and 50 MB must not fill the memory.
// Knows encodings and compression; nothing of what a log says.
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MAX_LOG_CHARACTERS } from '../core/log/log-line.ts';

export interface LogEnd {
  readonly text: string;
  /** Of the text's first line in the whole log, from 1. */
  readonly firstLine: number;
}

const LINE_BREAK = 0x0a;
const CHUNK_BYTES = 256 * 1024;
const GZIP = [0x1f, 0x8b] as const;

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** The end of the file at `path`; gzip is unpacked. Fails with the system's error when it cannot be read. */
export async function readLogFile(path: string): Promise<LogEnd> {
  // What is no file, such as a pipe, can be read once and from the front only.
  const found = await stat(path);
  if (!found.isFile()) {
    return readLogEnd(createReadStream(path));
  }
  const file = await open(path);
  try {
    const head = Buffer.alloc(GZIP.length);
    await file.read(head, 0, head.length, 0);
    const isPacked = head[0] === GZIP[0] && head[1] === GZIP[1];
    return isPacked ? await readLogEnd(createReadStream(path)) : await plainEnd(file, found.size, encodingOf(head));
  } finally {
    await file.close();
  }
}

/** One buffer for all that is only counted: what a stream hands out would lie about until it is collected. */
async function plainEnd(file: FileHandle, size: number, encoding: Encoding): Promise<LogEnd> {
  // Even, since a character of UTF-16 is two bytes.
  const start = Math.max(0, size - MAX_LOG_CHARACTERS) & ~1;
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let firstLine = 1;
  for (let at = 0; at < start;) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(CHUNK_BYTES, start - at), at);
    if (bytesRead === 0) {
      break;
    }
    firstLine += linesIn(chunk.subarray(0, bytesRead), encoding);
    at += bytesRead;
  }
  const tail = Buffer.alloc(size - start);
  let filled = 0;
  for (let more = true; more && filled < tail.length;) {
    const { bytesRead } = await file.read(tail, filled, tail.length - filled, start + filled);
    filled += bytesRead;
    more = bytesRead > 0;
  }
  return { text: decoded(tail.subarray(0, filled), encoding), firstLine };
}

/** The end of a stream of bytes. */
export async function readLogEnd(stream: Readable): Promise<LogEnd> {
  const bytes = new ByteTail(MAX_LOG_CHARACTERS);
  for await (const chunk of await unpacked(stream)) {
    bytes.push(chunk);
  }
  const { buffer, firstLine, encoding } = bytes.end();
  return { text: decoded(buffer, encoding), firstLine };
}

async function unpacked(stream: Readable): Promise<AsyncIterable<Buffer>> {
  const chunks = (stream as AsyncIterable<Buffer | string>)[Symbol.asyncIterator]();
  const first = await chunks.next();
  const head = first.done === true ? Buffer.alloc(0) : Buffer.from(first.value);
  const all = rejoined(head, chunks);
  if (head[0] !== GZIP[0] || head[1] !== GZIP[1]) {
    return all;
  }
  const gunzip = createGunzip();
  void feed(all, gunzip);
  return gunzip as AsyncIterable<Buffer>;
}

async function* rejoined(head: Buffer, rest: AsyncIterator<Buffer | string>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield Buffer.from(next.value);
  }
}

/** A failure of the source ends the reading of what comes out with that failure. */
async function feed(source: AsyncIterable<Buffer>, gunzip: ReturnType<typeof createGunzip>): Promise<void> {
  try {
    for await (const chunk of source) {
      if (!gunzip.write(chunk)) {
        await new Promise((resolve) => gunzip.once('drain', resolve));
      }
    }
    gunzip.end();
  } catch (error) {
    gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

/** The last bytes of a stream in one ring of fixed size, and how many lines went by before them. */
class ByteTail {
  readonly #size: number;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #droppedLines = 0;
  #encoding: Encoding | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) {
      return;
    }
    this.#encoding ??= encodingOf(chunk);
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    // Whole chunks go while what stays is long enough by itself.
    for (let first = this.#kept[0]; first !== undefined && this.#keptBytes - first.length >= this.#size;) {
      this.#droppedLines += linesIn(first, this.#encoding);
      this.#keptBytes -= first.length;
      this.#kept.shift();
      first = this.#kept[0];
    }
  }

  end(): { readonly buffer: Buffer; readonly firstLine: number; readonly encoding: Encoding } {
    return {
      buffer: Buffer.concat(this.#kept),
      firstLine: this.#droppedLines + 1,
      encoding: this.#encoding ?? 'utf-8',
    };
  }
}

function encodingOf(head: Buffer): Encoding {
  if (head[0] === 0xff && head[1] === 0xfe) {
    return 'utf-16le';
  }
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : 'utf-8';
}

/** In UTF-16 other characters hold the byte too: the other half of the unit must be zero. Chunks are of even length there. */
function linesIn(chunk: Buffer, encoding: Encoding): number {
  let lines = 0;
  for (let at = chunk.indexOf(LINE_BREAK); at !== -1; at = chunk.indexOf(LINE_BREAK, at + 1)) {
    const isBreak =
      encoding === 'utf-8' ||
      (encoding === 'utf-16le' ? at % 2 === 0 && chunk[at + 1] === 0 : at % 2 === 1 && chunk[at - 1] === 0);
    lines += Number(isBreak);
  }
  return lines;
}

/** Broken UTF-8 is Latin-1 when it holds no valid sequence of several bytes at all; else only its broken bytes are replaced. */
function decoded(buffer: Buffer, encoding: Encoding): string {
  if (encoding !== 'utf-8') {
    return new TextDecoder(encoding).decode(buffer);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer);
  } catch {
    const text = new TextDecoder('utf-8').decode(buffer);
    return /[\u0080-\uFFFC]/.test(text) ? text : new TextDecoder('latin1').decode(buffer);
  }
}
