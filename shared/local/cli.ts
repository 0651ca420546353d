// The command line: parses, calls one command, and turns failures into words and exit codes:
// 0 done, 1 failed or a check found something wrong, 2 wrong use.
import { Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { CallerError, describeError, NightshiftError } from '../core/errors.ts';
import { readEnvironment } from '../config/environment.ts';
import { secretMasker } from '../core/mask.ts';
import { registerAudit } from './cli/audit.ts';
import { registerActions } from './cli/actions.ts';
import { registerDoctor } from './cli/doctor.ts';
import { registerExplainLog } from './cli/explain-log.ts';
import { registerHistory } from './cli/history.ts';
import { registerInit } from './cli/init.ts';
import { registerPause } from './cli/pause.ts';
import { registerPolicy } from './cli/policy.ts';
import { registerReplay } from './cli/replay.ts';
import { registerRun } from './cli/run.ts';
import { registerStart } from './cli/start.ts';
import { processTerminal, type Terminal } from './cli/terminal.ts';

const WRONG_USE = 2;
const VERSION = packageJson.version;

export async function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const program = new Command('nightshift')
    .description('A 24/7 DevOps teammate: looks, decides by named rules, acts once, reports.')
    .configureOutput({
      writeOut: (text) => {
        terminal.print(text.trimEnd());
      },
      writeErr: (text) => {
        terminal.warn(text.trimEnd());
      },
    })
    .version(VERSION)
    .exitOverride();
  for (const register of [
    registerRun,
    registerStart,
    registerInit,
    registerDoctor,
    registerPolicy,
    registerHistory,
    registerActions,
    registerPause,
    registerReplay,
    registerAudit,
    registerExplainLog,
  ]) {
    register(program, terminal);
  }
  // Commands inherit neither setting by themselves.
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    command.copyInheritedSettings(program);
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return terminal.exitCode;
  } catch (error) {
    terminal.progressDone();
    return exitCodeOf(error, terminal);
  }
}

function exitCodeOf(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? 0 : WRONG_USE;
  }
  const mask = secretMasker(knownSecrets());
  if (error instanceof CallerError) {
    terminal.warn(mask(describeError(error)));
    return WRONG_USE;
  }
  const isOurs = error instanceof NightshiftError || !(error instanceof Error);
  terminal.warn(mask(isOurs ? describeError(error) : (error.stack ?? error.message)));
  return 1;
}

/** An environment that is wrong is told by its own error, which shows no value; the shapes of secrets are masked all the same. */
function knownSecrets(): readonly string[] {
  try {
    return readEnvironment().secrets;
  } catch {
    return [];
  }
}
