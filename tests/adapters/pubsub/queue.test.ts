// Publishing over Pub/Sub's REST API: shape, batches, and failures in words.
import { describe, expect, test } from 'vitest';
import { validate } from '../../../fixtures/platform/spec-check.ts';
import { pubSubQueue } from '../../../shared/adapters/pubsub/queue.ts';
import { PlatformError } from '../../../shared/core/errors.ts';
import { json, type ScriptedServer, scriptedServer } from '../http/scripted-server.ts';
import { testClock } from '../../support/runtime.ts';

function queueAt(url: string) {
  return pubSubQueue({ project: 'shop-prod', apiUrl: url, clock: testClock(), random: () => 0 });
}

/** What is wrong with the requests, and with the reply that each was given, by Google's own description of the API. */
function violations({ received }: ScriptedServer, reply: unknown, status = 200): readonly string[] {
  const headers = { 'content-type': 'application/json' };
  return received.flatMap(({ method, url, headers: sent, body }) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const type = { 'content-type': sent['content-type'] ?? '' };
    const request = { method, path: pathname, query: searchParams, headers: type, body: Buffer.from(body) };
    return validate('pubsub', request, { status, headers, body: JSON.stringify(reply) });
  });
}

describe('publish', () => {
  test('sends data in base64 with the id as an attribute, without a token over plain http', async () => {
    const reply = { messageIds: ['1'] };
    await using server = await scriptedServer(json(reply));
    await queueAt(server.url).publish('nightshift-rebalance', [{ id: 'a', data: { scope: { namespace: 'shop' } } }]);
    const [request] = server.received;
    expect(request?.url).toBe('/v1/projects/shop-prod/topics/nightshift-rebalance:publish');
    expect(request?.headers['authorization']).toBeUndefined();
    const body = JSON.parse(request?.body ?? '') as { messages: { data: string; attributes: object }[] };
    expect(body.messages[0]?.attributes).toEqual({ id: 'a' });
    expect(JSON.parse(Buffer.from(body.messages[0]?.data ?? '', 'base64').toString())).toEqual({
      scope: { namespace: 'shop' },
    });
    expect(violations(server, reply)).toEqual([]);
  });

  test('takes more than a thousand messages in several requests', async () => {
    await using server = await scriptedServer(json({ messageIds: [] }));
    await queueAt(server.url).publish(
      't',
      Array.from({ length: 2001 }, (_, index) => ({ id: String(index), data: {} })),
    );
    expect(server.received.map(({ body }) => (JSON.parse(body) as { messages: unknown[] }).messages.length)).toEqual([
      1000, 1000, 1,
    ]);
    expect(violations(server, { messageIds: [] })).toEqual([]);
  });

  test('a missing permission is told with the role that is needed', async () => {
    const denied = { error: { code: 403, message: 'denied' } };
    await using server = await scriptedServer(json(denied, 403));
    const failure = await queueAt(server.url)
      .publish('t', [{ id: 'a', data: {} }])
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PlatformError);
    expect((failure as PlatformError).full).toContain('roles/pubsub.publisher');
    expect(violations(server, denied, 403)).toEqual([]);
  });
});
