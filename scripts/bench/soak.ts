// What a day does to the one-process host: its heap by the hour, and its database by the day and after pruning. Prints; never passes
// or fails. tests/processes/soak.test.ts holds a short one against bounds.
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { renderTable } from '../../shared/core/table.ts';
import { follower } from '../../shared/local/follow-clock.ts';
import { openScenario } from '../../shared/local/scenario.ts';
import { median } from './measure.ts';
import type { Soaked, SoakMessage, SoakTask, Stored } from './soak-subject.ts';
import { answerOf } from './target.ts';

const SCENARIO = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');
const FROM = '2026-03-04T10:00:00.000Z';
const QUARTERS = 4;

/** A host on its clock over the scenario of the demo, for `hours`; the platform is played here. */
export async function soak(task: Pick<SoakTask, 'hours' | 'jumpDays' | 'hoursAfter'>): Promise<Soaked> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-soak-'));
  const scenario = loadScenario(SCENARIO, new Date(FROM));
  const running = await openScenario(scenario, { duty: 'rebalance' });
  try {
    const file = path.join(folder, 'state.sqlite');
    const { SLACK_APP_TOKEN: _socket, ...variables } = running.variables;
    const child = fork(
      path.join(import.meta.dirname, 'soak-subject.ts'),
      [JSON.stringify({ ...task, from: FROM, file } satisfies SoakTask)],
      {
        execArgv: ['--expose-gc'],
        env: { ...variables, NIGHTSHIFT_STORE: `sqlite:${file}`, NIGHTSHIFT_PORT: '0' },
      },
    );
    const follow = follower(running);
    for (;;) {
      const message = (await answerOf(child)) as SoakMessage;
      if ('soaked' in message) {
        return message.soaked;
      }
      follow(new Date(message.at));
      child.send({});
    }
  } finally {
    await running.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** By hours: the median of its quarters. */
export function heapByHour({ heapBytes }: Soaked): readonly number[] {
  const hours = Math.floor(heapBytes.length / QUARTERS);
  return Array.from({ length: hours }, (_, hour) => median(heapBytes.slice(hour * QUARTERS, (hour + 1) * QUARTERS)));
}

export function documentsOf({ documents }: Stored): number {
  return Object.values(documents).reduce((sum, count) => sum + count, 0);
}

const HOURS = 24;
/** Over the default retention of runs, and long enough for all to be pruned: 200 documents a run. */
const JUMP_DAYS = 31;
const HOURS_AFTER = 2;

export async function benchSoak(): Promise<void> {
  process.stderr.write(`a day of the one-process host in ${String(HOURS)} simulated hours …\n`);
  const soaked = await soak({ hours: HOURS, jumpDays: JUMP_DAYS, hoursAfter: HOURS_AFTER });
  const heap = heapByHour(soaked);
  console.log('\nHeap of the one-process host after garbage collection, by simulated hour (MiB)\n');
  console.log(
    renderTable(
      ['hour', ...Array.from({ length: 6 }, (_, index) => `+${String(index)}`)],
      Array.from({ length: Math.ceil(heap.length / 6) }, (_, row) => [
        String(row * 6 + 1),
        ...heap.slice(row * 6, row * 6 + 6).map(mebibytes),
      ]),
    ),
  );
  const [second, last] = [heap[1] ?? Number.NaN, heap.at(-1) ?? Number.NaN];
  console.log(`\nLast hour against the second: ${(last / second).toFixed(3)}. Goal: flat.`);
  console.log(`Answers: ${JSON.stringify(soaked.answers)}. Errors in the log: ${String(soaked.errors.length)}.`);
  const [first, before, after] = soaked.stored;
  const collections = [...new Set(soaked.stored.flatMap(({ documents }) => Object.keys(documents)))].toSorted();
  const row = (name: string, of: (stored: Stored) => string): string[] => [name, of(first), of(before), of(after)];
  console.log('\nThe database\n');
  console.log(
    renderTable(
      ['', 'after 1 hour', `after ${String(HOURS)} hours`, `${String(JUMP_DAYS)} days later, pruned`],
      [
        ...collections.map((name) => row(name, ({ documents }) => String(documents[name] ?? 0))),
        row('all documents', (stored) => String(documentsOf(stored))),
        row('MiB used', ({ usedBytes }) => mebibytes(usedBytes)),
        row('MiB of the file', ({ fileBytes }) => mebibytes(fileBytes)),
      ],
    ),
  );
  const growth = ((before.usedBytes - first.usedBytes) * HOURS) / (HOURS - 1);
  console.log(`\nGrowth a day: ${mebibytes(growth)} MiB. What is pruned leaves pages that later documents use.`);
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(2);
}
