// The environment: defaults, every wrong setting told at once with what was expected, and no secret in any message.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLoopback, readEnvironment } from '../../shared/config/environment.ts';
import { SETTINGS } from '../../shared/config/settings.ts';
import { ConfigurationError } from '../../shared/core/errors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-environment-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bot = ['xoxb', '1', '2', 'abc'].join('-');

function problemOf(variables: Record<string, string>): string {
  try {
    readEnvironment(variables);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).full;
  }
  return expect.fail('the environment was accepted');
}

describe('what is not set', () => {
  it('has the defaults that the table of settings shows', () => {
    expect(readEnvironment({})).toEqual({
      policy: undefined,
      store: { kind: 'sqlite', path: '.nightshift/state.sqlite' },
      firestoreEmulatorHost: undefined,
      host: '127.0.0.1',
      port: 8080,
      token: undefined,
      logLevel: 'info',
      kubeconfig: undefined,
      slackBotToken: undefined,
      slackApiUrl: 'https://slack.com/api/',
      jiraEmail: undefined,
      jiraApiToken: undefined,
      bitbucketAccessToken: undefined,
      bitbucketApiUrl: 'https://api.bitbucket.org/2.0',
      metricsUsername: undefined,
      metricsPassword: undefined,
      metricsBearerToken: undefined,
      googleApiUrl: 'https://{api}.googleapis.com',
      pubsubProject: undefined,
      pubsubApiUrl: 'https://pubsub.googleapis.com',
      secrets: [],
      warnings: [],
    });
  });

  it('is the same as what is empty or blank', () => {
    const empty = Object.fromEntries(
      SETTINGS.flatMap(({ name }) => [
        [name, ''],
        [`${name}_FILE`, ' '],
      ]),
    );
    expect(readEnvironment(empty)).toMatchObject({ ...readEnvironment({}), warnings: expect.anything() as unknown });
  });

  it('is read from the process when nothing is handed in', () => {
    expect(readEnvironment().port).toBeTypeOf('number');
  });
});

describe('what is set', () => {
  it('is taken, trimmed, and its secrets are known', () => {
    const environment = readEnvironment({
      NIGHTSHIFT_POLICY: ' policy.yaml ',
      NIGHTSHIFT_STORE: 'sqlite:/data/x.sqlite',
      NIGHTSHIFT_HOST: '0.0.0.0',
      NIGHTSHIFT_TOKEN: '0123456789abcdef',
      NIGHTSHIFT_PORT: '0',
      SLACK_BOT_TOKEN: `${bot}\n`,
      SLACK_API_URL: 'http://127.0.0.1:1234/api/',
      JIRA_EMAIL: 'a@b.c',
      JIRA_API_TOKEN: 'jira-token',
      NIGHTSHIFT_METRICS_USERNAME: 'u',
      NIGHTSHIFT_METRICS_PASSWORD: 'p w',
    });
    expect(environment).toMatchObject({
      policy: 'policy.yaml',
      store: { kind: 'sqlite', path: '/data/x.sqlite' },
      host: '0.0.0.0',
      port: 0,
      slackBotToken: bot,
      slackApiUrl: 'http://127.0.0.1:1234/api/',
      jiraEmail: 'a@b.c',
      metricsPassword: 'p w',
    });
    expect(environment.secrets).toEqual(['0123456789abcdef', bot, 'jira-token', 'p w']);
  });

  it.each([
    ['sqlite::memory:', { kind: 'sqlite', path: ':memory:' }],
    ['firestore:shop-prod', { kind: 'firestore', project: 'shop-prod', database: '(default)' }],
    ['firestore:shop-prod/(default)', { kind: 'firestore', project: 'shop-prod', database: '(default)' }],
    ['firestore:shop-prod/nightshift', { kind: 'firestore', project: 'shop-prod', database: 'nightshift' }],
    [
      'firestore:example.com:shop-prod/nightshift',
      { kind: 'firestore', project: 'example.com:shop-prod', database: 'nightshift' },
    ],
  ])('names the store: %s', (value, store) => {
    const host = '127.0.0.1:8080';
    expect(readEnvironment({ NIGHTSHIFT_STORE: value, FIRESTORE_EMULATOR_HOST: host })).toMatchObject({
      store,
      firestoreEmulatorHost: host,
    });
  });

  it('takes PORT, which Cloud Run sets, and lets NIGHTSHIFT_PORT win', () => {
    expect(readEnvironment({ PORT: '9000' }).port).toBe(9000);
    expect(readEnvironment({ PORT: '9000', NIGHTSHIFT_PORT: '9001' }).port).toBe(9001);
    expect(readEnvironment({ GOOGLE_CLOUD_PROJECT: 'shop-prod' }).pubsubProject).toBe('shop-prod');
    expect(readEnvironment({ GOOGLE_CLOUD_PROJECT: 'shop-prod', PUBSUB_PROJECT: 'shop-other' }).pubsubProject).toBe(
      'shop-other',
    );
  });

  it("is not confused by Kubernetes' own variables for a Service called nightshift", () => {
    const environment = readEnvironment({
      NIGHTSHIFT_PORT: 'tcp://10.0.0.7:80',
      NIGHTSHIFT_PORT_80_TCP_ADDR: '10.0.0.7',
      NIGHTSHIFT_PORT_80_TCP: 'tcp://10.0.0.7:80',
      NIGHTSHIFT_SERVICE_HOST: '10.0.0.7',
      NIGHTSHIFT_SERVICE_PORT_HTTP: '80',
      PORT: '8081',
    });
    expect(environment.port).toBe(8081);
    expect(environment.warnings).toEqual([]);
  });

  it('warns of a name that is nearly a setting', () => {
    expect(readEnvironment({ NIGHTSHIFT_POLCY: 'x', NIGHTSHIFT_ZZZ: 'y', OTHER: 'z' }).warnings).toEqual([
      'NIGHTSHIFT_POLCY is set, but there is no such setting; did you mean NIGHTSHIFT_POLICY?',
      expect.stringMatching(/^NIGHTSHIFT_ZZZ is set, but there is no such setting/),
    ]);
  });
});

describe('secrets in files', () => {
  it('are read without the line break at their end', async () => {
    const file = join(folder, 'token');
    await writeFile(file, `${bot}\n`);
    const environment = readEnvironment({ SLACK_BOT_TOKEN_FILE: file });
    expect(environment.slackBotToken).toBe(bot);
    expect(environment.secrets).toEqual([bot]);
  });

  it('are refused when the value is set as well, or the file is not there, empty or a folder', async () => {
    const file = join(folder, 'token');
    await writeFile(file, '\n');
    expect(problemOf({ SLACK_BOT_TOKEN: bot, SLACK_BOT_TOKEN_FILE: file })).toContain(
      'SLACK_BOT_TOKEN and SLACK_BOT_TOKEN_FILE are both set',
    );
    expect(problemOf({ SLACK_BOT_TOKEN_FILE: join(folder, 'none') })).toMatch(
      /SLACK_BOT_TOKEN_FILE: the file .*none cannot be read \(ENOENT/,
    );
    expect(problemOf({ SLACK_BOT_TOKEN_FILE: file })).toMatch(/the file .*token is empty/);
    expect(problemOf({ SLACK_BOT_TOKEN_FILE: folder })).toContain('cannot be read (EISDIR');
  });

  it('are only for secrets', () => {
    expect(readEnvironment({ JIRA_EMAIL_FILE: '/nowhere' }).jiraEmail).toBeUndefined();
  });
});

describe('what is wrong', () => {
  it.each([
    [
      { NIGHTSHIFT_STORE: 'firestore:shop/nightshift' },
      'NIGHTSHIFT_STORE: expected sqlite:<file>, firestore:<project> or firestore:<project>/<database>, got "firestore:shop/nightshift"',
    ],
    [{ NIGHTSHIFT_STORE: 'firestore:shop-prod/' }, 'firestore:<project>/<database>, got "firestore:shop-prod/"'],
    [{ NIGHTSHIFT_STORE: 'firestore:shop-prod/a/b' }, 'firestore:<project>/<database>, got'],
    [{ NIGHTSHIFT_STORE: 'firestore:shop-prod/No' }, 'firestore:<project>/<database>, got'],
    [{ FIRESTORE_EMULATOR_HOST: 'http://127.0.0.1:8080' }, 'FIRESTORE_EMULATOR_HOST: expected a host and a port'],
    [{ NIGHTSHIFT_STORE: 'sqlite:' }, 'expected sqlite:<file>'],
    [{ NIGHTSHIFT_PORT: '65536' }, 'NIGHTSHIFT_PORT: expected a port from 0 to 65535, got "65536"'],
    [{ PORT: 'http' }, 'PORT: expected a port from 0 to 65535, got "http"'],
    [
      { NIGHTSHIFT_HOST: '0.0.0.0' },
      'NIGHTSHIFT_HOST is 0.0.0.0, which others can reach, and NIGHTSHIFT_TOKEN is not set',
    ],
    [
      { NIGHTSHIFT_HOST: '127.0.0.1:80', NIGHTSHIFT_TOKEN: 'short' },
      'NIGHTSHIFT_TOKEN: expected at least 16 characters',
    ],
    [
      { NIGHTSHIFT_LOG_LEVEL: 'loud' },
      'NIGHTSHIFT_LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, silent, got "loud"',
    ],
    [{ SLACK_API_URL: 'slack.com/api' }, 'SLACK_API_URL: expected an http:// or https:// address'],
    [{ SLACK_API_URL: 'https://u:p@slack.com/api' }, 'without user or password'],
    [{ PUBSUB_API_URL: 'localhost:8085' }, 'PUBSUB_API_URL: expected an http'],
    [{ JIRA_EMAIL: 'a@b.c' }, 'JIRA_EMAIL is set without JIRA_API_TOKEN'],
    [{ JIRA_API_TOKEN: 'abc' }, 'JIRA_API_TOKEN is set without JIRA_EMAIL'],
    [{ NIGHTSHIFT_METRICS_USERNAME: 'u' }, 'belong together'],
    [
      { NIGHTSHIFT_METRICS_USERNAME: 'u', NIGHTSHIFT_METRICS_PASSWORD: 'p', NIGHTSHIFT_METRICS_BEARER_TOKEN: 't' },
      'NIGHTSHIFT_METRICS_BEARER_TOKEN and NIGHTSHIFT_METRICS_USERNAME are both set',
    ],
    [{ PUBSUB_PROJECT: 'Not A Project' }, 'PUBSUB_PROJECT: expected a Google Cloud project id'],
  ])('%j is refused: %s', (variables, expected) => {
    expect(problemOf(variables as Record<string, string>)).toContain(expected);
  });

  it('is told all at once', () => {
    const problem = problemOf({ NIGHTSHIFT_PORT: 'x', NIGHTSHIFT_LOG_LEVEL: 'loud', JIRA_EMAIL: 'a@b.c' });
    expect(problem.match(/^- /gm)).toHaveLength(3);
  });

  it('never shows a secret', () => {
    for (const { name } of SETTINGS.filter((setting) => setting.secret)) {
      const value = 'not to be \u0001 shown';
      let message = '';
      try {
        readEnvironment({ [name]: value, NIGHTSHIFT_PORT: 'x' });
      } catch (error) {
        message = `${String(error)} ${JSON.stringify(error)} ${(error as Error).stack ?? ''}`;
      }
      expect(message).toContain('NIGHTSHIFT_PORT');
      expect(message).not.toContain('to be');
    }
  });
});

describe('the table of settings', () => {
  it('has defaults that its own checks accept, and says what each is for', () => {
    for (const setting of SETTINGS) {
      expect(setting.description.length).toBeGreaterThan(5);
      if (setting.default !== undefined) {
        expect(setting.schema.safeParse(setting.default).success).toBe(true);
      }
    }
  });
});

it.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example.com', false],
])('loopback: %s %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
