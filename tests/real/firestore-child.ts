// A process of its own for the real tier: counts together with others, or writes until it is killed.
import { writeSync } from 'node:fs';
import type { Store, Version, Write } from '../../shared/ports/store.ts';
import { openFirestore } from './firestore.ts';

const [host = '', project = '', task, times = '1'] = process.argv.slice(2);
const store = openFirestore(host, project);

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

/** Twenty documents carry the same generation in every commit, under a lease; the number is printed after the commit was answered. */
async function writeGenerations(on: Store): Promise<never> {
  const lease = await on.commit([{ op: 'create', collection: 'leases', id: 'writer', data: {} }]);
  const held = (lease.committed ? lease.versions[0] : undefined) ?? '';
  let versions: readonly (Version | null)[] = [];
  for (let generation = 1; ; generation += 1) {
    const writes = Array.from({ length: 20 }, (_, index): Write => {
      const version = versions[index];
      const place = { collection: 'targets', id: `t${String(index)}`, data: { generation, pad: 'x'.repeat(2000) } };
      return version === undefined || version === null
        ? { op: 'create', ...place }
        : { op: 'replace', ...place, version };
    });
    const result = await on.commit([...writes, { op: 'check', collection: 'leases', id: 'writer', version: held }]);
    if (!result.committed) {
      throw new Error(`conflict on ${result.conflict.id}`);
    }
    versions = result.versions;
    writeSync(1, `${String(generation)}\n`);
  }
}
