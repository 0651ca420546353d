// `nightshift runs`, `show <run>`, `journal`: what happened, from the store.
import type { Command } from 'commander';
import { CallerError } from '../../core/errors.ts';
import { renderTable } from '../../core/table.ts';
import type { JournalEntry } from '../../runtime/journal.ts';
import { readRun, type RunRecord } from '../../runtime/run-record.ts';
import { renderReport } from './run.ts';
import { openStore } from './system.ts';
import type { Terminal } from './terminal.ts';

interface ListFlags {
  readonly duty?: string;
  readonly scope?: string;
  readonly limit: string;
  readonly json?: boolean;
}

const DEFAULT_LIMIT = '20';
const MOST = 1000;

export function registerHistory(program: Command, terminal: Terminal): void {
  program
    .command('runs')
    .description('The latest runs')
    .option('--duty <name>', 'only of this duty')
    .option('--limit <n>', 'how many', DEFAULT_LIMIT)
    .option('--json', 'as JSON')
    .action(async (flags: ListFlags) => {
      await listRuns(terminal, flags);
    });
  program
    .command('show')
    .description('The report of one run')
    .argument('<run>', 'id of the run')
    .option('--json', 'the canonical report as JSON')
    .action(async (id: string, flags: { json?: boolean }) => {
      await showRun(terminal, id, flags.json === true);
    });
  program
    .command('journal')
    .description('The record of every action, newest last')
    .option('--scope <scope>', 'only of this scope, as `runs` prints it')
    .option('--limit <n>', 'how many', DEFAULT_LIMIT)
    .option('--json', 'as JSON')
    .action(async (flags: ListFlags) => {
      await listJournal(terminal, flags);
    });
}

function limitOf(flags: ListFlags): number {
  const limit = Number(flags.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST) {
    throw new CallerError(`--limit ${flags.limit} is not a number from 1 to ${String(MOST)}.`, { field: '--limit' });
  }
  return limit;
}

async function listRuns(terminal: Terminal, flags: ListFlags): Promise<void> {
  const { store, close } = await openStore(terminal);
  try {
    const documents = await store.query<RunRecord>('runs', {
      where: flags.duty === undefined ? [] : [{ field: 'duty', op: '==', value: flags.duty }],
      orderBy: { field: 'startedAt', direction: 'descending' },
      limit: limitOf(flags),
    });
    const runs = documents.map((document) => document.data);
    if (flags.json === true) {
      terminal.print(JSON.stringify(runs, undefined, 2));
    } else if (runs.length === 0) {
      terminal.print('No run yet.');
    } else {
      terminal.print(
        renderTable(
          ['run', 'duty', 'scope', 'trigger', 'state', 'act', 'escalate', 'skip', 'error'],
          runs.map((run) => [
            run.id,
            run.duty,
            run.scope,
            run.trigger,
            run.state,
            String(run.counts?.act ?? ''),
            String(run.counts?.escalate ?? ''),
            String(run.counts?.skip ?? ''),
            run.error ?? '',
          ]),
          { maxWidth: terminal.columns, keep: [0] },
        ),
      );
    }
  } finally {
    await close();
  }
}

async function showRun(terminal: Terminal, id: string, json: boolean): Promise<void> {
  const { ports, close } = await openStore(terminal);
  try {
    const run = await readRun({ ports }, id);
    if (run === undefined) {
      throw new CallerError(`There is no run ${id}.`, { field: 'run', remedy: '`nightshift runs` lists them.' });
    }
    if (run.report === undefined) {
      terminal.print(
        `Run ${id} of ${run.record.duty}, ${run.record.scope}: ${run.record.state}. ${run.record.error ?? 'It has no report.'}`,
      );
      return;
    }
    terminal.print(json ? JSON.stringify(run.report, undefined, 2) : renderReport(run.report, terminal.columns));
  } finally {
    await close();
  }
}

async function listJournal(terminal: Terminal, flags: ListFlags): Promise<void> {
  const { store, close } = await openStore(terminal);
  try {
    const documents = await store.query<JournalEntry>('journal', {
      where: flags.scope === undefined ? [] : [{ field: 'scope', op: '==', value: flags.scope }],
      orderBy: { field: flags.scope === undefined ? 'at' : 'sequence', direction: 'descending' },
      limit: limitOf(flags),
    });
    const entries = documents.map((document) => document.data).reverse();
    if (flags.json === true) {
      terminal.print(JSON.stringify(entries, undefined, 2));
    } else if (entries.length === 0) {
      terminal.print('The journal is empty: nothing was changed yet.');
    } else {
      terminal.print(renderJournal(entries, terminal.columns));
    }
  } finally {
    await close();
  }
}

export function renderJournal(entries: readonly JournalEntry[], columns: number): string {
  return renderTable(
    ['at', 'scope', '#', 'action', 'state', 'by', 'detail'],
    entries.map((entry) => [
      entry.at,
      entry.scope,
      String(entry.sequence),
      `${entry.kind} ${entry.actionId.slice(0, 12)}`,
      entry.state,
      entry.by,
      entry.detail,
    ]),
    { maxWidth: columns },
  );
}
