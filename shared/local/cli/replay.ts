// `nightshift replay <run>` and `export <run>`: does today's code judge a stored run the same, and a scenario folder made from one.
import path from 'node:path';
import type { Command } from 'commander';
import { readEnvironment } from '../../config/environment.ts';
import { secretMasker } from '../../core/mask.ts';
import type { CodeVersion } from '../../runtime/context.ts';
import { type Difference, type RecordedRun, recordedRun, replayRun } from '../../runtime/replay.ts';
import { findDuties, findDuty } from '../duties.ts';
import { writeRecordedCase } from '../recorded-case.ts';
import { openStore } from './system.ts';
import type { Terminal } from './terminal.ts';

export function registerReplay(program: Command, terminal: Terminal): void {
  program
    .command('replay')
    .description('Judge a stored run again from its facts; exit 1 when summary or decisions differ in a byte')
    .argument('<run>', 'id of the run')
    .option('--json', 'as JSON')
    .action(async (id: string, flags: { json?: boolean }) => {
      terminal.exitCode = await replay(terminal, id, flags.json === true);
    });
  program
    .command('export')
    .description('Make a scenario folder from a stored run, to be put under fixtures/ as a regression test')
    .argument('<run>', 'id of the run')
    .requiredOption('--out <folder>', 'new folder, such as fixtures/rebalance/<what it shows>')
    .action(async (id: string, flags: { out: string }) => {
      await exportRun(terminal, id, flags.out);
    });
}

async function stored(terminal: Terminal, id: string): Promise<RecordedRun> {
  const { store, close } = await openStore(terminal);
  try {
    return await recordedRun(store, id);
  } finally {
    await close();
  }
}

async function replay(terminal: Terminal, id: string, asJson: boolean): Promise<number> {
  const run = await stored(terminal, id);
  const { duty, manifest } = findDuty(await findDuties(), run.record.duty);
  const difference = replayRun(duty, run, secretMasker(readEnvironment().secrets));
  const code = { recorded: run.recording.code, now: manifest.code };
  if (asJson) {
    terminal.print(
      JSON.stringify(
        { run: id, identical: difference === undefined, difference: difference ?? null, code },
        undefined,
        2,
      ),
    );
    return difference === undefined ? 0 : 1;
  }
  if (code.recorded?.hash !== code.now.hash) {
    terminal.warn(
      `The code is not the one that ran: recorded by ${named(code.recorded)}, replayed by ${named(code.now)}.`,
    );
  }
  if (difference === undefined) {
    terminal.print('identical');
    return 0;
  }
  terminal.print(differenceText(difference));
  if (run.record.isRecordingMasked === true) {
    terminal.warn(
      'Something in the facts looked like a secret and was masked when they were stored; that may be the difference.',
    );
  }
  return 1;
}

function named(code: CodeVersion | null): string {
  return code === null ? 'an unknown version' : `${code.version} (${code.hash.slice(0, 12)})`;
}

function differenceText({ path: place, recorded, replayed }: Difference): string {
  return [
    `different at ${place}`,
    `  recorded: ${recorded ?? '(nothing there)'}`,
    `  replayed: ${replayed ?? '(nothing there)'}`,
  ].join('\n');
}

async function exportRun(terminal: Terminal, id: string, out: string): Promise<void> {
  const run = await stored(terminal, id);
  const { duty } = findDuty(await findDuties(), run.record.duty);
  const files = await writeRecordedCase(path.resolve(out), duty, run);
  for (const file of files) {
    terminal.print(path.join(out, file));
  }
  terminal.warn(
    'Before you commit it: read the names in observed/, say in case.yaml what it shows, and check each rule under expect.',
  );
}
