// Is a request from Slack? The v0 signature over timestamp and body, in constant time, and five minutes of tolerance: an older
// request may be somebody's recording. https://docs.slack.dev/authentication/verifying-requests-from-slack
import { createHmac, timingSafeEqual } from 'node:crypto';
import { CallerError } from '../../core/errors.ts';
import type { CheckedRequest, Sender, SenderRequest } from '../../ports/sender.ts';
import { checkedInteraction } from './interaction.ts';

const WINDOW_SECONDS = 300;

export function slackSender({ signingSecret }: { readonly signingSecret: string }): Sender {
  return {
    verify(request, now) {
      const why = wrongSignature(signingSecret, request, now);
      return why === undefined ? checkedBody(request) : { verdict: 'refused', why };
    },
  };
}

function wrongSignature(secret: string, { headers, body }: SenderRequest, now: Date): string | undefined {
  const timestamp = headers['x-slack-request-timestamp'] ?? '';
  const given = headers['x-slack-signature'] ?? '';
  if (!/^[0-9]{1,12}$/.test(timestamp) || given === '') {
    return 'a header of the signature is missing';
  }
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > WINDOW_SECONDS) {
    return 'the timestamp is more than five minutes away: a recorded request, or a clock that is wrong';
  }
  const right = `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`;
  // Hashed once more, so that both have the same length whatever was sent.
  return timingSafeEqual(digest(secret, given), digest(secret, right))
    ? undefined
    : 'it was not made with SLACK_SIGNING_SECRET';
}

function digest(secret: string, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest();
}

/** Interactions come as a form with one field, the Events API as JSON. */
function checkedBody({ headers, body }: SenderRequest): CheckedRequest {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/json') {
    const event = parsed(body);
    const { type: kind, challenge } = event as { readonly type?: unknown; readonly challenge?: unknown };
    return kind === 'url_verification' && typeof challenge === 'string'
      ? { verdict: 'reply', body: { challenge: challenge.slice(0, 1000) } }
      : { verdict: 'ignored', why: `Slack event ${String(kind).slice(0, 80)}` };
  }
  const payload = new URLSearchParams(body).get('payload');
  if (payload === null) {
    throw new CallerError('The form has no payload.', { field: 'payload' });
  }
  return checkedInteraction(parsed(payload));
}

function parsed(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null) {
    throw new CallerError('What Slack sent is no JSON object.', { field: 'payload' });
  }
  return value;
}
