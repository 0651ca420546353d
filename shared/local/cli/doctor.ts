// `nightshift doctor`: checks every configured system at once and says for each failure what to do. Changes nothing.
import type { Command } from 'commander';
import { systemClock, systemIds, systemRandom } from '../../adapters/system/clock.ts';
import { type Capability, readCapabilities } from '../../config/capabilities.ts';
import { type Environment, readEnvironment } from '../../config/environment.ts';
import type { LoadedPolicy } from '../../config/policy.ts';
import { secretMasker } from '../../core/mask.ts';
import type { TeamPolicy } from '../../core/policy.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ports } from '../../ports/ports.ts';
import { pauseSentence, pausesNow } from '../../runtime/pause.ts';
import { type ConnectedPorts, connectPorts, memoryStore, storeLabel } from '../../wiring/ports.ts';
import { policyOf } from '../../wiring/system.ts';
import { findDuties, type FoundDuty } from '../duties.ts';
import {
  type Check,
  failure,
  failureOf,
  type Finding,
  ok,
  renderFindings,
  type Result,
  runChecks,
  type SystemChecks,
  warning,
} from './doctor-check.ts';
import { clusterChecks } from './doctor-cluster.ts';
import { metricsChecks } from './doctor-metrics.ts';
import {
  bitbucketScopes,
  clusterNeeds,
  type DutyInUse,
  dutyInUse,
  jiraPermissions,
  policyResults,
  slackScopes,
} from './doctor-needs.ts';
import { chatChecks, ciChecks, trackerChecks } from './doctor-vendors.ts';
import { modelChecks } from './doctor-model.ts';
import { localStore } from './system.ts';
import type { Terminal } from './terminal.ts';

/** For one call with its retries: shorter than in a run, since a person waits. */
const CALL_SECONDS = 10;

/** A model may have to be loaded first; the deadline of a check leaves no more. */
const MODEL_SECONDS = 25;

interface Flags {
  readonly policy?: string;
  readonly json?: boolean;
}

export function registerDoctor(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('Check every configured system: reachable, permitted, fresh, complete; and say what to do')
    .option('--policy <file>', 'policy file (NIGHTSHIFT_POLICY)')
    .option('--json', 'print the list of checks as JSON')
    .action(async (flags: Flags) => {
      terminal.exitCode = await doctor(terminal, flags);
    });
}

async function doctor(terminal: Terminal, flags: Flags): Promise<number> {
  terminal.progress('checking every system that is configured');
  let environment: Environment;
  try {
    environment = readEnvironment();
  } catch (error) {
    const finding: Finding = { system: 'Nightshift', check: 'environment', ...failureOf(error) };
    return tell(terminal, flags, [finding], (text) => text);
  }
  const findings = await examine({
    environment,
    policyFile: flags.policy ?? environment.policy,
    duties: await findDuties(),
    capabilities: await readCapabilities(),
    clock: systemClock,
    deadlineSeconds: CALL_SECONDS,
  });
  return tell(terminal, flags, findings, secretMasker(environment.secrets));
}

function tell(terminal: Terminal, flags: Flags, findings: readonly Finding[], mask: (text: string) => string): number {
  terminal.progressDone();
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const [failures, warnings] = [count('failure'), count('warning')];
  const result = failures > 0 ? 'failure' : warnings > 0 ? 'warning' : 'ok';
  if (flags.json === true) {
    terminal.print(mask(JSON.stringify({ result, checks: findings }, undefined, 2)));
  } else {
    terminal.print(mask(renderFindings(findings)));
    terminal.print('');
    terminal.print(
      result === 'ok'
        ? 'Everything is well.'
        : `${counted(failures, 'failure')}, ${counted(warnings, 'warning')}. What to do stands below each of them.`,
    );
  }
  return failures > 0 ? 1 : 0;
}

function counted(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? '' : 's'}`;
}

export interface Examination {
  readonly environment: Environment;
  readonly policyFile: string | undefined;
  readonly duties: readonly FoundDuty[];
  readonly capabilities: ReadonlyMap<string, Capability>;
  readonly clock: Clock;
  /** For every call outside. */
  readonly deadlineSeconds: number;
}

/** All findings, our own settings first. What is wrong outside our own code is a finding, never an error. */
export async function examine(input: Examination): Promise<readonly Finding[]> {
  let policy: LoadedPolicy;
  try {
    policy = await policyOf(
      input.policyFile,
      input.duties.map((found) => found.duty),
    );
  } catch (error) {
    const storeFindings = await runChecks([storeChecks(input)]);
    return [
      ...environmentFindings(input),
      { system: 'Nightshift', check: 'policy', ...failureOf(error) },
      ...storeFindings,
      {
        system: 'Nightshift',
        check: 'the rest',
        level: 'skipped',
        detail: 'not checked: which systems there are stands in the policy',
      },
    ];
  }
  const duties = input.duties.map((found) =>
    dutyInUse(
      { duty: found.duty, capabilities: found.manifest.capabilities },
      policy.duties[found.duty.name],
      policy.team,
      input.capabilities,
    ),
  );
  const opened: (() => Promise<void>)[] = [];
  try {
    const found = await runChecks([storeChecks(input), ...systemsOf({ ...input, opened }, policy.team, duties)]);
    return [...environmentFindings(input), ...policyFindings(input, policy, duties), ...found];
  } finally {
    await Promise.all(opened.map((close) => close()));
  }
}

function environmentFindings({ environment }: Examination): readonly Finding[] {
  const results = environment.warnings.map((text) => warning(text, 'Correct its name, or take it out.'));
  return [ok('settings are right'), ...results].map((result) => ({
    system: 'Nightshift',
    check: 'environment',
    ...result,
  }));
}

function policyFindings(
  { policyFile = '', environment }: Examination,
  policy: LoadedPolicy,
  duties: readonly DutyInUse[],
): readonly Finding[] {
  return [
    ok(`${policyFile} is valid`),
    ...policy.warnings.map((text) => warning(text, 'Correct the policy.')),
    ...policyResults(duties, policy.team),
    ...clickResults(environment, policy.team),
  ].map((result) => ({ system: 'Nightshift', check: 'policy', ...result }));
}

function clickResults(
  { slackSigningSecret, slackAppToken }: Environment,
  { approvers, chat }: TeamPolicy,
): readonly Result[] {
  const isDeaf = slackSigningSecret === undefined && slackAppToken === undefined;
  return approvers.length > 0 && chat !== undefined && isDeaf
    ? [
        warning(
          'messages carry buttons for the approvers, and no click can come in here',
          'Set SLACK_SIGNING_SECRET or SLACK_APP_TOKEN, unless another host takes the clicks.',
        ),
      ]
    : [];
}

function storeChecks({ environment, clock }: Examination): SystemChecks {
  const first: Check = {
    name: 'store',
    async run() {
      const store = await localStore(environment, clock);
      try {
        await store.check();
        const pauses = await pausesNow(store, clock.now().toISOString());
        return [
          ok(`${storeLabel(environment)} can be read and written`),
          ...pauses.map((pause) =>
            warning(
              `paused: ${pauseSentence(pause)}`,
              `Nothing is changed there until it ends, or: nightshift resume${pause.key === '*' ? '' : ` --scope ${pause.key}`}`,
            ),
          ),
        ];
      } finally {
        await store.close();
      }
    },
  };
  return { system: 'Nightshift', first, others: [] };
}

type Connecting = Examination & { readonly opened: (() => Promise<void>)[] };

function systemsOf(input: Connecting, team: TeamPolicy, duties: readonly DutyInUse[]): readonly SystemChecks[] {
  const { clock } = input;
  const { chat, tracker, ci: _ci, model, ...others } = team;
  const watched = { ...others, model: 'none' } as const;
  if (team.platform !== undefined) {
    const behind = connectAll(input, { ...watched, ...(chat && { chat }), ...(tracker && { tracker }) });
    return [mcpChecks(input, behind, Object.keys(team.clusters)), ...ciSystem(input, team, duties)];
  }
  // Each vendor is wired alone: a token that is missing for one must not hide the state of the others.
  const ports = connect(input, watched);
  const clusters = Object.entries(team.clusters).flatMap(([name, { metrics: source }]) => {
    const needs = clusterNeeds(name, duties, team);
    const cluster = ports.cluster(name);
    return [
      clusterChecks({ cluster, needs, clock }),
      metricsChecks({
        metrics: ports.metrics(name),
        source,
        cluster,
        namespaces: needs.namespaces,
        required: needs.requiredMetrics,
        clock,
      }),
    ];
  });
  return [
    ...(clusters.length === 0 ? [noClusters(team)] : clusters),
    ...(chat === undefined
      ? []
      : [
          chatChecks({
            chat: () => present(connect(input, { ...watched, chat }).chat),
            channel: chat.slack.channel,
            scopes: [
              ...new Set([
                ...slackScopes(duties),
                ...(team.approvers.some(({ groups }) => groups.length > 0) ? ['usergroups:read'] : []),
              ]),
            ],
            clock,
          }),
        ]),
    ...(tracker === undefined
      ? []
      : [
          trackerChecks({
            tracker: () => present(connect(input, { ...watched, tracker }).tracker),
            jira: tracker.jira,
            permissions: jiraPermissions(duties),
          }),
        ]),
    ...ciSystem(input, team, duties),
    ...(model === 'none'
      ? []
      : [
          modelChecks({
            model: () => present(connect({ ...input, deadlineSeconds: MODEL_SECONDS }, { ...watched, model }).model),
            source: model.ollama,
            deadlineSeconds: MODEL_SECONDS,
            clock,
          }),
        ]),
  ];
}

function ciSystem(
  input: Connecting,
  { ci, chat: _chat, tracker: _tracker, platform: _platform, ...watched }: TeamPolicy,
  duties: readonly DutyInUse[],
): readonly SystemChecks[] {
  return ci === undefined
    ? []
    : [
        ciChecks({
          ci: () => present(connect(input, { ...watched, ci }).ci),
          bitbucket: ci.bitbucket,
          scopes: bitbucketScopes(duties),
          clock: input.clock,
        }),
      ];
}

const MCP_REMEDY =
  'Check the version of that server, platform.mcp.tools and toolNames; a tool that has changed is taken as it is now by `nightshift mcp accept`.';

/**
 * What stands behind an MCP server is checked there; here, that each tool is what it should be, and that the server answers what the
 * rules ask first.
 */
function mcpChecks(
  { environment, clock }: Examination,
  { ports, inspectPlatform }: ConnectedPorts,
  clusters: readonly string[],
): SystemChecks {
  const ask = (name: string, run: (cluster: string) => Promise<string>): Check => ({
    name,
    run: () => Promise.all(clusters.map(async (cluster) => ok(`${cluster}: ${await run(cluster)}`))),
  });
  return {
    system: 'MCP server',
    first: ask('k8s.snapshot', async (cluster) => `Kubernetes ${(await ports.cluster(cluster).version()).gitVersion}`),
    others: [
      {
        name: 'tools',
        async run() {
          const seen = await localStore(environment, clock);
          try {
            const found = await inspectPlatform(seen);
            const wrong = found.filter(({ why }) => why !== undefined);
            return wrong.length === 0
              ? [ok(`all ${String(found.length)} are there, and as they were`)]
              : wrong.map(({ tool, why = '' }) => failure(`${tool}: ${why}`, MCP_REMEDY));
          } finally {
            await seen.close();
          }
        },
      },
      ask('metrics.query', async (cluster) => {
        await ports.metrics(cluster).instant('vector(1)', new Date().toISOString());
        return 'PromQL is answered';
      }),
    ],
  };
}

/** A team may run pipelines only; with neither there is nothing to do. */
function noClusters({ ci }: TeamPolicy): SystemChecks {
  const result: Result =
    ci === undefined
      ? failure(
          'the policy names no cluster and no pipelines',
          'Add one under clusters, or ci.bitbucket, or write a new policy with `nightshift init`.',
        )
      : { level: 'skipped', detail: 'none in the policy: pipelines alone are looked after' };
  return { system: 'Nightshift', first: { name: 'clusters', run: () => Promise.resolve([result]) }, others: [] };
}

/** What the checks of other systems keep ends with them: a store that is away must not hide those. */
function connect(input: Connecting, team: TeamPolicy): Ports {
  return connectAll(input, team).ports;
}

function connectAll({ environment, clock, deadlineSeconds, opened }: Connecting, team: TeamPolicy): ConnectedPorts {
  const store = memoryStore(clock);
  const connected = connectPorts({
    environment,
    team,
    store,
    clock,
    ids: systemIds(clock),
    random: systemRandom,
    deadlineSeconds,
  });
  opened.push(
    () => connected.close(),
    () => store.close(),
  );
  return connected;
}

function present<T>(port: T | undefined): T {
  if (port === undefined) {
    throw new RangeError('A system that the policy names was not connected.');
  }
  return port;
}
