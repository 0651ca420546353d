// A process that is killed while it works on a click, at each step: one effect or none, and everybody is told which.
import { describe, expect, test } from 'vitest';
import { verifyJournal } from '../../shared/runtime/audit.ts';
import { INGRESS_STEPS, STEPS, type Step } from '../../shared/runtime/context.ts';
import type { OutboxEntry } from '../../shared/runtime/outbox-entry.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { watchedStore } from '../attack/rig.ts';
import { APPROVE, click, HANDLERS, KEY, nextDelivery, only, rows, run } from '../support/clicks.ts';
import { testRuntime, type TestRuntime } from '../support/runtime.ts';

/** Kills at the n-th time that a step is reached: everything after it throws, as in a process that is gone. */
async function killedAt(
  verb: 'approve' | 'decline' | 'undo' | 'pause',
  kill: { step: Step; time: number },
): Promise<TestRuntime | 'not reached'> {
  let armed = false;
  let times = 0;
  let isDead = false;
  const runtime = testRuntime({
    team: verb === 'undo' ? { approvers: [{ users: ['U0ALICE'] }] } : APPROVE,
    ...HANDLERS,
    onStep: (step) => {
      if (armed && step === kill.step) {
        times += 1;
        isDead ||= times >= kill.time;
      }
      if (isDead) {
        throw new Error('killed');
      }
    },
  });
  const store = watchedStore(runtime.store, () => {
    if (isDead) {
      throw new Error('killed');
    }
  });
  await run(runtime);
  const { id } = await only(runtime);
  const dying = { ...runtime.surroundings, ports: { ...runtime.surroundings.ports, store } };
  armed = true;
  const delivery = nextDelivery();
  const dyingRuntime = { ...runtime, surroundings: dying };
  await click(dyingRuntime, verb, verb === 'pause' ? KEY : id, { delivery }).catch(() => undefined);
  await settle(dying).catch(() => undefined);
  const wasKilled = isDead;
  armed = false;
  isDead = false;
  if (!wasKilled) {
    return 'not reached';
  }
  // The sender repeats it: it had no answer.
  await click(runtime, verb, verb === 'pause' ? KEY : id, { delivery });
  for (let minute = 0; minute < 26; minute += 1) {
    runtime.clock.advance(60_000);
    await settle(runtime.surroundings);
  }
  return runtime;
}

describe('a process that is killed while it works on a click', () => {
  const kills = [...INGRESS_STEPS, ...STEPS].flatMap((step) => [1, 2, 3].map((time) => ({ step, time })));
  const reached: string[] = [];

  test.each(
    (['approve', 'decline', 'undo', 'pause'] as const).flatMap((verb) => kills.map((kill) => ({ verb, ...kill }))),
  )('$verb, at $step, time $time: one effect or none, told once', async ({ verb, step, time }) => {
    const runtime = await killedAt(verb, { step, time });
    if (runtime === 'not reached') {
      return;
    }
    reached.push(step);
    const { state } = await only(runtime);
    const changes = runtime.things.effects.slice(verb === 'undo' ? 1 : 0);
    expect(changes.length).toBeLessThanOrEqual(1);
    if (changes.length === 0 && (verb === 'approve' || verb === 'undo')) {
      // None happened: then everybody is told in the message or its thread that none did.
      expect(JSON.stringify(runtime.chat.messages.map(({ request }) => request.message))).toContain(
        'nothing was changed',
      );
    }
    const happened = { approve: 'settled', decline: 'declined', undo: 'undone', pause: 'waiting' };
    const not = { approve: 'failed', decline: 'declined', undo: 'settled', pause: 'waiting' };
    expect({ verb, state }).toEqual({ verb, state: (changes.length === 1 ? happened : not)[verb] });
    const markers = runtime.chat.messages.map(({ request }) => request.marker);
    expect(new Set(markers).size).toBe(markers.length);
    const pending = await runtime.store.query<OutboxEntry>('outbox', {
      where: [{ field: 'state', op: '==', value: 'pending' }],
      limit: 10,
    });
    expect(pending.map(({ data }) => data)).toEqual([]);
    expect((await verifyJournal(runtime.store)).flatMap(({ defects }) => defects)).toEqual([]);
    expect(rows(runtime).includes('Approve/Decline')).toBe(verb === 'pause');
  });

  test('the kills reached what they were to reach', () => {
    expect([...new Set(reached)].sort()).toEqual(
      [
        'applied',
        'delivery-claimed',
        'delivery-sent',
        'delivery-stored',
        'event-stored',
        'intent-stored',
        'outcome-stored',
        'target-read',
      ].sort(),
    );
  });
});
