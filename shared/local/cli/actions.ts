// `nightshift actions list|approve|decline|close` and `undo`: what people do with stored actions.
import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import { ACTION_KINDS } from '../../actions/kinds.ts';
import type { ActionRecord, ActionState } from '../../core/action.ts';
import { CallerError } from '../../core/errors.ts';
import { renderTable } from '../../core/table.ts';
import { FINDINGS, type Finding } from '../../runtime/close-action.ts';
import { type ActionOperation, resultOf } from '../action-route.ts';
import { pauseLines } from './pause.ts';
import { openStore, openSystem } from './system.ts';
import type { Terminal } from './terminal.ts';

const STATES: readonly ActionState[] = ['waiting', 'applied', 'settled', 'undone', 'unknown', 'failed'];
const LISTED = 50;

interface OperationFlags {
  readonly policy?: string;
  readonly why?: string;
  readonly as?: Finding;
}

export function registerActions(program: Command, terminal: Terminal): void {
  const actions = program.command('actions').description('What was proposed and what was changed');
  actions
    .command('list')
    .description('Actions, those that wait for approval by default')
    .option('--state <state>', STATES.join(', '), 'waiting')
    .option('--json', 'as JSON')
    .action(async (flags: { state: string; json?: boolean }) => {
      await list(terminal, flags);
    });
  const operations = [
    [actions, 'approve', 'Approve a waiting action: it is carried out as it was proposed, if nothing changed since'],
    [actions, 'decline', 'Decline a waiting action'],
    [program, 'undo', 'Take an applied action back'],
    [actions, 'close', 'Close an action whose end is unknown, after you looked at its target'],
  ] as const;
  for (const [parent, verb, description] of operations) {
    const command = parent.command(verb);
    if (verb === 'close') {
      command.addOption(
        new Option('--as <finding>', 'whether the change is there').choices(FINDINGS).makeOptionMandatory(),
      );
    }
    command
      .description(description)
      .argument('<action>', 'its id, or the first 8 digits or more')
      .option('--why <text>', 'for the journal and the thread')
      .option('--policy <file>', 'policy file (NIGHTSHIFT_POLICY)')
      .action(async (id: string, flags: OperationFlags) => {
        terminal.exitCode = await operate(terminal, verb, id, flags);
      });
  }
}

async function list(terminal: Terminal, flags: { state: string; json?: boolean }): Promise<void> {
  if (!STATES.some((state) => state === flags.state)) {
    throw new CallerError(`--state ${flags.state} is none of ${STATES.join(', ')}.`, { field: '--state' });
  }
  const { store, ports, close } = await openStore(terminal);
  try {
    for (const line of await pauseLines(store, ports.clock.now())) {
      terminal.warn(line);
    }
    const documents = await store.query<ActionRecord>('actions', {
      where: [{ field: 'state', op: '==', value: flags.state }],
      orderBy: { field: 'createdAt', direction: 'descending' },
      limit: LISTED,
    });
    const actions = documents.map((document) => document.data);
    if (flags.json === true) {
      terminal.print(JSON.stringify(actions, undefined, 2));
    } else if (actions.length === 0) {
      terminal.print(`No action is ${flags.state}.`);
    } else {
      terminal.print(
        renderTable(
          ['action', 'kind', 'change', 'because', 'until'],
          actions.map((action) => [
            action.id.slice(0, 12),
            action.kind,
            ACTION_KINDS.get(action.kind)?.describe(action) ?? Object.values(action.subject).join('/'),
            action.sentence,
            action.expiresAt ?? '',
          ]),
          { maxWidth: terminal.columns, keep: [0] },
        ),
      );
    }
  } finally {
    await close();
  }
}

async function operate(
  terminal: Terminal,
  verb: ActionOperation['verb'],
  id: string,
  flags: OperationFlags,
): Promise<number> {
  const system = await openSystem(terminal, flags, { dryRun: false, now: undefined });
  try {
    const { outcome, action } = await resultOf(
      system.surroundings,
      { id, verb },
      { by: `${userInfo().username} (command line)`, why: flags.why ?? '', as: flags.as },
    );
    terminal.print(`${action.id.slice(0, 12)} is ${action.state}. ${outcome.detail}`);
    return outcome.state === 'applied' || verb === 'decline' || verb === 'close' ? 0 : 1;
  } finally {
    await system.close();
  }
}
