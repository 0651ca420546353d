// What became of an action afterwards: a line in the thread of the message that told it, once for each action and word, and the
// message itself shown anew.
import type { ActionRecord } from '../core/action.ts';
import { code, paragraph, text } from '../core/document.ts';
import { fingerprintOf } from '../core/fingerprint.ts';
import type { Write } from '../ports/store.ts';
import type { RunContext } from './context.ts';
import { outboxWrite } from './outbox.ts';
import type { MessageEntry } from './outbox-entry.ts';
import { messageOf, wakeAction } from './wake.ts';

/**
 * The writes for the outbox; none where the action was never told. A note whose message is still to be posted waits for it there. To be
 * made anew when their commit is tried again.
 */
export async function noteWrites(context: RunContext, action: ActionRecord, said: string): Promise<readonly Write[]> {
  return entryWrites(context, action, said, await threadOf(context, action));
}

/** The same for a change that its run cannot tell any more, and that nobody waits for: where there is no thread, in the channel. */
export async function lateWrites(context: RunContext, action: ActionRecord, said: string): Promise<readonly Write[]> {
  const channel = context.team.chat?.slack.channel;
  const place = (await threadOf(context, action)) ?? (channel === undefined ? undefined : { channel });
  return entryWrites(context, action, said, place);
}

type Place = Pick<MessageEntry, 'channel' | 'after' | 'thread'>;

async function threadOf({ ports }: RunContext, action: ActionRecord): Promise<Place | undefined> {
  const told = await ports.store.read<MessageEntry>('outbox', messageOf(action));
  return (
    told && {
      channel: told.data.channel,
      ...(told.data.posted === undefined ? { after: told.id } : { thread: told.data.posted }),
    }
  );
}

async function entryWrites(
  context: RunContext,
  action: ActionRecord,
  said: string,
  place: Place | undefined,
): Promise<readonly Write[]> {
  const { store } = context.ports;
  const id = `${action.id.slice(0, 20)}-note-${fingerprintOf({ action: action.id, said })}`;
  const wake = await wakeAction(store, action, context.ports.clock.now().toISOString());
  if (place === undefined || (await store.read('outbox', id)) !== undefined) {
    return wake;
  }
  const change = context.kinds.get(action.kind)?.describe(action) ?? action.kind;
  const entry: MessageEntry = {
    id,
    kind: 'message',
    runId: action.runId,
    createdAt: context.now,
    state: 'pending',
    dueAt: context.now,
    attempts: 0,
    ...place,
    message: { title: '', blocks: [paragraph(code(change), text(` ${context.mask(said)}`))] },
    issues: [],
    waitUntil: context.now,
  };
  return [outboxWrite(entry), ...wake];
}
