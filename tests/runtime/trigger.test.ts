// Every envelope that may start a run carries the same request.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CallerError } from '../../shared/core/errors.ts';
import { readRequest } from '../../shared/runtime/trigger.ts';

const SCOPE = { cluster: 'prod', namespace: 'shop' };
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

function fieldOf(body: unknown, headers: Record<string, string> = {}): string | undefined {
  try {
    readRequest({ headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
  } catch (error) {
    return error instanceof CallerError ? error.field : 'no CallerError';
  }
  return 'no error';
}

describe('a request in its envelopes', () => {
  test('an empty body asks for all scopes of the policy, by hand', () => {
    expect(readRequest({ headers: {}, body: '' })).toEqual({
      scope: undefined,
      events: [],
      dryRun: false,
      trigger: 'manual',
      deliveryId: undefined,
    });
  });

  test('plain JSON gives scope and dry run', () => {
    expect(readRequest({ headers: {}, body: JSON.stringify({ scope: SCOPE, dry_run: true }) })).toMatchObject({
      scope: SCOPE,
      events: [],
      dryRun: true,
    });
  });

  test('a Pub/Sub push carries it in base64, and its message id is the delivery', () => {
    const body = {
      message: { data: encoded({ scope: SCOPE }), messageId: '77' },
      subscription: 'projects/p/subscriptions/s',
    };
    expect(readRequest({ headers: {}, body: JSON.stringify(body) })).toEqual({
      scope: SCOPE,
      events: [],
      dryRun: false,
      trigger: 'push',
      deliveryId: 'push:77',
    });
  });

  test('the id that the fan-out gave wins over the message id, so that a message published twice is one delivery', () => {
    const message = { data: encoded({ scope: SCOPE }), messageId: '77', attributes: { id: 'tick-1' } };
    expect(readRequest({ headers: {}, body: JSON.stringify({ message, subscription: 's' }) }).deliveryId).toBe(
      'push:tick-1',
    );
  });

  test('a binary CloudEvent carries it in the body, a structured one in data or data_base64', () => {
    const headers = { 'ce-specversion': '1.0', 'ce-id': '5', 'ce-type': 'x', 'ce-source': 's' };
    const expected = { scope: SCOPE, events: [], dryRun: false, trigger: 'event', deliveryId: 'event:s 5' };
    expect(readRequest({ headers, body: JSON.stringify({ scope: SCOPE }) })).toEqual(expected);
    const event = { specversion: '1.0', id: '5', type: 'x', source: 's' };
    expect(readRequest({ headers: {}, body: JSON.stringify({ ...event, data: { scope: SCOPE } }) })).toEqual(expected);
    expect(
      readRequest({ headers: {}, body: JSON.stringify({ ...event, data_base64: encoded({ scope: SCOPE }) }) }),
    ).toEqual(expected);
  });

  test('an Eventarc event wraps a Pub/Sub message', () => {
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': '5',
      'ce-type': 'google.cloud.pubsub.topic.v1.messagePublished',
    };
    const body = JSON.stringify({ message: { data: encoded({ scope: SCOPE }), messageId: '9' }, subscription: 's' });
    expect(readRequest({ headers, body })).toEqual({
      scope: SCOPE,
      events: [],
      dryRun: false,
      trigger: 'event',
      deliveryId: 'push:9',
    });
  });

  test('a scheduler tick is known by its headers and named by job and time', () => {
    const headers = {
      'x-cloudscheduler': 'true',
      'x-cloudscheduler-jobname': 'j',
      'x-cloudscheduler-scheduletime': '2026-01-01T00:00:00Z',
    };
    expect(readRequest({ headers, body: '{}' })).toMatchObject({
      trigger: 'schedule',
      deliveryId: 'schedule:j:2026-01-01T00:00:00Z',
    });
  });
});

describe('a bad request names its field', () => {
  test.each([
    ['not JSON', '{', 'body'],
    ['a list', [], 'body'],
    ['an unknown field', { scop: SCOPE }, 'scop'],
    ['a wrong type', { dry_run: 'yes' }, 'dry_run'],
    ['a scope that is text', { scope: 'shop' }, 'scope'],
    ['a push without base64 JSON', { message: { data: '%%%' }, subscription: 's' }, 'message.data'],
    ['an unknown field inside a push', { message: { data: encoded({ x: 1 }) }, subscription: 's' }, 'x'],
  ])('%s', (_name, body, field) => {
    expect(fieldOf(body)).toBe(field);
  });

  test('a CloudEvent without an id is refused', () => {
    expect(fieldOf({}, { 'ce-specversion': '1.0' })).toBe('ce-id');
  });

  test('whatever comes in gives a request or a CallerError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        expect(['no error', 'no CallerError'].includes(fieldOf(body) ?? '') ? fieldOf(body) : 'field').not.toBe(
          'no CallerError',
        );
      }),
    );
  });
});
