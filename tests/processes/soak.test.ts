// Two simulated hours of the one-process host, and a month later: nothing grows that should not. The whole day: `npm run bench -- soak`.
import { expect, test } from 'vitest';
import { documentsOf, soak } from '../../scripts/bench/soak.ts';
import type { Stored } from '../../scripts/bench/soak-subject.ts';

const MIB = 2 ** 20;
/** What a run may leave: itself, its delivery, its report and its facts in chunks. */
const DOCUMENTS_A_RUN = 5;
const RUNS_AN_HOUR = 4;

test('two hours of ticks leave the heap flat and little in the store, and what has expired is pruned', async () => {
  const { heapBytes, answers, errors, stored } = await soak({ hours: 2, jumpDays: 31, hoursAfter: 0.5 });

  expect(errors).toEqual([]);
  expect(Object.keys(answers).filter((name) => !name.endsWith(' 200'))).toEqual([]);
  // Each minute but the last, at which time ends; the jump is one missed stretch and not 44,640 ticks.
  expect(answers['settle 200']).toBe(149);
  expect(answers['rebalance 200']).toBe(9);

  // The third quarter of an hour is the first in which everything was loaded and compiled.
  expect((heapBytes.at(-1) ?? Infinity) - (heapBytes[2] ?? 0)).toBeLessThan(3 * MIB);

  const [first, before, after] = stored;
  expect(documentsOf(before) - documentsOf(first)).toBeLessThanOrEqual(RUNS_AN_HOUR * DOCUMENTS_A_RUN);
  expect(before.usedBytes - first.usedBytes).toBeLessThan(MIB / 4);
  // Those of the two hours are gone, but for the journal and what actions and targets stand at.
  for (const collection of ['runs', 'chunks', 'deliveries', 'outbox']) {
    expect(countOf(after, collection), collection).toBeLessThanOrEqual(countOf(first, collection));
  }
  expect(countOf(after, 'journal')).toBe(countOf(before, 'journal'));
  expect(after.usedBytes).toBeLessThan(before.usedBytes);
}, 120_000);

function countOf({ documents }: Stored, collection: string): number {
  return documents[collection] ?? 0;
}
