// The Slack adapter against the Slack double: what arrives, what is found again, and what each refusal says.
import { describe, expect, it } from 'vitest';
import { slackChat } from '../../../shared/adapters/slack/chat.ts';
import { paragraph, text } from '../../../shared/core/document.ts';
import type { Chat } from '../../../shared/ports/chat.ts';
import { failureOf, waitingClock } from '../../support/adapter-rig.ts';
import { OPS, request, slackRig, START, TOKEN, type Rig } from './rig.ts';

function methodsOf(rig: Rig): readonly string[] {
  return rig.calls.map(({ operation }) => operation);
}

describe('post', () => {
  it('sends blocks, fallback text and the marker, and gives the id, the channel id and the address', async () => {
    const rig = await slackRig();

    const posted = await rig.chat.post(request());

    const [message] = rig.double.state().messages;
    expect(posted).toEqual({
      id: message?.ts,
      channel: OPS,
      url: `https://nightshift-test.slack.com/archives/${OPS}/p${message?.ts.replace('.', '') ?? ''}`,
    });
    expect(message?.metadata).toEqual({ event_type: 'nightshift_message', event_payload: { marker: 'entry-1' } });
    expect(message?.text).toBe('✅ Resource Rebalance Completed\npod `cart-1`: *raised*, see issue');
    expect(message?.blocks?.map(({ type }) => type)).toEqual(['header', 'section', 'section']);
    const sent = new URLSearchParams(rig.calls[0]?.requestBody);
    expect(Object.fromEntries(sent)).toMatchObject({
      channel: '#ops',
      unfurl_links: 'false',
      unfurl_media: 'false',
      link_names: 'false',
      parse: 'none',
    });
  });

  it('answers in a thread', async () => {
    const rig = await slackRig();
    const thread = await rig.chat.post(request());

    await rig.chat.post(request({ marker: 'entry-2', thread }));

    expect(rig.double.state().messages[1]?.threadTs).toBe(thread.id);
  });

  it('counts as posted when only the address of the message cannot be had', async () => {
    const rig = await slackRig();
    rig.faults.push({ system: 'slack', operation: 'chat.getPermalink', kind: '500' });

    const posted = await rig.chat.post(request());

    expect(posted).toMatchObject({ channel: OPS, url: null });
    expect(methodsOf(rig)).toEqual(['chat.postMessage', 'chat.getPermalink']);
  });

  it.each([
    ['#nowhere', 'channel_not_found', /policy.*\/invite/],
    ['#others', 'not_in_channel', /\/invite/],
    ['#older', 'is_archived', /Unarchive/],
  ])('to %s fails with %s and says what to do', async (channel, failureCode, remedy) => {
    const rig = await slackRig();

    const error = await failureOf(rig.chat.post(request({ channel })));

    expect(error.failure).toMatchObject({
      system: 'Slack',
      operation: 'chat.postMessage',
      target: `channel ${channel}`,
      code: failureCode,
      applied: 'no',
    });
    expect(error.remedy).toMatch(remedy);
    expect(rig.calls).toHaveLength(1);
  });

  it('names the scope that is missing and those that are granted', async () => {
    const rig = await slackRig({ scopes: ['channels:read'] });

    const error = await failureOf(rig.chat.post(request()));

    expect(error.failure.code).toBe('missing_scope');
    expect(error.message).toContain('needed: chat:write; granted: channels:read');
    expect(error.remedy).toContain('Add chat:write');
  });

  it('says that the token is wrong, without showing it', async () => {
    const rig = await slackRig({ adapterToken: 'xoxb-wrong-token' });

    const error = await failureOf(rig.chat.post(request()));

    expect(error.failure).toMatchObject({ code: 'invalid_auth', applied: 'no' });
    expect(error.remedy).toContain('SLACK_BOT_TOKEN');
    expect(error.full).not.toContain('wrong-token');
  });
});

describe('edit', () => {
  it('changes the message where it is, with the links that have come, and keeps the marker', async () => {
    const rig = await slackRig();
    const posted = await rig.chat.post(request());

    const edited = await rig.chat.edit(
      posted,
      request({ links: { f1: { key: 'OPS-7', url: 'https://jira.example.com/browse/OPS-7' } } }),
    );

    expect(edited).toEqual(posted);
    const { messages } = rig.double.state();
    expect(messages).toHaveLength(1);
    expect(JSON.stringify(messages[0]?.blocks)).toContain('<https://jira.example.com/browse/OPS-7|issue OPS-7>');
    expect(messages[0]?.metadata).toMatchObject({ event_payload: { marker: 'entry-1' } });
    expect(messages[0]?.editedTs).toBeDefined();
  });

  it('takes the longest fallback text, though Slack allows less than for a post', async () => {
    const rig = await slackRig();
    const posted = await rig.chat.post(request());
    const blocks = Array.from({ length: 40 }, () => paragraph(text('→<&>'.repeat(40))));

    await rig.chat.edit(posted, request({ message: { title: 'long', blocks } }));

    expect(rig.double.state().messages[0]?.text.length).toBeGreaterThan(100);
  });

  it('fails when the message is gone', async () => {
    const rig = await slackRig();

    const gone = { id: '1768478400.000900', channel: OPS, url: null };
    const error = await failureOf(rig.chat.edit(gone, request()));

    expect(error.failure).toMatchObject({ code: 'message_not_found', applied: 'no' });
  });
});

describe('find', () => {
  it('finds a message by its marker after its reply was lost, in a channel that was never seen', async () => {
    const rig = await slackRig();
    rig.faults.push({ system: 'slack', operation: 'chat.postMessage', kind: 'lost-reply', call: 2 });
    await rig.chat.post(request({ marker: 'entry-0' }));
    const error = await failureOf(rig.chat.post(request()));
    expect(error.failure.applied).toBe('unknown');
    expect(rig.double.state().messages).toHaveLength(2);

    const found = await secondChat(rig).find({ channel: '#ops', marker: 'entry-1', since: START });

    expect(found).toMatchObject({ id: rig.double.state().messages[1]?.ts, channel: OPS });
    expect(found?.url).toContain('/archives/');
  });

  it('finds nothing when no message carries the marker', async () => {
    const rig = await slackRig();
    await rig.chat.post(request({ marker: 'entry-10' }));

    expect(await rig.chat.find({ channel: '#ops', marker: 'entry-1', since: START })).toBeUndefined();
  });

  it('looks only at what was posted since then, with some room for the difference between the clocks', async () => {
    const rig = await slackRig();
    await rig.chat.post(request({ marker: 'early' }));
    rig.clock.advance(200_000);
    await rig.chat.post(request({ marker: 'a bit early' }));
    rig.clock.advance(200_000);
    const since = rig.clock.now().toISOString();

    expect(await rig.chat.find({ channel: '#ops', marker: 'early', since })).toBeUndefined();
    expect(await rig.chat.find({ channel: '#ops', marker: 'a bit early', since })).toBeDefined();
  });

  it('looks into the thread when it is given', async () => {
    const rig = await slackRig();
    const thread = await rig.chat.post(request());
    const reply = await rig.chat.post(request({ marker: 'entry-2', thread }));

    const inThread = await rig.chat.find({ channel: '#ops', marker: 'entry-2', since: START, thread });
    const outside = await rig.chat.find({ channel: '#ops', marker: 'entry-2', since: START });

    expect(inThread?.id).toBe(reply.id);
    expect(outside).toBeUndefined();
  });

  it('turns over pages', async () => {
    const rig = await slackRig();
    await rig.chat.post(request({ marker: 'the first' }));
    for (let number = 0; number < 501; number += 1) {
      await postPlainly(rig, `line ${number}`);
    }

    const found = await rig.chat.find({ channel: OPS, marker: 'the first', since: START });

    expect(found).toMatchObject({ id: rig.double.state().messages[0]?.ts });
    expect(methodsOf(rig).filter((method) => method === 'conversations.history')).toHaveLength(2);
  });

  it('asks for the id of a channel name once, and not at all after a post or for an id', async () => {
    const rig = await slackRig();
    await rig.chat.find({ channel: '#secret', marker: 'x', since: START });
    await rig.chat.find({ channel: 'secret', marker: 'x', since: START });
    await rig.chat.post(request());
    await rig.chat.find({ channel: '#ops', marker: 'x', since: START });
    await rig.chat.find({ channel: 'C00000SECRET', marker: 'x', since: START });

    expect(methodsOf(rig).filter((method) => method === 'conversations.list')).toHaveLength(1);
  });

  it('finds a public channel without the scope that lists private ones', async () => {
    const rig = await slackRig({ scopes: ['channels:read', 'channels:history'] });

    expect(await rig.chat.find({ channel: '#ops', marker: 'x', since: START })).toBeUndefined();
    const error = await failureOf(rig.chat.find({ channel: '#secret', marker: 'x', since: START }));
    expect(error.failure.code).toBe('missing_scope');
    expect(error.message).toContain('groups:read');
  });

  it('fails for a channel that is not there, so that nobody takes it for "not posted"', async () => {
    const rig = await slackRig();

    const error = await failureOf(rig.chat.find({ channel: '#nowhere', marker: 'x', since: START }));

    expect(error.failure).toMatchObject({ code: 'channel_not_found', target: 'channel #nowhere' });
  });
});

describe('upload', () => {
  const FILE = { marker: 'entry-1', name: 'report.json', title: 'Whole report', content: '{"pods":["ü"]}' };

  it('shares the file in the thread, with the marker in its name', async () => {
    const rig = await slackRig();
    const thread = await rig.chat.post(request());

    await rig.chat.upload({ thread, ...FILE });

    const [file] = rig.double.state().files;
    expect(file).toMatchObject({
      name: 'report.entry-1.json',
      title: 'Whole report',
      content: Buffer.from(FILE.content),
    });
    expect(file?.shares).toMatchObject([{ channel: OPS, threadTs: thread.id }]);
    expect(await rig.chat.findFile({ thread, marker: 'entry-1', since: START })).toMatchObject({ channel: OPS });
    expect(await rig.chat.findFile({ thread, marker: 'entry-2', since: START })).toBeUndefined();
  });

  it('is found again after a lost reply, also before Slack shows it in the thread', async () => {
    const rig = await slackRig({ fileShareLagSeconds: 60 });
    const thread = await rig.chat.post(request());
    rig.faults.push({ system: 'slack', operation: 'files.completeUploadExternal', kind: 'lost-reply' });

    const error = await failureOf(rig.chat.upload({ thread, ...FILE }));

    expect(error.failure.applied).toBe('unknown');
    expect(await rig.chat.findFile({ thread, marker: 'entry-1', since: START })).toMatchObject({ channel: OPS });
    rig.clock.advance(61_000);
    const shared = await rig.chat.findFile({ thread, marker: 'entry-1', since: START });
    expect(shared?.id).toBe(rig.double.state().messages[1]?.ts);
  });

  it.each(['files.getUploadURLExternal', 'upload'])(
    'that fails at %s has certainly shown nothing',
    async (operation) => {
      const rig = await slackRig();
      const thread = await rig.chat.post(request());
      rig.faults.push({ system: 'slack', operation, kind: 'lost-reply' });

      const error = await failureOf(rig.chat.upload({ thread, ...FILE }));

      expect(error.failure.applied).toBe('no');
      expect(rig.double.state().files).toEqual([]);
    },
  );
});

describe('identity', () => {
  it('gives team, user and granted scopes', async () => {
    const rig = await slackRig({ scopes: ['chat:write', 'files:write'] });

    expect(await rig.chat.identity()).toEqual({
      team: 'Nightshift Test',
      user: 'nightshift',
      scopes: ['chat:write', 'files:write'],
    });
  });
});

/** Another instance of the adapter, which remembers nothing. */
function secondChat(rig: Rig): Chat {
  return slackChat({ token: TOKEN, apiUrl: `${rig.url}/api/`, clock: waitingClock(rig.clock, []), random: () => 0.5 });
}

async function postPlainly(rig: Rig, line: string): Promise<void> {
  const body = new URLSearchParams({ channel: OPS, text: line });
  await fetch(`${rig.url}/api/chat.postMessage`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${TOKEN}` },
  });
}
