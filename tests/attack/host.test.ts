// The one-process host against the wire: broken requests by the thousand, targets that are no paths, slow senders, web pages.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pino } from 'pino';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { type HostOptions, type RunningHost, startHost } from '../../shared/local/host.ts';
import { answer } from '../../shared/runtime/http.ts';
import { hostMetrics } from '../../shared/local/metrics.ts';
import { sizeDuty, testRuntime } from '../support/runtime.ts';

const TOKEN = 'a-token-that-is-long-enough';

function options(change: Partial<HostOptions> = {}): HostOptions {
  const runtime = testRuntime();
  const ready = {
    duty: sizeDuty(runtime.things, { a: 125 }),
    policy: runtime.policy,
    manifest: { name: 'test', timeoutSeconds: 300, fanOut: false },
    surroundings: runtime.surroundings,
  };
  return {
    functions: [
      { name: 'test', schedule: undefined, lastRun: undefined, answer: (incoming) => answer(ready, incoming) },
    ],
    surroundings: runtime.surroundings,
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    store: runtime.store,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    metrics: hostMetrics(),
    stopping: { stop: () => undefined },
    drainsOutbox: false,
    ...change,
  };
}

/** Sends bytes and gives all that comes back until the other side closes. */
function raw(url: string, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.end(bytes));
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (reply += text));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(reply);
    });
  });
}

function statusesOf(reply: string): readonly number[] {
  return [...reply.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
}

const AUTHORISED = `Authorization: Bearer ${TOKEN}\r\n`;
const HEAD = `Host: 127.0.0.1\r\n${AUTHORISED}Connection: close\r\n`;

describe('with a token', () => {
  let host: RunningHost;
  beforeAll(async () => {
    host = await startHost(options());
  });
  afterAll(() => host.stop());

  test.each([
    ['//', 404],
    ['//test', 404],
    ['/\\\\test', 404],
    ['http://[/test', 404],
    ['http://other/test', 404],
    ['/%74est', 404],
    ['/test/', 404],
    ['/test%2f', 404],
    ['/./test', 404],
    ['/x/../test', 404],
    ['*', 404],
    ['/test?x=1#y', 200],
  ])('POST %s is answered with %i', async (target, status) => {
    expect(statusesOf(await raw(host.url, `POST ${target} HTTP/1.1\r\n${HEAD}Content-Length: 0\r\n\r\n`))).toEqual([
      status,
    ]);
  });

  test.each(['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE', 'PATCH'])('%s runs nothing', async (method) => {
    expect(statusesOf(await raw(host.url, `${method} /test HTTP/1.1\r\n${HEAD}Content-Length: 0\r\n\r\n`))).toEqual([
      405,
    ]);
  });

  test.each([
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 30\r\n'],
    ['length and chunks', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'],
    ['chunks under another name', 'Transfer-Encoding: xchunked\r\n'],
    ['a negative length', 'Content-Length: -1\r\n'],
    ['a length that is none', 'Content-Length: 0x10\r\n'],
    ['a header without a name', ': x\r\n'],
    ['a folded header', 'X-A: b\r\n c\r\nContent-Length : 3\r\n'],
    ['20 KiB of headers', `X-A: ${'a'.repeat(20_000)}\r\n`],
  ])('a request smuggled by %s is never run', async (_name, header) => {
    const inner = `POST /test HTTP/1.1\r\n${HEAD}Content-Length: 0\r\n\r\n`;
    const reply = await raw(host.url, `POST /test HTTP/1.1\r\nHost: a\r\n${AUTHORISED}${header}\r\n0\r\n\r\n${inner}`);
    expect(statusesOf(reply).filter((status) => status < 400 || status >= 500)).toEqual([]);
  });

  test('10,000 broken requests get no 5xx, and the next good one is served', async () => {
    let seed = 7;
    const random = (below: number): number => {
      // Numerical Recipes' generator: the same requests in every run.
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed % below;
    };
    const good = Buffer.from(`POST /test HTTP/1.1\r\n${HEAD}Content-Length: 16\r\n\r\n{"dry_run":true}`, 'latin1');
    const broken = (): Buffer => {
      const bytes = Buffer.from(good);
      for (let change = random(6) + 1; change > 0; change -= 1) {
        bytes[random(bytes.length)] = random(256);
      }
      return random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
    };
    const statuses = new Map<number, number>();
    const sender = async (): Promise<void> => {
      for (let count = 0; count < 10_000 / 25; count += 1) {
        for (const status of statusesOf(await raw(host.url, broken()))) {
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      }
    };
    await Promise.all(Array.from({ length: 25 }, sender));
    expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
    expect(statuses.get(400) ?? 0).toBeGreaterThan(1000);
    expect(statusesOf(await raw(host.url, good))).toEqual([200]);
  });
});

describe('a stop', () => {
  test('does not wait for a sender who never sends the rest of a body', async () => {
    const host = await startHost(options());
    const socket = connect(Number(new URL(host.url).port), '127.0.0.1');
    const closed = new Promise<string>((resolve) => {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve('closed');
      });
    });
    await new Promise<void>((resolve) => {
      socket.write(
        `POST /test HTTP/1.1\r\n${HEAD}Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n`,
        () => undefined,
      );
      // The server asks for the body: the request is in its hands.
      socket.once('data', () => {
        resolve();
      });
    });
    await host.stop();
    expect(await closed).toBe('closed');
  });
});

describe('without a token', () => {
  let host: RunningHost;
  beforeAll(async () => {
    host = await startHost(options({ token: undefined }));
  });
  afterAll(() => host.stop());

  const send = (headers: string): Promise<string> =>
    raw(host.url, `POST /test HTTP/1.1\r\n${headers}Connection: close\r\nContent-Length: 16\r\n\r\n{"dry_run":true}`);

  test.each([
    ['a page of another site', 'Host: 127.0.0.1:8080\r\nOrigin: https://evil.example\r\n'],
    ['a page without an origin', 'Host: 127.0.0.1:8080\r\nOrigin: null\r\n'],
    ['a page that says so', 'Host: localhost:8080\r\nSec-Fetch-Site: cross-site\r\n'],
    ['a name that was bound to this machine', 'Host: evil.example:8080\r\n'],
    ['a name that looks like this machine', 'Host: 127.0.0.1.evil.example\r\n'],
  ])('%s starts nothing', async (_name, headers) => {
    expect(statusesOf(await send(headers))).toEqual([403]);
  });

  test.each([
    ['curl', 'Host: localhost:8080\r\n'],
    ['curl by address', 'Host: 127.0.0.1:8080\r\n'],
    ['curl by IPv6', 'Host: [::1]:8080\r\n'],
    ['a page of our own', 'Host: localhost:8080\r\nOrigin: http://localhost:8080\r\nSec-Fetch-Site: same-origin\r\n'],
  ])('%s is served', async (_name, headers) => {
    expect(statusesOf(await send(headers))).toEqual([200]);
  });
});
