// `nightshift audit` as people call it, on a store in a file.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import { main } from '../../shared/local/cli.ts';
import type { Store } from '../../shared/ports/store.ts';
import { entryId, type JournalEntry, journalWrites } from '../../shared/runtime/journal.ts';
import { testTerminal, type TestTerminal } from './terminal.ts';

const SCOPE = 'cluster=prod,namespace=shop';
const DAY = 86_400_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-audit-'));
  vi.stubEnv('NIGHTSHIFT_STORE', `sqlite:${path.join(folder, 'state.sqlite')}`);
  vi.stubEnv('NIGHTSHIFT_POLICY', path.join(folder, 'policy.yaml'));
  await writeFile(path.join(folder, 'policy.yaml'), 'version: 1\nretention: {journal: 60d}\n');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function withStore<T>(work: (store: Store) => Promise<T>): Promise<T> {
  const store = sqliteStore({ path: path.join(folder, 'state.sqlite'), clock: systemClock });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** One settled action a day, the last of them today. */
async function journal(days: number): Promise<void> {
  await withStore(async (store) => {
    for (let age = days - 1; age >= 0; age -= 1) {
      const at = new Date(Date.now() - age * DAY).toISOString();
      const id = `action-${String(age)}`;
      const action = { id, kind: 'test.size', scope: SCOPE, state: 'settled', updatedAt: at };
      const entry = {
        scope: SCOPE,
        at,
        actionId: id,
        kind: 'test.size',
        state: 'settled' as const,
        by: 'run r',
        detail: `ü\u0085 ${id}`,
      };
      await store.commit([
        { op: 'create', collection: 'actions', id, data: action },
        ...(await journalWrites(store, entry)),
      ]);
    }
  });
}

async function alter(sequence: number, change: Partial<JournalEntry>): Promise<void> {
  await withStore(async (store) => {
    const id = entryId(SCOPE, sequence);
    const before = await store.read<JournalEntry>('journal', id);
    const data = { ...before?.data, ...change };
    await store.commit([{ op: 'replace', collection: 'journal', id, data, version: before?.version ?? '' }]);
  });
}

async function audit(...args: readonly string[]): Promise<TestTerminal & { readonly code: number }> {
  const terminal = testTerminal();
  return { ...terminal, code: await main(['audit', ...args], terminal) };
}

test('verify tells that each scope is whole, with its last hash', async () => {
  await journal(3);
  const { code, printed } = await audit('verify');
  expect(printed).toEqual([
    expect.stringMatching(/^cluster=prod,namespace=shop: whole, entries 1 to 3, last hash [0-9a-f]{64}$/),
  ]);
  expect(code).toBe(0);
});

test('verify of nothing is no failure; of an unknown scope it is wrong use', async () => {
  expect(await audit('verify')).toMatchObject({ code: 0, printed: ['The journal is empty: nothing was changed yet.'] });
  await journal(1);
  const unknown = await audit('verify', '--scope', 'cluster=prod,namespace=web');
  expect(unknown.code).toBe(2);
  expect(unknown.warned.join()).toContain(`Scopes: ${SCOPE}`);
});

test('verify exits with 1 and names the first entry that was altered', async () => {
  await journal(5);
  await alter(3, { by: 'run another' });
  const { code, printed, warned } = await audit('verify', '--scope', SCOPE);
  expect(code).toBe(1);
  expect(printed.join()).toMatch(/BROKEN, entries 1 to 2[^]*DEFECT: The hash of entry 3/);
  expect(warned.join()).toContain('Keep a copy of the store');
  const json = await audit('verify', '--json');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.printed.join())).toMatchObject([
    { scope: SCOPE, defects: [{ kind: 'altered', sequence: 3 }] },
  ]);
});

test('export prints each entry as one line of JSON that verify takes as a witness', async () => {
  await journal(4);
  const { printed } = await audit('export');
  const entries = await withStore((store) =>
    Promise.all([1, 2, 3, 4].map((one) => store.read<JournalEntry>('journal', entryId(SCOPE, one)))),
  );
  expect(printed.map((line) => JSON.parse(line) as unknown)).toEqual(entries.map((one) => one?.data));
  // Nothing that a terminal would take out of the line, which would then have another hash.
  expect(printed.join('')).not.toMatch(/[\u007f-\u009f]/);
  const file = path.join(folder, 'copy.jsonl');
  await writeFile(file, `${printed.join('\n')}\n`);
  expect((await audit('verify', '--against', file)).code).toBe(0);
  await writeFile(file, printed.join('\n').replace(/"hash":"[0-9a-f]{4}/, '"hash":"0000'));
  const rewritten = await audit('verify', '--against', file);
  expect(rewritten.code).toBe(1);
  expect(rewritten.printed.join()).toContain('the journal was rewritten');
  await writeFile(file, `${printed.join('\n')}\nno entry\n`);
  expect(await audit('verify', '--against', file)).toMatchObject({
    code: 2,
    warned: [expect.stringContaining('Line 5') as string],
  });
});

test('export takes a time and a scope', async () => {
  await journal(4);
  const since = new Date(Date.now() - 1.5 * DAY).toISOString();
  expect((await audit('export', '--since', since)).printed).toHaveLength(2);
  expect((await audit('export', '--scope', 'elsewhere')).printed).toEqual([]);
  expect((await audit('export', '--since', 'yesterday')).code).toBe(2);
});

test('cut takes what is older than the retention of the policy, and nothing younger', async () => {
  await journal(90);
  const { code, printed } = await audit('cut');
  expect(printed[0]).toBe(`${SCOPE}: 30 entries cut.`);
  expect(code).toBe(0);
  expect((await audit('verify')).printed.join()).toMatch(/whole, entries 31 to 90 \(what was before was cut at /);
  expect((await audit('cut')).printed.join()).toMatch(/^Nothing is older than/);
});

test('cut takes an earlier time, and refuses a later one', async () => {
  await journal(90);
  const earlier = new Date(Date.now() - 79.5 * DAY).toISOString();
  expect((await audit('cut', '--before', earlier)).printed[0]).toBe(`${SCOPE}: 10 entries cut.`);
  const refused = await audit('cut', '--before', new Date(Date.now() - 10 * DAY).toISOString());
  expect(refused.code).toBe(2);
  expect(refused.warned.join()).toContain('60d');
  expect((await audit('verify')).printed.join()).toContain('entries 11 to 90');
});

test('cut without a policy says what to do', async () => {
  vi.stubEnv('NIGHTSHIFT_POLICY', undefined);
  const { code, warned } = await audit('cut');
  expect(code).toBe(1);
  expect(warned.join()).toContain('NIGHTSHIFT_POLICY');
});
