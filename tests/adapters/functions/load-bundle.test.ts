// The first file of a deployed function: compiled code that fits is used, and any other does no harm.
import { execFile } from 'node:child_process';
import { appendFile, copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, afterEach, expect, test, vi } from 'vitest';
import { CACHE_ENDING, loadBundle } from '../../../shared/adapters/functions/load-bundle.ts';
import { storeCode } from '../../../shared/local/code-cache.ts';

const MAIN = 'duty.cjs';
const PART = path.join('chunks', 'part.cjs');

let folder: string;
let told: string[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-bundle-'));
  await mkdir(path.join(folder, 'chunks'));
  await writeFile(
    path.join(folder, MAIN),
    `const path = require('node:path'); const part = require('./chunks/part.cjs');
     exports.value = part.twice(21); exports.again = require('./chunks/part.cjs') === part;
     exports.here = path.basename(__filename) + ' in ' + (__dirname === path.dirname(__filename));`,
  );
  await writeFile(path.join(folder, PART), 'exports.twice = (value) => value * 2;');
  told = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** Compiled and stored, and then at a place where this process has not compiled it: V8 remembers what it has by text and file. */
async function deployed(change: (code: Buffer) => Buffer = (code) => code): Promise<string> {
  storeCode(loadBundle(folder, MAIN).scripts);
  const place = path.join(folder, 'deployed');
  await mkdir(place);
  for (const name of [MAIN, `${MAIN}${CACHE_ENDING}`, 'chunks']) {
    await cp(path.join(folder, name), path.join(place, name), { recursive: true });
  }
  const file = path.join(place, `${PART}${CACHE_ENDING}`);
  await writeFile(file, change(await readFile(file)));
  return place;
}

function exportsOf(loaded: ReturnType<typeof loadBundle>, place = folder): unknown {
  return loaded.load(path.join(place, MAIN));
}

const WORKS = { value: 42, again: true, here: 'duty.cjs in true' };

test('a bundle without compiled code works', () => {
  const loaded = loadBundle(folder, MAIN);
  expect(exportsOf(loaded)).toEqual(WORKS);
  expect([...loaded.scripts.values()].map((script) => script.cachedDataRejected)).toEqual([undefined, undefined]);
  expect(told).toEqual([]);
});

test('compiled code beside the parts is taken', async () => {
  const place = await deployed();
  const loaded = loadBundle(place, MAIN);
  expect(exportsOf(loaded, place)).toEqual(WORKS);
  expect([...loaded.scripts.values()].map((script) => script.cachedDataRejected)).toEqual([false, false]);
  expect(told).toEqual([]);
});

test.each([
  // V8's header: magic number, hash of the version, hash of the source, hash of the flags.
  ['of another version of V8', (code: Buffer) => (code.writeUInt32LE(~code.readUInt32LE(4) >>> 0, 4), code)],
  ['of other flags', (code: Buffer) => (code.writeUInt32LE(~code.readUInt32LE(12) >>> 0, 12), code)],
  ['cut off', (code: Buffer) => code.subarray(0, code.length / 2)],
  ['empty', () => Buffer.alloc(0)],
  ['of something else', () => Buffer.from('no compiled code')],
])('compiled code that is %s is left aside, and the log tells it', async (_name, change) => {
  const place = await deployed(change);
  const loaded = loadBundle(place, MAIN);
  expect(exportsOf(loaded, place)).toEqual(WORKS);
  expect(loaded.scripts.get(path.join(place, PART))?.cachedDataRejected).toBe(true);
  expect(told.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    {
      severity: 'WARNING',
      message: expect.stringContaining('The compiled code of part.cjs is not for Node') as string,
    },
  ]);
});

test('compiled code of another text is left aside', async () => {
  const place = await deployed();
  await appendFile(path.join(place, PART), '\nexports.twice = () => 7;');
  expect(exportsOf(loadBundle(place, MAIN), place)).toMatchObject({ value: 7 });
});

test('a part that fails is told as it is, and loaded anew the next time', async () => {
  const broken = path.join(folder, 'chunks', 'broken.cjs');
  await writeFile(broken, 'throw new Error("on purpose");');
  const { load } = loadBundle(folder, MAIN);
  expect(() => load(broken)).toThrow('on purpose');
  await copyFile(path.join(folder, PART), broken);
  expect(load(broken)).toHaveProperty('twice');
});

test('the heap may grow twice as far, set before the first part is compiled: compiled code is made for the flags of its process', async () => {
  await writeFile(
    path.join(folder, MAIN),
    `const { Script } = require('node:vm');
     const flags = () => new Script('1').createCachedData().readUInt32LE(12);
     const found = flags();
     require('node:v8').setFlagsFromString('--heap-growing-percent=100');
     console.log(JSON.stringify([found, flags(), globalThis.flagsBefore]));`,
  );
  const loader = JSON.stringify(path.resolve('shared/adapters/functions/load-bundle.ts'));
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    `import { Script } from 'node:vm';
     globalThis.flagsBefore = new Script('1').createCachedData().readUInt32LE(12);
     (await import(${loader})).loadBundle(${JSON.stringify(folder)}, ${JSON.stringify(MAIN)});`,
  ]);
  const [found, wanted, before] = JSON.parse(stdout) as readonly number[];
  expect(found).toBe(wanted);
  expect(found).not.toBe(before);
});
