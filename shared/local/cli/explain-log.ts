// `nightshift explain-log`: why did this job fail, from its log alone, offline. `signature test`: a team's own signatures.
import type { Command } from 'commander';
import { placesOf, readCatalogue, readSignatureText, teamFile } from '../../config/signatures.ts';
import { CallerError, describeError } from '../../core/errors.ts';
import { explainLog } from '../../core/log/explain.ts';
import type { LogExplanation } from '../../core/log/explain.ts';
import type { Catalogue, SignatureFile } from '../../core/log/signature.ts';
import { secretMasker } from '../../core/mask.ts';
import { readLogEnd, readLogFile } from '../log-file.ts';
import type { LogEnd } from '../log-file.ts';
import type { Terminal } from './terminal.ts';

const DUTY = 'pipeline-retry';
const SHOWN_LINES = 12;
const STDIN = '-';

interface Flags {
  readonly json?: boolean;
  readonly signatures: readonly string[];
  readonly policy?: string;
}

export function registerExplainLog(program: Command, terminal: Terminal): void {
  program
    .command('explain-log')
    .description('Say why a CI job failed, from its log alone: would it pass when run again, and which lines tell so')
    .argument('<file...>', 'logs, plain or gzip, of any CI system; - is stdin')
    .option('--json', 'one line of JSON a file, in order')
    .option('--policy <file>', 'policy whose ci.signatures count as well')
    .option('--signatures <file...>', "files of the team's own signatures, besides the shipped ones", [])
    .action(async (files: readonly string[], flags: Flags) => {
      await explainAll(terminal, files, flags);
    });
  program
    .command('signature')
    .description("Check a team's own signatures")
    .command('test')
    .description('Run the examples and near-misses of a file of signatures; exit 1 with line numbers when one fails')
    .argument('<file>', 'YAML file of signatures')
    .action(async (file: string) => {
      const proven = await teamFile(await readSignatureText(file), file, DUTY, new Map());
      const { category, signatures } = proven;
      const count = (list: 'examples' | 'nearMisses'): string =>
        String(signatures.reduce((sum, one) => sum + one[list].length, 0));
      terminal.print(
        `${file} is right: ${category}, signatures: ${String(signatures.length)}, examples matched: ${count('examples')}, near-misses not matched: ${count('nearMisses')}.${placesOf([proven])}`,
      );
    });
}

async function explainAll(terminal: Terminal, files: readonly string[], flags: Flags): Promise<void> {
  const catalogue = await readCatalogue(DUTY, await ownSignatures(flags));
  const unread: string[] = [];
  for (const file of files) {
    const log = await logOf(file);
    if ('why' in log) {
      unread.push(file);
      terminal.warn(`${file} cannot be read: ${log.why}.`);
      continue;
    }
    const explanation = withoutSecrets(explainedBy(log, catalogue));
    terminal.print(flags.json === true ? asJson(file, explanation) : asText(file, explanation));
  }
  if (unread.length > 0) {
    throw new CallerError(`Not explained: ${unread.join(', ')}.`, {
      field: 'file',
      remedy: 'Name files that are there and may be read, or - for stdin.',
    });
  }
}

/** Of the policy, then of the files that are named. */
async function ownSignatures({ policy, signatures }: Flags): Promise<readonly SignatureFile[]> {
  // The policy's schema is half of what this command would load.
  const own =
    policy === undefined ? [] : [...(await (await import('../../config/team-signatures.ts')).policySignatures(policy))];
  const taken = new Map(
    own.flatMap(({ category, signatures: each }) => each.map(({ id }) => [`${category}/${id}`, policy ?? ''] as const)),
  );
  for (const name of signatures) {
    const file = await teamFile(await readSignatureText(name), name, DUTY, taken);
    for (const { id } of file.signatures) {
      taken.set(`${file.category}/${id}`, name);
    }
    own.push(file);
  }
  return own;
}

async function logOf(file: string): Promise<LogEnd | { readonly why: string }> {
  try {
    return await (file === STDIN ? readLogEnd(process.stdin) : readLogFile(file));
  } catch (error) {
    return { why: describeError(error) };
  }
}

function explainedBy({ text, firstLine }: LogEnd, catalogue: Catalogue): LogExplanation {
  return explainLog(text, catalogue, firstLine);
}

/** CI systems mask what they know; a log may hold what they did not. */
function withoutSecrets(explanation: LogExplanation): LogExplanation {
  const mask = secretMasker([]);
  return { ...explanation, lines: explanation.lines.map(({ number, text }) => ({ number, text: mask(text) })) };
}

function asJson(file: string, { verdict, category, signature, confidence, lines }: LogExplanation): string {
  return JSON.stringify({
    file,
    verdict,
    category: category ?? null,
    signature: signature ?? null,
    confidence,
    lines: lines.map(({ number, text }) => ({ number, text })),
  });
}

const SENTENCES: Readonly<Record<LogExplanation['verdict'], string>> = {
  transient: 'it would pass when run again',
  regular: 'it would fail again',
  unknown: 'nothing in the log tells; it is never run again by itself',
};

function asText(file: string, { verdict, signature, why, lines, confidence }: LogExplanation): string {
  const shown = lines.slice(0, SHOWN_LINES);
  const width = Math.max(0, ...shown.map(({ number }) => String(number).length));
  return [
    `${file}: ${verdict}, ${SENTENCES[verdict]}${confidence > 0 ? ` (confidence ${confidence.toFixed(2)})` : ''}`,
    ...(signature === undefined ? [] : [`  ${signature}: ${why ?? ''}`]),
    ...shown.map(
      ({ number, text }, index) => `  ${index === 0 ? '→' : ' '} ${String(number).padStart(width)}  ${text}`,
    ),
  ].join('\n');
}
