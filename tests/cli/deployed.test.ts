// `nightshift status`, `invoke` and the pausing of jobs against Google's APIs in one double.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { gcpDeployment } from '../../shared/adapters/gcp/deployment.ts';
import { main } from '../../shared/local/cli.ts';
import { setJobsPaused } from '../../shared/local/cli/jobs.ts';
import { type GoogleRig, googleRig } from '../adapters/gcp/rig.ts';
import { json, scriptedServer } from '../adapters/http/scripted-server.ts';
import { testClock } from '../support/runtime.ts';
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

test('jobs are paused and resumed, each only when it is not so already', async () => {
  const { google, url, calls } = await deployed();
  const deployment = gcpDeployment({ project: 'shop-prod', apiUrl: url, clock: testClock(), random: () => 0 });
  const terminal = testTerminal();
  await setJobsPaused(terminal, deployment, true);
  await setJobsPaused(terminal, deployment, true);
  expect(google.state.jobs[0]?.state).toBe('PAUSED');
  await setJobsPaused(terminal, deployment, false, ['other']);
  expect(google.state.jobs[0]?.state).toBe('PAUSED');
  await setJobsPaused(terminal, deployment, false, ['settle']);
  expect(terminal.printed).toEqual(['nightshift-settle: paused', 'nightshift-settle: resumed']);
  expect(calls.filter(({ operation }) => /^(pause|resume) job$/.test(operation))).toHaveLength(2);
});
