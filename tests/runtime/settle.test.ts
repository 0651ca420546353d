// What happens to an action after its run: judged, undone, approved, declined, expired, accounted for. One effect each time.
import { describe, expect, test } from 'vitest';
import type { ActionRecord } from '../../shared/core/action.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { approveAction, declineAction } from '../../shared/runtime/stored-action.ts';
import { undoAction } from '../../shared/runtime/undo.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { sizeDuty, testRuntime, type TestRuntime, type TestRuntimeOptions } from '../support/runtime.ts';

const SCOPE = { cluster: 'prod', namespace: 'shop' };
/** Longer than guardrails.settle. */
const SETTLED = 11 * 60_000;
const BY_HAND = { by: 'alice', why: 'wrong', automatic: false };

async function changed(options: TestRuntimeOptions = {}): Promise<TestRuntime> {
  const runtime = testRuntime(options);
  await run(runtime);
  return runtime;
}

async function run(runtime: TestRuntime): Promise<void> {
  await runDuty(runtime.surroundings, sizeDuty(runtime.things, { a: 125 }), runtime.policy, {
    scope: SCOPE,
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
  });
}

async function actions(runtime: TestRuntime): Promise<readonly ActionRecord[]> {
  const documents = await runtime.store.query<ActionRecord>('actions', {
    where: [
      { field: 'duty', op: '==', value: 'test' },
      { field: 'scope', op: '==', value: 'cluster=prod,namespace=shop' },
    ],
    orderBy: { field: 'createdAt', direction: 'ascending' },
    limit: 100,
  });
  return documents.map((document) => document.data);
}

async function only(runtime: TestRuntime): Promise<ActionRecord> {
  const [action] = await actions(runtime);
  if (action === undefined) {
    throw new Error('There is no action.');
  }
  return action;
}

async function states(runtime: TestRuntime): Promise<readonly string[]> {
  return (await actions(runtime)).map((action) => action.state);
}

function threadNotes(runtime: TestRuntime): readonly string[] {
  return runtime.chat.messages
    .filter((message) => message.request.thread !== undefined)
    .map((message) => JSON.stringify(message.request.message.blocks));
}

describe('verification', () => {
  test('a change is not judged before its settle time, then kept when it did no harm', async () => {
    const runtime = await changed();
    expect(await settle(runtime.surroundings)).toMatchObject({ kept: 0 });
    runtime.clock.advance(SETTLED);
    expect(await settle(runtime.surroundings)).toMatchObject({ kept: 1, problems: [] });
    expect(await states(runtime)).toEqual(['settled']);
    expect(await settle(runtime.surroundings)).toMatchObject({ kept: 0, undone: 0 });
  });

  test('what it is compared with was read before the change', async () => {
    const runtime = await changed();
    expect((await only(runtime)).before).toEqual({ size: 100 });
  });

  test('harm is undone through the executor, once, and told in the thread', async () => {
    const runtime = await changed();
    runtime.things.harm = 'undo';
    runtime.clock.advance(SETTLED);
    expect(await settle(runtime.surroundings)).toMatchObject({ undone: 1, problems: [] });
    await settle(runtime.surroundings);
    expect(runtime.things.effects).toEqual(['a=125', 'a=100']);
    expect([...(await states(runtime))].sort()).toEqual(['settled', 'undone']);
    expect(threadNotes(runtime)).toHaveLength(1);
    expect(threadNotes(runtime)[0]).toContain('Undone by settle');
  });

  test('a cure that was too weak is kept and escalated', async () => {
    const runtime = await changed();
    runtime.things.harm = 'escalate';
    runtime.clock.advance(SETTLED);
    expect(await settle(runtime.surroundings)).toMatchObject({ escalated: 1 });
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(runtime.tracker.issues).toHaveLength(1);
  });

  test('missing data extends once, then a person is asked: never kept without evidence', async () => {
    const runtime = await changed();
    runtime.things.harm = 'no-data';
    runtime.clock.advance(SETTLED);
    expect(await settle(runtime.surroundings)).toMatchObject({ extended: 1 });
    runtime.clock.advance(SETTLED);
    expect(await settle(runtime.surroundings)).toMatchObject({ escalated: 1 });
    expect(await states(runtime)).toEqual(['settled']);
  });

  test('an undo that the platform refuses is journaled, and a person is told', async () => {
    const runtime = await changed();
    runtime.things.harm = 'undo';
    runtime.things.fates = ['refused'];
    runtime.clock.advance(SETTLED);
    expect(await settle(runtime.surroundings)).toMatchObject({ escalated: 1, undone: 0 });
    expect(runtime.things.sizes.get('a')).toBe(125);
    const journal = await runtime.store.query<{ detail: string }>('journal', {
      where: [{ field: 'scope', op: '==', value: 'cluster=prod,namespace=shop' }],
      orderBy: { field: 'sequence', direction: 'ascending' },
      limit: 50,
    });
    expect(journal.some((entry) => entry.data.detail.startsWith('undo refused'))).toBe(true);
    expect(runtime.tracker.issues).toHaveLength(1);
  });

  test('the budget of undos ends them: then it is escalated', async () => {
    const runtime = await changed({ team: { guardrails: { undosPerHour: 0 } } });
    runtime.things.harm = 'undo';
    runtime.clock.advance(SETTLED);
    expect(await settle(runtime.surroundings)).toMatchObject({ escalated: 1 });
    expect(runtime.things.effects).toEqual(['a=125']);
  });
});

describe('undo by hand', () => {
  test('takes the change back, and a second one finds nothing to undo', async () => {
    const runtime = await changed();
    const { id } = await only(runtime);
    expect((await undoAction(runtime.surroundings, id.slice(0, 10), BY_HAND)).outcome.state).toBe('applied');
    await expect(undoAction(runtime.surroundings, id, BY_HAND)).rejects.toThrow('nothing to undo');
    expect(runtime.things.effects).toEqual(['a=125', 'a=100']);
  });

  test('touches nothing when somebody changed the target since', async () => {
    const runtime = await changed();
    runtime.things.sizes.set('a', 90);
    const { outcome } = await undoAction(runtime.surroundings, (await only(runtime)).id, BY_HAND);
    expect(outcome.state).toBe('stale');
    expect(runtime.things.sizes.get('a')).toBe(90);
  });

  test('a lost reply is looked up', async () => {
    const runtime = await changed();
    runtime.things.fates = ['reply lost'];
    expect((await undoAction(runtime.surroundings, (await only(runtime)).id, BY_HAND)).outcome.state).toBe('applied');
    expect(runtime.things.effects).toEqual(['a=125', 'a=100']);
  });

  test.each(['xyz', '00000000', 'a'.repeat(64)])('an id that is none is refused: %s', async (id) => {
    const runtime = await changed();
    await expect(undoAction(runtime.surroundings, id, BY_HAND)).rejects.toThrow(/action/);
  });
});

describe('approval', () => {
  const APPROVE: TestRuntimeOptions = { team: { modes: [{ mode: 'approve' }] } };

  test('carries the stored action out, once, and says in the thread who gave it', async () => {
    const runtime = await changed(APPROVE);
    const { id } = await only(runtime);
    expect((await approveAction(runtime.surroundings, id, 'alice')).outcome.state).toBe('applied');
    await expect(approveAction(runtime.surroundings, id, 'bob')).rejects.toThrow('does not wait');
    expect(runtime.things.effects).toEqual(['a=125']);
    await settle(runtime.surroundings);
    expect(threadNotes(runtime)[0]).toContain('Approved by alice');
  });

  test('two at once make one effect', async () => {
    const runtime = await changed(APPROVE);
    const { id } = await only(runtime);
    const results = await Promise.allSettled(
      ['alice', 'bob', 'carol'].map((by) => approveAction(runtime.surroundings, id, by)),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    expect(runtime.things.effects).toEqual(['a=125']);
  });

  test('what changed since ends it as stale', async () => {
    const runtime = await changed(APPROVE);
    runtime.things.sizes.set('a', 90);
    expect((await approveAction(runtime.surroundings, (await only(runtime)).id, 'alice')).outcome.state).toBe('stale');
    expect(runtime.things.effects).toEqual([]);
  });

  test('an action that was altered in the store is not touched', async () => {
    const runtime = await changed(APPROVE);
    const action = await only(runtime);
    const document = await runtime.store.read<ActionRecord>('actions', action.id);
    await runtime.store.commit([
      {
        op: 'replace',
        collection: 'actions',
        id: action.id,
        data: { ...action, to: { size: 1000 } },
        version: document?.version ?? '',
      },
    ]);
    await expect(approveAction(runtime.surroundings, action.id, 'alice')).rejects.toThrow('altered');
    expect(runtime.things.effects).toEqual([]);
  });

  test('guardrails are asked again, and it goes on waiting when one objects', async () => {
    const runtime = await changed(APPROVE);
    const paused = { ...runtime.surroundings, team: { ...runtime.team, paused: true } };
    expect((await approveAction(paused, (await only(runtime)).id, 'alice')).outcome.state).toBe('refused');
    expect(await states(runtime)).toEqual(['waiting']);
  });

  test('it expires at noon of the next working day, and can be proposed again', async () => {
    const runtime = await changed(APPROVE);
    expect((await only(runtime)).expiresAt).toBe('2026-03-05T12:00:00.000Z');
    runtime.clock.advance(30 * 3_600_000);
    expect(await settle(runtime.surroundings)).toMatchObject({ expired: 1 });
    await expect(approveAction(runtime.surroundings, (await only(runtime)).id, 'alice')).rejects.toThrow('expired');
    await run(runtime);
    expect(await states(runtime)).toEqual(['expired', 'waiting']);
  });

  test('a declined one ends without an effect, and can be proposed again', async () => {
    const runtime = await changed(APPROVE);
    await declineAction(runtime.surroundings, (await only(runtime)).id, 'alice', 'not now');
    await run(runtime);
    expect(await states(runtime)).toEqual(['declined', 'waiting']);
    expect(runtime.things.effects).toEqual([]);
  });
});

test('with nothing due, settle reads the store twice', async () => {
  const runtime = testRuntime();
  let reads = 0;
  const counted = (name: 'read' | 'query') => ({
    [name]: (...args: Parameters<(typeof runtime.store)[typeof name]>) => {
      reads += 1;
      return (runtime.store[name] as (...all: unknown[]) => unknown)(...args);
    },
  });
  const store = { ...runtime.store, ...counted('read'), ...counted('query') } as typeof runtime.store;
  const surroundings = { ...runtime.surroundings, ports: { ...runtime.surroundings.ports, store } };
  await settle(surroundings);
  expect(reads).toBeLessThanOrEqual(2);
});
