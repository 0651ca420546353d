// A process of its own for the store's tests: counts together with others, or writes until it is killed.
import { writeSync } from 'node:fs';
import { sqliteStore } from '../../../shared/adapters/sqlite/store.ts';
import type { Store, Write } from '../../../shared/ports/store.ts';

const [path = '', task, times = '1'] = process.argv.slice(2);
const clock = { now: (): Date => new Date('2026-11-01T00:00:00Z'), sleep: (): Promise<void> => Promise.resolve() };
const store = sqliteStore({ path, clock });

if (task === 'count') {
  for (let done = 0; done < Number(times); done += 1) {
    await addOne(store);
  }
  await store.close();
} else {
  await writeGenerations(store);
}

async function addOne(on: Store): Promise<void> {
  for (;;) {
    const current = await on.read<{ used: number }>('budgets', 'shared');
    const place = { collection: 'budgets', id: 'shared', data: { used: (current?.data.used ?? 0) + 1 } };
    const write: Write =
      current === undefined ? { op: 'create', ...place } : { op: 'replace', ...place, version: current.version };
    if ((await on.commit([write])).committed) {
      return;
    }
  }
}

/** Twenty documents carry the same generation in every commit; the number is printed after the commit was answered. */
async function writeGenerations(on: Store): Promise<never> {
  let versions: readonly (string | null)[] = [];
  for (let generation = 1; ; generation += 1) {
    const writes = Array.from({ length: 20 }, (_, index): Write => {
      const version = versions[index];
      const place = { collection: 'targets', id: `t${String(index)}`, data: { generation, pad: 'x'.repeat(2000) } };
      return version === undefined || version === null
        ? { op: 'create', ...place }
        : { op: 'replace', ...place, version };
    });
    const result = await on.commit(writes);
    if (!result.committed) {
      throw new Error(`conflict on ${result.conflict.id}`);
    }
    versions = result.versions;
    writeSync(1, `${String(generation)}\n`);
  }
}
