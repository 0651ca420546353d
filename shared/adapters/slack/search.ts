// Finds what a lost reply hid: a message by the marker in its metadata, a file by the marker in its name. Reads only.
import { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import type { Posted } from '../../ports/chat.ts';
import type { SlackClient } from './client.ts';

const MOST_PAGES = 10;
const MESSAGES_OF_A_PAGE = 500;
const FILES_OF_A_PAGE = 200;
/** Slack's times are its own clock's: a difference must not hide a message that was posted right after `since`. */
const CLOCK_TOLERANCE_SECONDS = 300;

const FoundFile = z.lazy(() =>
  z.looseObject({
    id: z.string(),
    name: z.string().nullish(),
    title: z.string().nullish(),
    permalink: z.string().nullish(),
  }),
);
const MessagesReply = z.lazy(() =>
  z.looseObject({
    messages: z.array(
      z.looseObject({
        ts: z.string(),
        metadata: z.looseObject({ event_payload: z.record(z.string(), z.unknown()).optional() }).optional(),
        files: z.array(FoundFile).optional(),
      }),
    ),
    response_metadata: z.looseObject({ next_cursor: z.string().optional() }).optional(),
  }),
);
type FoundMessage = z.infer<typeof MessagesReply>['messages'][number];

const FilesReply = z.lazy(() =>
  z.looseObject({
    files: z.array(FoundFile),
    paging: z.looseObject({ pages: z.number().optional() }).optional(),
  }),
);
const UserReply = z.lazy(() => z.looseObject({ user_id: z.string().min(1) }));
const PermalinkReply = z.lazy(() => z.looseObject({ permalink: z.url() }));

interface MessageSearch {
  /** The channel's id. */
  readonly channel: string;
  readonly marker: string;
  readonly since: string;
  readonly thread?: Posted;
}

export async function findMessageByMarker(client: SlackClient, search: MessageSearch): Promise<Posted | undefined> {
  const found = await firstMessage(
    client,
    search,
    ({ metadata }) => metadata?.event_payload?.['marker'] === search.marker,
  );
  if (found === undefined) {
    return undefined;
  }
  return { id: found.ts, channel: search.channel, url: await addressOf(client, search.channel, found.ts) };
}

/** In the thread; or among our own files, since Slack shows a file in its thread some time after it took it. */
export async function findFileByMarker(
  client: SlackClient,
  { thread, marker, since }: { readonly thread: Posted; readonly marker: string; readonly since: string },
): Promise<Posted | undefined> {
  const isOurs = (file: z.infer<typeof FoundFile>): boolean =>
    [file.name, file.title].some((name) => name?.includes(marker) === true);
  const message = await firstMessage(
    client,
    { channel: thread.channel, marker, since, thread },
    ({ files }) => files?.some(isOurs) === true,
  );
  if (message !== undefined) {
    const url = message.files?.find(isOurs)?.permalink ?? null;
    return { id: message.ts, channel: thread.channel, url };
  }
  const file = await firstFile(client, { thread, since }, isOurs);
  return file === undefined ? undefined : { id: file.id, channel: thread.channel, url: file.permalink ?? null };
}

/** The address of a message for people; null when Slack does not tell. Nothing depends on it, so that it is asked once. */
export async function addressOf(client: SlackClient, channel: string, ts: string): Promise<string | null> {
  try {
    const reply = await client.call({
      method: 'chat.getPermalink',
      arguments: { channel, message_ts: ts },
      target: `message ${ts} in channel ${channel}`,
      effect: 'read',
      reply: PermalinkReply,
      attempts: 1,
    });
    return reply.permalink;
  } catch (error) {
    if (error instanceof PlatformError) {
      return null;
    }
    throw error;
  }
}

async function firstMessage(
  client: SlackClient,
  { channel, since, thread }: MessageSearch,
  matches: (message: FoundMessage) => boolean,
): Promise<FoundMessage | undefined> {
  const method = thread === undefined ? 'conversations.history' : 'conversations.replies';
  const target = thread === undefined ? `channel ${channel}` : `thread ${thread.id} in channel ${channel}`;
  let cursor: string | undefined;
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const reply = await client.call({
      method,
      arguments: {
        channel,
        ...(thread === undefined ? {} : { ts: thread.id }),
        oldest: `${fromSeconds(since)}.000000`,
        inclusive: true,
        include_all_metadata: true,
        limit: MESSAGES_OF_A_PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      },
      target,
      effect: 'read',
      reply: MessagesReply,
    });
    const found = reply.messages.find(matches);
    cursor = reply.response_metadata?.next_cursor;
    if (found !== undefined || cursor === undefined || cursor === '') {
      return found;
    }
  }
  throw tooMany(method, target, since);
}

async function firstFile(
  client: SlackClient,
  { thread, since }: { readonly thread: Posted; readonly since: string },
  matches: (file: z.infer<typeof FoundFile>) => boolean,
): Promise<z.infer<typeof FoundFile> | undefined> {
  const target = `our files for thread ${thread.id} in channel ${thread.channel}`;
  const { user_id: user } = await client.call({
    method: 'auth.test',
    arguments: {},
    target: 'the bot token',
    effect: 'read',
    reply: UserReply,
  });
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const reply = await client.call({
      method: 'files.list',
      arguments: { user, ts_from: String(fromSeconds(since)), count: FILES_OF_A_PAGE, page },
      target,
      effect: 'read',
      reply: FilesReply,
    });
    const found = reply.files.find(matches);
    if (found !== undefined || page >= (reply.paging?.pages ?? 1)) {
      return found;
    }
  }
  throw tooMany('files.list', target, since);
}

function fromSeconds(since: string): number {
  return Math.max(0, Math.floor(Date.parse(since) / 1000) - CLOCK_TOLERANCE_SECONDS);
}

/** "Not found" would be a guess that sends it a second time. */
function tooMany(operation: string, target: string, since: string): PlatformError {
  return new PlatformError(
    { system: 'Slack', operation, target, code: 'TOO_MANY', applied: 'no' },
    `more was posted since ${since} than is looked through, so that nobody can tell whether ours is there`,
    { remedy: 'Look for it by hand; it is not sent a second time.' },
  );
}
