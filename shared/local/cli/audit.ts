// `nightshift audit verify | export | cut`: is the journal what was written, a copy of it for elsewhere, and the end of its retention.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { systemClock } from '../../adapters/system/clock.ts';
import { readEnvironment } from '../../config/environment.ts';
import { CallerError } from '../../core/errors.ts';
import { durationSeconds } from '../../core/policy.ts';
import type { Store } from '../../ports/store.ts';
import { type ScopeAudit, verifyJournal, type Witness } from '../../runtime/audit.ts';
import { journalScopes } from '../../runtime/journal-chain.ts';
import { exportedLines, readWitness } from '../../runtime/journal-export.ts';
import { cutJournal } from '../../runtime/retention.ts';
import { policyOf } from '../../wiring/system.ts';
import { findDuties } from '../duties.ts';
import { openStore } from './system.ts';
import type { Terminal } from './terminal.ts';

interface AuditFlags {
  readonly scope?: string;
  readonly json?: boolean;
  readonly against?: string;
  readonly since?: string;
  readonly before?: string;
  readonly policy?: string;
}

const SCOPE_HELP = 'only of this scope, as `runs` prints it';

export function registerAudit(program: Command, terminal: Terminal): void {
  const audit = program
    .command('audit')
    .description('Verify the journal, copy it, or cut what is older than its retention');
  audit
    .command('verify')
    .description(
      'Follow the chain of hashes, and compare actions with their last entries; exit 1 when something is wrong',
    )
    .option('--scope <scope>', SCOPE_HELP)
    .option('--against <file>', 'also compare with what `audit export` wrote to this file earlier')
    .option('--json', 'as JSON')
    .action(async (flags: AuditFlags) => {
      await withStore((store) => verify(terminal, store, flags), terminal);
    });
  audit
    .command('export')
    .description('Print the journal as lines of JSON, to be kept where nobody here can rewrite it')
    .option('--scope <scope>', SCOPE_HELP)
    .option('--since <iso>', 'only what was written at or after this time')
    .action(async (flags: AuditFlags) => {
      await withStore(async (store) => {
        const since = timeOf(flags.since, '--since');
        for await (const line of exportedLines(store, {
          ...scopeOf(flags),
          ...(since === undefined ? {} : { since }),
        })) {
          terminal.print(line);
        }
      }, terminal);
    });
  audit
    .command('cut')
    .description('Take away what is older than the retention of the policy, or than a time before it')
    .option('--before <iso>', 'keep what was written at or after this time; the end of the retention when absent')
    .option('--scope <scope>', SCOPE_HELP)
    .option('--policy <file>', 'policy file (NIGHTSHIFT_POLICY)')
    .action(async (flags: AuditFlags) => {
      await withStore((store) => cut(terminal, store, flags));
    });
}

async function withStore(work: (store: Store) => Promise<void>, reader?: Terminal): Promise<void> {
  const { store, close } = await openStore(reader);
  try {
    await work(store);
  } finally {
    await close();
  }
}

function scopeOf({ scope }: AuditFlags): { readonly scope?: string } {
  return scope === undefined ? {} : { scope };
}

function timeOf(text: string | undefined, field: string): string | undefined {
  if (text === undefined) {
    return undefined;
  }
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw new CallerError(`${field} ${text} is not an ISO time.`, {
      field,
      remedy: 'Write it as 2026-11-21T09:00:00Z.',
    });
  }
  return new Date(time).toISOString();
}

async function verify(terminal: Terminal, store: Store, flags: AuditFlags): Promise<void> {
  const witness = flags.against === undefined ? undefined : await witnessOf(flags.against);
  const audits = await verifyJournal(store, flags.scope, witness);
  if (flags.scope !== undefined && audits.every((one) => one.lastSequence === 0 && one.defects.length === 0)) {
    throw unknownScope(flags.scope, await journalScopes(store));
  }
  const isBroken = audits.some(({ defects }) => defects.length > 0);
  terminal.exitCode = isBroken ? 1 : 0;
  if (flags.json === true) {
    terminal.print(JSON.stringify(audits, undefined, 2));
    return;
  }
  for (const one of audits) {
    terminal.print(auditText(one));
  }
  if (audits.length === 0) {
    terminal.print('The journal is empty: nothing was changed yet.');
  }
  if (isBroken) {
    terminal.warn(
      'Somebody or something wrote to the store past Nightshift, or it was damaged. Keep a copy of the store, look who has access, and compare with your last export and backup.',
    );
  }
}

async function witnessOf(file: string): Promise<Witness> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CallerError(`The file ${file} cannot be read.`, { field: '--against', cause: error });
  }
  return readWitness(text, file);
}

function unknownScope(scope: string, scopes: readonly string[]): CallerError {
  return new CallerError(`There is no journal of the scope ${scope}.`, {
    field: '--scope',
    remedy: `Scopes: ${scopes.join(' | ') || 'none, nothing was changed yet'}.`,
  });
}

/** One line a scope with its last hash, which is worth keeping elsewhere; what is wrong in lines of their own. */
function auditText(audit: ScopeAudit): string {
  const { scope, entries, firstSequence, lastSequence, hash, cutAt, defects, warnings, warningCount } = audit;
  const range = entries === 0 ? 'no entry' : `entries ${String(firstSequence)} to ${String(lastSequence)}`;
  const cutSaid = cutAt === undefined ? '' : ` (what was before was cut at ${cutAt})`;
  const head = `${scope}: ${defects.length === 0 ? 'whole' : 'BROKEN'}, ${range}${cutSaid}, last hash ${hash}`;
  const more = warningCount - warnings.length;
  return [
    head,
    ...defects.map(({ message }) => `  DEFECT: ${message}`),
    ...warnings.map((message) => `  Warning: ${message}`),
    ...(more > 0 ? [`  Warning: and ${String(more)} more of this kind.`] : []),
  ].join('\n');
}

async function cut(terminal: Terminal, store: Store, flags: AuditFlags): Promise<void> {
  const duties = (await findDuties()).map((found) => found.duty);
  const { team } = await policyOf(flags.policy ?? readEnvironment().policy, duties);
  const now = systemClock.now();
  const oldest = new Date(now.getTime() - durationSeconds(team.retention.journal) * 1000).toISOString();
  const before = timeOf(flags.before, '--before') ?? oldest;
  if (before > oldest) {
    throw new CallerError(
      `The policy keeps the journal for ${team.retention.journal}: nothing after ${oldest} is cut.`,
      {
        field: '--before',
        remedy: 'Name an earlier time, or change retention.journal in the policy, where everybody sees it.',
      },
    );
  }
  const scopes = await journalScopes(store);
  if (flags.scope !== undefined && !scopes.includes(flags.scope)) {
    throw unknownScope(flags.scope, scopes);
  }
  let entries = 0;
  for (const scope of flags.scope === undefined ? scopes : [flags.scope]) {
    const done = await cutJournal(store, scope, before, now);
    entries += done;
    if (done > 0) {
      terminal.print(`${scope}: ${String(done)} ${done === 1 ? 'entry' : 'entries'} cut.`);
    }
  }
  terminal.print(entries === 0 ? `Nothing is older than ${before}.` : `Cut up to ${before}.`);
}
