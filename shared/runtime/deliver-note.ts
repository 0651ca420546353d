// A note that was written before its message was posted waits for that message, to be said in its thread. Everything else about a
// message is deliver-message.ts.
import { deliverMessage } from './deliver-message.ts';
import type { DeliveryContext, MessageEntry, OutboxEntry } from './outbox-entry.ts';
import { secondsAfter } from './outbox-entry.ts';

/** A message that waits out an outage is tried after pauses of its own; looking for it costs one read. */
const LOOK_FOR_MESSAGE_SECONDS = 30;

/** Delivers any message. A note whose message was given up is said on its own: what became of a change is told all the same. */
export async function deliverInThread(context: DeliveryContext, entry: MessageEntry): Promise<OutboxEntry> {
  if (entry.after === undefined || entry.thread !== undefined) {
    return deliverMessage(context, entry);
  }
  const told = await context.ports.store.read<MessageEntry>('outbox', entry.after);
  if (told?.data.posted !== undefined) {
    return deliverMessage(context, { ...entry, thread: told.data.posted });
  }
  return told?.data.state === 'pending'
    ? { ...entry, dueAt: secondsAfter(context.now(), LOOK_FOR_MESSAGE_SECONDS) }
    : deliverMessage(context, entry);
}
