// Has a message that was told edited again: what it says of an action or a pause is no longer so.
import type { ActionRecord } from '../core/action.ts';
import type { Store, Write } from '../ports/store.ts';
import type { MessageEntry } from './outbox-entry.ts';

/**
 * The write that wakes a message with buttons; none where there is no such message. In the same commit as what changed: a process
 * that dies in between leaves no message that offers what is over. Made anew when a commit is tried again.
 */
export async function wakeWrites(store: Store, messageId: string | undefined, now: string): Promise<readonly Write[]> {
  const told = messageId === undefined ? undefined : await store.read<MessageEntry>('outbox', messageId);
  const hasButtons = told?.data.message.blocks.some(({ kind }) => kind === 'buttons') === true;
  if (told === undefined || !hasButtons) {
    return [];
  }
  const data: MessageEntry = { ...told.data, state: 'pending', dueAt: now, woken: true };
  return [{ op: 'replace', collection: 'outbox', id: told.id, data, version: told.version }];
}

/** The message in which a run told its actions. */
export function messageOf({ runId }: Pick<ActionRecord, 'runId'>): string {
  return `${runId}-message`;
}
