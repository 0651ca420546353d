// Channel names to ids. Slack posts to a name, and reads by id only. Remembers; asks Slack only for a name that it has not seen.
import { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import type { SlackClient } from './client.ts';
import { refusalFailure } from './failure.ts';

export interface ChannelDirectory {
  remember(channel: string, id: string): void;
  /** Fails with `channel_not_found` for a name that the bot cannot see. */
  idOf(channel: string): Promise<string>;
}

const MOST_PAGES = 20;
const PAGE_SIZE = 1000;

const ListReply = z.lazy(() =>
  z.looseObject({
    channels: z.array(z.looseObject({ id: z.string(), name: z.string() })),
    response_metadata: z.looseObject({ next_cursor: z.string().optional() }).optional(),
  }),
);

export function channelDirectory(client: SlackClient): ChannelDirectory {
  const ids = new Map<string, string>();
  return {
    remember(channel, id) {
      ids.set(nameOf(channel), id);
    },
    async idOf(channel) {
      const name = nameOf(channel);
      const known = /^[CGD][A-Z0-9]{7,}$/.test(channel) ? channel : ids.get(name);
      const id = known ?? (await search(client, name));
      if (id === undefined) {
        throw refusalFailure(
          { operation: 'conversations.list', target: `channel ${channel}`, effect: 'read' },
          { error: 'channel_not_found' },
        );
      }
      ids.set(name, id);
      return id;
    },
  };
}

function nameOf(channel: string): string {
  return channel.replace(/^#/, '');
}

/** Public and private channels; only public ones when the token may not list private ones and that is enough. */
async function search(client: SlackClient, name: string): Promise<string | undefined> {
  try {
    return await searchIn(client, name, 'public_channel,private_channel');
  } catch (error) {
    if (!(error instanceof PlatformError) || error.failure.code !== 'missing_scope') {
      throw error;
    }
    const found = await searchIn(client, name, 'public_channel');
    if (found === undefined) {
      throw error;
    }
    return found;
  }
}

async function searchIn(client: SlackClient, name: string, types: string): Promise<string | undefined> {
  let cursor: string | undefined;
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const reply = await client.call({
      method: 'conversations.list',
      arguments: { types, exclude_archived: true, limit: PAGE_SIZE, ...(cursor === undefined ? {} : { cursor }) },
      target: `channel #${name}`,
      effect: 'read',
      reply: ListReply,
    });
    const found = reply.channels.find((channel) => channel.name === name);
    cursor = reply.response_metadata?.next_cursor;
    if (found !== undefined || cursor === undefined || cursor === '') {
      return found?.id;
    }
  }
  return undefined;
}
