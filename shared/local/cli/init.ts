// `nightshift init`: writes a first policy that changes nothing, with every setting, its default and its reason as comments.
// Asks on a terminal, takes flags otherwise; never overwrites without being told to.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { offeredContexts } from '../../adapters/kubernetes/contexts.ts';
import { loadPolicy, policySchema } from '../../config/policy.ts';
import { CallerError, ConfigurationError, type NightshiftError } from '../../core/errors.ts';
import type { Duty } from '../../runtime/duty.ts';
import { findDuties } from '../duties.ts';
import { type Answers, completeAnswers, type InitFlags, policyValues } from './init-answers.ts';
import { conversation } from './init-person.ts';
import { type SettingSchema, settingLines } from './init-text.ts';
import type { Terminal } from './terminal.ts';

const DEFAULT_FILE = 'nightshift.yaml';

type Flags = InitFlags & { readonly out: string; readonly force?: boolean };

export function registerInit(program: Command, terminal: Terminal): void {
  program
    .command('init')
    .description('Write a first policy: it only observes, and explains every setting')
    .option('--out <file>', 'file to write', DEFAULT_FILE)
    .option('--cluster <name>', 'what people call the cluster')
    .option('--context <name>', 'context of the kubeconfig')
    .option(
      '--gke <cluster>',
      'GKE cluster as project/location/cluster, for deployed functions, in place of a kubeconfig',
    )
    .option('--metrics-url <url>', 'address of VictoriaMetrics or Prometheus')
    .option('--metrics-selector <matchers>', 'label matchers of this cluster\'s series, such as cluster="prod"')
    .option('--namespace <name...>', 'namespaces to look after')
    .option('--slack-channel <channel>', 'channel for reports, its id or its name with #')
    .option(
      '--bitbucket-workspace <name>',
      'workspace of Bitbucket whose pipelines are looked after; with it the cluster may be left out',
    )
    .option('--jira-url <url>', 'address of the Jira site')
    .option('--jira-project <key>', 'key of the Jira project for escalations')
    .option('--timezone <zone>', 'time zone for windows, such as Europe/Berlin')
    .option('--force', 'overwrite the file')
    .action(async (flags: Flags) => {
      await init(terminal, flags);
    });
}

async function init(terminal: Terminal, flags: Flags): Promise<void> {
  const duties = (await findDuties()).map((found) => found.duty);
  const answers = terminal.isInteractive ? await ask(flags) : await completeAnswers(flags, undefined);
  const file = path.resolve(flags.out);
  const text = policyText(duties, answers, schemaNameFor(file));
  requireValid(text, flags.out, duties);
  await write(file, flags, text);
  terminal.print(nextSteps(flags.out, file, answers));
}

async function ask(flags: Flags): Promise<Answers> {
  const person = conversation(process.stdin, process.stderr, true);
  try {
    return await completeAnswers(flags, { ask: (question) => person.ask(question), contexts: offeredContexts() });
  } finally {
    person.close();
  }
}

/** The whole file: header, then all settings of the team and of every duty. */
export function policyText(duties: readonly Duty[], answers: Answers, schemaName: string): string {
  const schema = policySchema(byName(duties)) as SettingSchema;
  const watching = Object.keys(schema.properties?.['duties']?.properties ?? {}).filter((name) =>
    isByNamespace(schema, name),
  );
  return [
    `# yaml-language-server: $schema=./${schemaName}`,
    '# The policy of Nightshift: who is watched, who may change what, and what is left alone.',
    '# It only observes as it stands: see "modes". No secret belongs here; those come from the environment.',
    '#',
    '# A comment is a # and a space. A setting that stands at its default has a # right before it:',
    '# take that # away, and the one of the settings that it stands in, to change it.',
    ...settingLines(schema, policyValues(answers, watching)),
    '',
  ].join('\n');
}

/** Whether a duty's scopes are lists of namespaces; other duties keep their own defaults. */
function isByNamespace(schema: SettingSchema, duty: string): boolean {
  const scope = schema.properties?.['duties']?.properties?.[duty]?.properties?.['scopes']?.items?.properties;
  return scope?.['cluster'] !== undefined && scope['namespaces'] !== undefined;
}

function byName(duties: readonly Duty[]): Record<string, Duty['policy']> {
  return Object.fromEntries(duties.map((duty) => [duty.name, duty.policy]));
}

/** Answers are checked one by one; what is only wrong together shows here. */
function requireValid(text: string, file: string, duties: readonly Duty[]): void {
  try {
    loadPolicy(text, file, byName(duties));
  } catch (error) {
    if (error instanceof ConfigurationError) {
      throw new CallerError(`With these answers the policy would not be valid: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

async function write(file: string, flags: Flags, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: flags.force === true ? 'w' : 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') {
      throw new CallerError(`${flags.out} is there already, and nothing was written.`, {
        field: '--out',
        remedy: 'Name another file with --out, or overwrite it with --force.',
      });
    }
    throw writeFailure(flags.out, error);
  }
}

/** A file that cannot be written, in words. */
export function writeFailure(file: string, error: unknown): NightshiftError {
  const why = error instanceof Error ? error.message : String(error);
  return new ConfigurationError(`${file} cannot be written: ${why}.`, {
    remedy: 'Check that its folder is there and that you may write into it.',
    cause: error,
  });
}

function schemaNameFor(file: string): string {
  return `${path.basename(file, path.extname(file))}.schema.json`;
}

function nextSteps(out: string, file: string, answers: Answers): string {
  const schema = path.join(path.dirname(out), schemaNameFor(file));
  const secrets = [
    ...(answers.slackChannel === undefined ? [] : ['SLACK_BOT_TOKEN']),
    ...(answers.jiraUrl === undefined ? [] : ['JIRA_EMAIL', 'JIRA_API_TOKEN']),
    ...(answers.bitbucketWorkspace === undefined ? [] : ['BITBUCKET_ACCESS_TOKEN']),
  ];
  const steps = [
    `export NIGHTSHIFT_POLICY=${out}`,
    ...(secrets.length === 0 ? [] : [`export ${secrets.map((name) => `${name}=…`).join(' ')}`]),
    `nightshift policy schema --out ${schema}     # editors then complete and check the file`,
    'nightshift doctor                # is everything reachable, permitted and measured?',
    ...(answers.watched === undefined ? [] : ['nightshift run rebalance --dry-run']),
    ...(answers.bitbucketWorkspace === undefined ? [] : ['nightshift run pipeline-retry --dry-run']),
  ];
  return [`${out} is written: it observes and changes nothing. Next:`, ...steps.map((step) => `  ${step}`)].join('\n');
}
