// What the team's channel is told when somebody pauses or resumes: others must not wonder why nothing happens.
import { bold, type Message, text } from '../core/document.ts';
import { hasApprovers, PAUSE } from '../core/approver.ts';
import type { Write } from '../ports/store.ts';
import { placeOf } from '../core/guardrail.ts';
import type { Surroundings } from './context.ts';
import { outboxWrite } from './outbox.ts';
import type { MessageEntry } from './outbox-entry.ts';
import { scopeOfKey } from './scope.ts';

/** The message for the outbox; none where no chat is configured. */
export function pauseNotice(
  surroundings: Surroundings,
  key: string,
  said: string,
  canResume: boolean,
): { readonly id: string; readonly write: Write } | undefined {
  const { team, mask, ports } = surroundings;
  const slack = team.chat?.slack;
  if (slack === undefined) {
    return undefined;
  }
  const id = `pause-${ports.ids.next()}`;
  const at = ports.clock.now().toISOString();
  const line = [bold('Nightshift '), text(mask(said))];
  const withButton = canResume && hasApprovers(team, PAUSE, placeOf(scopeOfKey(key)));
  const message: Message = {
    title: canResume ? '⏸️ Paused' : '▶️ Resumed',
    blocks: [
      withButton
        ? { kind: 'buttons', line, buttons: [{ label: 'Resume', value: { verb: 'resume', id: key } }] }
        : { kind: 'paragraph', line },
    ],
  };
  const entry: MessageEntry = {
    id,
    kind: 'message',
    runId: id,
    createdAt: at,
    state: 'pending',
    dueAt: at,
    attempts: 0,
    channel: slack.channel,
    message,
    issues: [],
    waitUntil: at,
  };
  return { id, write: outboxWrite(entry) };
}
