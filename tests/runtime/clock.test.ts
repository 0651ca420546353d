// A clock that stands before the last journal entry: nothing new is begun, what was begun is accounted for, and no entry runs backwards.
import { expect, test } from 'vitest';
import type { JournalEntry } from '../../shared/runtime/journal.ts';
import { verifyJournal } from '../../shared/runtime/audit.ts';
import { undoAction } from '../../shared/runtime/undo.ts';
import type { ActionRecord } from '../../shared/core/action.ts';
import { run } from '../attack/rig.ts';
import { testRuntime, type TestRuntime, testThings } from '../support/runtime.ts';

const HOUR = 3_600_000;
const TICK = 15 * 60_000;

async function changedOnce(): Promise<TestRuntime> {
  const runtime = testRuntime({ things: testThings({ a: 100, b: 100 }) });
  await run(runtime, { a: 125 });
  return runtime;
}

async function times(runtime: TestRuntime): Promise<readonly string[]> {
  const entries = await runtime.store.query<JournalEntry>('journal', { where: [], limit: 100 });
  return [...entries].sort((a, b) => a.data.sequence - b.data.sequence).map(({ data }) => data.at);
}

test('two hours behind, a change is refused with both times, and made once the clock is right', async () => {
  const runtime = await changedOnce();
  runtime.clock.advance(-2 * HOUR);
  const refused = await run(runtime, { b: 125 });
  expect(refused.kind === 'done' && refused.report.actions[0]).toMatchObject({
    outcome: 'refused',
    detail: expect.stringMatching(/clock shows 2026-03-04T08.*last journal entry is of 2026-03-04T10/) as string,
  });
  expect(runtime.things.effects).toEqual(['a=125']);
  runtime.clock.advance(2 * HOUR + TICK);
  await run(runtime, { b: 125 });
  expect(runtime.things.effects).toEqual(['a=125', 'b=125']);
});

test('less than the clocks of two instances may differ is no reason to stop', async () => {
  const runtime = await changedOnce();
  runtime.clock.advance(-30_000);
  await run(runtime, { b: 125 });
  expect(runtime.things.effects).toEqual(['a=125', 'b=125']);
  const at = await times(runtime);
  expect([...at].sort()).toEqual(at);
});

test('an undo by hand stays possible, and its entries do not run backwards', async () => {
  const runtime = await changedOnce();
  const [made] = await runtime.store.query<ActionRecord>('actions', { where: [], limit: 1 });
  runtime.clock.advance(-2 * HOUR);
  const request = { by: 'alice', why: 'wrong', automatic: false };
  expect((await undoAction(runtime.surroundings, made?.id ?? '', request)).outcome.state).toBe('applied');
  const at = await times(runtime);
  expect([...at].sort()).toEqual(at);
  expect((await verifyJournal(runtime.store)).flatMap(({ defects, warnings }) => [...defects, ...warnings])).toEqual(
    [],
  );
});
