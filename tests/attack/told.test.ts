// A change that happened is told, whatever breaks between the change and the message.
import { describe, expect, test } from 'vitest';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import type { IssueState } from '../../shared/runtime/outbox-entry.ts';
import type { RunRecord } from '../../shared/runtime/run-record.ts';
import type { StoredDocument } from '../../shared/ports/store.ts';
import { START, testClock, testRuntime, type TestRuntime, testThings } from '../support/runtime.ts';
import { endsRun, run, storeDown, watchedStore } from './rig.ts';

const NEXT_TICK = 15 * 60_000;

function said(runtime: TestRuntime): string {
  return JSON.stringify(runtime.chat.messages.map((message) => message.request.message));
}

async function states(runtime: TestRuntime): Promise<readonly string[]> {
  const documents = await runtime.store.query<RunRecord>('runs', {
    where: [],
    orderBy: { field: 'startedAt', direction: 'ascending' },
    limit: 20,
  });
  return documents.map((document) => document.data.state);
}

describe('a run that fails after it changed something', () => {
  test('tells the change and the failure when its own words cannot be made', async () => {
    const runtime = testRuntime();
    const broken = {
      report: () => {
        throw new Error('no words');
      },
    };
    await expect(run(runtime, { a: 125 }, {}, broken)).rejects.toThrow('no words');
    runtime.clock.advance(NEXT_TICK);
    await run(runtime, {});
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(said(runtime)).toContain('a 100 → 125');
    expect(said(runtime)).toContain('no words');
    expect(await states(runtime)).toEqual(['failed', 'done']);
  });

  test('is told by the next run when its last commit and its giving up could not be stored', async () => {
    const clock = testClock();
    let isDown = true;
    const store = watchedStore(sqliteStore({ path: ':memory:', clock }), (writes) => {
      if (isDown && endsRun(writes)) {
        throw storeDown();
      }
    });
    const runtime = testRuntime({ clock, store });
    await expect(run(runtime, { a: 125 })).rejects.toThrow('held the lock');
    expect(runtime.chat.messages).toEqual([]);
    isDown = false;
    clock.advance(NEXT_TICK);
    await run(runtime, { a: 125 });
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(said(runtime)).toContain('a 100 → 125');
    expect(await states(runtime)).toEqual(['failed', 'done']);
    clock.advance(NEXT_TICK);
    await run(runtime, { a: 125 });
    expect(runtime.chat.messages).toHaveLength(1);
  });

  test('a run that was killed after its change is told by the next, once, and no longer counts as running', async () => {
    const clock = testClock();
    const things = testThings({ a: 100 });
    const store = sqliteStore({ path: ':memory:', clock });
    let reached: () => void = () => undefined;
    const died = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const killed = testRuntime({
      clock,
      things,
      store,
      ids: 'killed',
      onStep: (step) => {
        if (step !== 'outcome-stored') {
          return undefined;
        }
        reached();
        return new Promise<never>(() => undefined);
      },
    });
    void run(killed, { a: 125 });
    await died;
    clock.advance(NEXT_TICK);
    const next = testRuntime({ clock, things, store, ids: 'next' });
    await run(next, { a: 125 });
    expect(said(next)).toContain('a 100 → 125');
    expect(await states(next)).toEqual(['failed', 'done']);
    clock.advance(25 * 3_600_000);
    await run(next, { a: 125 });
    expect(said(next).split('a 100 → 125')).toHaveLength(2);
  });
});

describe('the last commit', () => {
  test('is made anew when the outbox touched an issue at the same time', async () => {
    const clock = testClock();
    const base = sqliteStore({ path: ':memory:', clock });
    let touches = 0;
    const store = watchedStore(base, async (writes) => {
      const issue = writes.find((write) => write.collection === 'issues' && write.op === 'replace');
      if (endsRun(writes) && issue !== undefined && touches < 2) {
        touches += 1;
        const there = (await base.read('issues', issue.id)) as StoredDocument<IssueState>;
        await base.commit([
          { op: 'replace', collection: 'issues', id: issue.id, data: there.data, version: there.version },
        ]);
      }
    });
    const runtime = testRuntime({ clock, store, things: testThings({ a: 100, b: 1 }) });
    await run(runtime, { b: 0 });
    clock.advance(25 * 3_600_000);
    const result = await run(runtime, { a: 125, b: 0 });
    expect(touches).toBe(2);
    expect(result.kind).toBe('done');
    expect(runtime.chat.messages).toHaveLength(2);
    expect(runtime.tracker.issues[0]?.comments).toHaveLength(1);
  });

  test('takes 700 findings, and every one of them gets its line in a digest within a few runs', async () => {
    const names = Array.from({ length: 700 }, (_, index) => `thing-${String(index)}`);
    const runtime = testRuntime({ things: testThings(Object.fromEntries(names.map((name) => [name, 1]))) });
    const want = Object.fromEntries(names.map((name) => [name, 0]));
    for (let round = 0; round < 6; round += 1) {
      expect((await run(runtime, want)).kind).toBe('done');
      runtime.clock.advance(NEXT_TICK);
    }
    const known = await runtime.store.query<IssueState>('issues', { where: [], limit: 1000 });
    const digests = runtime.tracker.issues.filter((one) => one.draft.title.includes('more findings'));
    expect(digests).toHaveLength(1);
    const covered = known.filter((document) => document.data.digest === digests[0]?.draft.fingerprint);
    // Each has an issue of its own or the digest's, and the digest has one of its own.
    expect(covered).toHaveLength(700 - (runtime.tracker.issues.length - 1));
  });

  test('takes a file that is larger than a document of the store', async () => {
    const runtime = testRuntime();
    const content = 'line of a very long summary\n'.repeat(100_000);
    const words = { summary: {}, message: { title: 'Things', blocks: [], file: { name: 'a', title: 'b', content } } };
    const sent: string[] = [];
    const { upload } = runtime.chat;
    runtime.chat.upload = (file) => {
      sent.push(Buffer.from(file.content).toString());
      return upload(file);
    };
    expect((await run(runtime, { a: 125 }, {}, { report: () => words })).kind).toBe('done');
    expect(sent).toEqual([content]);
  });
});

describe('once the run is over', () => {
  test('a store that fails while messages go out does not turn it into a failed one', async () => {
    const clock = testClock();
    let isDown = false;
    const store = watchedStore(sqliteStore({ path: ':memory:', clock }), () => {
      if (isDown) {
        throw storeDown();
      }
    });
    const runtime = testRuntime({
      clock,
      store,
      onStep: (step) => {
        isDown = step === 'run-finished' && clock.now().toISOString() === START;
      },
    });
    expect((await run(runtime, { a: 125 })).kind).toBe('done');
    expect(await states(runtime)).toEqual(['done']);
    isDown = false;
    clock.advance(NEXT_TICK);
    await run(runtime, { a: 125 });
    expect(runtime.chat.messages).toHaveLength(1);
  });

  test('what has expired is deleted, a run at a time', async () => {
    const runtime = testRuntime();
    await run(runtime, { a: 125 });
    const count = async (): Promise<number> => (await runtime.store.query('outbox', { where: [], limit: 10 })).length;
    expect(await count()).toBe(1);
    runtime.clock.advance(40 * 86_400_000);
    expect(await count()).toBe(0);
    await run(runtime, { a: 125 });
    expect(await runtime.store.prune(10)).toBe(0);
  });

  test('a delivery that was refused for a wrong setup is judged anew when it comes again', async () => {
    const runtime = testRuntime();
    const request = { trigger: 'push', deliveryId: 'push:1' } as const;
    const wrong = { problems: () => [{ kind: 'configuration' as const, message: 'two clusters' }] };
    const first = await run(runtime, { a: 125 }, request, wrong);
    expect(first.kind === 'done' && first.report.run.result).toBe('refused');
    const second = await run(runtime, { a: 125 }, request);
    expect(second.kind).toBe('done');
    expect(runtime.things.effects).toEqual(['a=125']);
  });

  test('the same problem in other numbers is told once a day', async () => {
    const runtime = testRuntime();
    for (const port of [1, 22, 333]) {
      const problems = (): { kind: 'platform'; message: string }[] => [
        { kind: 'platform', message: `no answer from 10.0.0.1:${String(port)} after ${String(port)} ms` },
      ];
      await run(runtime, {}, {}, { problems });
      runtime.clock.advance(NEXT_TICK);
    }
    expect(runtime.chat.messages).toHaveLength(1);
  });
});
