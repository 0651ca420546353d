// The team's part of the policy: who is watched, who may change what, and what is left alone. Duties add their own parts.
import { z } from 'zod';
import { Duration, durationSeconds } from './duration.ts';
import { wallClock } from './local-day.ts';
import { TeamSignatures } from './log/signature.ts';
import { McpMetrics, McpPlatform, McpPolicy } from './policy-mcp.ts';
import { OllamaSource } from './policy-model.ts';

export { Duration, durationSeconds };

const name = z.string().min(1).max(253);

export const TimeZone = z.string().refine(isTimeZone, 'an IANA time zone such as Europe/Berlin');

function isTimeZone(value: string): boolean {
  try {
    return Number.isFinite(wallClock(0, value));
  } catch {
    return false;
  }
}

const clockTime = z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$/, 'a time of day such as 22:30');

/** `*` stands for any characters; everything else for itself. */
export const NamePattern = z.string().min(1).max(253).describe('a name; * stands for any characters');

export const Mode = z.enum(['observe', 'approve', 'auto']);
export type Mode = z.infer<typeof Mode>;

export const MetricsSource = z.strictObject({
  url: z
    .url()
    .optional()
    .describe('Base address of VictoriaMetrics or Prometheus, without /api/v1; not needed where an MCP server answers'),
  mcp: McpMetrics.optional()
    .describe("Reads the metrics through Grafana's own MCP server, mcp-grafana, in place of url")
    .meta({
      examples: [{ command: ['mcp-grafana', '--disable-write'], env: ['GRAFANA_URL'], datasource: 'victoriametrics' }],
    }),
  selector: z
    .string()
    .max(1000)
    .default('')
    .describe('Label matchers that pick the series of this cluster; needed when several clusters share one store')
    .meta({ examples: ['cluster="prod"'] }),
  clusterLabel: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/)
    .default('cluster')
    .describe('The label that tells clusters apart; a run refuses when the selector matches several of its values'),
  tenant: z
    .string()
    .regex(/^[0-9]+(:[0-9]+)?$/)
    .optional()
    .describe('Tenant of a VictoriaMetrics cluster: accountID or accountID:projectID')
    .meta({ examples: ['0'] }),
});
export type MetricsSource = z.infer<typeof MetricsSource>;

export const GkeSource = z.strictObject({
  project: name.describe('Google Cloud project of the cluster').meta({ examples: ['shop-prod'] }),
  location: name.describe('Region or zone of the cluster').meta({ examples: ['europe-west3'] }),
  cluster: name.describe('Name of the cluster in GKE').meta({ examples: ['prod'] }),
  endpoint: z
    .enum(['dns', 'private', 'public'])
    .default('dns')
    .describe(
      'Address of the API server that is used. dns needs no way into the network: IAM lets in; private needs one; public may be closed to functions',
    ),
});
export type GkeSource = z.infer<typeof GkeSource>;

export const ClusterSource = z
  .strictObject({
    context: name
      .optional()
      .describe('Context of the kubeconfig; the current one when absent')
      .meta({ examples: ['prod'] }),
    gke: GkeSource.optional().describe(
      'A GKE cluster that is reached with the Google identity of this process, without a kubeconfig',
    ),
    metrics: MetricsSource,
  })
  .refine(
    ({ context, gke }) => context === undefined || gke === undefined,
    'either gke or the context of a kubeconfig',
  );

export const ModeRule = z.strictObject({
  action: NamePattern.default('*').describe('Action kind, such as cluster.resize-container'),
  cluster: NamePattern.default('*'),
  namespace: NamePattern.default('*'),
  repository: NamePattern.default('*').describe('For changes of pipelines: the repository'),
  mode: Mode,
});

export const ApproverRule = z.strictObject({
  action: NamePattern.default('*').describe(
    'Action kind that they may approve, decline and undo; `pause` for pausing and resuming',
  ),
  cluster: NamePattern.default('*'),
  namespace: NamePattern.default('*'),
  repository: NamePattern.default('*').describe('For changes of pipelines: the repository'),
  users: z
    .array(z.string().regex(/^[UW][A-Z0-9]{5,20}$/, 'the id of a Slack user, such as U024BE7LH'))
    .default([])
    .describe('Ids of Slack users: a name can be changed by who bears it'),
  groups: z
    .array(z.string().regex(/^S[A-Z0-9]{5,20}$/, 'the id of a Slack user group, such as S0614TZR7'))
    .default([])
    .describe('Ids of Slack user groups'),
  callers: z
    .array(z.string().min(1).max(100))
    .default([])
    .describe('Callers over MCP: names of mcp.grants, or who runs `nightshift mcp`'),
});
export type ApproverRule = z.infer<typeof ApproverRule>;

export const Window = z
  .strictObject({
    name,
    cluster: NamePattern.default('*'),
    namespace: NamePattern.default('*'),
    repository: NamePattern.default('*'),
    days: z
      .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
      .min(1)
      .optional(),
    from: clockTime
      .optional()
      .describe('Wall clock time in the policy time zone; a window that ends before it begins runs over midnight'),
    to: clockTime.optional(),
    start: z.iso.datetime({ offset: true }).optional().describe('For a window that happens once'),
    end: z.iso.datetime({ offset: true }).optional(),
  })
  .refine((window) => (window.start === undefined) === (window.end === undefined), 'start and end belong together')
  .refine((window) => (window.from === undefined) === (window.to === undefined), 'from and to belong together')
  .refine(
    (window) => (window.start === undefined) !== (window.from === undefined && window.days === undefined),
    'either start and end, or days and/or from and to',
  );
export type Window = z.infer<typeof Window>;

export const KnownIssue = z.strictObject({
  id: name.describe('What people call it, e.g. the key of its ticket'),
  duty: NamePattern.default('*'),
  subject: z
    .record(z.string(), NamePattern)
    .describe('Subject fields to patterns, e.g. {namespace: shop, pod: "legacy-*"}'),
  reason: z.string().min(1).max(500),
  until: z.iso.datetime({ offset: true }).optional().describe('After this time it is no longer known'),
});
export type KnownIssue = z.infer<typeof KnownIssue>;

export const Guardrails = z
  .strictObject({
    actionsPerHour: z
      .int()
      .min(0)
      .max(1000)
      .default(20)
      .describe(
        'Changes per scope in any 60 minutes, those of the kinds under ofKind left out. 20 lets a team follow every one of them',
      ),
    ofKind: z
      .strictObject({
        'ci.rerun': z
          .strictObject({
            actionsPerHour: z
              .int()
              .min(0)
              .max(1000)
              .default(150)
              .describe(
                'Reruns per workspace in any 60 minutes. A storm of a hundred builds and an hour of single failures; a rerun harms nothing that runs, and each repository has a budget of its own',
              ),
          })
          .prefault({}),
      })
      .prefault({})
      .describe('Budgets of kinds of which a scope sees more, or harmless ones: each counts its own kind alone'),
    undosPerHour: z
      .int()
      .min(0)
      .max(1000)
      .default(5)
      .describe(
        'Changes per scope that are taken back by themselves in any 60 minutes. More harm than that has another cause',
      ),
    workloadShare: z
      .number()
      .gt(0)
      .max(1)
      .default(0.5)
      .describe(
        'Largest share of the parts of a workload that is changed at once (at least one). Half keeps the other half as it was',
      ),
    settle: Duration.refine((value) => durationSeconds(value) <= 86_400, 'at most 1d')
      .default('10m')
      .describe('How long a change counts as under way for the share; about two scrapes and one readiness period'),
    stepFactor: z.number().gt(1).max(4).default(1.5).describe('Largest growth or shrinkage in one step, as a factor'),
    growthFactor: z
      .number()
      .gt(1)
      .max(16)
      .default(2)
      .describe('Largest size as a multiple of what the workload declares'),
  })
  .prefault({});
export type Guardrails = z.infer<typeof Guardrails>;

export const Protection = z
  .strictObject({
    names: z
      .array(NamePattern)
      .default([])
      .describe('Workloads and pods that are never changed')
      .meta({ examples: [['payment-*']] }),
    namespaces: z
      .array(NamePattern)
      .default(['kube-*', 'gke-*', 'gmp-*'])
      .describe('The platform vendor owns these: GKE reverts changes there'),
    label: z.string().default('nightshift.dev/protect').describe('A label or annotation with any value but "false"'),
  })
  .prefault({});

/** A retention between two durations: under the one, what needs the past is blind; over the other, no store keeps its word. */
function keptFor(least: string, most: string): z.ZodType<string> {
  return Duration.refine(
    (value) => durationSeconds(value) >= durationSeconds(least) && durationSeconds(value) <= durationSeconds(most),
    `${least} to ${most}`,
  );
}

export const Retention = z
  .strictObject({
    journal: keptFor('30d', '3650d')
      .default('400d')
      .describe(
        'How long the record of every change is kept at least; `nightshift audit cut` takes away what is older. 400 days answer a yearly audit',
      ),
    runs: keptFor('1d', '3650d')
      .default('30d')
      .describe(
        'How long runs with their reports and facts are kept, for `show`, `replay` and `export`. A month holds what people still ask about',
      ),
  })
  .prefault({});

export const TeamPolicy = z.strictObject({
  version: z.literal(1),
  timezone: TimeZone.default('UTC').describe('For the times of day in windows'),
  clusters: z.record(name, ClusterSource).default({}).describe('The clusters by the names that people use for them'),
  chat: z
    .strictObject({
      slack: z.strictObject({
        channel: z
          .string()
          .min(1)
          .describe('Channel id, or its name with #')
          .meta({ examples: ['#ops'] }),
        post: z
          .enum(['news-and-daily', 'news', 'every-run'])
          .default('news-and-daily')
          .describe(
            'When a run posts: when something was changed, escalated or went wrong that was not told in the last day, and else once a day; only the first; or each time',
          ),
      }),
    })
    .optional()
    .describe('Where reports go. The token is no part of the policy: SLACK_BOT_TOKEN'),
  tracker: z
    .strictObject({
      jira: z.strictObject({
        url: z
          .url()
          .describe('Address of the site')
          .meta({ examples: ['https://example.atlassian.net'] }),
        project: z
          .string()
          .regex(/^[A-Z][A-Z0-9_]{1,19}$/, 'a project key such as OPS')
          .describe('Key of the project')
          .meta({ examples: ['OPS'] }),
        issueType: name.default('Task').describe('Type of the issues, as the project calls it'),
      }),
    })
    .optional()
    .describe('Where escalations go. The credentials are no part of the policy: JIRA_EMAIL, JIRA_API_TOKEN'),
  ci: z
    .strictObject({
      bitbucket: z.strictObject({
        workspace: z
          .string()
          .regex(/^[a-z0-9_-]{1,62}$/, 'the workspace as it stands in addresses, such as example-team')
          .describe('Workspace of Bitbucket Cloud')
          .meta({ examples: ['example-team'] }),
        repositories: z
          .array(NamePattern)
          .default([])
          .describe('Repositories that are watched, by their names in addresses; all when empty')
          .meta({ examples: [['shop-*', 'cart']] }),
        requestsPerHour: z
          .int()
          .min(60)
          .max(10_000)
          .default(990)
          .describe(
            'Requests in any 60 minutes, over all instances. Bitbucket allows 1,000 to a token (more over 100 seats); 200 repositories at 50 failures an hour need some 940, and 10 are left for a person. Lower it where others use the same token',
          ),
        urgentShare: z
          .number()
          .min(0)
          .max(0.9)
          .default(0.2)
          .describe(
            'Share of them that the lists of pipelines leave to the causes of failures, reruns and what people ask for. A fifth is 198 an hour, three for each minute',
          ),
      }),
      signatures: TeamSignatures,
    })
    .optional()
    .describe('Where builds run. The token is no part of the policy: BITBUCKET_ACCESS_TOKEN'),
  mcp: McpPolicy.optional().describe('Who may use our tools over the Model Context Protocol'),
  platform: z
    .strictObject({ mcp: McpPlatform })
    .optional()
    .describe('An MCP server in place of clusters, metrics, chat and tracker')
    .meta({ examples: [{ mcp: { url: 'http://nightshift:8080/mcp', tokenEnv: 'PLATFORM_MCP_TOKEN' } }] }),
  paused: z.boolean().default(false).describe('Kill switch: observe and report, touch nothing'),
  modes: z
    .array(ModeRule)
    .default([])
    .describe('Who may change what: the first rule that matches gives the mode; observe when none does')
    .meta({ examples: [[{ action: 'cluster.resize-container', namespace: 'shop', mode: 'auto' }]] }),
  approvers: z
    .array(ApproverRule)
    .default([])
    .describe('Who may decide by a button in Slack or over MCP: the first rule that matches; nobody when none does')
    .meta({ examples: [[{ namespace: 'shop', users: ['U024BE7LH'], groups: ['S0614TZR7'] }]] }),
  model: z
    .union([z.literal('none'), z.strictObject({ ollama: OllamaSource })])
    .default('none')
    .describe(
      'The language model that words messages; none by default, since every message reads well without one. It decides nothing',
    ),
  guardrails: Guardrails.describe('What holds an action back even where its mode is auto'),
  protect: Protection.describe('What is never changed'),
  retention: Retention.describe('How long the past is kept'),
  windows: z
    .array(Window)
    .default([])
    .describe('Maintenance and freeze windows: nothing is changed in them')
    .meta({ examples: [[{ name: 'friday evening', days: ['fri'], from: '16:00', to: '24:00' }]] }),
  knownIssues: z
    .array(KnownIssue)
    .default([])
    .describe('What people know and work on: it is neither acted on nor escalated')
    .meta({
      examples: [
        [
          {
            id: 'OPS-123',
            subject: { namespace: 'shop', pod: 'legacy-*' },
            reason: 'is replaced in May',
            until: '2099-06-01T00:00:00Z',
          },
        ],
      ],
    }),
});
export type TeamPolicy = z.infer<typeof TeamPolicy>;

/** The policy as a duty's judgement sees it. */
export interface Policy<DutyPolicy> {
  readonly team: TeamPolicy;
  readonly duty: DutyPolicy;
}
