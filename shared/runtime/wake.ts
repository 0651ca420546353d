// Has what was told shown anew: what it says of an action or a pause is no longer so.
import type { ActionRecord } from '../core/action.ts';
import type { Store, Write } from '../ports/store.ts';
import type { Block } from '../core/document.ts';
import { type MessageEntry, NOTICE_PLACES, type NoticeEntry, noticeId } from './outbox-entry.ts';

/** Blocks whose words depend on what became of something. */
const LIVE: readonly Block['kind'][] = ['buttons', 'action'];

/**
 * The write that wakes a message with one of these blocks; none where there is no such message. In the same commit as what changed:
 * a process that dies in between leaves no message that offers what is over. Made anew when a commit is tried again.
 */
export async function wakeWrites(
  store: Store,
  messageId: string | undefined,
  now: string,
  live: readonly Block['kind'][] = LIVE,
): Promise<readonly Write[]> {
  const told = messageId === undefined ? undefined : await store.read<MessageEntry>('outbox', messageId);
  const isLive = told?.data.message.blocks.some(({ kind }) => live.includes(kind)) === true;
  if (told === undefined || !isLive) {
    return [];
  }
  const data: MessageEntry = { ...told.data, state: 'pending', dueAt: now, woken: true };
  return [{ op: 'replace', collection: 'outbox', id: told.id, data, version: told.version }];
}

/** As wakeWrites, for all that was told of an action: its run's message, and its notices. */
export async function wakeAction(
  store: Store,
  action: Pick<ActionRecord, 'id' | 'runId'>,
  now: string,
  live: readonly Block['kind'][] = LIVE,
): Promise<readonly Write[]> {
  const notices = await Promise.all(
    NOTICE_PLACES.map((place) => store.read<NoticeEntry>('outbox', noticeId(action.id, place))),
  );
  return [
    ...(await wakeWrites(store, messageOf(action), now, live)),
    ...notices.flatMap((told): readonly Write[] =>
      told === undefined
        ? []
        : [
            {
              op: 'replace',
              collection: 'outbox',
              id: told.id,
              data: { ...told.data, state: 'pending', dueAt: now },
              version: told.version,
            },
          ],
    ),
  ];
}

/** The message in which a run told its actions. */
export function messageOf({ runId }: Pick<ActionRecord, 'runId'>): string {
  return `${runId}-message`;
}
