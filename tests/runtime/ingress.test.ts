// Events from outside: stored once whoever repeats them, handed on at once, worked on by whoever may, and never before the answer.
import { describe, expect, test } from 'vitest';
import { PlatformError } from '../../shared/core/errors.ts';
import type { Queue } from '../../shared/ports/queue.ts';
import type { CheckedRequest, Sender } from '../../shared/ports/sender.ts';
import type { ReceivedEvent, Surroundings } from '../../shared/runtime/context.ts';
import { receive } from '../../shared/runtime/ingress.ts';
import type { OutboxEntry } from '../../shared/runtime/outbox-entry.ts';
import { drainOutbox } from '../../shared/runtime/outbox.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { startRun, startsHere } from '../../shared/runtime/start-run.ts';
import { readEventId } from '../../shared/runtime/trigger.ts';
import { sizeDuty, testRuntime, type TestRuntime } from '../support/runtime.ts';

const SCOPE = { cluster: 'prod', namespace: 'shop' };

interface Rig extends TestRuntime {
  readonly handled: ReceivedEvent[];
  /** Thrown by the handler, one after the other. */
  readonly failures: Error[];
}

/** A sender that takes every body as it is: `refuse`, `ask`, `ignore`, or the id of a delivery. */
function rig(surroundings: Partial<Surroundings> = {}, verify?: Sender['verify']): Rig {
  const handled: ReceivedEvent[] = [];
  const failures: Error[] = [];
  const test: Sender = {
    verify:
      verify ??
      (({ body }): CheckedRequest => {
        switch (body) {
          case 'refuse':
            return { verdict: 'refused', why: 'the secret word is missing' };
          case 'ask':
            return { verdict: 'reply', body: { challenge: 'x' } };
          case 'ignore':
            return { verdict: 'ignored', why: 'not for us' };
          default:
            return { verdict: 'event', deliveryId: body, event: { said: body } };
        }
      }),
  };
  const runtime = testRuntime({
    surroundings: {
      senders: new Map([['test', test]]),
      handlers: new Map([
        [
          'test',
          async (_surroundings: Surroundings, received: ReceivedEvent) => {
            handled.push(received);
            await Promise.resolve();
            const failure = failures.shift();
            if (failure !== undefined) {
              throw failure;
            }
          },
        ],
      ]),
      ...surroundings,
    },
  });
  return { ...runtime, handled, failures };
}

function send(at: Rig, body: string, path = '/ingress/test'): ReturnType<typeof receive> {
  return receive(at.surroundings, { headers: {}, body, path });
}

async function events(at: Rig): Promise<readonly OutboxEntry[]> {
  const documents = await at.store.query<OutboxEntry>('outbox', { where: [], limit: 100 });
  return documents.map(({ data }) => data).filter(({ kind }) => kind === 'event');
}

describe('a request', () => {
  test.each([
    ['an event', 'one', 200, { result: 'taken' }],
    ['a wrong signature', 'refuse', 401, { error: { kind: 'caller', message: 'The signature does not hold.' } }],
    ['a question of the sender', 'ask', 200, { challenge: 'x' }],
    ['an event that nobody waits for', 'ignore', 200, { result: 'ignored' }],
  ])('%s is answered', async (_name, body, status, answered) => {
    const at = rig();
    expect(await send(at, body)).toEqual({ status, headers: {}, body: answered });
    expect(await events(at)).toHaveLength(body === 'one' ? 1 : 0);
  });

  test.each(['/ingress/other', '/ingress', '/ingress/test/more', '/ingress/__proto__', '/', ''])(
    'for %j finds nothing',
    async (path) => {
      expect((await send(rig(), 'one', path)).status).toBe(404);
    },
  );

  test('is found without the name of the function too, as Cloud Functions passes it on', async () => {
    expect((await send(rig(), 'one', '/test')).status).toBe(200);
  });

  test('is answered before anything is done', async () => {
    const at = rig();
    await send(at, 'one');
    expect(at.handled).toEqual([]);
  });
});

describe('one delivery', () => {
  test('that is repeated, 50 times at once, is one event and worked on once', async () => {
    const at = rig();
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(at, 'one')));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    await Promise.all(Array.from({ length: 5 }, () => settle(at.surroundings)));
    await send(at, 'one');
    await settle(at.surroundings);
    expect(at.handled).toHaveLength(1);
    expect((await events(at)).map(({ state }) => state)).toEqual(['delivered']);
  });

  test('whose work fails is tried again, with its id and time as before', async () => {
    const at = rig();
    at.failures.push(new PlatformError({ system: 'T', operation: 'o', target: 't', applied: 'no' }, 'it is down'));
    await send(at, 'one');
    await settle(at.surroundings);
    at.clock.advance(20_000);
    await settle(at.surroundings);
    expect(at.handled).toHaveLength(2);
    expect(at.handled[1]).toEqual(at.handled[0]);
  });

  test('that fails for a week is given up', async () => {
    const at = rig();
    at.failures.push(...Array.from({ length: 500 }, () => new Error('never')));
    await send(at, 'one');
    for (let hour = 0; hour < 8 * 24; hour += 1) {
      at.clock.advance(3_600_000);
      await settle(at.surroundings);
    }
    expect((await events(at)).map(({ state, lastError }) => [state, lastError])).toEqual([['failed', 'never']]);
  });

  test('one that fails keeps no other waiting', async () => {
    const at = rig();
    at.failures.push(
      new PlatformError({ system: 'T', operation: 'o', target: 't', status: 503, applied: 'no' }, 'it is down'),
    );
    await send(at, 'one');
    await send(at, 'two');
    await settle(at.surroundings);
    expect(at.handled).toHaveLength(2);
  });
});

describe('handing on', () => {
  test('the id goes to the topic of settle, which works on it first', async () => {
    const published: { topic: string; id: string; data: object }[] = [];
    const queue: Queue = {
      publish: async (topic, messages) => {
        published.push(...messages.map(({ id, data }) => ({ topic, id, data })));
        await Promise.resolve();
      },
    };
    const at = rig();
    const ports = { ...at.surroundings.ports, queue };
    await receive({ ...at.surroundings, ports }, { headers: {}, body: 'one', path: '/ingress/test' });
    const [message] = published;
    expect(published).toEqual([{ topic: 'nightshift-settle', id: message?.id, data: { event: message?.id } }]);
    const body = JSON.stringify({
      message: { data: Buffer.from(JSON.stringify(message?.data)).toString('base64'), messageId: '1' },
      subscription: 's',
    });
    await settle(at.surroundings, readEventId({ headers: {}, body }));
    expect(at.handled.map(({ id }) => id)).toEqual([message?.id]);
  });

  test('a queue that is down or hangs keeps no sender waiting, and the event is found by the next tick', async () => {
    for (const publish of [() => Promise.reject(new Error('down')), () => new Promise<void>(() => undefined)]) {
      const at = rig();
      const ports = { ...at.surroundings.ports, queue: { publish } };
      const answer = await receive({ ...at.surroundings, ports }, { headers: {}, body: 'one', path: '/ingress/test' });
      expect(answer.status).toBe(200);
      await settle(at.surroundings);
      expect(at.handled).toHaveLength(1);
    }
  });

  test.each(['', '{}', '{', '{"message":{"data":"%%%"}}', '{"message":{"data":"eyJldmVudCI6IngifQ=="}}', '[1]'])(
    'a body that names no event drives settle as ever: %j',
    (body) => {
      expect(readEventId({ headers: {}, body })).toBeUndefined();
    },
  );
});

test('a run works on no events: its function may lack the rights that they need', async () => {
  const at = rig();
  await send(at, 'one');
  await runDuty(at.surroundings, sizeDuty(at.things, { a: 125 }), at.policy, {
    scope: SCOPE,
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
  });
  expect(at.handled).toEqual([]);
  await drainOutbox(at.surroundings);
  expect(at.handled).toHaveLength(1);
});

describe('a run that an event asks for', () => {
  test('is published once a delivery, under the id that its receiver knows repeats by', async () => {
    const published: unknown[] = [];
    const at = rig();
    const queue: Queue = {
      publish: async (topic, messages) => {
        published.push([topic, messages]);
        await Promise.resolve();
      },
    };
    const ports = { ...at.surroundings.ports, queue };
    await startRun({ ...at.surroundings, ports }, { duty: 'test', scope: SCOPE, deliveryId: 'd1' });
    expect(published).toEqual([['nightshift-test', [{ id: 'd1', data: { scope: SCOPE, dry_run: false } }]]]);
  });

  test('is made here without a queue, once a delivery', async () => {
    const at = rig();
    const ready = {
      duty: sizeDuty(at.things, { a: 125 }),
      policy: at.policy,
      manifest: { name: 'test', timeoutSeconds: 300, fanOut: false },
      surroundings: at.surroundings,
    };
    const surroundings = { ...at.surroundings, startHere: startsHere(new Map([['test', ready]])) };
    await startRun(surroundings, { duty: 'test', scope: SCOPE, deliveryId: 'd1' });
    await startRun(surroundings, { duty: 'test', scope: SCOPE, deliveryId: 'd1' });
    expect(at.things.effects).toEqual(['a=125']);
    expect(await at.store.query('runs', { where: [], limit: 10 })).toHaveLength(1);
  });

  test('waits while its scope is being worked on', async () => {
    const at = rig();
    const ready = {
      duty: sizeDuty(at.things, { a: 125 }),
      policy: at.policy,
      manifest: { name: 'test', timeoutSeconds: 300, fanOut: false },
      surroundings: at.surroundings,
    };
    const lease = { runId: 'other', until: new Date(at.clock.now().getTime() + 60_000).toISOString() };
    await at.store.commit([
      {
        op: 'create',
        collection: 'leases',
        id: 'test:cluster=prod,namespace=shop',
        data: lease,
        expiresAt: lease.until,
      },
    ]);
    const surroundings = { ...at.surroundings, startHere: startsHere(new Map([['test', ready]])) };
    await expect(startRun(surroundings, { duty: 'test', scope: SCOPE, deliveryId: 'd1' })).rejects.toThrow('at work');
  });
});
