// Every setting of the environment as data: what is read, checked, explained in errors and printed in the README's table.
// Reads nothing itself.
import { z } from 'zod';

export interface Setting {
  readonly name: string;
  /** A secret may also be given as a file: `<name>_FILE` holds its path. Its value is never shown. */
  readonly secret: boolean;
  readonly default?: string;
  /** Other names that are looked at when the first is not set. */
  readonly alternatives?: readonly string[];
  readonly description: string;
  readonly usedBy: string;
  /** Its message says what was expected, to follow "expected". */
  readonly schema: z.ZodType<string>;
  readonly example: string;
}

const anyText = z.string();

function pattern(expression: RegExp, expected: string): z.ZodType<string> {
  return z.string().regex(expression, expected);
}

/** The forms that Google documents; a project of an old domain carries its name before a colon. */
const PROJECT_ID = '([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]';
const DATABASE_ID = '\\(default\\)|[a-z][a-z0-9-]{2,61}[a-z0-9]';

/** Its groups are the file, or the project and, when it is named, the database. */
export const STORE_PATTERN = new RegExp(
  `^(?:sqlite:(?<path>.+)|firestore:(?<project>${PROJECT_ID})(?:/(?<database>${DATABASE_ID}))?)$`,
);

const httpUrl = z.string().refine(isPlainHttpUrl, 'an http:// or https:// address without user or password');

/** Credentials in an address end up in logs and error messages of every library that handles it. */
export function isPlainHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) {
    return false;
  }
  const url = new URL(value);
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

const TABLE = [
  {
    name: 'NIGHTSHIFT_POLICY',
    secret: false,
    description: 'Path of the policy file',
    usedBy: 'every duty; a dry run does without',
    schema: anyText,
    example: './policy.yaml',
  },
  {
    name: 'NIGHTSHIFT_STORE',
    secret: false,
    default: 'sqlite:.nightshift/state.sqlite',
    description:
      'Where runs, journal and outbox are kept: sqlite:<file>, on a local disk that survives restarts, or firestore:<project> or firestore:<project>/<database>, for many instances',
    usedBy: 'every duty',
    schema: pattern(STORE_PATTERN, 'sqlite:<file>, firestore:<project> or firestore:<project>/<database>'),
    example: 'firestore:shop-prod/nightshift',
  },
  {
    name: 'FIRESTORE_EMULATOR_HOST',
    secret: false,
    description: "Address of Google's Firestore emulator, in place of the real service and its credentials",
    usedBy: 'NIGHTSHIFT_STORE=firestore:…',
    schema: pattern(/^([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$/, 'a host and a port, without http://'),
    example: '127.0.0.1:8080',
  },
  {
    name: 'NIGHTSHIFT_HOST',
    secret: false,
    default: '127.0.0.1',
    description: 'Address that the one-process host listens on; any but loopback needs NIGHTSHIFT_TOKEN',
    usedBy: 'npm start',
    schema: pattern(/^[A-Za-z0-9.:-]+$/, 'an IP address or a host name, without port'),
    example: '0.0.0.0',
  },
  {
    name: 'NIGHTSHIFT_PORT',
    secret: false,
    default: '8080',
    alternatives: ['PORT'],
    description: 'Port that the one-process host listens on; 0 takes a free one',
    usedBy: 'npm start',
    schema: z.string().refine((text) => /^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535, 'a port from 0 to 65535'),
    example: '8080',
  },
  {
    name: 'NIGHTSHIFT_TOKEN',
    secret: true,
    description: 'Bearer token that callers of the one-process host must send, at least 16 characters',
    usedBy: 'npm start',
    schema: pattern(/^[A-Za-z0-9._~+/=-]{16,}$/, 'at least 16 characters of A-Z a-z 0-9 . _ ~ + / = -'),
    example: 'the output of: openssl rand -hex 24',
  },
  {
    name: 'NIGHTSHIFT_LOG_LEVEL',
    secret: false,
    default: 'info',
    description: 'Least severe log entry that is written: debug, info, warn, error or silent',
    usedBy: 'everything',
    schema: z.enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'one of trace, debug, info, warn, error, fatal, silent',
    ),
    example: 'debug',
  },
  {
    name: 'KUBECONFIG',
    secret: false,
    description: "Path of the kubeconfig; without it ~/.kube/config, or the pod's own service account",
    usedBy: 'duties that look at a cluster',
    schema: anyText,
    example: '/etc/nightshift/kubeconfig',
  },
  {
    name: 'SLACK_BOT_TOKEN',
    secret: true,
    description: 'Bot token of the Slack app',
    usedBy: 'chat.slack in the policy',
    schema: pattern(
      /^(xoxe\.)?xoxb-[A-Za-z0-9-]+$/,
      'a bot token, which begins with xoxb- (a user or app token does not work)',
    ),
    example: 'xoxb-…, from OAuth & Permissions of the Slack app',
  },
  {
    name: 'SLACK_SIGNING_SECRET',
    secret: true,
    description:
      'Signing secret of the Slack app: what a click on a button is signed with, for a host that Slack can reach',
    usedBy: 'ingress, npm start',
    schema: pattern(/^[0-9a-f]{32,64}$/, 'the 32 hex digits of the signing secret'),
    example: 'from Basic Information of the Slack app',
  },
  {
    name: 'SLACK_APP_TOKEN',
    secret: true,
    description: 'App-level token of the Slack app: clicks come over a connection that we open (Socket Mode)',
    usedBy: 'npm start',
    schema: pattern(/^xapp-[A-Za-z0-9-]+$/, 'an app-level token, which begins with xapp-'),
    example: 'xapp-…, from Basic Information of the Slack app, with connections:write',
  },
  {
    name: 'SLACK_API_URL',
    secret: false,
    default: 'https://slack.com/api/',
    description: 'Base address of the Slack API, for a proxy or GovSlack',
    usedBy: 'chat.slack in the policy',
    schema: httpUrl,
    example: 'https://slack-gov.com/api/',
  },
  {
    name: 'JIRA_EMAIL',
    secret: false,
    description: 'E-mail address of the account that JIRA_API_TOKEN belongs to',
    usedBy: 'tracker.jira in the policy',
    schema: pattern(/^[^\s@]+@[^\s@]+$/, 'an e-mail address'),
    example: 'nightshift@example.com',
  },
  {
    name: 'JIRA_API_TOKEN',
    secret: true,
    description: 'API token of that account',
    usedBy: 'tracker.jira in the policy',
    schema: pattern(/^\S+$/, 'a token without spaces'),
    example: 'a token from id.atlassian.com/manage-profile/security/api-tokens',
  },
  {
    name: 'BITBUCKET_ACCESS_TOKEN',
    secret: true,
    description: 'Access token of the Bitbucket workspace or of one repository',
    usedBy: 'ci.bitbucket in the policy',
    schema: pattern(/^\S+$/, 'a token without spaces (an access token; app passwords have ended)'),
    example: 'a token from the settings of the workspace or repository, Access tokens',
  },
  {
    name: 'BITBUCKET_API_URL',
    secret: false,
    default: 'https://api.bitbucket.org/2.0',
    description: 'Base address of the Bitbucket API, for a proxy',
    usedBy: 'ci.bitbucket in the policy',
    schema: httpUrl,
    example: 'https://bitbucket-proxy.example.com/2.0',
  },
  {
    name: 'OLLAMA_URL',
    secret: false,
    description: 'Address of the Ollama that serves the language model, where the policy names none',
    usedBy: 'model.ollama in the policy',
    schema: httpUrl,
    example: 'http://ollama.models.svc:11434',
  },
  {
    name: 'OLLAMA_TOKEN',
    secret: true,
    description: 'Bearer token for a proxy in front of Ollama, which asks for none itself',
    usedBy: 'model.ollama in the policy',
    schema: pattern(/^\S+$/, 'a token without spaces'),
    example: 'a token that the proxy knows',
  },
  {
    name: 'BITBUCKET_WEBHOOK_SECRET',
    secret: true,
    description:
      'Secret of the webhook by which Bitbucket tells of builds that ended; failures are then looked at within seconds',
    usedBy: 'ingress, npm start',
    schema: pattern(/^\S{16,}$/, 'a secret of at least 16 characters without spaces'),
    example: 'the output of: openssl rand -hex 32',
  },
  {
    name: 'NIGHTSHIFT_METRICS_USERNAME',
    secret: false,
    description: 'User for Basic authentication at VictoriaMetrics or Prometheus',
    usedBy: 'clusters.*.metrics in the policy',
    schema: pattern(/^[^:]+$/, 'a user name without a colon'),
    example: 'nightshift',
  },
  {
    name: 'NIGHTSHIFT_METRICS_PASSWORD',
    secret: true,
    description: 'Password for it',
    usedBy: 'clusters.*.metrics in the policy',
    schema: anyText,
    example: 'the password of that user',
  },
  {
    name: 'NIGHTSHIFT_METRICS_BEARER_TOKEN',
    secret: true,
    description: 'Bearer token for VictoriaMetrics or Prometheus, instead of user and password',
    usedBy: 'clusters.*.metrics in the policy',
    schema: pattern(/^\S+$/, 'a token without spaces'),
    example: 'a token that vmauth knows',
  },
  {
    name: 'GOOGLE_API_URL',
    secret: false,
    default: 'https://{api}.googleapis.com',
    description: "Address of Google's APIs, for private endpoints; {api} is the name of each, such as container",
    usedBy: 'clusters.*.gke in the policy; nightshift status, invoke and pause --jobs',
    schema: z
      .string()
      .refine(
        (text) => isPlainHttpUrl(text.replaceAll('{api}', 'api')),
        'an http:// or https:// address without user or password, with {api} for the name of the API',
      ),
    example: 'https://{api}-nightshift.p.googleapis.com',
  },
  {
    name: 'PUBSUB_PROJECT',
    secret: false,
    alternatives: ['GOOGLE_CLOUD_PROJECT'],
    description:
      'Google Cloud project of the topics that scheduled runs fan out over; without it they run one after another',
    usedBy: 'duties with fanOut on Cloud Functions',
    schema: pattern(new RegExp(`^${PROJECT_ID}$`), 'a Google Cloud project id'),
    example: 'shop-prod',
  },
  {
    name: 'PUBSUB_API_URL',
    secret: false,
    default: 'https://pubsub.googleapis.com',
    description: 'Base address of Pub/Sub, for its emulator or a private endpoint',
    usedBy: 'duties with fanOut',
    schema: httpUrl,
    example: 'http://127.0.0.1:8085',
  },
] as const satisfies readonly Setting[];

export type SettingName = (typeof TABLE)[number]['name'];

/** In the order of the README's table. */
export const SETTINGS: readonly (Setting & { readonly name: SettingName })[] = TABLE;
