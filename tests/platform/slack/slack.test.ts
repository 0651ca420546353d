import { afterEach, beforeEach, expect, test } from 'vitest';
import { slackDouble } from '../../../fixtures/platform/slack/slack.ts';
import type { SlackDouble, SlackOptions } from '../../../fixtures/platform/slack/slack.ts';
import { serveDouble } from '../serve-double.ts';
import type { ServedDouble } from '../serve-double.ts';

const TOKEN = 'xoxb-right';
const OPS = 'C0000000OPS';
const rest = { private: false, member: true, archived: false };
const CHANNELS: SlackOptions['channels'] = [
  { id: OPS, name: 'ops', ...rest },
  { id: 'C000000SIDE', name: 'side', ...rest, member: false },
  { id: 'C00000SECRET', name: 'secret', ...rest, private: true, member: false },
  { id: 'C000000CREW', name: 'crew', ...rest, private: true },
  { id: 'C0000000OLD', name: 'old', ...rest, archived: true },
];

type Reply = Record<string, unknown> & { ok: boolean; error?: string; messages?: Record<string, unknown>[] };

let slack: ServedDouble<SlackDouble>;

async function open(options: Partial<SlackOptions> = {}): Promise<void> {
  await slack?.close();
  slack = await serveDouble((clock) => slackDouble({ clock, token: TOKEN, channels: CHANNELS, ...options }));
}

beforeEach(async () => {
  await open();
});

afterEach(async () => {
  await slack.close();
});

function send(method: string, values: Record<string, unknown>, token: string | null = TOKEN): Promise<Response> {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    form.set(name, typeof value === 'object' ? JSON.stringify(value) : String(value));
  }
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  return fetch(`${slack.url}/api/${method}`, { method: 'POST', headers, body: form });
}

async function call(
  method: string,
  values: Record<string, unknown> = {},
  token: string | null = TOKEN,
): Promise<Reply> {
  const reply = await send(method, values, token);
  expect(reply.status).toBe(200);
  return (await reply.json()) as Reply;
}

function section(text: string): Record<string, unknown> {
  return { type: 'section', text: { type: 'mrkdwn', text } };
}

const METADATA = { event_type: 'nightshift_report', event_payload: { marker: 'm-1' } };

test('posts by channel name, gives a ts of scenario time, and shows the message in the history', async () => {
  const posted = await call('chat.postMessage', {
    channel: '#ops',
    text: 'done',
    blocks: [section('*done*')],
    metadata: METADATA,
  });
  expect(posted).toMatchObject({ ok: true, channel: OPS, ts: '1772618400.000100' });
  const second = await call('chat.postMessage', { channel: OPS, text: 'more' });
  expect(second['ts']).toBe('1772618400.000200');

  const history = await call('conversations.history', { channel: OPS, include_all_metadata: true });
  expect(history.messages?.map(({ text }) => text)).toEqual(['more', 'done']);
  expect(history.messages?.[1]).toMatchObject({ metadata: METADATA, blocks: [{ type: 'section', block_id: 'b0' }] });
  expect(slack.double.state().messages).toHaveLength(2);
  expect(slack.violations()).toEqual([]);
});

test('takes JSON bodies too', async () => {
  const reply = await fetch(`${slack.url}/api/chat.postMessage`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify({ channel: OPS, blocks: [section('hello')], text: 'hello' }),
  });
  expect(await reply.json()).toMatchObject({ ok: true });
  expect(slack.violations()).toEqual([]);
});

test('keeps the payload of metadata back unless all of it is asked for', async () => {
  await call('chat.postMessage', { channel: OPS, text: 'x', metadata: METADATA });
  const history = await call('conversations.history', { channel: OPS });
  expect(history.messages?.[0]?.['metadata']).toEqual({ event_type: 'nightshift_report' });
});

test('keeps replies out of the history and shows them in their thread, the parent first', async () => {
  const parent = await call('chat.postMessage', { channel: OPS, text: 'parent' });
  await call('chat.postMessage', { channel: OPS, text: 'first', thread_ts: parent['ts'] });
  const last = await call('chat.postMessage', { channel: OPS, text: 'second', thread_ts: parent['ts'] });

  const history = await call('conversations.history', { channel: OPS });
  expect(history.messages).toHaveLength(1);
  expect(history.messages?.[0]).toMatchObject({ reply_count: 2, latest_reply: last['ts'] });
  const thread = await call('conversations.replies', { channel: OPS, ts: parent['ts'] });
  expect(thread.messages?.map(({ text }) => text)).toEqual(['parent', 'first', 'second']);
  expect(await call('conversations.replies', { channel: OPS, ts: '1.000001' })).toMatchObject({
    error: 'thread_not_found',
  });
  expect(slack.violations()).toEqual([]);
});

test('history leaves out its edges unless inclusive, and pages by cursor from the newest', async () => {
  for (const text of ['a', 'b', 'c']) {
    await call('chat.postMessage', { channel: OPS, text });
    slack.clock.advance(1000);
  }
  const oldest = '1772618400.000100';
  const after = await call('conversations.history', { channel: OPS, oldest });
  expect(after.messages?.map(({ text }) => text)).toEqual(['c', 'b']);
  const from = await call('conversations.history', { channel: OPS, oldest, inclusive: true });
  expect(from.messages).toHaveLength(3);

  const first = await call('conversations.history', { channel: OPS, limit: 2 });
  expect(first).toMatchObject({ has_more: true });
  const cursor = (first['response_metadata'] as { next_cursor: string }).next_cursor;
  const second = await call('conversations.history', { channel: OPS, limit: 2, cursor });
  expect(second.messages?.map(({ text }) => text)).toEqual(['a']);
  expect(second['has_more']).toBe(false);
});

test('edits in place: text and blocks change, metadata stays, the edit is marked', async () => {
  const posted = await call('chat.postMessage', {
    channel: OPS,
    text: 'one',
    blocks: [section('one')],
    metadata: METADATA,
  });
  slack.clock.advance(5000);
  const edited = await call('chat.update', { channel: OPS, ts: posted['ts'], text: 'two', blocks: [section('two')] });
  expect(edited).toMatchObject({ ok: true, ts: posted['ts'], text: 'two' });
  const [message] = slack.double.state().messages;
  expect(message).toMatchObject({ text: 'two', metadata: METADATA, editedTs: '1772618405.000000' });
  expect(slack.double.state().messages).toHaveLength(1);
  expect(slack.violations()).toEqual([]);
});

test('edits take 4,000 bytes of text after escaping, posts 40,000 characters', async () => {
  const posted = await call('chat.postMessage', { channel: OPS, text: 'x'.repeat(40_000) });
  expect(posted.ok).toBe(true);
  expect(await call('chat.postMessage', { channel: OPS, text: 'x'.repeat(40_001) })).toMatchObject({
    error: 'msg_too_long',
  });
  const update = { channel: OPS, ts: posted['ts'] };
  expect(await call('chat.update', { ...update, text: '&'.repeat(800) })).toMatchObject({ ok: true });
  expect(await call('chat.update', { ...update, text: '&'.repeat(801) })).toMatchObject({ error: 'msg_too_long' });
});

test.each<[string, unknown, string]>([
  [
    'a section over 3,000 characters',
    [section('x'.repeat(3001))],
    'must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
  ],
  ['an empty section', [section('')], 'must be more than 0 characters'],
  ['more than 50 blocks', Array.from({ length: 51 }, () => ({ type: 'divider' })), 'no more than 50 items allowed'],
  [
    'a header over 150 characters',
    [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }],
    'less than 151',
  ],
  ['a header in mrkdwn', [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }], 'must be one of plain_text'],
  ['a block that Slack does not know', [{ type: 'paragraph' }], 'unsupported type: paragraph'],
  [
    'two blocks of one id',
    [
      { type: 'divider', block_id: 'a' },
      { type: 'divider', block_id: 'a' },
    ],
    'already exists',
  ],
  [
    'a context of 11 elements',
    [{ type: 'context', elements: Array(11).fill({ type: 'mrkdwn', text: 'x' }) }],
    'no more than 10',
  ],
  ['11 fields', [{ type: 'section', fields: Array(11).fill({ type: 'mrkdwn', text: 'x' }) }], 'no more than 10'],
])('refuses %s', async (_what, blocks, message) => {
  const refused = await call('chat.postMessage', { channel: OPS, text: 'x', blocks });
  expect(refused).toMatchObject({ ok: false, error: 'invalid_blocks' });
  expect(JSON.stringify(refused['response_metadata'])).toContain(message);
  expect(slack.double.state().messages).toEqual([]);
});

test('refuses blocks whose texts together are too long, which no single limit tells', async () => {
  const blocks = (count: number, last: number): unknown =>
    [...Array<string>(count).fill('x'.repeat(3000)), 'x'.repeat(last)].map(section);
  expect(await call('chat.postMessage', { channel: OPS, blocks: blocks(4, 797) })).toMatchObject({ ok: true });
  expect(await call('chat.postMessage', { channel: OPS, blocks: blocks(4, 798) })).toMatchObject({
    error: 'msg_blocks_too_long',
  });
});

test.each<[string, string, Record<string, unknown>, string]>([
  ['an unknown channel', 'chat.postMessage', { channel: 'C0NOWHERE000', text: 'x' }, 'channel_not_found'],
  ['a private channel of others', 'chat.postMessage', { channel: 'secret', text: 'x' }, 'channel_not_found'],
  ['a channel that the bot is not in', 'chat.postMessage', { channel: 'side', text: 'x' }, 'not_in_channel'],
  [
    'the history of a channel that the bot is not in',
    'conversations.history',
    { channel: 'C000000SIDE' },
    'not_in_channel',
  ],
  ['an archived channel', 'chat.postMessage', { channel: 'old', text: 'x' }, 'is_archived'],
  ['nothing to say', 'chat.postMessage', { channel: OPS }, 'no_text'],
  [
    'blocks that are no list',
    'chat.postMessage',
    { channel: OPS, blocks: '{"type":"divider"}' },
    'invalid_blocks_format',
  ],
  [
    'metadata without a payload',
    'chat.postMessage',
    { channel: OPS, text: 'x', metadata: { event_type: 'a' } },
    'invalid_metadata_format',
  ],
  ['a reply to nothing', 'chat.postMessage', { channel: OPS, text: 'x', thread_ts: '1.000001' }, 'thread_not_found'],
  ['an edit by channel name', 'chat.update', { channel: '#ops', ts: '1.000001', text: 'x' }, 'channel_not_found'],
  ['an edit of nothing', 'chat.update', { channel: OPS, ts: '1.000001', text: 'x' }, 'message_not_found'],
  ['a method that is none', 'chat.shout', {}, 'unknown_method'],
])('refuses %s', async (_what, method, values, error) => {
  expect(await call(method, values)).toMatchObject({ ok: false, error });
});

test('tells apart no token, a wrong one and one without the scope', async () => {
  expect(await call('auth.test', {}, null)).toMatchObject({ error: 'not_authed' });
  expect(await call('auth.test', {}, 'xoxb-wrong')).toMatchObject({ error: 'invalid_auth' });
  await open({ scopes: ['chat:write'] });
  expect(await call('conversations.history', { channel: OPS })).toMatchObject({
    error: 'missing_scope',
    needed: 'channels:history',
    provided: 'chat:write',
  });
  expect(await call('conversations.history', { channel: 'C000000CREW' })).toMatchObject({ needed: 'groups:history' });
  expect(await call('conversations.list', { types: 'public_channel,private_channel' })).toMatchObject({
    needed: 'channels:read,groups:read',
  });
});

test('says who it is and which scopes the token has', async () => {
  const reply = await send('auth.test', {});
  expect(reply.headers.get('x-oauth-scopes')).toContain('chat:write');
  expect(await reply.json()).toMatchObject({ ok: true, team: 'Nightshift Test', user: 'nightshift' });
  expect(slack.violations()).toEqual([]);
});

test('lists public channels, and private ones only to their members', async () => {
  const listed = await call('conversations.list', { types: 'public_channel,private_channel', exclude_archived: true });
  expect((listed['channels'] as { name: string }[]).map(({ name }) => name)).toEqual(['ops', 'side', 'crew']);
  const first = await call('conversations.list', { limit: 1 });
  expect((first['response_metadata'] as { next_cursor: string }).next_cursor).not.toBe('');
  expect(await call('conversations.info', { channel: OPS })).toMatchObject({
    channel: { name: 'ops', is_member: true },
  });
  expect(slack.violations()).toEqual([]);
});

test('gives the link of a message', async () => {
  const posted = await call('chat.postMessage', { channel: OPS, text: 'x' });
  const link = await call('chat.getPermalink', { channel: OPS, message_ts: posted['ts'] });
  expect(link['permalink']).toBe('https://nightshift-test.slack.com/archives/C0000000OPS/p1772618400000100');
  expect(slack.violations()).toEqual([]);
});

async function upload(name: string, content: string | FormData): Promise<Reply> {
  const length = typeof content === 'string' ? content.length : 1;
  const asked = await call('files.getUploadURLExternal', { filename: name, length });
  const sent = await fetch(String(asked['upload_url']), { method: 'POST', body: content });
  expect(await sent.text()).toMatch(/^OK - /);
  return asked;
}

test('uploads a file into a thread; its share shows after the lag, not in the answer', async () => {
  await open({ fileShareLagSeconds: 3 });
  const parent = await call('chat.postMessage', { channel: OPS, text: 'report' });
  const { file_id: id } = await upload('report.json', '{"a":1}');
  const completed = await call('files.completeUploadExternal', {
    files: [{ id, title: 'The report' }],
    channel_id: OPS,
    thread_ts: parent['ts'],
  });
  expect(completed).toMatchObject({ ok: true, files: [{ id, title: 'The report', shares: {}, mimetype: '' }] });

  const early = await call('conversations.replies', { channel: OPS, ts: parent['ts'] });
  expect(early.messages).toHaveLength(1);
  slack.clock.advance(3000);
  const later = await call('conversations.replies', { channel: OPS, ts: parent['ts'] });
  expect(later.messages?.[1]).toMatchObject({ files: [{ id, name: 'report.json' }], thread_ts: parent['ts'] });
  const info = await call('files.info', { file: id });
  expect(info['file']).toMatchObject({ shares: { public: { [OPS]: [{ thread_ts: parent['ts'] }] } } });
  expect(await call('files.list', { channel: OPS, ts_from: 1_772_618_400 })).toMatchObject({ paging: { total: 1 } });
  expect(slack.double.state().files[0]?.content.toString()).toBe('{"a":1}');
  expect(slack.violations()).toEqual([]);
});

test('takes an upload as a form, and completes only what was uploaded', async () => {
  const form = new FormData();
  form.set('file', new Blob(['y']), 'y.txt');
  const { file_id: id } = await upload('y.txt', form);
  const never = await call('files.getUploadURLExternal', { filename: 'z.txt', length: 1 });
  expect(await call('files.completeUploadExternal', { files: [{ id: never['file_id'] }] })).toMatchObject({
    error: 'file_not_found',
  });
  expect(await call('files.completeUploadExternal', { files: [{ id }] })).toMatchObject({ ok: true });
  expect(await call('files.completeUploadExternal', { files: [{ id }] })).toMatchObject({ error: 'file_not_found' });
  expect(slack.double.state().files.map(({ content }) => content.toString())).toEqual(['y']);
});

test('its own words for too many requests and an expired token', async () => {
  slack.faults.push({ system: 'slack', operation: 'chat.postMessage', kind: '429', call: 1, retryAfterSeconds: 9 });
  slack.faults.push({ system: 'slack', operation: 'auth.test', kind: 'expired-token' });
  const busy = await send('chat.postMessage', { channel: OPS, text: 'x' });
  expect([busy.status, busy.headers.get('retry-after'), await busy.json()]).toEqual([
    429,
    '9',
    { ok: false, error: 'ratelimited' },
  ]);
  expect(await call('auth.test')).toMatchObject({ ok: false, error: 'token_expired' });
  expect(slack.double.state().messages).toEqual([]);
});
