// Is it from Slack? Only what was signed with our secret within five minutes; and what is signed is read for no more than it is.
import { describe, expect, it } from 'vitest';
import { signed } from '../../../fixtures/platform/slack/click.ts';
import { slackSender } from '../../../shared/adapters/slack/signature.ts';
import { CallerError } from '../../../shared/core/errors.ts';
import type { CheckedRequest } from '../../../shared/ports/sender.ts';

const SECRET = '8f742231b10e8888abcd990007775a50';
const NOW = new Date('2026-01-15T12:00:00Z');
const sender = slackSender({ signingSecret: SECRET });

const PAYLOAD = {
  type: 'block_actions',
  trigger_id: '1.2.abc',
  user: { id: 'U0ALICE', username: 'alice', name: 'alice' },
  container: { type: 'message', message_ts: '1.000100', channel_id: 'C0OPS' },
  actions: [{ type: 'button', action_id: 'nightshift.approve', block_id: 'b', value: `approve:${'a'.repeat(64)}` }],
};

function form(payload: unknown): string {
  return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
}

function verified(body: string, change: Record<string, string | undefined> = {}, at = NOW): CheckedRequest {
  const request = signed(SECRET, body, at);
  return sender.verify({ body, headers: { ...request.headers, ...change } }, NOW);
}

describe('a signature', () => {
  it('that is right gives the click, in our words', () => {
    expect(verified(form(PAYLOAD))).toEqual({
      verdict: 'event',
      deliveryId: '1.2.abc',
      event: {
        kind: 'click',
        button: { verb: 'approve', id: 'a'.repeat(64) },
        user: { id: 'U0ALICE', name: 'alice' },
        channel: 'C0OPS',
        thread: null,
      },
    });
  });

  it('is the one of the example in Slack’s documentation', () => {
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
    const headers = {
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    };
    const documented = slackSender({ signingSecret: '8f742231b10e8888abcd99yyyzzz85a5' });
    expect(() => documented.verify({ headers, body }, new Date(1_531_420_618_000))).toThrow('no payload');
  });

  it.each([
    [
      'of another secret',
      { 'x-slack-signature': signed('f'.repeat(32), form(PAYLOAD), NOW).headers['x-slack-signature'] },
    ],
    ['of another version', { 'x-slack-signature': 'v1=00' }],
    ['that is empty', { 'x-slack-signature': '' }],
    ['that is missing', { 'x-slack-signature': undefined }],
    ['without a time', { 'x-slack-request-timestamp': undefined }],
    ['with a time that is none', { 'x-slack-request-timestamp': 'NaN' }],
    ['with a time below zero', { 'x-slack-request-timestamp': '-1768478400' }],
    ['with another time than was signed', { 'x-slack-request-timestamp': String(NOW.getTime() / 1000 + 1) }],
    [
      'in capitals',
      { 'x-slack-signature': signed(SECRET, form(PAYLOAD), NOW).headers['x-slack-signature']?.toUpperCase() },
    ],
  ])('%s is refused', (_name, change) => {
    expect(verified(form(PAYLOAD), change).verdict).toBe('refused');
  });

  it.each([
    [-301, 'refused'],
    [-300, 'event'],
    [300, 'event'],
    [301, 'refused'],
  ])('of %i seconds from now: %s', (seconds, verdict) => {
    expect(verified(form(PAYLOAD), {}, new Date(NOW.getTime() + seconds * 1000)).verdict).toBe(verdict);
  });

  it('of another body is refused', () => {
    const { headers } = signed(SECRET, form(PAYLOAD), NOW);
    expect(sender.verify({ headers, body: `${form(PAYLOAD)} ` }, NOW).verdict).toBe('refused');
  });
});

describe('what is signed', () => {
  const json = (body: string): CheckedRequest =>
    sender.verify({ body, headers: signed(SECRET, body, NOW, 'application/json; charset=utf-8').headers }, NOW);

  it('may ask whether the address is ours', () => {
    expect(json('{"type":"url_verification","challenge":"abc"}')).toEqual({
      verdict: 'reply',
      body: { challenge: 'abc' },
    });
  });

  it.each([
    ['an event that nobody waits for', () => json('{"type":"event_callback","event":{"type":"app_mention"}}')],
    ['a view that was submitted', () => verified(form({ type: 'view_submission' }))],
    ['a button of another app', () => verified(form({ ...PAYLOAD, actions: [{ action_id: 'other', value: 'x' }] }))],
    [
      'a verb that is none',
      () => verified(form({ ...PAYLOAD, actions: [{ action_id: 'nightshift.x', value: 'drop:1' }] })),
    ],
    ['a button without a value', () => verified(form({ ...PAYLOAD, actions: [{ action_id: 'nightshift.approve' }] }))],
    [
      'half a surrogate pair for an id',
      () => verified(form({ ...PAYLOAD, actions: [{ action_id: 'nightshift.pause', value: 'pause:\ud800' }] })),
    ],
  ])('and is %s is ignored', (_name, check) => {
    expect(check().verdict).toBe('ignored');
  });

  it.each([
    ['no form', 'hello'],
    ['an empty body', ''],
    ['a payload that is no JSON', 'payload=%7B'],
    ['a payload that is a list', 'payload=%5B%5D'],
    ['a payload that is null', 'payload=null'],
    ['a click without a user', form({ ...PAYLOAD, user: undefined })],
    ['a click without a trigger', form({ ...PAYLOAD, trigger_id: '' })],
    ['a click without a place', form({ ...PAYLOAD, container: {} })],
    ['a click on nothing', form({ ...PAYLOAD, actions: [] })],
  ])('and is %s is the sender’s mistake', (_name, body) => {
    // `null` and lists are objects to JavaScript: a list is of no known type, which is ignored.
    try {
      expect(verified(body).verdict).toBe('ignored');
    } catch (error) {
      expect(error).toBeInstanceOf(CallerError);
    }
  });
});
