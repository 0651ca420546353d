// The team's chat behind an MCP server that offers slack.post_message. It can post and nothing else.
import { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import type { Chat, ChatPost, PreparedMessage } from '../../ports/chat.ts';
import type { McpConnection } from './connection.ts';

export interface McpChatOptions {
  readonly connection: McpConnection;
  readonly spelled: (tool: string) => string;
  /** The message in the chat's own form. */
  readonly render: (request: ChatPost) => PreparedMessage;
}

const Posted = z.lazy(() => z.looseObject({ ts: z.string().min(1).max(100), url: z.string().max(2000) }));

export function mcpChat({ connection, spelled, render }: McpChatOptions): Chat {
  const tool = spelled('slack.post_message');
  const system = `MCP server ${connection.label}`;

  function notOffered(operation: string): PlatformError {
    return new PlatformError(
      { system, operation, target: 'the chat', applied: 'no', code: 'NOT_OFFERED' },
      'it has no tool for that',
      {
        remedy: 'Reach the chat directly: take platform.mcp out of the policy.',
      },
    );
  }

  return {
    isPostOnly: true,
    async post(request) {
      const { text, blocks } = request.prepared ?? render(request);
      const reply = await connection.call({
        tool,
        arguments: { channel: request.channel, text, ...(blocks === undefined ? {} : { blocks: [...blocks] }) },
        target: `channel ${request.channel}`,
        effect: 'write',
        reply: Posted,
        marker: request.marker,
      });
      return { id: reply.ts, channel: request.channel, url: httpAddress(reply.url) };
    },
    async find({ channel }) {
      if (await connection.takesMarker(tool)) {
        // Posted again under the same marker it stays one message.
        return undefined;
      }
      throw new PlatformError(
        { system, operation: 'find message', target: `channel ${channel}`, applied: 'no', code: 'CANNOT_LOOK' },
        'the reply to a message was lost, and that server cannot be asked whether the message is there',
        { remedy: 'Look for it by hand; it is not sent a second time.' },
      );
    },
    edit: () => Promise.reject(notOffered('edit message')),
    upload: () => Promise.reject(notOffered('upload file')),
    findFile: () => Promise.reject(notOffered('find file')),
    identity: () => Promise.reject(notOffered('identity')),
    whisper: () => Promise.reject(notOffered('whisper')),
    members: () => Promise.reject(notOffered('members of a group')),
  };
}

/** An address becomes a link in messages and issues: nothing but the web's. */
function httpAddress(url: string): string | null {
  return /^https?:\/\//.test(url) && URL.canParse(url) ? url : null;
}
