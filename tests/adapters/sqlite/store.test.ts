// The contract on SQLite, and what only a file can do: be locked, read-only, damaged, newer, shared, or killed over.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sqliteStore } from '../../../shared/adapters/sqlite/store.ts';
import { prepare } from '../../../shared/adapters/sqlite/schema.ts';
import { storeFailure } from '../../../shared/adapters/sqlite/failure.ts';
import { selectStatement } from '../../../shared/adapters/sqlite/select.ts';
import { BugError, ConfigurationError, PlatformError } from '../../../shared/core/errors.ts';
import type { Query, Store } from '../../../shared/ports/store.ts';
import { storeContract } from '../../contract/store.ts';
import { committed, create, TestClock } from '../../contract/store-under-test.ts';

const child = join(import.meta.dirname, 'child.ts');
let folder: string;
let path: string;
const clock = new TestClock();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-store-'));
  path = join(folder, 'deep', 'state.sqlite');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

storeContract('SQLite', async (contractClock) => {
  const open = (): Store => sqliteStore({ path, clock: contractClock });
  let store = open();
  return {
    store,
    second: () => Promise.resolve(open()),
    reopen: async () => {
      await store.close();
      store = open();
      return store;
    },
    dispose: () => store.close(),
  };
});

function open(busyTimeoutMilliseconds = 5000): Store {
  return sqliteStore({ path, clock, busyTimeoutMilliseconds });
}

async function failureOf(work: Promise<unknown>): Promise<ConfigurationError | PlatformError | BugError> {
  const error: unknown = await work.then(
    () => expect.fail('it succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof ConfigurationError || error instanceof PlatformError || error instanceof BugError) {
    return error;
  }
  throw error;
}

describe('the file', () => {
  it('is made with its folder at the first use, readable by its owner only', async () => {
    const store = open();
    await expect(stat(path)).rejects.toThrow('ENOENT');
    await store.check();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(`${path}-wal`)).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it('keeps a write-ahead log, so that readers never wait for a writer', async () => {
    const store = open();
    await store.check();
    const file = new DatabaseSync(path);
    expect(file.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    file.close();
    await store.close();
  });

  it('lives in memory on request, and leaves no file', async () => {
    const store = sqliteStore({ path: ':memory:', clock });
    committed(await store.commit([create('runs', 'r', { a: 1 })]));
    expect((await store.read('runs', 'r'))?.data).toEqual({ a: 1 });
    await store.close();
  });

  it('gets an index that a later release declares, and keeps one that only another release knows', async () => {
    const store = open();
    await store.check();
    await store.close();
    const file = new DatabaseSync(path);
    const names = (): unknown[] =>
      file
        .prepare("SELECT name FROM sqlite_master WHERE type = 'index'")
        .all()
        .map((row) => row['name']);
    expect(names()).toContain('documents_outbox(state,dueAt)');
    file.exec('DROP INDEX "documents_outbox(state,dueAt)"; CREATE INDEX "documents_future(x)" ON documents (id)');
    const again = open();
    await again.check();
    expect(names()).toEqual(expect.arrayContaining(['documents_outbox(state,dueAt)', 'documents_future(x)']));
    file.close();
    await again.close();
  });

  it.each<[string, Query]>([
    [
      'outbox',
      {
        where: [
          { field: 'state', op: '==', value: 'p' },
          { field: 'dueAt', op: '<=', value: 'x' },
        ],
        limit: 5,
      },
    ],
    ['runs', { where: [], orderBy: { field: 'startedAt', direction: 'descending' }, limit: 5 }],
    [
      'actions',
      {
        where: [
          { field: 'scope', op: '==', value: 's' },
          { field: 'state', op: '==', value: 'x' },
        ],
        limit: 5,
      },
    ],
    [
      'actions',
      {
        where: [
          { field: 'duty', op: '==', value: 'd' },
          { field: 'scope', op: '==', value: 's' },
        ],
        orderBy: { field: 'createdAt', direction: 'descending' },
        limit: 5,
      },
    ],
  ])('serves queries over %s by a declared index, sorting nothing', async (collection, query) => {
    const store = open();
    await store.check();
    const file = new DatabaseSync(path);
    const { sql, values } = selectStatement(collection, query);
    const plan = file.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(0, ...values, query.limit);
    const details = plan.map((step) => String(step['detail'])).join('; ');
    expect(details).toMatch(new RegExp(`USING INDEX documents_${collection}\\(`));
    expect(details).not.toContain('TEMP B-TREE');
    file.close();
    await store.close();
  });
});

describe('refusals', () => {
  async function seeded(): Promise<void> {
    const store = open();
    committed(await store.commit([create('runs', 'r', { a: 1 })]));
    await store.close();
  }

  it('refuses a file of a newer release, names both versions, and leaves it alone', async () => {
    await seeded();
    const file = new DatabaseSync(path);
    file.exec('PRAGMA user_version = 99');
    file.close();
    const store = open();
    const error = await failureOf(store.read('runs', 'r'));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.full).toMatch(/version 99.* up to 1\..*Update Nightshift/);
    await store.close();
  });

  it('says that a file is no SQLite file', async () => {
    path = join(folder, 'notes.txt');
    await writeFile(path, 'this is not a database at all '.repeat(100));
    const error = await failureOf(open().check());
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.full).toMatch(/notes\.txt is not an SQLite file.*backup/s);
  });

  it('says that a file is damaged', async () => {
    const store = open();
    for (let index = 0; index < 40; index += 1) {
      await store.commit([create('chunks', String(index), { text: 'x'.repeat(20_000) })]);
    }
    await store.close();
    await truncate(path, 32_768);
    const damaged = open();
    const error = await failureOf(damaged.query('chunks', { where: [], limit: 100 }));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.full).toMatch(/is damaged.*backup/s);
    await damaged.close();
  });

  it('says that another process holds the lock, and works again afterwards', async () => {
    await seeded();
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const store = open(20);
    const error = await failureOf(store.commit([create('runs', 'r2', {})]));
    expect(error).toMatchObject({ failure: { system: 'store', operation: 'commit', code: 'locked', applied: 'no' } });
    expect(error.full).toMatch(/more than 20 ms.*Try again/s);
    expect(await store.read('runs', 'r')).toBeDefined();
    other.exec('ROLLBACK');
    committed(await store.commit([create('runs', 'r2', {})]));
    other.close();
    await store.close();
  });

  it('says that it may not write', async () => {
    await seeded();
    await chmod(folder, 0o755);
    await chmod(join(folder, 'deep'), 0o555);
    await chmod(path, 0o444);
    await asUnprivileged(async () => {
      const store = open();
      const error = await failureOf(store.commit([create('runs', 'r2', {})]));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.full).toMatch(/cannot be (written|opened|made).*NIGHTSHIFT_STORE/s);
      await store.close();
    });
    await chmod(join(folder, 'deep'), 0o755);
  });

  it('says that a folder cannot be made, or that the path is a folder', async () => {
    await writeFile(join(folder, 'file'), '');
    path = join(folder, 'file', 'state.sqlite');
    expect((await failureOf(open().check())).full).toMatch(/cannot be (made|opened).*NIGHTSHIFT_STORE/s);
    path = folder;
    expect((await failureOf(open().check())).full).toMatch(/cannot be (made|opened).*NIGHTSHIFT_STORE/s);
  });

  it('tries to open again after a failure', async () => {
    path = join(folder, 'late.sqlite');
    await writeFile(path, 'not yet a database '.repeat(100));
    const store = open();
    await failureOf(store.check());
    await rm(path);
    await store.check();
    await store.close();
  });

  it('says that the disk is full, that nothing was written, and goes on when there is room', async () => {
    await seeded();
    const file = new DatabaseSync(path);
    const pages = Number(file.prepare('PRAGMA page_count').get()?.['page_count']);
    file.exec(`PRAGMA max_page_count = ${String(pages)}`);
    let error: unknown;
    try {
      file.exec(`BEGIN; INSERT INTO documents VALUES ('runs', 'big', 9, '"${'x'.repeat(100_000)}"', NULL); COMMIT`);
    } catch (reason) {
      error = storeFailure(reason, { operation: 'commit', path, busyTimeoutMilliseconds: 1 });
    }
    file.close();
    expect(error).toMatchObject({ failure: { code: 'full', applied: 'no' } });
    expect((error as PlatformError).full).toMatch(/disk is full.*Free space/s);
  });

  it('leaves errors that are not of SQLite as they are', () => {
    const error = new TypeError('x');
    expect(storeFailure(error, { operation: 'read', path, busyTimeoutMilliseconds: 1 })).toBe(error);
  });
});

describe('the change to a write-ahead log', () => {
  /** Other processes hold the file, so that SQLite refuses the change at once, `times` times. */
  class ContestedDatabase extends DatabaseSync {
    refusals: number;

    constructor(file: string, times: number) {
      super(file);
      this.refusals = times;
    }

    override prepare(sql: string): StatementSync {
      if (sql === 'PRAGMA journal_mode = WAL' && this.refusals > 0) {
        this.refusals -= 1;
        throw Object.assign(new Error('database is locked'), { code: 'ERR_SQLITE_ERROR', errcode: 5 });
      }
      return super.prepare(sql);
    }
  }

  it('is tried again while other processes open the same new file', () => {
    const database = new ContestedDatabase(join(folder, 'new.sqlite'), 3);
    prepare(database, 'new.sqlite', 1000);
    expect(database.refusals).toBe(0);
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    database.close();
  });

  it('is given up after the time that a write may wait', () => {
    const database = new ContestedDatabase(join(folder, 'new.sqlite'), Number.POSITIVE_INFINITY);
    expect(() => {
      prepare(database, 'new.sqlite', 30);
    }).toThrow('database is locked');
    database.close();
  });
});

describe('several processes', () => {
  const running: ChildProcess[] = [];
  afterEach(() => {
    for (const process of running.splice(0)) {
      process.kill('SIGKILL');
    }
  });

  function start(...parameters: string[]): ChildProcess {
    const started = spawn(process.execPath, ['--no-warnings', child, path, ...parameters], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.push(started);
    return started;
  }

  it('open one new file together and count exactly', async () => {
    const children = Array.from({ length: 4 }, () => start('count', '25'));
    const codes = await Promise.all(children.map(async (one) => (await once(one, 'exit'))[0] as unknown));
    expect(codes).toEqual([0, 0, 0, 0]);
    const store = open();
    expect((await store.read('budgets', 'shared'))?.data).toEqual({ used: 100 });
    await store.close();
  });

  it.each([1, 7, 23])('leave each commit whole when one is killed after %i commits', async (commits) => {
    const writer = start('write');
    let acknowledged = 0;
    for await (const line of createInterface({ input: writer.stdout ?? expect.fail('no output') })) {
      acknowledged = Number(line);
      if (acknowledged >= commits) {
        writer.kill('SIGKILL');
      }
    }
    // As after a power cut of the process's machine: the files as they lie there, without anybody's shared memory.
    const copy = join(folder, 'copy.sqlite');
    await copyFile(path, copy);
    await copyFile(`${path}-wal`, `${copy}-wal`);
    for (const file of [path, copy]) {
      const store = sqliteStore({ path: file, clock });
      const documents = await store.query<{ generation: number }>('targets', { where: [], limit: 100 });
      const generations = new Set(documents.map(({ data }) => data.generation));
      expect(documents).toHaveLength(20);
      expect(generations.size).toBe(1);
      expect([...generations][0]).toBeGreaterThanOrEqual(acknowledged);
      await store.check();
      await store.close();
      const raw = new DatabaseSync(file);
      expect(raw.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      raw.close();
    }
  });
});

/** File permissions do not bind root, as whom containers often run tests. */
async function asUnprivileged(work: () => Promise<void>): Promise<void> {
  const { geteuid, seteuid } = process;
  if (geteuid?.() !== 0 || seteuid === undefined) {
    return work();
  }
  seteuid(65_534);
  try {
    await work();
  } finally {
    seteuid(0);
  }
}
