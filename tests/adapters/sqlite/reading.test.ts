// A file in a bad state: whoever acts is refused with a way to repair it, and whoever looks sees what can be read.
import { copyFile, mkdtemp, open as openFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sqliteStore } from '../../../shared/adapters/sqlite/store.ts';
import { ConfigurationError } from '../../../shared/core/errors.ts';
import type { Store } from '../../../shared/ports/store.ts';
import { testClock } from '../../support/runtime.ts';

const RUNS = 200;
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-reading-'));
  file = path.join(folder, 'state.sqlite');
  const store = sqliteStore({ path: file, clock: testClock() });
  for (let index = 0; index < RUNS; index += 1) {
    const id = `run-${String(index).padStart(3, '0')}`;
    const data = { duty: 'test', startedAt: id, pad: 'x'.repeat(1500) };
    await store.commit([{ op: 'create', collection: 'runs', id, data }]);
  }
  await store.close();
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function looking(problems: string[] = []): Store {
  return sqliteStore({ path: file, clock: testClock(), reading: { onProblem: (message) => problems.push(message) } });
}

async function latest(store: Store): Promise<readonly string[]> {
  const orderBy = { field: 'startedAt', direction: 'descending' } as const;
  const found = await store.query('runs', { where: [], orderBy, limit: RUNS });
  await store.close();
  return found.map(({ id }) => id);
}

async function refusal(): Promise<ConfigurationError> {
  const store = sqliteStore({ path: file, clock: testClock() });
  try {
    await store.commit([{ op: 'create', collection: 'runs', id: 'new', data: {} }]);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return error as ConfigurationError;
  } finally {
    await store.close();
  }
  throw new Error('It was written to.');
}

describe('a damaged file', () => {
  test('with flipped bytes is refused before anything is decided, and shows the rest', async () => {
    const { size } = await stat(file);
    const handle = await openFile(file, 'r+');
    // A page in the middle: the table's first and last pages stay whole.
    await handle.write(Buffer.alloc(4096, 0xff), 0, 4096, Math.floor(size / 2 / 4096) * 4096);
    await handle.close();
    expect((await refusal()).full).toMatch(/is damaged.*backup.*Slack and Jira.*nightshift runs/s);
    const problems: string[] = [];
    const seen = await latest(looking(problems));
    expect(seen.length).toBeGreaterThan(RUNS / 4);
    expect([...seen].sort().reverse()).toEqual(seen);
  });

  test('that was cut off is refused, and shows what is left', async () => {
    const { size } = await stat(file);
    await truncate(file, Math.floor(size / 8192) * 4096);
    expect((await refusal()).full).toMatch(/is damaged.*backup/s);
    const problems: string[] = [];
    const seen = await latest(looking(problems));
    expect(seen.length).toBeGreaterThan(0);
    expect(problems.join()).toMatch(/is damaged/);
  });
});

test('a file of a newer version is refused to whoever acts, and shows what it has', async () => {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA user_version = 99');
  database.close();
  expect((await refusal()).full).toMatch(/version 99.*Update Nightshift/s);
  expect(await latest(looking())).toHaveLength(RUNS);
});

test('looking writes nothing, makes no file, and a commit by it is refused', async () => {
  const copy = path.join(folder, 'copy.sqlite');
  await copyFile(file, copy);
  const before = await stat(file);
  const store = looking();
  await expect(store.commit([{ op: 'create', collection: 'runs', id: 'new', data: {} }])).rejects.toThrow(
    ConfigurationError,
  );
  expect(await latest(looking())).toHaveLength(RUNS);
  await store.close();
  expect((await stat(file)).mtimeMs).toBe(before.mtimeMs);
  file = path.join(folder, 'none.sqlite');
  expect(await latest(looking())).toEqual([]);
  await expect(stat(file)).rejects.toThrow('ENOENT');
});

test('a lock of somebody who writes does not keep anybody from looking', async () => {
  const writer = new DatabaseSync(file);
  writer.exec('BEGIN IMMEDIATE');
  expect(await latest(looking())).toHaveLength(RUNS);
  writer.exec('ROLLBACK');
  writer.close();
});
