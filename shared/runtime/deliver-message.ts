// Delivers one chat message in its parts: post, file in its thread, and an edit when the links of its issues come later.
import { type Message, text } from '../core/document.ts';
import { ConfigurationError } from '../core/errors.ts';
import { messageNow } from './buttons.ts';
import { readLarge } from './large-document.ts';
import type { Chat, ChatPost, IssueLink, Posted } from '../ports/chat.ts';
import {
  accounted,
  attempt,
  type DeliveryContext,
  isOld,
  type IssueState,
  type MessageEntry,
  type OutboxEntry,
  secondsAfter,
} from './outbox-entry.ts';

const LOOK_FOR_LINKS_SECONDS = 5;
/** The longest wait for links that policy of the news asks for; one that is longer was set while the clock was ahead. */
const LONGEST_PATIENCE_SECONDS = 120;
/** Once posted without all links, the message is looked at after a tenth of its age, within these bounds, until they are there. */
const EDIT_LATER_SECONDS = 30;
const EDIT_AT_LAST_SECONDS = 3600;

export async function deliverMessage(context: DeliveryContext, entry: MessageEntry): Promise<OutboxEntry> {
  const { chat } = context.ports;
  if (chat === undefined) {
    throw new ConfigurationError('A message waits in the outbox and no chat is configured.', {
      remedy: 'Set chat.slack in the policy, and SLACK_BOT_TOKEN.',
    });
  }
  const links = await linksOf(context, entry.issues);
  const complete = entry.issues.every((fingerprint) => links[fingerprint] !== undefined);
  const now = context.now();
  const isEarly = now < entry.waitUntil && entry.waitUntil <= secondsAfter(now, LONGEST_PATIENCE_SECONDS);
  if (entry.posted === undefined && !complete && isEarly) {
    return { ...entry, dueAt: secondsAfter(now, LOOK_FOR_LINKS_SECONDS) };
  }
  let current = entry;
  if (current.posted === undefined) {
    current = await post(context, chat, current, links);
  }
  if (chat.isPostOnly === true) {
    return { ...current, state: 'delivered' };
  }
  if (current.message.file !== undefined && current.fileSent !== true) {
    current = await sendFile(context, chat, current);
  }
  const isShownAnew =
    current.woken === true || !sameLinks(current.linked ?? [], Object.keys(links)) || current.words !== current.worded;
  if (current.posted !== undefined && isShownAnew) {
    // Saying the same again does no harm: an edit needs no marker.
    await context.save(current);
    await chat.edit(current.posted, await request(context, current, links));
    await context.onStep('delivery-sent');
    const { woken: _woken, ...shown } = current;
    current = { ...shown, linked: Object.keys(links).sort(), ...wordsSent(current) };
  }
  const isWhole = complete && (current.message.file === undefined || current.fileSent === true);
  // An issue that never came into being has no link to wait for.
  return isWhole || isOld(current, now)
    ? { ...current, state: 'delivered' }
    : { ...current, dueAt: secondsAfter(now, editPause(current, now)) };
}

function editPause(entry: MessageEntry, now: string): number {
  const ageSeconds = (Date.parse(now) - Date.parse(entry.createdAt)) / 1000;
  return Math.min(EDIT_AT_LAST_SECONDS, Math.max(EDIT_LATER_SECONDS, ageSeconds / 10));
}

async function post(
  context: DeliveryContext,
  chat: Chat,
  entry: MessageEntry,
  links: Readonly<Record<string, IssueLink>>,
): Promise<MessageEntry> {
  let posted: Posted | undefined;
  if (entry.uncertain?.what === 'post') {
    posted = await chat.find({
      channel: entry.channel,
      marker: entry.id,
      since: entry.uncertain.since,
      ...threadOf(entry),
    });
  }
  posted ??= await attempt(context, entry, 'post', async () => chat.post(await request(context, entry, links)));
  const next: MessageEntry = {
    ...accounted(entry),
    posted,
    linked: Object.keys(links).sort(),
    ...(posted.url === null ? {} : { url: posted.url }),
  };
  await context.save(next);
  return next;
}

/** A picture that this process cannot draw is left to one that can. */
async function sendFile(context: DeliveryContext, chat: Chat, entry: MessageEntry): Promise<MessageEntry> {
  const { posted, message } = entry;
  if (posted === undefined || message.file === undefined) {
    return entry;
  }
  const found =
    entry.uncertain?.what === 'file'
      ? await chat.findFile({ thread: posted, marker: entry.id, since: entry.uncertain.since })
      : undefined;
  if (found === undefined) {
    const content = await contentOf(context, entry, message.file);
    if (content === undefined) {
      return entry;
    }
    const { name, title } = message.file;
    const alt = 'alt' in message.file ? { alt: message.file.alt } : {};
    const file = { thread: posted, marker: entry.id, name, title, ...alt, content };
    await attempt(context, entry, 'file', () => chat.upload(file));
  }
  const next: MessageEntry = { ...accounted(entry), fileSent: true };
  await context.save(next);
  return next;
}

async function contentOf(
  { ports }: DeliveryContext,
  { largeFile }: MessageEntry,
  file: NonNullable<MessageEntry['message']['file']>,
): Promise<string | Uint8Array | undefined> {
  if ('picture' in file) {
    return ports.picture?.png(file.picture);
  }
  return largeFile === undefined ? file.content : readLarge<string>(ports.store, largeFile);
}

async function request(
  context: DeliveryContext,
  entry: MessageEntry,
  links: Readonly<Record<string, IssueLink>>,
): Promise<ChatPost> {
  const message = await messageNow(context.ports.store, entry.id, worded(entry));
  const { channel, id, prepared } = entry;
  return { channel, marker: id, message, links, ...(prepared && { prepared }), ...threadOf(entry) };
}

function wordsSent({ words }: MessageEntry): Pick<MessageEntry, 'worded'> {
  return words === undefined ? {} : { worded: words };
}

/** The message with the entry's own words in their place. */
function worded({ message, words }: MessageEntry): Message {
  if (words === undefined) {
    return message;
  }
  const blocks = message.blocks.map((block) =>
    block.kind === 'paragraph' && block.role === 'words' ? { ...block, line: [text(words)] } : block,
  );
  return { ...message, blocks };
}

function threadOf({ thread }: MessageEntry): { readonly thread?: Posted } {
  return thread === undefined ? {} : { thread };
}

/** The links that are known by now, the digest's for an issue that it covers. */
async function linksOf(context: DeliveryContext, fingerprints: readonly string[]): Promise<Record<string, IssueLink>> {
  const links: Record<string, IssueLink> = {};
  for (const fingerprint of fingerprints) {
    const own = (await context.ports.store.read<IssueState>('issues', fingerprint))?.data;
    const state =
      own?.digest === undefined ? own : (await context.ports.store.read<IssueState>('issues', own.digest))?.data;
    if (state?.key !== undefined && state.url !== undefined) {
      links[fingerprint] = { key: state.key, url: state.url };
    }
  }
  return links;
}

function sameLinks(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join() === [...b].sort().join();
}
