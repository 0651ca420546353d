// A line in the thread of the message that told an action: what became of it afterwards. Once for each action and word.
import type { ActionRecord } from '../core/action.ts';
import { code, paragraph, text } from '../core/document.ts';
import { fingerprintOf } from '../core/fingerprint.ts';
import type { Write } from '../ports/store.ts';
import type { RunContext } from './context.ts';
import { outboxWrite } from './outbox.ts';
import type { MessageEntry } from './outbox-entry.ts';

/** The write that hands the note to the outbox; none where the action was never told, or the note is there already. */
export async function noteWrites(context: RunContext, action: ActionRecord, said: string): Promise<readonly Write[]> {
  const { store } = context.ports;
  const id = `${action.id.slice(0, 20)}-note-${fingerprintOf({ action: action.id, said })}`;
  const told = await store.read<MessageEntry>('outbox', `${action.runId}-message`);
  if (told?.data.posted === undefined || (await store.read('outbox', id)) !== undefined) {
    return [];
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
    channel: told.data.channel,
    thread: told.data.posted,
    message: { title: '', blocks: [paragraph(code(change), text(` ${context.mask(said)}`))] },
    issues: [],
    waitUntil: context.now,
  };
  return [outboxWrite(entry)];
}
