// What is asked of Slack about the person who clicked: a word that only they see, and who is in a group.
import { z } from 'zod';
import type { ChatWhisper } from '../../ports/chat.ts';
import type { SlackClient } from './client.ts';
import { renderLine } from './mrkdwn.ts';

const MOST_CHARACTERS = 2900;

const WhisperReply = z.lazy(() => z.looseObject({ message_ts: z.string().min(1) }));
const MembersReply = z.lazy(() => z.looseObject({ users: z.array(z.string()) }));

/** Slack cannot find such a message again: after a lost reply it may come twice, which does no harm. */
export async function whisper(client: SlackClient, request: ChatWhisper): Promise<void> {
  const text = renderLine(request.line, {}, MOST_CHARACTERS);
  await client.call({
    method: 'chat.postEphemeral',
    arguments: {
      channel: request.channel,
      user: request.user,
      text,
      blocks: [{ type: 'section', text: { type: 'mrkdwn', text, verbatim: true } }],
      ...(request.thread === null ? {} : { thread_ts: request.thread }),
      parse: 'none',
      link_names: false,
    },
    target: `user ${request.user} in channel ${request.channel}`,
    effect: 'write',
    reply: WhisperReply,
  });
}

export async function members(client: SlackClient, group: string): Promise<readonly string[]> {
  const { users } = await client.call({
    method: 'usergroups.users.list',
    arguments: { usergroup: group },
    target: `user group ${group}`,
    effect: 'read',
    reply: MembersReply,
  });
  return users;
}
