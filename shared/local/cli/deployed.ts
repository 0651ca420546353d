// `nightshift status` and `invoke`: what is deployed, how it stands, and a call of it as whoever asks. Changes nothing itself.
import type { Command } from 'commander';
import { systemClock, systemRandom } from '../../adapters/system/clock.ts';
import { readEnvironment } from '../../config/environment.ts';
import { CallerError, describeError } from '../../core/errors.ts';
import { renderTable } from '../../core/table.ts';
import type { Deployment, DeployedFunction, ScheduledJob } from '../../ports/deployment.ts';
import type { RunRecord } from '../../runtime/run-record.ts';
import { openDeployment } from '../../wiring/deployment.ts';
import { findDrivers, findDuties } from '../duties.ts';
import { scopePairs } from './scope-flags.ts';
import { openStore } from './system.ts';
import type { Terminal } from './terminal.ts';

interface StatusFlags {
  readonly project?: string;
  readonly json?: boolean;
}

interface InvokeFlags {
  readonly project?: string;
  readonly scope?: readonly string[];
  readonly dryRun?: boolean;
}

interface DutyStatus {
  readonly duty: string;
  readonly deployed: DeployedFunction | undefined;
  readonly job: ScheduledJob | undefined;
  /** The latest run of a duty; a driver has none. */
  readonly lastRun: Pick<RunRecord, 'id' | 'scope' | 'state' | 'startedAt'> | undefined;
  readonly deadLetters: number | undefined;
}

/** What a person sees for a value that is not there. */
const NONE = '–';
const PREFIX = 'nightshift-';

export function registerDeployed(program: Command, terminal: Terminal): void {
  program
    .command('status')
    .description('How the deployed duties stand: schedule, last attempt, revision, last run, dead letters')
    .option('--project <id>', 'Google Cloud project (PUBSUB_PROJECT, GOOGLE_CLOUD_PROJECT)')
    .option('--json', 'as JSON')
    .action(async (flags: StatusFlags) => {
      await showStatus(terminal, flags);
    });
  program
    .command('invoke')
    .description('Call a deployed duty as yourself and print its report')
    .argument('<duty>', 'name of the duty')
    .option('--project <id>', 'Google Cloud project (PUBSUB_PROJECT, GOOGLE_CLOUD_PROJECT)')
    .option(
      '--scope <field=value...>',
      'scope of the run, such as cluster=prod namespace=shop; all of the policy when absent',
    )
    .option('--dry-run', 'look and decide, change nothing')
    .action(async (duty: string, flags: InvokeFlags) => {
      await invoke(terminal, duty, flags);
    });
}

function deploymentOf(project: string | undefined): Deployment {
  return openDeployment(readEnvironment(), { project, clock: systemClock, random: systemRandom });
}

async function showStatus(terminal: Terminal, flags: StatusFlags): Promise<void> {
  const deployment = deploymentOf(flags.project);
  const functions = await deployment.functions();
  const regions = [...new Set(functions.map(({ region }) => region))];
  // What cannot be seen is told, and the rest is shown all the same.
  const told = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      terminal.warn(`${what} cannot be shown: ${describeError(error)}`);
      return undefined;
    }
  };
  const [jobs, deadLetters, runs] = await Promise.all([
    told('The schedules', () => deployment.jobs(regions)),
    told('Dead letters', () => deployment.deadLetters()),
    told('The latest runs', () => latestRuns()),
  ]);
  const duties = await knownDuties();
  const rows = duties.map((duty): DutyStatus => {
    const name = `${PREFIX}${duty}`;
    return {
      duty,
      deployed: functions.find((one) => one.name === name),
      job: jobs?.find((one) => one.name === name),
      lastRun: runs?.get(duty),
      deadLetters: deadLetters === undefined ? undefined : (deadLetters.get(`${name}-dead`) ?? 0),
    };
  });
  if (flags.json === true) {
    terminal.print(JSON.stringify(rows, undefined, 2));
  } else {
    terminal.print(renderStatus(rows, terminal.columns));
  }
  const isWrong = rows.some(
    ({ deployed, job, deadLetters: dead }) =>
      (deployed !== undefined && deployed.state !== 'ACTIVE') || job?.lastFailure !== undefined || (dead ?? 0) > 0,
  );
  terminal.exitCode = isWrong ? 1 : terminal.exitCode;
}

async function knownDuties(): Promise<readonly string[]> {
  const [duties, drivers] = await Promise.all([findDuties(), findDrivers()]);
  return [...duties, ...drivers].map(({ manifest }) => manifest.name).sort();
}

/** Duty to its latest run, from the store that NIGHTSHIFT_STORE names. */
async function latestRuns(): Promise<ReadonlyMap<string, RunRecord>> {
  const { store, close } = await openStore();
  try {
    const found = await Promise.all(
      (await findDuties()).map(async ({ duty }) =>
        store.query<RunRecord>('runs', {
          where: [{ field: 'duty', op: '==', value: duty.name }],
          orderBy: { field: 'startedAt', direction: 'descending' },
          limit: 1,
        }),
      ),
    );
    return new Map(found.flat().map(({ data }) => [data.duty, data]));
  } finally {
    await close();
  }
}

export function renderStatus(rows: readonly DutyStatus[], columns: number): string {
  return renderTable(
    ['duty', 'schedule', 'job', 'last attempt', 'next', 'function', 'revision', 'last run', 'dead letters'],
    rows.map(({ duty, deployed, job, lastRun, deadLetters }) => [
      duty,
      job === undefined ? NONE : `${job.schedule} ${job.timezone}`,
      job?.state ?? NONE,
      attemptWords(job),
      minutes(job?.next),
      deployed?.state.toLowerCase() ?? 'not deployed',
      deployed?.revision ?? NONE,
      lastRun === undefined ? NONE : `${minutes(lastRun.startedAt)} ${lastRun.scope} ${lastRun.state}`,
      deadLetters === undefined ? '?' : String(deadLetters),
    ]),
    { maxWidth: columns, keep: [0] },
  );
}

function attemptWords(job: ScheduledJob | undefined): string {
  return job?.lastAttempt === undefined ? NONE : `${minutes(job.lastAttempt)} ${job.lastFailure ?? 'ok'}`;
}

/** Seconds and fractions say nothing about a schedule. */
function minutes(time: string | undefined): string {
  return time === undefined ? NONE : `${time.slice(0, 16).replace('T', ' ')}Z`;
}

async function invoke(terminal: Terminal, duty: string, flags: InvokeFlags): Promise<void> {
  const [duties, drivers] = await Promise.all([findDuties(), findDrivers()]);
  const manifest = [...duties, ...drivers].find((one) => one.manifest.name === duty)?.manifest;
  if (manifest === undefined) {
    throw new CallerError(`There is no duty ${JSON.stringify(duty)}.`, {
      field: 'duty',
      remedy: `Duties: ${(await knownDuties()).join(', ')}.`,
    });
  }
  const deployment = deploymentOf(flags.project);
  const deployed = (await deployment.functions()).find(({ name }) => name === `${PREFIX}${duty}`);
  if (deployed === undefined) {
    throw new CallerError(`${duty} is not deployed there.`, {
      field: 'duty',
      remedy: `Add it to var.duties and apply, or run it here: nightshift run ${duty}.`,
    });
  }
  const body = {
    ...(flags.scope === undefined ? {} : { scope: scopePairs(flags.scope) }),
    ...(flags.dryRun === true ? { dry_run: true } : {}),
  };
  const reply = await deployment.invoke(deployed, body, manifest.timeoutSeconds);
  terminal.print(JSON.stringify(reply.body, undefined, 2));
  if (reply.status === 202) {
    terminal.warn('All of it waits for approval: see `nightshift actions`.');
  }
}
