// A click on a button: who may, what it does, and what the message says afterwards.
import { describe, expect, test } from 'vitest';
import { verifyJournal } from '../../shared/runtime/audit.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { declineAction } from '../../shared/runtime/stored-action.ts';
import {
  APPROVE,
  click,
  clicked,
  HANDLERS,
  journal,
  KEY,
  MALLORY,
  only,
  ran,
  rows,
  run,
  SCOPE,
  words,
} from '../support/clicks.ts';
import { sizeDuty, testRuntime, type TestRuntime, testThings } from '../support/runtime.ts';

describe('a message', () => {
  test('offers each waiting action once, and a pause', async () => {
    const runtime = await ran();
    expect(rows(runtime)).toEqual(['Approve/Decline', 'Pause']);
    expect(words(runtime)).toContain('a 100 → 125');
  });

  test('offers to take back what was applied', async () => {
    const runtime = await ran({ approvers: [{ users: ['U0ALICE'] }] });
    expect(rows(runtime)).toEqual(['Undo', 'Pause']);
  });

  test.each([
    ['nobody is named', []],
    ['a rule names nobody', [{ users: [] }]],
    ['the first rule that matches names nobody', [{ namespace: 'shop' }, { users: ['U0ALICE'] }]],
  ])('has no buttons where %s', async (_name, approvers) => {
    const runtime = await ran({ modes: [{ mode: 'approve' }], approvers });
    expect(rows(runtime)).toEqual([]);
  });

  test('of a later run leads to the first one instead of offering the action again', async () => {
    const runtime = await ran();
    runtime.clock.advance(20 * 3_600_000);
    await run(runtime);
    const later = runtime.chat.messages.at(-1)?.request.message.blocks ?? [];
    expect(later.filter(({ kind }) => kind === 'buttons')).toEqual([]);
    runtime.clock.advance(5 * 3_600_000);
    await run(runtime);
    const daily = runtime.chat.messages.at(-1)?.request.message.blocks ?? [];
    expect(JSON.stringify(daily)).toContain('https://chat.example/1');
  });

  test('has at most ten rows, and says how many more there are', async () => {
    const things = testThings(Object.fromEntries(Array.from({ length: 13 }, (_, index) => [`t${String(index)}`, 100])));
    const want = Object.fromEntries([...things.sizes.keys()].map((thing) => [thing, 125]));
    const runtime = testRuntime({ team: APPROVE, things, ...HANDLERS });
    await runDuty(runtime.surroundings, sizeDuty(things, want), runtime.policy, {
      scope: SCOPE,
      dryRun: false,
      trigger: 'manual',
      timeoutSeconds: 300,
    });
    expect(rows(runtime).filter((row) => row === 'Approve/Decline')).toHaveLength(10);
    expect(words(runtime)).toContain('3 more: ');
  });
});

describe('approve', () => {
  test('applies, edits the message in place of the buttons, and says so in the thread', async () => {
    const runtime = await ran();
    await clicked(runtime, 'approve', (await only(runtime)).id);
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(rows(runtime)).toEqual(['Undo', 'Pause']);
    expect(words(runtime)).toContain('Approved by alice: applied.');
    expect(runtime.chat.messages.filter(({ request }) => request.thread !== undefined)).toHaveLength(1);
    expect(runtime.chat.whispers).toEqual([]);
    expect((await journal(runtime)).map(({ state, by }) => `${state} ${by}`)).toEqual([
      'waiting run run-1',
      'intended slack:U0ALICE (alice)',
      'applied slack:U0ALICE (alice)',
    ]);
  });

  test('50 deliveries of one click at once are one effect, and nobody is told off', async () => {
    const runtime = await ran();
    const { id } = await only(runtime);
    await Promise.all(Array.from({ length: 50 }, () => click(runtime, 'approve', id, { delivery: 'the same' })));
    await Promise.all(Array.from({ length: 8 }, () => settle(runtime.surroundings)));
    await settle(runtime.surroundings);
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(runtime.chat.whispers).toEqual([]);
  });

  test('by two people at once is one effect, and one of them is told', async () => {
    const runtime = await ran({ modes: [{ mode: 'approve' }], approvers: [{ users: ['U0ALICE', 'U0BOB000'] }] });
    const { id } = await only(runtime);
    await click(runtime, 'approve', id);
    await click(runtime, 'approve', id, { user: { id: 'U0BOB000', name: 'bob' } });
    await settle(runtime.surroundings);
    await settle(runtime.surroundings);
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(runtime.chat.whispers).toHaveLength(1);
    expect(runtime.chat.whispers[0]?.text).toContain('does not wait for approval');
  });

  test('of what changed since ends it as stale, which the message says', async () => {
    const runtime = await ran();
    runtime.things.sizes.set('a', 90);
    await clicked(runtime, 'approve', (await only(runtime)).id);
    expect(runtime.things.effects).toEqual([]);
    expect(words(runtime)).toContain('Approved by alice: stale.');
    expect(rows(runtime)).toEqual(['Pause']);
  });

  test('while it is paused leaves it waiting, and only who clicked is told', async () => {
    const runtime = await ran();
    await clicked(runtime, 'pause', KEY);
    await clicked(runtime, 'approve', (await only(runtime)).id);
    expect(runtime.things.effects).toEqual([]);
    expect(runtime.chat.whispers[0]?.text).toContain('Still waiting. Paused');
    expect(rows(runtime)).toContain('Approve/Decline');
  });

  test('while the scope is being worked on is tried again', async () => {
    const runtime = await ran();
    const until = new Date(runtime.clock.now().getTime() + 60_000).toISOString();
    await runtime.store.commit([
      { op: 'create', collection: 'leases', id: `test:${KEY}`, data: { runId: 'r', until }, expiresAt: until },
    ]);
    await clicked(runtime, 'approve', (await only(runtime)).id);
    expect(runtime.things.effects).toEqual([]);
    runtime.clock.advance(61_000);
    await settle(runtime.surroundings);
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(runtime.chat.whispers).toEqual([]);
  });
});

describe('decline and undo', () => {
  test('decline ends it, and the message says who', async () => {
    const runtime = await ran();
    await clicked(runtime, 'decline', (await only(runtime)).id);
    expect((await only(runtime)).state).toBe('declined');
    expect(words(runtime)).toContain('Declined by slack:U0ALICE (alice)');
    expect(rows(runtime)).toEqual(['Pause']);
  });

  test('undo takes the change back, once, and the message says so', async () => {
    const runtime = await ran({ approvers: [{ users: ['U0ALICE'] }] });
    const { id } = await only(runtime);
    await clicked(runtime, 'undo', id);
    await clicked(runtime, 'undo', id);
    expect(runtime.things.effects).toEqual(['a=125', 'a=100']);
    expect(words(runtime)).toContain('Undone by slack:U0ALICE (alice)');
    expect(rows(runtime)).toEqual(['Pause']);
    expect(runtime.chat.whispers.map(({ text }) => text)).toEqual([expect.stringContaining('nothing to undo')]);
  });
});

describe('what cannot be decided any more', () => {
  test.each([
    ['unknown', async () => Promise.resolve('f'.repeat(64)), 'There is no action'],
    ['no id at all', async () => Promise.resolve('../../etc'), 'is no action id'],
    [
      'decided',
      async (runtime: TestRuntime) => {
        const { id } = await only(runtime);
        await declineAction(runtime.surroundings, id, 'bob', '');
        return id;
      },
      'it is declined',
    ],
    [
      'expired',
      async (runtime: TestRuntime) => {
        const { id } = await only(runtime);
        runtime.clock.advance(30 * 3_600_000);
        return id;
      },
      'expired',
    ],
    [
      'altered in the store',
      async (runtime: TestRuntime) => {
        const action = await only(runtime);
        const version = (await runtime.store.read('actions', action.id))?.version ?? '';
        const data = { ...action, to: { size: 1000 } };
        await runtime.store.commit([{ op: 'replace', collection: 'actions', id: action.id, data, version }]);
        return action.id;
      },
      'was altered',
    ],
  ])('%s: only who clicked is told, and nothing happens', async (_name, prepare, told) => {
    const runtime = await ran();
    const id = await prepare(runtime);
    await clicked(runtime, 'approve', id);
    expect(runtime.things.effects).toEqual([]);
    expect(runtime.chat.whispers).toEqual([{ user: 'U0ALICE', text: expect.stringContaining(told) as string }]);
  });

  test('a click that was held up for hours is not carried out', async () => {
    const runtime = await ran();
    await click(runtime, 'approve', (await only(runtime)).id);
    runtime.clock.advance(61 * 60_000);
    await settle(runtime.surroundings);
    expect(runtime.things.effects).toEqual([]);
    expect(runtime.chat.whispers[0]?.text).toContain('too late');
  });

  test('an action that expires takes its buttons out of the message', async () => {
    const runtime = await ran();
    runtime.clock.advance(30 * 3_600_000);
    await settle(runtime.surroundings);
    await settle(runtime.surroundings);
    expect(words(runtime)).toContain('Expired.');
    expect(rows(runtime)).toEqual(['Pause']);
  });
});

describe('who may', () => {
  test.each(['approve', 'decline', 'undo', 'pause', 'resume'] as const)(
    '%s of somebody who may not: told alone, journaled, nothing changed, the chain whole',
    async (verb) => {
      const runtime = await ran();
      const { id, state } = await only(runtime);
      const about = verb === 'pause' || verb === 'resume' ? KEY : id;
      await clicked(runtime, verb, about, { user: MALLORY });
      expect(runtime.things.effects).toEqual([]);
      expect((await only(runtime)).state).toBe(state);
      expect(runtime.chat.whispers).toEqual([
        { user: 'U0MALLORY', text: 'Nothing was done: the policy does not let you decide this (approvers).' },
      ]);
      const entry = (await journal(runtime)).at(-1);
      expect(entry).toMatchObject({
        state: 'refused',
        by: 'slack:U0MALLORY (mallory)',
        actionId: about === id ? id : '',
      });
      expect((await verifyJournal(runtime.store)).flatMap(({ defects }) => defects)).toEqual([]);
      expect(rows(runtime)).toEqual(['Approve/Decline', 'Pause']);
    },
  );

  test.each([
    ['of another kind of action', [{ action: 'ci.*', users: ['U0ALICE'] }], false],
    ['of another namespace', [{ namespace: 'checkout', users: ['U0ALICE'] }], false],
    ['of this kind and namespace', [{ action: 'test.*', cluster: 'prod', namespace: 'sh*', users: ['U0ALICE'] }], true],
    ['of pauses only', [{ action: 'pause', users: ['U0ALICE'] }], false],
    ['first rule without her', [{ users: ['U0BOB000'] }, { users: ['U0ALICE'] }], false],
    ['a group with her', [{ groups: ['S0OPS000'] }], true],
    ['a group without her', [{ groups: ['S0OTHERS'] }], false],
    ['a group that cannot be looked up', [{ groups: ['S0GONE00'] }], false],
  ])('alice is an approver %s', async (_name, approvers, may) => {
    const runtime = await ran({ modes: [{ mode: 'approve' }], approvers });
    runtime.chat.groups.set('S0OPS000', ['U0BOB000', 'U0ALICE']).set('S0OTHERS', ['U0BOB000']);
    await clicked(runtime, 'approve', (await only(runtime)).id);
    expect(runtime.things.effects).toEqual(may ? ['a=125'] : []);
    expect(runtime.chat.whispers).toHaveLength(may ? 0 : 1);
  });

  test('a dead lookup says so, and is no entry against the person', async () => {
    const runtime = await ran({ modes: [{ mode: 'approve' }], approvers: [{ groups: ['S0GONE00'] }] });
    await clicked(runtime, 'approve', (await only(runtime)).id);
    expect(runtime.chat.whispers[0]?.text).toContain('could not be looked up');
    expect((await journal(runtime)).map(({ state }) => state)).toEqual(['waiting']);
  });

  test('a name is only a name: who calls himself alice is not alice', async () => {
    const runtime = await ran();
    await clicked(runtime, 'approve', (await only(runtime)).id, { user: { id: 'U0MALLORY', name: 'alice' } });
    expect(runtime.things.effects).toEqual([]);
  });
});

test('a word to one person that is lost or refused does not undo or repeat what was done', async () => {
  const runtime = await ran();
  const { id } = await only(runtime);
  await click(runtime, 'approve', id, { user: MALLORY });
  runtime.chat.fates = ['refused', 'works'];
  await settle(runtime.surroundings);
  runtime.clock.advance(30_000);
  await settle(runtime.surroundings);
  expect(runtime.chat.whispers).toHaveLength(1);
  expect((await journal(runtime)).filter(({ state }) => state === 'refused')).toHaveLength(1);
});
