// The doctor's checks of Slack, Jira and Bitbucket, through the real adapters against their doubles.
import { afterEach, describe, expect, it } from 'vitest';
import { bitbucketDouble } from '../../fixtures/platform/bitbucket/bitbucket.ts';
import { BitbucketScenario } from '../../fixtures/platform/bitbucket/scenario-file.ts';
import { scenarioClock } from '../../fixtures/platform/clock.ts';
import { type Double, type Fault, type RunningDouble, serve } from '../../fixtures/platform/kit.ts';
import { jiraDouble, type JiraOptions } from '../../fixtures/platform/jira/jira.ts';
import { slackDouble, USUAL_SCOPES } from '../../fixtures/platform/slack/slack.ts';
import { bitbucketCi } from '../../shared/adapters/bitbucket/ci.ts';
import { jiraTracker } from '../../shared/adapters/jira/tracker.ts';
import { slackChat } from '../../shared/adapters/slack/chat.ts';
import { readCapabilities } from '../../shared/config/capabilities.ts';
import { ConfigurationError } from '../../shared/core/errors.ts';
import { type Finding, runChecks } from '../../shared/local/cli/doctor-check.ts';
import { chatChecks, ciChecks, trackerChecks } from '../../shared/local/cli/doctor-vendors.ts';
import { memoryStore } from '../../shared/wiring/ports.ts';

const clock = scenarioClock('2026-03-04T10:00:00Z');
const ours = { now: () => clock.now(), sleep: () => Promise.resolve() };
const outside = { clock: ours, random: () => 0, deadlineSeconds: 2 };
const capabilities = await readCapabilities();
const scopes = capabilities.get('chat.post')?.slack ?? [];
const permissions = capabilities.get('tracker.write')?.jira ?? [];

const running: RunningDouble[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((double) => double.close()));
});

async function start(double: Double, faults: readonly Fault[] = []): Promise<string> {
  const served = await serve(double, { clock, faults, calls: [] });
  running.push(served);
  return served.url;
}

interface SlackSetting {
  readonly token?: string;
  readonly channel?: string;
  readonly granted?: readonly string[];
  readonly faults?: readonly Fault[];
}

async function examineSlack(setting: SlackSetting = {}): Promise<readonly Finding[]> {
  const channel = (id: string, name: string, member: boolean) => ({
    id,
    name,
    private: false,
    member,
    archived: false,
  });
  const url = await start(
    slackDouble({
      clock,
      token: 'xoxb-right',
      channels: [channel('C0NIGHTOPS', 'ops', true), channel('C0NIGHTGEN', 'general', false)],
      ...(setting.granted === undefined ? {} : { scopes: setting.granted }),
    }),
    setting.faults,
  );
  const chat = slackChat({ token: setting.token ?? 'xoxb-right', apiUrl: `${url}/api/`, ...outside });
  return runChecks([chatChecks({ chat: () => chat, channel: setting.channel ?? '#ops', scopes, clock: ours })]);
}

function levels(findings: readonly Finding[]): readonly (readonly string[])[] {
  return findings.map(({ check, level }) => [check, level]);
}

describe('Slack', () => {
  it('passes with the scopes that the capabilities name', async () => {
    const findings = await examineSlack();
    expect(levels(findings)).toEqual([
      ['token', 'ok'],
      ['scopes', 'ok'],
      ['channel', 'ok'],
    ]);
  });

  it('is one failure with a wrong token', async () => {
    const findings = await examineSlack({ token: 'xoxb-wrong' });
    expect(levels(findings)).toEqual([
      ['token', 'failure'],
      ['the rest', 'skipped'],
    ]);
    expect(findings[0]?.remedy).toContain('SLACK_BOT_TOKEN');
  });

  it('names the scope that is missing', async () => {
    const findings = await examineSlack({ granted: USUAL_SCOPES.filter((scope) => scope !== 'files:write') });
    const found = findings.find(({ check }) => check === 'scopes');
    expect(found?.level).toBe('failure');
    expect(found?.detail).toBe('missing: files:write');
    expect(found?.remedy).toContain('install the app again');
    expect(findings.find(({ check }) => check === 'channel')?.level).toBe('ok');
  });

  it.each([
    ['#nowhere', 'channel_not_found'],
    ['#general', 'not_in_channel'],
  ])('fails for the channel %s with %s', async (channel, code) => {
    const found = (await examineSlack({ channel })).find(({ check }) => check === 'channel');
    expect(found?.level).toBe('failure');
    expect(found?.detail).toContain(code);
    expect(found?.remedy).toContain('/invite');
  });

  it('is a failure that names the variable when there is no token', async () => {
    const findings = await runChecks([
      chatChecks({
        chat: () => {
          throw new ConfigurationError('The policy has chat.slack, and SLACK_BOT_TOKEN is not set.', {
            remedy: 'Set SLACK_BOT_TOKEN.',
          });
        },
        channel: '#ops',
        scopes,
        clock: ours,
      }),
    ]);
    expect(levels(findings)).toEqual([
      ['token', 'failure'],
      ['the rest', 'skipped'],
    ]);
    expect(findings[0]?.remedy).toBe('Set SLACK_BOT_TOKEN.');
  });

  it('does not know the scopes when Slack keeps them to itself', async () => {
    const findings = await runChecks([
      chatChecks({
        chat: () => ({
          ...slackChat({ token: 'xoxb-right', ...outside }),
          identity: () => Promise.resolve({ team: 'shop', user: 'nightshift', scopes: [] }),
          find: () => Promise.resolve(undefined),
        }),
        channel: '#ops',
        scopes,
        clock: ours,
      }),
    ]);
    expect(findings.find(({ check }) => check === 'scopes')?.level).toBe('warning');
  });
});

interface JiraSetting extends Partial<JiraOptions> {
  readonly project?: string;
  readonly givenToken?: string;
}

async function examineJira(setting: JiraSetting = {}): Promise<readonly Finding[]> {
  const { project = 'OPS', givenToken = 'right', ...options } = setting;
  const url = await start(
    jiraDouble({ clock, email: 'night@example.com', token: 'right', project: 'OPS', ...options }),
  );
  const tracker = jiraTracker({ url, email: 'night@example.com', token: givenToken, ...outside });
  return runChecks([trackerChecks({ tracker: () => tracker, jira: { url, project, issueType: 'Task' }, permissions })]);
}

describe('Jira', () => {
  it('passes with the permissions that the capabilities name', async () => {
    expect(levels(await examineJira())).toEqual([
      ['account', 'ok'],
      ['permissions', 'ok'],
      ['project', 'ok'],
    ]);
  });

  it('is one failure with a wrong token', async () => {
    const findings = await examineJira({ givenToken: 'wrong' });
    expect(levels(findings)).toEqual([
      ['account', 'failure'],
      ['the rest', 'skipped'],
    ]);
    expect(findings[0]?.remedy).toContain('JIRA_API_TOKEN');
  });

  it('names the permissions that are missing', async () => {
    const findings = await examineJira({ missingPermissions: ['LINK_ISSUES', 'TRANSITION_ISSUES'] });
    const found = findings.find(({ check }) => check === 'permissions');
    expect(found?.level).toBe('failure');
    expect(found?.detail).toContain('LINK_ISSUES');
    expect(found?.detail).toContain('TRANSITION_ISSUES');
    expect(found?.detail).not.toContain('CREATE_ISSUES');
  });

  it('fails for a project that is not there', async () => {
    const findings = await examineJira({ project: 'NOPE' });
    expect(findings[0]?.level).toBe('failure');
    expect(findings.some(({ level }) => level === 'ok')).toBe(false);
  });
});

describe('Bitbucket', () => {
  const needed = [
    ...(capabilities.get('ci.read')?.bitbucket ?? []),
    ...(capabilities.get('ci.rerun')?.bitbucket ?? []),
  ];

  async function examineBitbucket(
    setting: {
      token?: string;
      granted?: readonly string[];
      repositories?: readonly string[];
      faults?: readonly Fault[];
    } = {},
  ): Promise<readonly Finding[]> {
    const scenario = BitbucketScenario.parse({
      repositories: [{ slug: 'shop' }],
      ...(setting.granted === undefined ? {} : { scopes: setting.granted }),
    });
    const url = await start(bitbucketDouble({ clock, token: 'right', scenario }), setting.faults);
    const bitbucket = {
      workspace: 'example',
      repositories: [...(setting.repositories ?? [])],
      requestsPerHour: 900,
      urgentShare: 0.2,
    };
    const ci = bitbucketCi({
      ...bitbucket,
      ...outside,
      apiUrl: `${url}/2.0`,
      token: setting.token ?? 'right',
      instance: 'doctor',
      store: memoryStore(ours),
    });
    return runChecks([ciChecks({ ci: () => ci, bitbucket, scopes: needed, clock: ours })]);
  }

  it('is fine with the scopes that the duties need', async () => {
    const findings = await examineBitbucket();
    expect(levels(findings)).toEqual([
      ['token', 'ok'],
      ['scopes', 'ok'],
      ['repositories', 'ok'],
      ['pipelines', 'ok'],
    ]);
    expect(findings[0]?.detail).toBe('workspace access token for example');
  });

  it('names the scopes that are missing; pullrequest brings repository, pipeline:write brings no reading', async () => {
    const findings = await examineBitbucket({ granted: ['pullrequest', 'pipeline:write'] });
    expect(findings[1]).toMatchObject({ level: 'failure', detail: 'missing: pipeline' });
  });

  it('says at a wrong token what to set, and skips the rest', async () => {
    const findings = await examineBitbucket({ token: 'wrong' });
    expect(findings[0]).toMatchObject({ level: 'failure' });
    expect(findings[0]?.remedy).toContain('BITBUCKET_ACCESS_TOKEN');
  });

  it('says when no repository fits the policy', async () => {
    const findings = await examineBitbucket({ repositories: ['cart-*'] });
    expect(findings[2]).toMatchObject({ level: 'failure', detail: 'none fits cart-*' });
    expect(findings[3]).toMatchObject({ level: 'skipped' });
  });
});
