// `nightshift replay` and `export` as people call them, on the challenge as it really runs.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import { main } from '../../shared/local/cli.ts';
import { codeVersion } from '../../shared/local/code-version.ts';
import { findDuties, findDuty } from '../../shared/local/duties.ts';
import { readRecordedCase, rulesOf } from '../../shared/local/recorded-case.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { judgeAgain } from '../../shared/runtime/replay.ts';
import { largeWrites } from '../../shared/runtime/large-document.ts';
import { readRun, type RunRecord } from '../../shared/runtime/run-record.ts';
import { testTerminal, type TestTerminal } from './terminal.ts';

const CHALLENGE = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');

let running: RunningScenario;
let folder: string;
let file: string;
let run: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-replay-'));
  file = path.join(folder, 'state.sqlite');
  // Moved to today: the command line goes by the machine's clock, for which a run of long ago has expired.
  running = await openScenario(loadScenario(CHALLENGE, new Date()), { duty: 'rebalance', storePath: file });
  const result = await running.run();
  run = result.kind === 'busy' ? expect.fail('busy') : result.report.run.id;
});
afterAll(async () => {
  await running.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  vi.stubEnv('NIGHTSHIFT_STORE', `sqlite:${file}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

async function nightshift(...args: readonly string[]): Promise<TestTerminal & { readonly code: number }> {
  const terminal = testTerminal();
  return { ...terminal, code: await main(args, terminal) };
}

/** Puts another report in the place of the stored one, as an older version would have written it. */
async function rewriteReport(change: (text: string) => string): Promise<() => Promise<void>> {
  const store = sqliteStore({ path: file, clock: systemClock });
  const before = (await store.read<RunRecord>('runs', run)) ?? expect.fail('no run');
  const report = (await readRun({ ports: { store } }, run))?.report;
  const large = largeWrites(`other-${String(Math.random())}`, JSON.parse(change(JSON.stringify(report))));
  const data = { ...before.data, report: large.reference };
  const result = await store.commit([
    ...large.writes,
    { op: 'replace', collection: 'runs', id: run, data, version: before.version },
  ]);
  return async () => {
    const version = result.committed ? (result.versions.at(-1) ?? '') : '';
    await store.commit([{ op: 'replace', collection: 'runs', id: run, data: before.data, version }]);
    await store.close();
  };
}

test('replay says that a run is judged the same, and by which code', async () => {
  expect(await nightshift('replay', run)).toMatchObject({ code: 0, printed: ['identical'], warned: [] });
  const json = await nightshift('replay', run, '--json');
  const code = await codeVersion('rebalance');
  expect(JSON.parse(json.printed.join())).toEqual({
    run,
    identical: true,
    difference: null,
    code: { recorded: code, now: code },
  });
});

test('audit verify finds the journal of a real run whole', async () => {
  expect(await nightshift('audit', 'verify')).toMatchObject({
    code: 0,
    printed: [expect.stringContaining('cluster=test,namespace=default: whole, entries 1 to 4') as string],
  });
});

test('replay prints the first difference and exits with 1', async () => {
  const restore = await rewriteReport((text) => text.replace('rebalance/healthy', 'rebalance/wealthy'));
  const { code, printed } = await nightshift('replay', run);
  expect(code).toBe(1);
  expect(printed.join()).toMatch(
    /^different at decisions\[\d\]\.rule\n {2}recorded: "rebalance\/wealthy"\n {2}replayed: "rebalance\/healthy"$/,
  );
  expect((await nightshift('replay', run, '--json')).code).toBe(1);
  await restore();
});

test('replay and export of a run that is not there are wrong use', async () => {
  expect(await nightshift('replay', 'nothing')).toMatchObject({
    code: 2,
    warned: [expect.stringContaining('runs') as string],
  });
  expect((await nightshift('export', 'nothing', '--out', path.join(folder, 'none'))).code).toBe(2);
});

test('export makes a folder that judges as the run did, with nothing of where it ran', async () => {
  const out = path.join(folder, 'exported');
  const { code, printed, warned } = await nightshift('export', run, '--out', out);
  expect(code).toBe(0);
  expect(printed.map((one) => path.relative(out, one))).toEqual([
    'case.yaml',
    'observed/facts.json',
    'observed/outcomes.json',
    'expected/report.json',
  ]);
  expect(warned.join()).toContain('check each rule');
  const { duty } = findDuty(await findDuties(), 'rebalance');
  const read = readRecordedCase(out, duty);
  expect(read.expect).toEqual(running.scenario.case.expect);
  const judged = judgeAgain(duty, read.input);
  expect(rulesOf(judged, read.scope)).toEqual(read.expect);
  expect(judged.summary).toMatchObject(running.scenario.case.expectSummary ?? {});
  const text = await readFile(path.join(out, 'case.yaml'), 'utf8');
  expect(Object.keys(parse(text) as object)).toEqual(['why', 'now', 'scope', 'policy', 'expect']);
  for (const url of Object.values(running.platform.urls)) {
    expect(text).not.toContain(url);
  }
});

test('export does not overwrite what a person may have reviewed', async () => {
  const out = path.join(folder, 'reviewed');
  await mkdir(out);
  await writeFile(path.join(out, 'case.yaml'), 'why: reviewed\n');
  expect((await nightshift('export', run, '--out', out)).code).toBe(2);
  expect(await readFile(path.join(out, 'case.yaml'), 'utf8')).toBe('why: reviewed\n');
});

test('a recorded case whose time was changed in one place only is refused', async () => {
  const out = path.join(folder, 'moved');
  await nightshift('export', run, '--out', out);
  const text = await readFile(path.join(out, 'case.yaml'), 'utf8');
  await writeFile(path.join(out, 'case.yaml'), text.replace(/^now: .*$/m, "now: '2026-01-01T00:00:00.000Z'"));
  const { duty } = findDuty(await findDuties(), 'rebalance');
  expect(() => readRecordedCase(out, duty)).toThrow(/says two times/);
});
