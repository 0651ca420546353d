// The command line: parses, calls one command, and turns failures into words and exit codes:
// 0 done, 1 failed or a check found something wrong, 2 wrong use.
import { Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { CallerError, describeError, NightshiftError } from '../core/errors.ts';
import { readEnvironment } from '../config/environment.ts';
import { secretMasker } from '../core/mask.ts';
import { processTerminal, type Terminal } from './cli/terminal.ts';

const WRONG_USE = 2;
const VERSION = packageJson.version;

type Register = (program: Command, terminal: Terminal) => void;

/** The modules by the commands that they bring: the one that is asked for is loaded alone, since most need much that others do not. */
export const COMMANDS: readonly { readonly names: readonly string[]; readonly register: () => Promise<Register> }[] = [
  { names: ['run'], register: async () => (await import('./cli/run.ts')).registerRun },
  { names: ['start'], register: async () => (await import('./cli/start.ts')).registerStart },
  { names: ['init'], register: async () => (await import('./cli/init.ts')).registerInit },
  { names: ['doctor'], register: async () => (await import('./cli/doctor.ts')).registerDoctor },
  { names: ['policy'], register: async () => (await import('./cli/policy.ts')).registerPolicy },
  { names: ['runs', 'show', 'journal'], register: async () => (await import('./cli/history.ts')).registerHistory },
  { names: ['actions', 'undo'], register: async () => (await import('./cli/actions.ts')).registerActions },
  { names: ['pause', 'resume'], register: async () => (await import('./cli/pause.ts')).registerPause },
  { names: ['replay', 'export'], register: async () => (await import('./cli/replay.ts')).registerReplay },
  { names: ['prompt'], register: async () => (await import('./cli/prompt.ts')).registerPrompt },
  { names: ['rbac'], register: async () => (await import('./cli/rbac.ts')).registerRbac },
  { names: ['status', 'invoke'], register: async () => (await import('./cli/deployed.ts')).registerDeployed },
  { names: ['mcp'], register: async () => (await import('./cli/mcp.ts')).registerMcp },
  { names: ['audit'], register: async () => (await import('./cli/audit.ts')).registerAudit },
  {
    names: ['explain-log', 'signature'],
    register: async () => (await import('./cli/explain-log.ts')).registerExplainLog,
  },
];

/** That of the named command; all of them for help, and for a name that there is not. */
async function registersFor(name: string | undefined): Promise<readonly Register[]> {
  const named = COMMANDS.filter(({ names }) => name !== undefined && names.includes(name));
  return Promise.all((named.length > 0 ? named : COMMANDS).map(({ register }) => register()));
}

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
  for (const register of await registersFor(args[0])) {
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
