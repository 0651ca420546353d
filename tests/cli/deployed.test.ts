// `nightshift status`, `invoke` and the pausing of jobs against Google's APIs in one double.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { main } from '../../shared/local/cli.ts';
import { type GoogleRig, googleRig } from '../adapters/gcp/rig.ts';
import { json, scriptedServer } from '../adapters/http/scripted-server.ts';
import { testTerminal } from './terminal.ts';

const REGION = 'europe-west3';

async function deployed(uri = 'https://settle.example.com'): Promise<GoogleRig> {
  const rig = await googleRig();
  const folder = mkdtempSync(path.join(tmpdir(), 'nightshift-status-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  vi.stubEnv('GOOGLE_API_URL', rig.url);
  vi.stubEnv('PUBSUB_PROJECT', 'shop-prod');
  vi.stubEnv('NIGHTSHIFT_STORE', `sqlite:${path.join(folder, 'state.sqlite')}`);
  rig.google.state.functions = [
    { name: 'nightshift-settle', region: REGION, state: 'ACTIVE', uri, revision: 'nightshift-settle-00007-xyz' },
  ];
  rig.google.state.jobs = [
    {
      name: 'nightshift-settle',
      region: REGION,
      schedule: '* * * * *',
      state: 'ENABLED',
      lastAttemptTime: '2026-03-04T09:59:00Z',
      scheduleTime: '2026-03-04T10:00:00Z',
    },
  ];
  return rig;
}

describe('status', () => {
  test('shows on one screen how each duty stands', async () => {
    const { violations } = await deployed();
    const terminal = testTerminal();
    expect(await main(['status'], terminal)).toBe(0);
    const lines = terminal.printed.join('\n').split('\n');
    expect(lines.find((line) => line.startsWith('settle'))?.replaceAll(/ {2,}/g, ' | ')).toBe(
      'settle | * * * * * UTC | enabled | 2026-03-04 09:59Z ok | 2026-03-04 10:00Z | active | nightshift-settle-00007-xyz | – | 0',
    );
    expect(lines.find((line) => line.startsWith('rebalance'))).toContain('not deployed');
    expect(violations()).toEqual([]);
  });

  test('a failed attempt or a dead letter ends with 1, and --json tells the same', async () => {
    const { google } = await deployed();
    google.state.undelivered = { 'nightshift-settle-dead': 2 };
    google.state.jobs = google.state.jobs.map((job) => ({ ...job, code: 13 }));
    const terminal = testTerminal();
    expect(await main(['status', '--json'], terminal)).toBe(1);
    const rows = JSON.parse(terminal.printed.join('\n')) as readonly Record<string, unknown>[];
    expect(rows.find(({ duty }) => duty === 'settle')).toMatchObject({
      deadLetters: 2,
      job: { lastFailure: '500 failed' },
    });
  });

  test('what may not be seen is said, and the rest is shown', async () => {
    const { google } = await deployed();
    google.state.denied.add('monitoring.timeSeries.list');
    const terminal = testTerminal();
    expect(await main(['status'], terminal)).toBe(0);
    expect(terminal.warned.join('\n')).toContain('roles/monitoring.viewer');
    expect(terminal.printed.join('\n')).toContain('nightshift-settle-00007-xyz');
  });

  test('without a project it asks for one', async () => {
    await deployed();
    vi.stubEnv('PUBSUB_PROJECT', '');
    const terminal = testTerminal();
    expect(await main(['status'], terminal)).toBe(2);
    expect(terminal.warned.join('\n')).toContain('--project');
  });
});

describe('invoke', () => {
  test('calls the deployed function with the scope and prints its answer', async () => {
    await using server = await scriptedServer(json({ result: 'done' }));
    await deployed(server.url);
    const terminal = testTerminal();
    expect(await main(['invoke', 'settle', '--scope', 'cluster=prod', 'namespace=shop', '--dry-run'], terminal)).toBe(
      0,
    );
    expect(server.received[0]?.body).toBe('{"scope":{"cluster":"prod","namespace":"shop"},"dry_run":true}');
    expect(JSON.parse(terminal.printed.join('\n'))).toEqual({ result: 'done' });
  });

  test.each([
    [['invoke', 'nope'], 'There is no duty "nope"'],
    [['invoke', 'rebalance'], 'rebalance is not deployed there'],
    [['invoke', 'settle', '--scope', 'shop'], 'is no field of a scope'],
  ])('%j is refused', async (args, expected) => {
    await deployed();
    const terminal = testTerminal();
    expect(await main(args, terminal)).toBe(2);
    expect(terminal.warned.join('\n')).toContain(expected);
  });
});

describe('pause --jobs and resume --jobs', () => {
  const job = (name: string): GoogleRig['google']['state']['jobs'][number] => ({
    name: `nightshift-${name}`,
    region: REGION,
    schedule: '* * * * *',
    state: 'ENABLED',
  });

  async function scheduled(): Promise<{ rig: GoogleRig; call(...args: string[]): Promise<Said> }> {
    const rig = await deployed();
    rig.google.state.jobs = [job('rebalance'), job('settle'), { ...job('other'), name: 'backup-of-others' }];
    const folder = mkdtempSync(path.join(tmpdir(), 'nightshift-pause-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    writeFileSync(path.join(folder, 'policy.yaml'), 'version: 1\n');
    vi.stubEnv('NIGHTSHIFT_POLICY', path.join(folder, 'policy.yaml'));
    return {
      rig,
      async call(...args) {
        const terminal = testTerminal();
        const code = await main([...args, '--jobs'], terminal);
        return { code, said: terminal.printed.join('\n'), warned: terminal.warned.join('\n') };
      },
    };
  }

  interface Said {
    readonly code: number;
    readonly said: string;
    readonly warned: string;
  }

  const states = ({ google }: GoogleRig): Readonly<Record<string, string>> =>
    Object.fromEntries(google.state.jobs.map(({ name, state }) => [name, state]));

  test('everything stops in the store and at the scheduler, and goes on again; the jobs of others are left alone', async () => {
    const { rig, call } = await scheduled();
    const paused = await call('pause', '--why', 'deploy freeze');
    expect(paused.code).toBe(0);
    expect(paused.said).toContain('Everything is paused.');
    expect(paused.said).toContain('nightshift-rebalance: paused\nnightshift-settle: paused');
    expect(states(rig)).toEqual({
      'nightshift-rebalance': 'PAUSED',
      'nightshift-settle': 'PAUSED',
      'backup-of-others': 'ENABLED',
    });
    const resumed = await call('resume');
    expect(resumed.code).toBe(0);
    expect(resumed.said).toContain('nightshift-rebalance: resumed\nnightshift-settle: resumed');
    expect(new Set(Object.values(states(rig)))).toEqual(new Set(['ENABLED']));
    expect(rig.violations()).toEqual([]);
  });

  test('again, it changes nothing more', async () => {
    const { rig, call } = await scheduled();
    await call('pause');
    const before = rig.calls.length;
    expect((await call('pause')).said).toContain('No job was to be paused.');
    expect(rig.calls.slice(before).filter(({ method }) => method === 'POST')).toEqual([]);
  });

  test('one job that cannot be paused keeps no other from it, is told, and is tried alone the next time', async () => {
    const { rig, call } = await scheduled();
    // Each try of the first job, until its client gives up.
    rig.faults.push(
      ...[1, 2, 3].map((call) => ({ system: 'google', operation: 'pause job', call, kind: '500' }) as const),
    );
    const first = await call('pause');
    expect(first.code).toBe(1);
    expect(first.warned).toContain('nightshift-rebalance: not paused.');
    expect(first.warned).toContain(
      '1 of 2 jobs could not be paused; the same command again tries those that are left.',
    );
    expect(states(rig)).toMatchObject({ 'nightshift-rebalance': 'ENABLED', 'nightshift-settle': 'PAUSED' });
    expect(await call('pause')).toMatchObject({
      code: 0,
      said: expect.stringContaining('nightshift-rebalance: paused') as string,
    });
  });

  test('without the right the command says which role', async () => {
    const { rig, call } = await scheduled();
    rig.google.state.denied.add('cloudscheduler.jobs.pause');
    const { code, warned } = await call('pause');
    expect(code).toBe(1);
    expect(warned).toContain('roles/cloudscheduler.admin');
  });

  test('what a resume left behind is resumed by the next, though nothing is paused in the store any more', async () => {
    const { rig, call } = await scheduled();
    await call('pause');
    rig.google.state.denied.add('cloudscheduler.jobs.enable');
    expect((await call('resume')).code).toBe(1);
    rig.google.state.denied.clear();
    expect(await call('resume')).toMatchObject({
      code: 0,
      said: expect.stringContaining('nightshift-settle: resumed') as string,
    });
  });

  test('a store that cannot be reached does not keep the jobs running', async () => {
    const { rig, call } = await scheduled();
    vi.stubEnv('NIGHTSHIFT_POLICY', '/nowhere/policy.yaml');
    const { code, warned } = await call('pause');
    expect(code).toBe(1);
    expect(warned).toContain('/nowhere/policy.yaml');
    expect(states(rig)).toMatchObject({ 'nightshift-rebalance': 'PAUSED', 'nightshift-settle': 'PAUSED' });
  });

  test('another store than that of the functions is told', async () => {
    const { call } = await scheduled();
    expect((await call('pause')).warned).toContain('Deployed functions keep their store in Firestore');
  });

  test('a scope is refused before anything is changed', async () => {
    const { rig, call } = await scheduled();
    expect(await call('pause', '--scope', 'cluster=prod')).toMatchObject({ code: 2 });
    expect(rig.calls).toEqual([]);
  });
});
