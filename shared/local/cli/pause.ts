// `nightshift pause` and `resume`: the kill switch by hand, from the next guardrail check of every instance on.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { systemClock, systemRandom } from '../../adapters/system/clock.ts';
import { readEnvironment } from '../../config/environment.ts';
import { CallerError, describeError } from '../../core/errors.ts';
import { Duration } from '../../core/policy.ts';
import type { Store } from '../../ports/store.ts';
import { pauseSentence, pausesNow } from '../../runtime/pause.ts';
import { openDeployment } from '../../wiring/deployment.ts';
import { storeLabel } from '../../wiring/ports.ts';
import { findDuties } from '../duties.ts';
import { type PauseVerb, switchPause } from '../pause-route.ts';
import { setJobsPaused } from './jobs.ts';
import { scopePairs } from './scope-flags.ts';
import { openSystem } from './system.ts';
import type { Terminal } from './terminal.ts';

interface PauseFlags {
  readonly scope?: string;
  readonly for?: string;
  readonly why?: string;
  readonly policy?: string;
  readonly jobs?: boolean;
  readonly project?: string;
}

export function registerPause(program: Command, terminal: Terminal): void {
  program
    .command('pause')
    .description('Change nothing any more: look, report, touch nothing; undo by hand stays allowed')
    .option('--scope <scope>', 'such as cluster=prod,namespace=shop or cluster=prod; everything when absent')
    .option('--for <duration>', 'such as 2h; until `nightshift resume` when absent')
    .option('--why <text>', 'for the journal and the reports')
    .option('--policy <file>', 'policy file (NIGHTSHIFT_POLICY)')
    .option('--jobs', 'also the schedules of what is deployed')
    .option('--project <id>', 'Google Cloud project of --jobs (PUBSUB_PROJECT, GOOGLE_CLOUD_PROJECT)')
    .action(async (flags: PauseFlags) => {
      await change(terminal, 'pause', flags);
    });
  program
    .command('resume')
    .description('End a pause')
    .option('--scope <scope>', 'the scope that was paused; everything when absent')
    .option('--policy <file>', 'policy file (NIGHTSHIFT_POLICY)')
    .option('--jobs', 'also the schedules of what is deployed')
    .option('--project <id>', 'Google Cloud project of --jobs (PUBSUB_PROJECT, GOOGLE_CLOUD_PROJECT)')
    .action(async (flags: PauseFlags) => {
      await change(terminal, 'resume', flags);
    });
}

async function change(terminal: Terminal, verb: PauseVerb, flags: PauseFlags): Promise<void> {
  if (flags.jobs === true && flags.scope !== undefined) {
    throw new CallerError('A schedule is for all scopes of a duty: --jobs and --scope do not go together.', {
      field: '--jobs',
    });
  }
  if (flags.jobs !== true) {
    await changeInStore(terminal, verb, flags);
    return;
  }
  const environment = readEnvironment();
  const at = { project: flags.project, clock: systemClock, random: systemRandom };
  const deployment = openDeployment(environment, at);
  if (environment.store.kind === 'sqlite') {
    terminal.warn(
      `Deployed functions keep their store in Firestore, and this is ${storeLabel(environment)}: they are held by their jobs alone. Set NIGHTSHIFT_STORE=firestore:<project>/<database>.`,
    );
  }
  // Either stops what is scheduled: where one cannot be reached, the other is all the more wanted.
  try {
    await changeInStore(terminal, verb, flags);
  } catch (error) {
    terminal.warn(describeError(error));
    // Nothing to resume in the store is how a second call finds it.
    terminal.exitCode = verb === 'resume' && error instanceof CallerError ? terminal.exitCode : 1;
  }
  if (!(await setJobsPaused(terminal, deployment, verb === 'pause'))) {
    terminal.exitCode = 1;
  }
}

async function changeInStore(terminal: Terminal, verb: PauseVerb, flags: PauseFlags): Promise<void> {
  const duration = flags.for === undefined ? undefined : Duration.safeParse(flags.for);
  if (duration?.success === false) {
    throw new CallerError(
      `--for ${String(flags.for)}: expected ${duration.error.issues[0]?.message ?? 'a duration'}.`,
      {
        field: '--for',
      },
    );
  }
  const scope = flags.scope === undefined ? {} : scopePairs([flags.scope]);
  const system = await openSystem(terminal, flags, { dryRun: false, now: undefined });
  try {
    const known = (await findDuties()).flatMap((found) => {
      const { duty, policy } = system.ready(found);
      return duty.scopes(policy.duty, policy.team);
    });
    const request = { scope, by: `${userInfo().username} (command line)`, why: flags.why ?? '' };
    const {
      state,
      scope: key,
      until,
    } = await switchPause(
      system.surroundings,
      verb,
      duration === undefined ? request : { ...request, for: duration.data },
      known,
    );
    const where = key === '*' ? 'Everything' : key;
    terminal.print(`${where} is ${state}${until === null ? '' : ` until ${until}`}.`);
    for (const line of await pauseLines(system.surroundings.ports.store, system.surroundings.ports.clock.now())) {
      terminal.print(line);
    }
  } finally {
    await system.close();
  }
}

/** One line for each pause that holds now. */
export async function pauseLines(store: Store, now: Date): Promise<readonly string[]> {
  return (await pausesNow(store, now.toISOString())).map((pause) => `PAUSED: ${pauseSentence(pause)}`);
}
