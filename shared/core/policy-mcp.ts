// The policy's parts about the Model Context Protocol: who may use our tools, and which servers stand in for the platform.
import { z } from 'zod';

/** Where a bearer token stands: never in the policy itself. */
const tokenEnv = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]{0,99}$/, 'the name of an environment variable, such as KAGENT_TOKEN')
  .optional()
  .describe('Environment variable that holds the token')
  .meta({ examples: ['KAGENT_TOKEN'] });
const tokenFile = z
  .string()
  .min(1)
  .optional()
  .describe('File that holds the token, such as a mounted secret')
  .meta({ examples: ['/var/run/secrets/nightshift/kagent'] });

export const GrantKind = z.enum(['read', 'propose', 'act']);
export type GrantKind = z.infer<typeof GrantKind>;

export const McpGrant = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'a name such as kagent')
      .describe('Who calls, as the journal names it'),
    grant: GrantKind.default('read').describe(
      'read looks; propose also tells people, and its changes wait for approval whatever the mode; act changes what the modes allow',
    ),
    tokenEnv,
    tokenFile,
    tell: z
      .boolean()
      .default(true)
      .describe(
        'Whether the channel hears of each change that this caller makes. A caller that reports by itself sets it off',
      ),
  })
  .refine((one) => (one.tokenEnv === undefined) !== (one.tokenFile === undefined), 'either tokenEnv or tokenFile');
export type McpGrant = z.infer<typeof McpGrant>;

export const McpPolicy = z.strictObject({
  grants: z
    .array(McpGrant)
    .max(100)
    .default([])
    .describe('Who may call /mcp of the one-process host, each by a bearer token of its own')
    .meta({ examples: [[{ name: 'kagent', grant: 'propose', tokenEnv: 'KAGENT_TOKEN' }]] }),
  toolNames: z
    .enum(['dotted', 'underscore'])
    .default('dotted')
    .describe('How /mcp spells k8s.describe: dotted, or k8s_describe for clients and models that refuse dots'),
  channels: z
    .array(z.string().min(1).max(100))
    .default([])
    .describe('Channels that callers may post to, beside chat.slack.channel')
    .meta({ examples: [['#deploys']] }),
  projects: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_]{1,19}$/, 'a project key such as OPS'))
    .default([])
    .describe('Projects in which callers may open issues, beside tracker.jira.project')
    .meta({ examples: [['SRE']] }),
});
export type McpPolicy = z.infer<typeof McpPolicy>;

const connection = {
  url: z
    .url()
    .optional()
    .describe('Address of a server over streamable HTTP')
    .meta({ examples: ['http://nightshift:8080/mcp'] }),
  command: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Program and arguments of a server over stdio; it is started when it is needed and ended with this process',
    )
    .meta({ examples: [['mcp-grafana', '--disable-write']] }),
  env: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable'))
    .default([])
    .describe(
      'Environment variables that a started server gets from ours; without them it gets PATH, HOME and the like',
    ),
  tokenEnv,
  tokenFile,
  tools: z
    .array(z.string().min(1).max(128))
    .optional()
    .describe('The tools that may be called; those that Nightshift knows what to do with when absent'),
  startSeconds: z.int().min(1).max(120).default(20).describe('Deadline of a start. A cold container takes ten seconds'),
  deadlineSeconds: z
    .int()
    .min(1)
    .max(120)
    .default(30)
    .describe("Deadline of each call. A change waits for the other side's own platform"),
};

export const McpPlatform = z
  .strictObject({
    ...connection,
    toolNames: z
      .enum(['dotted', 'underscore'])
      .default('dotted')
      .describe('How the server spells k8s.describe: dotted, or k8s_describe'),
  })
  .refine((one) => (one.url === undefined) !== (one.command === undefined), 'either url or command')
  .refine((one) => one.tokenEnv === undefined || one.tokenFile === undefined, 'tokenEnv or tokenFile, not both');
export type McpPlatform = z.infer<typeof McpPlatform>;

export const McpMetrics = z
  .strictObject({
    ...connection,
    datasource: z
      .string()
      .min(1)
      .max(100)
      .describe('UID of the Prometheus data source in Grafana')
      .meta({ examples: ['victoriametrics'] }),
  })
  .refine((one) => (one.url === undefined) !== (one.command === undefined), 'either url or command')
  .refine((one) => one.tokenEnv === undefined || one.tokenFile === undefined, 'tokenEnv or tokenFile, not both');
export type McpMetrics = z.infer<typeof McpMetrics>;
