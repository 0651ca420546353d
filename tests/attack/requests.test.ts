// What a stranger may send to a duty: any bytes get a 4xx with a field, none a 5xx, and no two senders are taken for one.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { duty as rebalance } from '../../functions/rebalance/index.ts';
import { CallerError } from '../../shared/core/errors.ts';
import { answer, type ReadyDuty } from '../../shared/runtime/http.ts';
import { scopeKey } from '../../shared/runtime/scope.ts';
import { readRequest } from '../../shared/runtime/trigger.ts';
import { sizeDuty, testRuntime, type TestRuntime } from '../support/runtime.ts';

function ready(runtime: TestRuntime): ReadyDuty {
  return {
    duty: sizeDuty(runtime.things, { a: 125 }),
    policy: runtime.policy,
    manifest: { name: 'test', timeoutSeconds: 300, fanOut: false },
    surroundings: runtime.surroundings,
  };
}

async function statusOf(body: string, headers: Record<string, string> = {}): Promise<number> {
  return (await answer(ready(testRuntime()), { headers, body })).status;
}

const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('bodies', () => {
  test.each([
    ['arrays in the scope, 400,000 deep', `{"scope":{"cluster":${deep(400_000)}}}`],
    ['objects in the scope, 80,000 deep', `${'{"scope":'.repeat(80_000)}1${'}'.repeat(80_000)}`],
    ['an unknown field, 400,000 deep', `{"x":${deep(400_000)}}`],
    ['an event that deep', `{"specversion":"1.0","id":"1","type":"t","data":{"scope":${deep(400_000)}}}`],
    ['a push that deep', `{"message":{"data":"e30=","attributes":${deep(400_000)}},"subscription":"s"}`],
    ['half a surrogate pair', '{"scope":{"cluster":"prod","namespace":"\\ud800"}}'],
    ['a number beyond all numbers', '{"scope":{"cluster":"prod","namespace":1e999}}'],
    ['a prototype for the scope', '{"scope":{"__proto__":{"cluster":"prod","namespace":"shop"}}}'],
    ['a prototype for the request', '{"__proto__":{"dry_run":true},"scope":1}'],
    ['60,000 fields', `{"scope":{${Array.from({ length: 60_000 }, (_, i) => `"k${String(i)}":1`).join(',')}}}`],
    ['an object for a name', '{"scope":{"cluster":"prod","namespace":{"a":1}}}'],
    ['null', 'null'],
    ['a base64 that holds no JSON', '{"message":{"data":"////"},"subscription":"s"}'],
  ])('%s is the sender’s mistake', async (_name, body) => {
    expect(await statusOf(body)).toBe(400);
  });

  test('the last of two equal keys counts, as everywhere', () => {
    const { scope } = readRequest({ headers: {}, body: '{"scope":{"a":"1"},"scope":{"a":"2","a":"3"}}' });
    expect(scope).toEqual({ a: '3' });
  });

  test('an answer does not repeat a megabyte of what was sent', async () => {
    const { body } = await answer(ready(testRuntime()), { headers: {}, body: `{"${'k'.repeat(900_000)}":1}` });
    expect(JSON.stringify(body).length).toBeLessThan(2000);
  });

  test('any JSON gives a request or a CallerError', () => {
    const anything = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc
        .record({ scope: fc.jsonValue(), dry_run: fc.jsonValue(), message: fc.jsonValue(), data: fc.jsonValue() })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(
        anything,
        fc.dictionary(fc.constantFrom('ce-id', 'ce-specversion', 'idempotency-key'), fc.string()),
        (body, headers) => {
          try {
            const { scope } = readRequest({ headers, body });
            return scope === undefined || typeof scopeKey(scope) === 'string';
          } catch (error) {
            return error instanceof CallerError;
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('ids of deliveries', () => {
  const id = (headers: Record<string, string>, body = ''): string | undefined =>
    readRequest({ headers, body }).deliveryId;

  test('an empty id is none: it would make every delivery a repeat of the first', () => {
    expect(id({ 'idempotency-key': '' })).toBeUndefined();
    expect(id({ 'idempotency-key': '  ' })).toBeUndefined();
    const push = { message: { data: 'e30=', messageId: '7', attributes: { id: '' } }, subscription: 's' };
    expect(id({}, JSON.stringify(push))).toBe('push:7');
  });

  test('events of two sources with the same id are two events', () => {
    const event = (source: string): string =>
      JSON.stringify({ specversion: '1.0', id: '1', type: 't', source, data: {} });
    expect(id({}, event('a'))).not.toBe(id({}, event('b')));
    const binary = (source: string): string | undefined =>
      id({ 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': source }, '{}');
    expect(binary('a')).not.toBe(binary('b'));
    expect(binary('a')).toBe(id({}, event('a')));
  });
});

describe('the scope of rebalance', () => {
  test.each(['..', '.', '../../apis', 'shop/pods', 'shop?x=1', 'Shop', '', '-a', 'a'.repeat(64), 'sh%6fp', 'é'])(
    'namespace %j is refused: it would be another address at the API server',
    (namespace) => {
      expect(rebalance.scope.safeParse({ cluster: 'prod', namespace }).success).toBe(false);
    },
  );

  test.each(['default', 'shop-1', '0', 'a'.repeat(63)])('namespace %j is taken', (namespace) => {
    expect(rebalance.scope.safeParse({ cluster: 'prod', namespace }).success).toBe(true);
  });
});
