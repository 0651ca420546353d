// `nightshift policy check` and `policy schema`: is the file right, and what editors need to help with it.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { readEnvironment } from '../../config/environment.ts';
import { type LoadedPolicy, policySchema } from '../../config/policy.ts';
import { placesOf } from '../../config/signatures.ts';
import { signaturesOf } from '../../config/team-signatures.ts';
import { CallerError } from '../../core/errors.ts';
import type { Duty } from '../../runtime/duty.ts';
import { policyOf } from '../../wiring/system.ts';
import { findDuties } from '../duties.ts';
import { writeFailure } from './init.ts';
import type { Terminal } from './terminal.ts';

export function registerPolicy(program: Command, terminal: Terminal): void {
  const policy = program.command('policy').description('Check the policy file, or write its JSON Schema');
  policy
    .command('check')
    .description('Say what is wrong with a policy file, with line and field')
    .argument('[file]', 'policy file (NIGHTSHIFT_POLICY)')
    .action(async (file: string | undefined) => {
      await check(terminal, file);
    });
  policy
    .command('schema')
    .description('The JSON Schema of the policy, with which editors complete and check it')
    .option('--out <file>', 'file to write; stdout when absent')
    .action(async (flags: { readonly out?: string }) => {
      await writeSchema(terminal, flags.out);
    });
}

async function check(terminal: Terminal, named: string | undefined): Promise<void> {
  const file = named ?? readEnvironment().policy;
  if (file === undefined) {
    throw new CallerError('Which policy file?', {
      field: 'file',
      remedy: 'Name it, as in `nightshift policy check nightshift.yaml`, or set NIGHTSHIFT_POLICY.',
    });
  }
  const duties = await knownDuties();
  const policy = await policyOf(file, duties);
  for (const warning of policy.warnings) {
    terminal.warn(`Warning: ${warning}`);
  }
  const clusters = Object.keys(policy.team.clusters).length;
  const own = signaturesOf(policy.team);
  const signatures = own.reduce((sum, one) => sum + one.signatures.length, 0);
  terminal.print(
    `${file} is valid: ${counted(clusters, 'cluster')}, ${counted(scopeCount(policy, duties), 'scope')}${own.length === 0 ? '' : `, ${counted(signatures, 'signature')} of your own`}.${placesOf(own)}`,
  );
}

async function writeSchema(terminal: Terminal, out: string | undefined): Promise<void> {
  const duties = await knownDuties();
  const schema = policySchema(Object.fromEntries(duties.map((duty) => [duty.name, duty.policy])));
  const text = JSON.stringify(schema, undefined, 2);
  if (out === undefined) {
    terminal.print(text);
    return;
  }
  try {
    // Always the same content for the same version: writing it again is how it is renewed.
    await writeFile(out, `${text}\n`);
  } catch (error) {
    throw writeFailure(out, error);
  }
  terminal.print(
    `${out} is written. A policy names it in its first line: # yaml-language-server: $schema=${path.isAbsolute(out) ? out : `./${out}`}`,
  );
}

async function knownDuties(): Promise<readonly Duty[]> {
  return (await findDuties()).map((found) => found.duty);
}

/** Scopes of all duties that run by themselves. */
function scopeCount(policy: LoadedPolicy, duties: readonly Duty[]): number {
  return duties.reduce((sum, duty) => sum + duty.scopes(policy.duties[duty.name], policy.team).length, 0);
}

function counted(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? '' : 's'}`;
}
