// The settings of this process, checked and named. With settings.ts the only reader of the environment.
// Finds every problem before it fails; never shows the value of a secret.
import { readFileSync } from 'node:fs';
import { ConfigurationError, describeError } from '../core/errors.ts';
import { closest } from './closest.ts';
import { SETTINGS, STORE_PATTERN } from './settings.ts';
import type { Setting, SettingName } from './settings.ts';

/** Each field is the setting of that name; what is undefined was not set and has no default. */
export interface Environment {
  /** Path of the policy file. */
  readonly policy: string | undefined;
  readonly store: StoreSetting;
  /** `host:port`, for a store in Firestore. */
  readonly firestoreEmulatorHost: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly logLevel: string;
  readonly kubeconfig: string | undefined;
  readonly slackBotToken: string | undefined;
  readonly slackSigningSecret: string | undefined;
  readonly slackAppToken: string | undefined;
  readonly slackApiUrl: string;
  readonly jiraEmail: string | undefined;
  readonly jiraApiToken: string | undefined;
  readonly bitbucketAccessToken: string | undefined;
  readonly bitbucketApiUrl: string;
  readonly ollamaUrl: string | undefined;
  readonly ollamaToken: string | undefined;
  readonly bitbucketWebhookSecret: string | undefined;
  readonly metricsUsername: string | undefined;
  readonly metricsPassword: string | undefined;
  readonly metricsBearerToken: string | undefined;
  readonly googleApiUrl: string;
  readonly pubsubProject: string | undefined;
  readonly pubsubApiUrl: string;
  /** The values that must not leave the process, for core/mask.ts. */
  readonly secrets: readonly string[];
  /** What looks like a mistake and does not stop anything. */
  readonly warnings: readonly string[];
}

export type StoreSetting =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'firestore'; readonly project: string; readonly database: string };

type Variables = Readonly<Record<string, string | undefined>>;

/** Fails with one ConfigurationError that names every variable that is wrong. An empty variable counts as not set. */
export function readEnvironment(variables: Variables = process.env): Environment {
  const problems: string[] = [];
  const values = new Map<string, string>();
  for (const setting of SETTINGS) {
    const value = valueOf(setting, variables, problems);
    if (value !== undefined) {
      values.set(setting.name, value);
    }
  }
  const get = (name: SettingName): string | undefined => values.get(name);
  const withDefault = (name: SettingName): string => values.get(name) ?? defaultOf(name);
  const environment: Environment = {
    policy: get('NIGHTSHIFT_POLICY'),
    store: storeSetting(withDefault('NIGHTSHIFT_STORE')),
    firestoreEmulatorHost: get('FIRESTORE_EMULATOR_HOST'),
    host: withDefault('NIGHTSHIFT_HOST'),
    port: Number(withDefault('NIGHTSHIFT_PORT')),
    token: get('NIGHTSHIFT_TOKEN'),
    logLevel: withDefault('NIGHTSHIFT_LOG_LEVEL'),
    kubeconfig: get('KUBECONFIG'),
    slackBotToken: get('SLACK_BOT_TOKEN'),
    slackSigningSecret: get('SLACK_SIGNING_SECRET'),
    slackAppToken: get('SLACK_APP_TOKEN'),
    slackApiUrl: withDefault('SLACK_API_URL'),
    jiraEmail: get('JIRA_EMAIL'),
    jiraApiToken: get('JIRA_API_TOKEN'),
    bitbucketAccessToken: get('BITBUCKET_ACCESS_TOKEN'),
    bitbucketApiUrl: withDefault('BITBUCKET_API_URL'),
    ollamaUrl: get('OLLAMA_URL'),
    ollamaToken: get('OLLAMA_TOKEN'),
    bitbucketWebhookSecret: get('BITBUCKET_WEBHOOK_SECRET'),
    metricsUsername: get('NIGHTSHIFT_METRICS_USERNAME'),
    metricsPassword: get('NIGHTSHIFT_METRICS_PASSWORD'),
    metricsBearerToken: get('NIGHTSHIFT_METRICS_BEARER_TOKEN'),
    googleApiUrl: withDefault('GOOGLE_API_URL'),
    pubsubProject: get('PUBSUB_PROJECT'),
    pubsubApiUrl: withDefault('PUBSUB_API_URL'),
    secrets: SETTINGS.flatMap((setting) => (setting.secret ? (values.get(setting.name) ?? []) : [])),
    warnings: warningsFor(variables),
  };
  problems.push(...contradictions(environment, values));
  if (problems.length > 0) {
    throw new ConfigurationError(
      `The environment of this process is wrong; correct it where the process is started:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    );
  }
  return environment;
}

function storeSetting(value: string): StoreSetting {
  const { path, project, database } = STORE_PATTERN.exec(value)?.groups ?? {};
  return project === undefined
    ? { kind: 'sqlite', path: path ?? '' }
    : { kind: 'firestore', project, database: database ?? '(default)' };
}

function defaultOf(name: SettingName): string {
  return SETTINGS.find((setting) => setting.name === name)?.default ?? '';
}

/** The value of the first name that is set, when it is as expected; else undefined and perhaps a problem. */
function valueOf(setting: Setting, variables: Variables, problems: string[]): string | undefined {
  for (const name of [setting.name, ...(setting.alternatives ?? [])]) {
    const value = rawValue(setting, name, variables, problems);
    if (value === undefined) {
      continue;
    }
    const checked = setting.schema.safeParse(value);
    if (checked.success) {
      return checked.data;
    }
    const got = setting.secret ? `a value of ${String(value.length)} characters` : JSON.stringify(value.slice(0, 80));
    problems.push(
      `${name}: expected ${checked.error.issues[0]?.message ?? 'another value'}, got ${got}. For example: ${setting.example}.`,
    );
    return undefined;
  }
  return undefined;
}

function rawValue(setting: Setting, name: string, variables: Variables, problems: string[]): string | undefined {
  const value = present(variables[name]);
  const file = setting.secret ? present(variables[`${name}_FILE`]) : undefined;
  if (file === undefined) {
    return isServiceLink(name, value) ? undefined : value;
  }
  if (value !== undefined) {
    problems.push(`${name} and ${name}_FILE are both set; take one of them away.`);
    return undefined;
  }
  try {
    const content = readFileSync(file, 'utf8').trim();
    if (content === '') {
      problems.push(`${name}_FILE: the file ${file} is empty; expected ${setting.description.toLowerCase()}.`);
      return undefined;
    }
    return content;
  } catch (error) {
    problems.push(
      `${name}_FILE: the file ${file} cannot be read (${describeError(error)}); expected the path of a file with the secret.`,
    );
    return undefined;
  }
}

function present(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

/**
 * Kubernetes puts NIGHTSHIFT_PORT=tcp://10.0.0.1:80 into every pod beside a Service that is called nightshift.
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
function isServiceLink(name: string, value: string | undefined): boolean {
  return name === 'NIGHTSHIFT_PORT' && value !== undefined && /^(tcp|udp|sctp):\/\//.test(value);
}

function contradictions(environment: Environment, values: ReadonlyMap<string, string>): readonly string[] {
  const both = (a: SettingName, b: SettingName): boolean => values.has(a) !== values.has(b);
  const problems: string[] = [];
  if (!isLoopback(environment.host) && environment.token === undefined) {
    problems.push(
      `NIGHTSHIFT_HOST is ${environment.host}, which others can reach, and NIGHTSHIFT_TOKEN is not set; expected a bearer token of at least 16 characters, e.g. from: openssl rand -hex 24.`,
    );
  }
  if (both('JIRA_EMAIL', 'JIRA_API_TOKEN')) {
    const [set, missing] = values.has('JIRA_EMAIL')
      ? ['JIRA_EMAIL', 'JIRA_API_TOKEN']
      : ['JIRA_API_TOKEN', 'JIRA_EMAIL'];
    problems.push(`${set} is set without ${missing}; Jira takes both or none.`);
  }
  if (both('NIGHTSHIFT_METRICS_USERNAME', 'NIGHTSHIFT_METRICS_PASSWORD')) {
    problems.push(
      'NIGHTSHIFT_METRICS_USERNAME and NIGHTSHIFT_METRICS_PASSWORD belong together; one of them is not set.',
    );
  }
  if (values.has('NIGHTSHIFT_METRICS_BEARER_TOKEN') && values.has('NIGHTSHIFT_METRICS_USERNAME')) {
    problems.push(
      'NIGHTSHIFT_METRICS_BEARER_TOKEN and NIGHTSHIFT_METRICS_USERNAME are both set; a request carries only one of them.',
    );
  }
  return problems;
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return /^127(\.[0-9]{1,3}){3}$/.test(host) || host === '::1' || host === 'localhost';
}

function warningsFor(variables: Variables): readonly string[] {
  const known = SETTINGS.flatMap((setting) => [setting.name, ...(setting.secret ? [`${setting.name}_FILE`] : [])]);
  return Object.keys(variables)
    .filter((name) => name.startsWith('NIGHTSHIFT_') && !known.includes(name))
    .filter((name) => !/_(SERVICE_(HOST|PORT(_.*)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)$/.test(name))
    .map((name) => {
      const meant = closest(name, known);
      return `${name} is set, but there is no such setting${meant === undefined ? '' : `; did you mean ${meant}?`}`;
    });
}
