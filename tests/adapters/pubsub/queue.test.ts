// Publishing over Pub/Sub's REST API: shape, batches, and failures in words.
import { describe, expect, test } from 'vitest';
import { pubSubQueue } from '../../../shared/adapters/pubsub/queue.ts';
import { PlatformError } from '../../../shared/core/errors.ts';
import { json, scriptedServer } from '../http/scripted-server.ts';
import { testClock } from '../../support/runtime.ts';

function queueAt(url: string) {
  return pubSubQueue({ project: 'shop-prod', apiUrl: url, clock: testClock(), random: () => 0 });
}

describe('publish', () => {
  test('sends data in base64 with the id as an attribute, without a token over plain http', async () => {
    await using server = await scriptedServer(json({ messageIds: ['1'] }));
    await queueAt(server.url).publish('nightshift-rebalance', [{ id: 'a', data: { scope: { namespace: 'shop' } } }]);
    const [request] = server.received;
    expect(request?.url).toBe('/v1/projects/shop-prod/topics/nightshift-rebalance:publish');
    expect(request?.headers['authorization']).toBeUndefined();
    const body = JSON.parse(request?.body ?? '') as { messages: { data: string; attributes: object }[] };
    expect(body.messages[0]?.attributes).toEqual({ id: 'a' });
    expect(JSON.parse(Buffer.from(body.messages[0]?.data ?? '', 'base64').toString())).toEqual({
      scope: { namespace: 'shop' },
    });
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
  });

  test('a missing permission is told with the role that is needed', async () => {
    await using server = await scriptedServer(json({ error: { code: 403, message: 'denied' } }, 403));
    const failure = await queueAt(server.url)
      .publish('t', [{ id: 'a', data: {} }])
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PlatformError);
    expect((failure as PlatformError).full).toContain('roles/pubsub.publisher');
  });
});
