// Delivers one event to what is done with events of its source. A handler may be called again after a crash: it must know its own work.
import { ConfigurationError } from '../core/errors.ts';
import type { Surroundings } from './context.ts';
import type { DeliveryContext, EventEntry } from './outbox-entry.ts';

export async function deliverEvent(
  surroundings: Surroundings,
  context: DeliveryContext,
  entry: EventEntry,
): Promise<EventEntry> {
  const handler = surroundings.handlers?.get(entry.source);
  if (handler === undefined) {
    throw new ConfigurationError(`An event from ${entry.source} waits, and nothing here knows what to do with it.`, {
      remedy: 'Deploy the same version of every function.',
    });
  }
  await handler(surroundings, { id: entry.id, source: entry.source, at: entry.createdAt, event: entry.event });
  await context.onStep('delivery-sent');
  return { ...entry, state: 'delivered' };
}
