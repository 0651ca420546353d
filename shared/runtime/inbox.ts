// Events from outside that wait for a duty: stored once under their delivery id, handed to the next run of their scope, and
// taken in the commit that ends it. A run that dies leaves them for the next one.
import { describeError } from '../core/errors.ts';
import { hashOf } from '../core/fingerprint.ts';
import type { JsonObject } from '../core/json.ts';
import type { Store, StoredDocument, Write } from '../ports/store.ts';
import { parseEvents } from './checked.ts';
import type { RunContext } from './context.ts';
import type { Duty } from './duty.ts';
import { secondsAfter } from './outbox-entry.ts';

export interface InboxEvent {
  readonly duty: string;
  readonly scope: string;
  readonly state: 'waiting' | 'taken';
  /** When it came, ISO. */
  readonly at: string;
  readonly event: JsonObject;
}

/** Senders repeat for hours at most; an event that no run took for a week is of no use any more. */
const KNOWN_SECONDS = 86_400;
const WAITS_SECONDS = 7 * 86_400;
/** What is over waits for the next run. A commit takes 500 writes. */
const EVENTS_A_RUN = 200;

/** Stores an event; false when that delivery is known already. */
export async function receive(
  store: Store,
  { duty, scope, at, event }: Omit<InboxEvent, 'state'>,
  deliveryId: string,
): Promise<boolean> {
  const data: InboxEvent = { duty, scope, at, event, state: 'waiting' };
  const id = inboxId(duty, scope, deliveryId);
  const result = await store.commit([
    { op: 'create', collection: 'inbox', id, data, expiresAt: secondsAfter(at, WAITS_SECONDS) },
  ]);
  return result.committed;
}

/** Whether a run that ended has looked at that delivery. */
export async function isTaken(
  store: Store,
  { duty, scope }: Pick<InboxEvent, 'duty' | 'scope'>,
  deliveryId: string,
): Promise<boolean> {
  const document = await store.read<InboxEvent>('inbox', inboxId(duty, scope, deliveryId));
  return document?.data.state === 'taken';
}

function inboxId(duty: string, scope: string, deliveryId: string): string {
  return hashOf({ duty, scope, deliveryId });
}

/** The events that wait for a run of this scope, oldest first; none for a duty that takes none. */
export async function waitingEvents(
  { ports, scopeKey }: RunContext,
  duty: Duty,
): Promise<readonly StoredDocument<InboxEvent>[]> {
  return duty.event === undefined
    ? []
    : ports.store.query<InboxEvent>('inbox', {
        where: [
          { field: 'duty', op: '==', value: duty.name },
          { field: 'scope', op: '==', value: scopeKey },
          { field: 'state', op: '==', value: 'waiting' },
        ],
        orderBy: { field: 'at', direction: 'ascending' },
        limit: EVENTS_A_RUN,
      });
}

/** An event that another version of the duty stored may not fit: it is told in the log and taken, or it would fail every run. */
export function fittingEvents(
  { log }: RunContext,
  duty: Duty,
  waiting: readonly StoredDocument<InboxEvent>[],
): readonly JsonObject[] {
  return waiting.flatMap(({ id, data }) => {
    try {
      return parseEvents(duty, [data.event]);
    } catch (error) {
      log.error({ eventId: id, error: describeError(error) }, 'an event does not fit this duty and is dropped');
      return [];
    }
  });
}

/** The writes that take events, for the last commit of the run that looked at them. They stay known, so that a repeat is a repeat. */
export function takenWrites(events: readonly StoredDocument<InboxEvent>[], now: string): readonly Write[] {
  return events.map(({ id, data, version }) => ({
    op: 'replace',
    collection: 'inbox',
    id,
    data: { ...data, state: 'taken' },
    version,
    expiresAt: secondsAfter(now, KNOWN_SECONDS),
  }));
}
