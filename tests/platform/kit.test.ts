import { request as httpRequest } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { scenarioClock } from '../../fixtures/platform/clock.ts';
import { serve } from '../../fixtures/platform/kit.ts';
import type { Double, Fault, RecordedCall, RunningDouble, ServeOptions } from '../../fixtures/platform/kit.ts';

const NOW = '2026-03-04T10:00:00Z';

let running: RunningDouble | undefined;

afterEach(async () => {
  await running?.close();
});

/** A system that counts what it was told. */
function counter(): Double & { readonly handled: string[] } {
  const handled: string[] = [];
  return {
    system: 'counter',
    handled,
    operationOf: ({ path }) => path.slice(1),
    handle(request) {
      handled.push(`${request.method} ${request.path}`);
      if (request.path === '/broken') {
        throw new Error('the double is broken');
      }
      return {
        status: 201,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ count: handled.length, said: request.body.toString(), asked: request.query.get('q') }),
      };
    },
    expiredToken: () => ({ status: 401, body: 'token expired' }),
    tooManyRequests: (seconds) => ({ status: 429, headers: { 'retry-after': String(seconds) }, body: 'slow down' }),
    serverError: () => ({ status: 500, body: 'our fault' }),
  };
}

async function start(
  faults: readonly Fault[] = [],
  more: Partial<ServeOptions> = {},
): Promise<{ url: string; calls: RecordedCall[]; handled: readonly string[] }> {
  const calls: RecordedCall[] = [];
  const double = counter();
  running = await serve(double, { clock: scenarioClock(NOW), faults, calls, ...more });
  return { url: running.url, calls, handled: double.handled };
}

function fault(kind: Fault['kind'], more: Partial<Fault> = {}): Fault {
  return { system: 'counter', operation: '*', kind, ...more };
}

test('hands the request to the double and records the call in scenario time', async () => {
  const { url, calls } = await start();
  const reply = await fetch(`${url}/add?q=1`, { method: 'POST', body: 'hello' });
  expect(reply.status).toBe(201);
  expect(reply.headers.get('date')).toBe('Wed, 04 Mar 2026 10:00:00 GMT');
  expect(await reply.json()).toEqual({ count: 1, said: 'hello', asked: '1' });
  expect(calls).toEqual([
    {
      system: 'counter',
      operation: 'add',
      method: 'POST',
      path: '/add',
      query: 'q=1',
      status: 201,
      handledStatus: 201,
      requestBody: 'hello',
      at: '2026-03-04T10:00:00.000Z',
      violations: [],
    },
  ]);
});

test('refuse: the connection ends and nothing was handled', async () => {
  const { url, calls, handled } = await start([fault('refuse')]);
  await expect(fetch(`${url}/add`)).rejects.toThrow();
  expect(handled).toEqual([]);
  expect(calls[0]?.status).toBeNull();
});

test('lost-reply: everything was handled and the connection ends unanswered', async () => {
  const { url, calls, handled } = await start([fault('lost-reply')]);
  await expect(fetch(`${url}/add`, { method: 'POST' })).rejects.toThrow();
  expect(handled).toEqual(['POST /add']);
  expect(calls[0]?.status).toBeNull();
});

test('cut: the headers promise the whole body and half of it comes', async () => {
  const { url, handled } = await start([fault('cut')]);
  const { promised, received } = await new Promise<{ promised: number; received: number }>((resolve, reject) => {
    const request = httpRequest(`${url}/add`, (reply) => {
      let size = 0;
      reply.on('data', (chunk: Buffer) => {
        size += chunk.length;
      });
      reply.on('error', () => undefined);
      reply.on('close', () => {
        resolve({ promised: Number(reply.headers['content-length']), received: size });
      });
    });
    request.on('error', reject);
    request.end();
  });
  expect(promised).toBeGreaterThan(10);
  expect(received).toBe(Math.floor(promised / 2));
  expect(handled).toEqual(['GET /add']);
});

test('hang: no answer comes, and closing the server ends the wait', async () => {
  const { url, calls, handled } = await start([fault('hang')]);
  const hanging = fetch(`${url}/add`);
  const ended = expect(hanging).rejects.toThrow();
  await expect.poll(() => calls.length).toBe(1);
  await running?.close();
  await ended;
  expect(handled).toEqual([]);
  expect(calls[0]?.status).toBeNull();
});

test('garbage: 200 with JSON of the wrong shape', async () => {
  const { url, handled } = await start([fault('garbage')]);
  const reply = await fetch(`${url}/add`);
  expect(reply.status).toBe(200);
  expect(await reply.json()).toEqual({ unexpected: ['garbage'] });
  expect(handled).toEqual([]);
});

test('429, 500 and expired-token are answered in the words of the system', async () => {
  const { url } = await start([
    fault('429', { operation: 'busy', retryAfterSeconds: 7 }),
    fault('500', { operation: 'broken' }),
    fault('expired-token', { operation: 'expired' }),
  ]);
  const busy = await fetch(`${url}/busy`);
  expect([busy.status, busy.headers.get('retry-after'), await busy.text()]).toEqual([429, '7', 'slow down']);
  const broken = await fetch(`${url}/broken`);
  expect([broken.status, await broken.text()]).toEqual([500, 'our fault']);
  const expired = await fetch(`${url}/expired`);
  expect([expired.status, await expired.text()]).toEqual([401, 'token expired']);
});

test('slow: the call is handled at once and answered in the end', async () => {
  const { url, handled } = await start([fault('slow', { delayMilliseconds: 20 })]);
  const slow = fetch(`${url}/add`);
  await expect.poll(() => handled.length).toBe(1);
  expect((await slow).status).toBe(201);
});

test('a fault hits its system, its operation and its n-th call only', async () => {
  const { url } = await start([
    { system: 'other', operation: '*', kind: '500' },
    fault('500', { operation: 'add', call: 2 }),
  ]);
  const statuses: number[] = [];
  for (const path of ['add', 'take', 'add', 'add']) {
    statuses.push((await fetch(`${url}/${path}`)).status);
  }
  expect(statuses).toEqual([201, 201, 500, 201]);
});

test('of two faults that are due the first applies, and both have counted the call', async () => {
  const { url } = await start([
    fault('429', { call: 1 }),
    fault('500', { call: 1 }),
    fault('expired-token', { call: 2 }),
  ]);
  const statuses = [
    (await fetch(`${url}/a`)).status,
    (await fetch(`${url}/a`)).status,
    (await fetch(`${url}/a`)).status,
  ];
  expect(statuses).toEqual([429, 401, 201]);
});

test('what the check finds and a double that throws become violations of the call', async () => {
  const { url, calls } = await start([], {
    validate: (_request, reply) => (reply.status === 201 ? ['not described'] : []),
  });
  await fetch(`${url}/add`);
  const reply = await fetch(`${url}/broken`);
  expect(reply.status).toBe(500);
  expect(calls[0]?.violations).toEqual(['not described']);
  expect(calls[1]?.violations[0]).toMatch(/the counter double failed on GET \/broken: Error: the double is broken/);
});

test('a body over 32 MiB is answered by 413 and never reaches the double', async () => {
  const { url, handled } = await start();
  const reply = await fetch(`${url}/add`, { method: 'POST', body: Buffer.alloc(32 * 1024 * 1024 + 1) });
  expect(reply.status).toBe(413);
  expect(handled).toEqual([]);
});
