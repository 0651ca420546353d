// What a tick of `settle` costs that finds nothing due, as it comes each minute on every host. Prints; never passes or fails.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { driver } from '../../functions/settle/index.ts';
import { renderTable } from '../../shared/core/table.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import type { Store } from '../../shared/ports/store.ts';
import { answerDriver } from '../../shared/runtime/driver.ts';
import type { Incoming } from '../../shared/runtime/trigger.ts';
import { median } from './measure.ts';

const SCENARIO = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');
const TICKS = 2000;
const MINUTE = 60_000;
/** Until what the scenario's run changed is settled and told. */
const SETTLING_MINUTES = 60;

/** As Cloud Scheduler sends it. */
const TICK: Incoming = { headers: { 'x-cloudscheduler': 'true' }, body: '' };

export async function benchSettle(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-bench-'));
  const running = await openScenario(loadScenario(SCENARIO), {
    duty: 'rebalance',
    storePath: path.join(folder, 'state.sqlite'),
  });
  try {
    await running.run({ trigger: 'schedule' });
    for (let minute = 0; minute < SETTLING_MINUTES; minute += 1) {
      await tick(running, running.store);
    }
    const { store, counts } = counting(running.store);
    const calls = running.platform.calls.length;
    const cpu: number[] = [];
    for (let count = 0; count < TICKS; count += 1) {
      const before = process.cpuUsage();
      await tick(running, store);
      const { user, system } = process.cpuUsage(before);
      cpu.push((user + system) / 1000);
    }
    const sorted = cpu.toSorted((a, b) => a - b);
    console.log('\nA tick of `settle` that finds nothing due, on SQLite in a file, warm\n');
    console.log(
      renderTable(
        ['ticks', 'CPU, median', 'CPU, p95', 'store reads', 'store writes', 'calls outside'],
        [
          [
            String(TICKS),
            `${median(cpu).toFixed(3)} ms`,
            `${(sorted[Math.floor(TICKS * 0.95)] ?? Number.NaN).toFixed(3)} ms`,
            String(counts.reads / TICKS),
            String(counts.writes / TICKS),
            String(running.platform.calls.length - calls),
          ],
        ],
      ),
    );
    console.log('\nGoal: at most 2 store reads. Of user and system time of the process.');
  } finally {
    await running.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function tick({ platform, ready }: RunningScenario, store: Store): Promise<void> {
  platform.clock.advance(MINUTE);
  const { surroundings } = ready;
  const answer = await answerDriver(driver, { ...surroundings, ports: { ...surroundings.ports, store } }, TICK);
  if (answer.status !== 200) {
    throw new Error(`settle answered ${String(answer.status)}: ${JSON.stringify(answer.body)}`);
  }
}

function counting(inner: Store): { readonly store: Store; readonly counts: { reads: number; writes: number } } {
  const counts = { reads: 0, writes: 0 };
  const read = <T>(operation: Promise<T>): Promise<T> => {
    counts.reads += 1;
    return operation;
  };
  const write = <T>(operation: Promise<T>): Promise<T> => {
    counts.writes += 1;
    return operation;
  };
  return {
    counts,
    store: {
      read: (collection, id) => read(inner.read(collection, id)),
      query: (collection, query) => read(inner.query(collection, query)),
      commit: (writes) => write(inner.commit(writes)),
      prune: (limit) => write(inner.prune(limit)),
      check: () => write(inner.check()),
      close: () => inner.close(),
    },
  };
}
