// The doctor as a whole: over the embedded platform with the shipped wiring, and the command as a process.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadScenario, type Scenario } from '../../fixtures/platform/scenario.ts';
import { readCapabilities } from '../../shared/config/capabilities.ts';
import { readEnvironment } from '../../shared/config/environment.ts';
import { main } from '../../shared/local/cli.ts';
import { examine } from '../../shared/local/cli/doctor.ts';
import type { Finding } from '../../shared/local/cli/doctor-check.ts';
import { findDuties } from '../../shared/local/duties.ts';
import { openScenario, type RunningScenario, scenarioClock } from '../../shared/local/scenario.ts';
import { openBuilds } from '../support/builds.ts';
import { testTerminal } from './terminal.ts';

const CHALLENGE = fileURLToPath(new URL('../../fixtures/rebalance/challenge', import.meta.url));
const COMMAND = fileURLToPath(new URL('../../bin/nightshift.mjs', import.meta.url));

const open: RunningScenario[] = [];
const folders: string[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.splice(0).map((one) => one.close()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

async function start(change: (scenario: Scenario) => Scenario = (same) => same): Promise<RunningScenario> {
  const running = await openScenario(change(loadScenario(CHALLENGE)), { duty: 'rebalance' });
  open.push(running);
  return running;
}

async function look(
  running: RunningScenario,
  variables: Readonly<Record<string, string>> = {},
  policyFile?: string,
): Promise<readonly Finding[]> {
  const environment = readEnvironment({ ...running.variables, ...variables });
  return examine({
    environment,
    policyFile: policyFile ?? environment.policy,
    duties: await findDuties(),
    capabilities: await readCapabilities(),
    clock: scenarioClock(running.platform),
    deadlineSeconds: 3,
  });
}

function failures(findings: readonly Finding[]): readonly string[] {
  return findings.filter(({ level }) => level === 'failure').map(({ system, check }) => `${system}: ${check}`);
}

describe('over the embedded platform', () => {
  it('finds nothing wrong with a healthy one, asks only what the systems know, and writes nothing', async () => {
    const running = await start();
    const findings = await look(running);
    expect(findings.filter(({ level }) => level === 'failure' || level === 'skipped')).toEqual([]);
    expect([...new Set(findings.map(({ system }) => system))]).toEqual([
      'Nightshift',
      'Kubernetes test',
      'Metrics test',
      'Slack',
      'Jira',
    ]);
    expect(running.platform.violations()).toEqual([]);
    expect(running.platform.doubles.slack.state().messages).toEqual([]);
    expect(running.platform.doubles.jira.state().issues).toEqual([]);
    const written = running.platform.calls.filter(
      ({ system, method }) => system === 'kubernetes' && method === 'PATCH',
    );
    expect(written).toEqual([]);
  });

  it('takes a team that has no cluster and pipelines for a whole one, and one that has neither for a mistake', async () => {
    const running = await openBuilds('regular-failure');
    open.push(running);
    const findings = await look(running);
    expect(failures(findings)).toEqual([]);
    expect(findings.find(({ check }) => check === 'clusters')).toMatchObject({
      level: 'skipped',
      detail: 'none in the policy: pipelines alone are looked after',
    });
    expect(findings.some(({ system }) => system === 'Bitbucket')).toBe(true);
    expect(findings.map(({ detail }) => detail)).toContain(
      'modes, over action kinds and scopes: 1 auto, 0 approve, 0 observe',
    );
    expect(findings.filter(({ level }) => level === 'warning')).toEqual([]);
    const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-doctor-'));
    folders.push(folder);
    const nothing = path.join(folder, 'policy.yaml');
    await writeFile(nothing, 'version: 1\n');
    expect(failures(await look(running, {}, nothing))).toContain('Nightshift: clusters');
  });

  it('names each failure of several systems at once', async () => {
    const running = await start((scenario) => ({
      ...scenario,
      case: {
        ...scenario.case,
        slack: {
          scopes: ['chat:write', 'channels:read', 'channels:history', 'groups:read', 'groups:history', 'files:read'],
        },
        jira: { ...scenario.case.jira, missingPermissions: ['LINK_ISSUES'] },
      },
      cluster: { ...scenario.cluster, forbidden: ['patch pods/resize'] },
      series: [],
    }));
    const findings = await look(running);
    expect(failures(findings)).toEqual([
      'Kubernetes test: permissions',
      'Metrics test: one cluster',
      'Metrics test: freshness',
      'Metrics test: completeness',
      'Metrics test: completeness',
      'Metrics test: completeness',
      'Slack: scopes',
      'Jira: permissions',
    ]);
    expect(findings.filter(({ level, remedy }) => level === 'failure' && remedy === undefined)).toEqual([]);
  });

  it('tells a dead system and refused credentials, and still looks at the others', async () => {
    const running = await start();
    running.platform.inject({ system: 'kubernetes', operation: '*', kind: 'expired-token' });
    running.platform.inject({ system: 'victoriametrics', operation: '*', kind: 'refuse' });
    const findings = await look(running);
    expect(failures(findings)).toEqual(['Kubernetes test: API server', 'Metrics test: server']);
    expect(findings.find(({ system, check }) => system === 'Slack' && check === 'channel')?.level).toBe('ok');
    expect(findings.find(({ system, level }) => system === 'Kubernetes test' && level === 'failure')?.detail).toContain(
      '401',
    );
  });

  it('keeps a missing token from hiding the rest', async () => {
    const running = await start();
    const findings = await look(running, { SLACK_BOT_TOKEN: '' });
    expect(failures(findings)).toEqual(['Slack: token']);
    expect(findings.find(({ system }) => system === 'Slack')?.remedy).toContain('SLACK_BOT_TOKEN');
    expect(findings.some(({ system, level }) => system === 'Jira' && level === 'ok')).toBe(true);
  });

  it('finds a namespace of the policy that is not there', async () => {
    const running = await start();
    const file = path.join(running.folder, 'other.yaml');
    const policy = await readFile(running.variables['NIGHTSHIFT_POLICY'] ?? '', 'utf8');
    await writeFile(file, policy.replace('- default', '- nowhere'));
    const findings = await look(running, {}, file);
    expect(failures(findings)).toContain('Kubernetes test: namespaces');
  });

  it('checks the store even without a policy', async () => {
    const running = await start();
    const findings = await look(
      running,
      { NIGHTSHIFT_STORE: `sqlite:${running.folder}` },
      path.join(running.folder, 'none.yaml'),
    );
    expect(failures(findings)).toEqual(['Nightshift: policy', 'Nightshift: store']);
    expect(findings.at(-1)?.level).toBe('skipped');
  });
});

describe('wrong use', () => {
  it.each([
    ['init', '--metrics-url'],
    ['policy', 'chekc'],
    ['policy', 'check'],
    ['doctor', 'now'],
  ])('ends with 2: %s %s', async (...args) => {
    vi.stubEnv('NIGHTSHIFT_POLICY', '');
    const terminal = testTerminal();
    expect(await main(args, terminal)).toBe(2);
    expect(terminal.printed).toEqual([]);
    expect(terminal.warned.join('\n')).not.toBe('');
  });

  it.each([['init'], ['policy'], ['policy check'], ['policy schema']])('explains %s', async (command) => {
    const terminal = testTerminal();
    expect(await main([...command.split(' '), '--help'], terminal)).toBe(0);
    expect(terminal.printed.join('\n')).toContain(`Usage: nightshift ${command}`);
  });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function nightshift(args: readonly string[], env: Readonly<Record<string, string>>, cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [COMMAND, ...args], { env, cwd }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(child.exitCode), stdout, stderr });
    });
  });
}

describe('the command as a process', () => {
  async function folder(): Promise<string> {
    const made = await mkdtemp(path.join(tmpdir(), 'nightshift-doctor-'));
    folders.push(made);
    return made;
  }

  it('explains itself with --help and ends with 0', async () => {
    const { code, stdout } = await nightshift(['doctor', '--help'], {}, await folder());
    expect(code).toBe(0);
    expect(stdout).toContain('Usage: nightshift doctor');
  });

  it('ends with 2 on a flag that it does not know', async () => {
    const { code, stdout, stderr } = await nightshift(['doctor', '--bogus'], {}, await folder());
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('--bogus');
  });

  it('prints the list as JSON and ends with 1 when something is wrong, without showing a secret', async () => {
    const running = await start();
    // The process lives in our time, the platform in the scenario's: its metrics are old, its clocks are off.
    const { code, stdout } = await nightshift(['doctor', '--json'], running.variables, await folder());
    expect(code).toBe(1);
    const { result, checks } = JSON.parse(stdout) as { result: string; checks: readonly Finding[] };
    expect(result).toBe('failure');
    expect(checks.find(({ system, check }) => system === 'Kubernetes test' && check === 'clock')?.level).toBe(
      'warning',
    );
    expect(failures(checks)).toContain('Metrics test: freshness');
    expect(stdout).not.toContain(running.variables['SLACK_BOT_TOKEN']);
  });

  it('names what is wrong with the environment', async () => {
    const { code, stdout } = await nightshift(['doctor'], { SLACK_BOT_TOKEN: 'xoxp-a-user-token' }, await folder());
    expect(code).toBe(1);
    expect(stdout).toContain('SLACK_BOT_TOKEN');
    expect(stdout).not.toContain('xoxp-a-user-token');
  });
});
