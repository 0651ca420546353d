// The outbox under poison, backlog, two deliverers and a clock that is set: nothing twice, nothing stuck, nobody waits for nothing.
import { describe, expect, test } from 'vitest';
import { sqliteStore } from '../../shared/adapters/sqlite/store.ts';
import { PlatformError } from '../../shared/core/errors.ts';
import { deliverRun, drainOutbox, outboxWrite } from '../../shared/runtime/outbox.ts';
import type { MessageEntry, OutboxEntry } from '../../shared/runtime/outbox-entry.ts';
import { testClock, testRuntime, type TestRuntime, testThings } from '../support/runtime.ts';
import { run, storeDown, watchedStore } from './rig.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;

function message(runtime: TestRuntime, id: string, change: Partial<MessageEntry> = {}): MessageEntry {
  const now = runtime.clock.now().toISOString();
  return {
    id,
    kind: 'message',
    runId: 'run-x',
    createdAt: now,
    state: 'pending',
    dueAt: now,
    attempts: 0,
    channel: '#ops',
    message: { title: id, blocks: [] },
    issues: [],
    waitUntil: now,
    ...change,
  };
}

async function put(runtime: TestRuntime, ...entries: MessageEntry[]): Promise<void> {
  await runtime.store.commit(entries.map(outboxWrite));
}

async function entryOf(runtime: TestRuntime, id: string): Promise<OutboxEntry> {
  return (await runtime.store.read<OutboxEntry>('outbox', id))?.data as OutboxEntry;
}

function refusal(fields: Partial<PlatformError['failure']>): PlatformError {
  return new PlatformError(
    { system: 'Slack', operation: 'chat.postMessage', target: '#ops', applied: 'no', ...fields },
    'it was refused',
  );
}

function titles(runtime: TestRuntime): readonly string[] {
  return runtime.chat.messages.map((one) => one.request.message.title);
}

describe('one bad entry', () => {
  test('whose failure cannot be stored does not hold up the others', async () => {
    const clock = testClock();
    const store = watchedStore(sqliteStore({ path: ':memory:', clock }), (writes) => {
      if (writes.some((write) => write.op === 'replace' && write.id === 'a')) {
        throw storeDown();
      }
    });
    const runtime = testRuntime({ clock, store });
    await put(runtime, message(runtime, 'a'), message(runtime, 'b'));
    await drainOutbox(runtime.surroundings);
    expect(titles(runtime)).toEqual(['b']);
  });

  test('that the system asks to retry in a million years is tried again within a day', async () => {
    const runtime = testRuntime();
    const { post } = runtime.chat;
    runtime.chat.post = () => Promise.reject(refusal({ status: 429, retryAfterSeconds: 1e13 }));
    await put(runtime, message(runtime, 'a'));
    await drainOutbox(runtime.surroundings);
    runtime.chat.post = post;
    runtime.clock.advance(DAY + 1000);
    await drainOutbox(runtime.surroundings);
    expect(titles(runtime)).toEqual(['a']);
  });

  test('that is refused for itself lets the others through', async () => {
    const runtime = testRuntime();
    const { post } = runtime.chat;
    runtime.chat.post = (request) =>
      request.message.title === 'a' ? Promise.reject(refusal({ status: 200, code: 'invalid_blocks' })) : post(request);
    await put(runtime, message(runtime, 'a'), message(runtime, 'b'));
    await drainOutbox(runtime.surroundings);
    expect(titles(runtime)).toEqual(['b']);
  });
});

describe('a system that is down', () => {
  test('is asked once in a pass, not once for every message that waits', async () => {
    const runtime = testRuntime();
    let asked = 0;
    runtime.chat.post = () => {
      asked += 1;
      return Promise.reject(refusal({ status: 503 }));
    };
    await put(runtime, ...Array.from({ length: 30 }, (_, index) => message(runtime, `m${String(index)}`)));
    await drainOutbox(runtime.surroundings);
    expect(asked).toBe(1);
  });

  test('a pass ends when its time is over', async () => {
    const runtime = testRuntime();
    const { post } = runtime.chat;
    runtime.chat.post = (request) => {
      runtime.clock.advance(10_000);
      return post(request);
    };
    await put(runtime, ...Array.from({ length: 30 }, (_, index) => message(runtime, `m${String(index)}`)));
    await drainOutbox({ ...runtime.surroundings, until: runtime.clock.now().getTime() + 25_000 });
    expect(runtime.chat.messages).toHaveLength(3);
  });

  test('for three days, a finding that goes on makes one issue, one comment at most, and one message each day', async () => {
    const runtime = testRuntime({ things: testThings({ a: 1 }) });
    const { create } = runtime.tracker;
    runtime.tracker.create = () => Promise.reject(refusal({ system: 'Jira', status: 503 }));
    for (let day = 0; day < 3; day += 1) {
      await run(runtime, { a: 0 });
      runtime.clock.advance(DAY + HOUR);
    }
    runtime.tracker.create = create;
    for (let round = 0; round < 30; round += 1) {
      await drainOutbox(runtime.surroundings);
      runtime.clock.advance(HOUR);
    }
    expect(runtime.tracker.issues).toHaveLength(1);
    expect(runtime.tracker.issues[0]?.comments).toEqual([]);
    expect(runtime.chat.messages.map((one) => Object.keys(one.request.links).length)).toEqual([1, 1, 1]);
  });
});

describe('waiting for a link', () => {
  test('does not count as failing: the first refusal after it is tried again in seconds', async () => {
    const runtime = testRuntime();
    const waitUntil = new Date(runtime.clock.now().getTime() + 60_000).toISOString();
    await put(runtime, message(runtime, 'a', { issues: ['unborn'], waitUntil }));
    runtime.chat.fates = ['refused'];
    await deliverRun(runtime.surroundings, 'run-x', 60);
    await drainOutbox(runtime.surroundings);
    const { dueAt, lastError } = await entryOf(runtime, 'a');
    expect(lastError).toBeDefined();
    expect(Date.parse(dueAt) - runtime.clock.now().getTime()).toBeLessThanOrEqual(15_000);
  });

  test('for an issue that never comes ends after a week, and costs ever fewer looks', async () => {
    const runtime = testRuntime();
    await put(runtime, message(runtime, 'a', { issues: ['unborn'] }));
    let looks = 0;
    const { store } = runtime;
    const ports = {
      ...runtime.surroundings.ports,
      store: watchedStore(store, () => {
        looks += 1;
      }),
    };
    for (let minute = 0; minute < 8 * 24 * 60; minute += 1) {
      await drainOutbox({ ...runtime.surroundings, ports });
      runtime.clock.advance(60_000);
    }
    expect((await entryOf(runtime, 'a')).state).toBe('delivered');
    expect(looks).toBeLessThan(700);
  });

  test('ends at once when the process is to stop', async () => {
    const runtime = testRuntime();
    const before = runtime.clock.now().getTime();
    const waitUntil = new Date(before + 60_000).toISOString();
    await put(runtime, message(runtime, 'a', { issues: ['unborn'], waitUntil }));
    await deliverRun({ ...runtime.surroundings, isStopping: () => true }, 'run-x', 60);
    expect(runtime.clock.now().getTime()).toBe(before);
  });

  test('ends although another process holds the claim for ever', async () => {
    const runtime = testRuntime();
    const { clock } = runtime;
    const before = clock.now().getTime();
    const keepClaimed = async (): Promise<void> => {
      const there = await runtime.store.read<MessageEntry>('outbox', 'a');
      const data = { ...there?.data, claimedUntil: new Date(clock.now().getTime() + 100_000).toISOString() };
      await runtime.store.commit([
        { op: 'replace', collection: 'outbox', id: 'a', data, version: there?.version ?? '' },
      ]);
    };
    await put(runtime, message(runtime, 'a'));
    await keepClaimed();
    const sleep = async (milliseconds: number): Promise<void> => {
      clock.advance(milliseconds);
      if (clock.now().getTime() - before > DAY) {
        throw new Error('it waits for ever');
      }
      await keepClaimed();
    };
    const ports = { ...runtime.surroundings.ports, clock: { now: () => clock.now(), sleep } };
    await deliverRun({ ...runtime.surroundings, ports }, 'run-x', 60);
    expect(clock.now().getTime() - before).toBeLessThanOrEqual(60_000);
  });
});

describe('a clock that is set back two hours', () => {
  test('while a message waits for its link does not make the run wait for two hours', async () => {
    const runtime = testRuntime();
    const { clock } = runtime;
    const waitUntil = new Date(clock.now().getTime() + 60_000).toISOString();
    await put(runtime, message(runtime, 'a', { issues: ['unborn'], waitUntil }));
    let slept = 0;
    const sleep = async (milliseconds: number): Promise<void> => {
      clock.advance(slept === 0 ? -2 * HOUR : milliseconds);
      slept += milliseconds;
      await Promise.resolve();
    };
    const ports = { ...runtime.surroundings.ports, clock: { now: () => clock.now(), sleep } };
    await deliverRun({ ...runtime.surroundings, ports }, 'run-x', 60);
    expect(slept).toBeLessThanOrEqual(60_000);
  });

  test('does not leave a claim that nobody holds in force for two hours', async () => {
    const runtime = testRuntime();
    const claimedUntil = new Date(runtime.clock.now().getTime() + 2 * HOUR).toISOString();
    await put(runtime, message(runtime, 'a', { claimedUntil }));
    await drainOutbox(runtime.surroundings);
    expect(titles(runtime)).toEqual(['a']);
  });

  test('does not hold a message back for links for two hours', async () => {
    const runtime = testRuntime();
    const waitUntil = new Date(runtime.clock.now().getTime() + 2 * HOUR).toISOString();
    await put(runtime, message(runtime, 'a', { issues: ['unborn'], waitUntil }));
    await drainOutbox(runtime.surroundings);
    expect(titles(runtime)).toEqual(['a']);
  });

  test('does not block a scope by the lease of a run that died before', async () => {
    const clock = testClock();
    const store = sqliteStore({ path: ':memory:', clock });
    const things = testThings({ a: 100 });
    const killed = testRuntime({
      clock,
      store,
      things,
      ids: 'killed',
      onStep: () => new Promise<never>(() => undefined),
    });
    void run(killed, { a: 125 });
    await expect.poll(() => store.query('leases', { where: [], limit: 1 })).toHaveLength(1);
    const next = testRuntime({ clock, store, things, ids: 'next' });
    expect((await run(next, { a: 125 })).kind).toBe('busy');
    clock.advance(-2 * HOUR);
    expect((await run(next, { a: 125 })).kind).toBe('done');
    expect(things.effects).toEqual(['a=125']);
  });

  test('in the middle of a run leads to one effect and one message', async () => {
    const steps: string[] = [];
    for (const jump of [-2 * HOUR, 2 * HOUR]) {
      for (const at of ['decided', 'intent-stored', 'applied', 'outcome-stored', 'delivery-claimed'] as const) {
        const clock = testClock();
        const runtime = testRuntime({
          clock,
          onStep: (step) => {
            if (step === at && !steps.includes(`${String(jump)} ${at}`)) {
              steps.push(`${String(jump)} ${at}`);
              clock.advance(jump);
            }
          },
        });
        await run(runtime, { a: 125 }).catch(() => undefined);
        for (let round = 0; round < 4; round += 1) {
          clock.advance(HOUR);
          await run(runtime, { a: 125 });
        }
        expect([at, jump, runtime.things.effects, runtime.chat.messages.length]).toEqual([at, jump, ['a=125'], 1]);
      }
    }
    expect(steps).toHaveLength(10);
  });
});

describe('two deliverers', () => {
  test('a message whose effects take longer than a claim is still posted once', async () => {
    const clock = testClock();
    const store = sqliteStore({ path: ':memory:', clock });
    const slow = testRuntime({ clock, store });
    const fast = testRuntime({ clock, store });
    const { upload } = slow.chat;
    // Both see one chat.
    const ports = { ...fast.surroundings.ports, chat: slow.chat };
    const { post } = slow.chat;
    slow.chat.post = (request) => {
      clock.advance(100_000);
      return post(request);
    };
    let files = 0;
    slow.chat.upload = async (file) => {
      files += 1;
      clock.advance(100_000);
      if (files === 1) {
        await drainOutbox({ ...fast.surroundings, ports });
      }
      return upload(file);
    };
    const withFile = { title: 'a', blocks: [], file: { name: 'f', title: 'f', content: 'c' } };
    await put(slow, message(slow, 'a', { message: withFile }));
    await drainOutbox(slow.surroundings);
    expect(slow.chat.messages.map((one) => one.files)).toEqual([['a']]);
  });

  test('two entries of one finding at once end in one open issue', async () => {
    const clock = testClock();
    const store = sqliteStore({ path: ':memory:', clock });
    const one = testRuntime({ clock, store });
    const other = testRuntime({ clock, store });
    const ports = { ...other.surroundings.ports, tracker: one.tracker };
    const draft = { project: 'OPS', issueType: 'Task', fingerprint: 'f', title: 't', body: [], labels: [] };
    const { create } = one.tracker;
    let isFirst = true;
    one.tracker.create = async (request) => {
      if (isFirst) {
        isFirst = false;
        await drainOutbox({ ...other.surroundings, ports });
      }
      return create(request);
    };
    const now = clock.now().toISOString();
    await store.commit(
      ['a', 'b'].map((id) =>
        outboxWrite({ id, kind: 'issue', runId: id, createdAt: now, state: 'pending', dueAt: now, attempts: 0, draft }),
      ),
    );
    for (let round = 0; round < 30; round += 1) {
      await drainOutbox(one.surroundings);
      clock.advance(60_000);
    }
    expect(one.tracker.issues.filter((issue) => issue.open)).toHaveLength(1);
  });
});
