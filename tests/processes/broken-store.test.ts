// The command line on a database in a bad state: it refuses to act and says what to do, changes nothing on the cluster, and still shows
// what can be read.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { copyFile, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { type Finished, nightshift, ROOT } from './child.ts';

const RUN = ['run', 'rebalance', '--namespace', 'default'];
/** With what the database holds after one run, its log and its shared memory there is room for no more than some pages. */
const DISK_BYTES = 2 * 2 ** 20;

let running: RunningScenario;
let folder: string;
/** A database in which one run is stored. */
let good: string;

beforeAll(async () => {
  running = await openScenario(loadScenario(path.join(ROOT, 'fixtures/rebalance/challenge'), new Date()), {
    duty: 'rebalance',
  });
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-broken-'));
  good = path.join(folder, 'good.sqlite');
  expect((await command(good, RUN)).code).toBe(0);
});

afterAll(async () => {
  await running.close();
  await rm(folder, { recursive: true, force: true });
});

function command(file: string, args: readonly string[]): Promise<Finished> {
  return nightshift(args, {
    ...running.variables,
    NIGHTSHIFT_STORE: `sqlite:${file}`,
    NIGHTSHIFT_LOG_LEVEL: 'silent',
  });
}

const effects = (): number => running.platform.calls.filter((call) => call.method === 'PATCH').length;

/** Nothing is done on the cluster; what it says matches. */
async function refuses(file: string, args: readonly string[], said: RegExp): Promise<void> {
  const before = effects();
  const { code, stdout, stderr } = await command(file, args);
  expect(stdout + stderr).toMatch(said);
  expect(code).not.toBe(0);
  expect(effects()).toBe(before);
}

async function shows(file: string): Promise<void> {
  const runs = await command(file, ['runs']);
  expect(runs.stdout).toMatch(/rebalance/);
  expect(runs.code).toBe(0);
  const journal = await command(file, ['journal']);
  expect(journal.stdout).toMatch(/cluster\.resize-container .* applied/);
  expect(journal.code).toBe(0);
}

/** Of an own file system, where this user may mount one. */
const canMount = ((): boolean => {
  const at = mkdtempSync(path.join(tmpdir(), 'nightshift-mount-'));
  try {
    mount(at);
    execFileSync('umount', [at]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
})();

function mount(at: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(DISK_BYTES)}`, 'tmpfs', at], { stdio: 'ignore' });
}

function disk(name: string): string {
  const at = path.join(folder, name);
  mkdirSync(at);
  mount(at);
  onTestFinished(() => {
    execFileSync('umount', [at]);
  });
  return at;
}

describe.runIf(canMount)('on a disk of its own (skipped where this user may mount none)', () => {
  test('that is full', async () => {
    const at = disk('full');
    const file = path.join(at, 'state.sqlite');
    await copyFile(good, file);
    const { bavail, bsize } = statfsSync(at);
    await writeFile(path.join(at, 'filler'), Buffer.alloc(bavail * bsize));
    await refuses(file, RUN, /the disk is full.*Free space on the disk/s);
    await refuses(file, ['doctor'], /the disk is full.*Free space on the disk/s);
    await shows(file);
    // With room again the next try goes on.
    await rm(path.join(at, 'filler'));
    expect((await command(file, RUN)).code).toBe(0);
  });

  test('that may only be read', async () => {
    const at = disk('read-only');
    const file = path.join(at, 'state.sqlite');
    await copyFile(good, file);
    execFileSync('mount', ['-o', 'remount,ro', at]);
    await refuses(file, RUN, /state\.sqlite cannot be opened: .*in a folder that .* this user may write/s);
    await refuses(file, ['doctor'], /state\.sqlite cannot be opened: .*in a folder that .* this user may write/s);
    await shows(file);
  });
});

test('a damaged file', async () => {
  const file = path.join(folder, 'damaged.sqlite');
  await copyFile(good, file);
  const { size } = await stat(file);
  const handle = await open(file, 'r+');
  // The last pages: those of the documents that were stored last.
  await handle.write(Buffer.alloc(4096, 0xff), 0, 4096, size - 4096);
  await handle.close();
  await refuses(file, RUN, /is damaged.*backup/s);
  await refuses(file, ['doctor'], /is damaged.*backup/s);
  await shows(file);
});
