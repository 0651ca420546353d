// The team's chat on Slack: posts, edits, files, and finding again what a lost reply hid. It decides nothing about what is told.
import { z } from 'zod';
import type { Chat, ChatPost, ChatUpload, Posted } from '../../ports/chat.ts';
import type { Clock } from '../../ports/clock.ts';
import { renderMessage } from './blocks.ts';
import { channelDirectory, type ChannelDirectory } from './channels.ts';
import { slackClient, type SlackClient } from './client.ts';
import { oneLine } from './mrkdwn.ts';
import { members, whisper } from './people.ts';
import { harmlessMessage } from './prepared.ts';
import { addressOf, findFileByMarker, findMessageByMarker } from './search.ts';

export interface SlackChatOptions {
  /** A bot token, xoxb-…. */
  readonly token: string;
  /** Another address than Slack's. */
  readonly apiUrl?: string;
  /** For each attempt of a call; 10 when absent. */
  readonly deadlineSeconds?: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const SLACK_URL = 'https://slack.com/api/';
const DEFAULT_DEADLINE_SECONDS = 10;
/** Slack refuses a longer description of a file. */
const LONGEST_ALT = 1000;
/** The metadata in which a message carries its marker. */
const EVENT_TYPE = 'nightshift_message';

const PostReply = z.lazy(() => z.looseObject({ channel: z.string().min(1), ts: z.string().min(1) }));
const AuthReply = z.lazy(() =>
  z.looseObject({
    team: z.string(),
    user: z.string(),
    response_metadata: z.looseObject({ scopes: z.array(z.string()).optional() }).optional(),
  }),
);
const UploadAddressReply = z.lazy(() =>
  z.looseObject({ upload_url: z.url({ protocol: /^https?$/ }), file_id: z.string().min(1) }),
);
const CompleteReply = z.lazy(() =>
  z.looseObject({
    files: z.array(z.looseObject({ id: z.string(), permalink: z.string().optional() })).min(1),
  }),
);

/** The chat port on Slack's Web API. The SDK is loaded at the first call. */
export function slackChat(options: SlackChatOptions): Chat {
  const apiUrl = options.apiUrl ?? SLACK_URL;
  const client = slackClient({
    token: options.token,
    apiUrl: apiUrl.endsWith('/') ? apiUrl : `${apiUrl}/`,
    deadlineSeconds: options.deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS,
    clock: options.clock,
    random: options.random,
  });
  const channels = channelDirectory(client);
  return {
    post: (request) => post(client, channels, request),
    edit: (posted, request) => edit(client, posted, request),
    async find({ channel, marker, since, thread }) {
      const id = thread?.channel ?? (await channels.idOf(channel));
      return findMessageByMarker(client, { channel: id, marker, since, ...(thread === undefined ? {} : { thread }) });
    },
    upload: (request) => upload(client, request),
    findFile: (request) => findFileByMarker(client, request),
    whisper: (request) => whisper(client, request),
    members: (group) => members(client, group),
    async identity() {
      const reply = await client.call({
        method: 'auth.test',
        arguments: {},
        target: 'the bot token',
        effect: 'read',
        reply: AuthReply,
      });
      return { team: reply.team, user: reply.user, scopes: reply.response_metadata?.scopes ?? [] };
    },
  };
}

async function post(client: SlackClient, channels: ChannelDirectory, request: ChatPost): Promise<Posted> {
  const reply = await client.call({
    method: 'chat.postMessage',
    arguments: {
      channel: request.channel,
      ...contentOf(request),
      ...(request.thread === undefined ? {} : { thread_ts: request.thread.id }),
      unfurl_links: false,
      unfurl_media: false,
    },
    target: `channel ${request.channel}`,
    effect: 'write',
    reply: PostReply,
  });
  channels.remember(request.channel, reply.channel);
  return { id: reply.ts, channel: reply.channel, url: await addressOf(client, reply.channel, reply.ts) };
}

async function edit(client: SlackClient, posted: Posted, request: ChatPost): Promise<Posted> {
  const reply = await client.call({
    method: 'chat.update',
    arguments: { channel: posted.channel, ts: posted.id, ...contentOf(request) },
    target: `message ${posted.id} in channel ${request.channel}`,
    effect: 'write',
    reply: PostReply,
  });
  return { id: reply.ts, channel: reply.channel, url: posted.url };
}

function contentOf(request: ChatPost): Record<string, unknown> {
  return {
    ...(request.prepared === undefined
      ? renderMessage(request.message, request.links)
      : harmlessMessage(request.prepared)),
    metadata: { event_type: EVENT_TYPE, event_payload: { marker: request.marker } },
    // Without these Slack makes links of names and addresses in `text`, and chat.update does so by default.
    parse: 'none',
    link_names: false,
  };
}

/** Three calls, of which only the last one shows something: the SDK's filesUploadV2 would not tell which one failed. */
async function upload(client: SlackClient, request: ChatUpload): Promise<Posted> {
  const name = markedName(request.name, request.marker);
  const target = `file ${name} in channel ${request.thread.channel}`;
  const address = await client.call({
    method: 'files.getUploadURLExternal',
    arguments: {
      filename: name,
      length: Buffer.byteLength(request.content),
      ...(request.alt === undefined ? {} : { alt_txt: oneLine(request.alt).slice(0, LONGEST_ALT) }),
    },
    target,
    effect: 'read',
    reply: UploadAddressReply,
  });
  await client.send({ url: address.upload_url, content: request.content, target });
  const reply = await client.call({
    method: 'files.completeUploadExternal',
    arguments: {
      files: [{ id: address.file_id, title: oneLine(request.title) }],
      channel_id: request.thread.channel,
      thread_ts: request.thread.id,
    },
    target,
    effect: 'write',
    reply: CompleteReply,
  });
  // Slack shares the file after it has answered: there is no message id yet.
  return { id: address.file_id, channel: request.thread.channel, url: reply.files[0]?.permalink ?? null };
}

/** `report.json` with its marker: `report.<marker>.json`. */
function markedName(name: string, marker: string): string {
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? `${name}.${marker}` : `${name.slice(0, dot)}.${marker}${name.slice(dot)}`;
}
