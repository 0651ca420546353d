// What comes in from outside without a Google identity: checks the sender, stores the event under its delivery id, hands it on,
// and answers. The work is done by whoever delivers the outbox, never before the answer.
import { CallerError, describeError } from '../core/errors.ts';
import { hashOf } from '../core/fingerprint.ts';
import type { JsonObject } from '../core/json.ts';
import { step, type Surroundings } from './context.ts';
import { type Answer, done, topicOf } from './http.ts';
import { outboxWrite } from './outbox.ts';
import type { EventEntry } from './outbox-entry.ts';
import type { Incoming } from './trigger.ts';

/** With the name of the function in front in one process, without it behind a load balancer or a function's own address. */
const PATH = /^(?:\/ingress)?\/([a-z][a-z0-9-]{0,30})$/;
/** The driver that delivers events, and listens to the topic on which they are handed on. */
const DELIVERER = 'settle';
/** Slack gives up after three seconds, and the event is safe: a queue that is slow now is not waited for. */
const HAND_ON_MILLISECONDS = 600;
/** Must fit into one document with what else an entry holds. */
const LARGEST_EVENT_CHARACTERS = 200_000;

/** Answers one request to `POST /ingress/<source>`. */
export async function receive(surroundings: Surroundings, incoming: Incoming): Promise<Answer> {
  const { log, ports } = surroundings;
  const source = PATH.exec(incoming.path ?? '')?.[1];
  const sender = source === undefined ? undefined : surroundings.senders?.get(source);
  if (source === undefined || sender === undefined) {
    const known = [...(surroundings.senders?.keys() ?? [])].join(', ') || 'none';
    log.warn(
      { source: source ?? null, configured: known },
      'a request for a source that is not set up; events are taken from sources whose secret is set, such as SLACK_SIGNING_SECRET',
    );
    return { status: 404, headers: {}, body: { error: { kind: 'caller', message: 'Nothing is here.' } } };
  }
  const checked = sender.verify(incoming, ports.clock.now());
  switch (checked.verdict) {
    case 'refused':
      log.warn({ source, why: checked.why }, 'a request was refused: its signature does not hold');
      return { status: 401, headers: {}, body: { error: { kind: 'caller', message: 'The signature does not hold.' } } };
    case 'reply':
      return done(checked.body);
    case 'ignored':
      log.info({ source, why: checked.why }, 'an event was ignored');
      return done({ result: 'ignored' });
    case 'event': {
      const { id, isNew } = await storeEvent(surroundings, source, checked.deliveryId, checked.event);
      if (isNew) {
        await handOn(surroundings, id);
      }
      return done({ result: isNew ? 'taken' : 'repeat' });
    }
  }
}

/** Stores an event once, whoever brought it; a repeat of its delivery changes nothing. */
export async function storeEvent(
  surroundings: Surroundings,
  source: string,
  deliveryId: string,
  event: JsonObject,
): Promise<{ readonly id: string; readonly isNew: boolean }> {
  if (JSON.stringify(event).length > LARGEST_EVENT_CHARACTERS) {
    throw new CallerError(`The event is larger than ${String(LARGEST_EVENT_CHARACTERS)} characters.`, {
      field: 'body',
    });
  }
  const { store, clock } = surroundings.ports;
  // Hashed: senders may choose any text.
  const id = `event-${source}-${hashOf(deliveryId).slice(0, 40)}`;
  const at = clock.now().toISOString();
  const entry: EventEntry = {
    id,
    kind: 'event',
    runId: id,
    createdAt: at,
    state: 'pending',
    dueAt: at,
    attempts: 0,
    source,
    event,
  };
  const stored = await store.commit([outboxWrite(entry)]);
  await step(surroundings, 'event-stored');
  return { id, isNew: stored.committed };
}

/** At once where somebody listens; what is not handed on is found by the next tick of `settle`. Never throws. */
export async function handOn(surroundings: Surroundings, id: string): Promise<void> {
  const { queue, clock } = surroundings.ports;
  if (surroundings.handOn !== undefined) {
    surroundings.handOn(id);
    return;
  }
  if (queue === undefined) {
    return;
  }
  const given = new AbortController();
  const published = queue
    .publish(topicOf(DELIVERER), [{ id, data: { event: id } }])
    .catch((error: unknown) => {
      surroundings.log.warn(
        { event: id, error: describeError(error) },
        'an event could not be handed on; settle finds it',
      );
    })
    .finally(() => {
      given.abort();
    });
  await Promise.race([published, clock.sleep(HAND_ON_MILLISECONDS, given.signal).catch(() => undefined)]);
}
