// The one door without a token, against 10,000 requests that are broken on the wire, wrongly signed, or rightly signed nonsense.
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pino } from 'pino';
import { driver } from '../../functions/ingress/index.ts';
import { signed } from '../../fixtures/platform/slack/click.ts';
import { slackSender } from '../../shared/adapters/slack/signature.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { type RunningHost, startHost } from '../../shared/local/host.ts';
import { hostMetrics } from '../../shared/local/metrics.ts';
import { handleClick } from '../../shared/runtime/click.ts';
import type { Surroundings } from '../../shared/runtime/context.ts';
import { answerDriver } from '../../shared/runtime/driver.ts';
import type { OutboxEntry } from '../../shared/runtime/outbox-entry.ts';
import { drainOutbox } from '../../shared/runtime/outbox.ts';
import { testRuntime, type TestRuntime } from '../support/runtime.ts';

const SECRET = '8f742231b10e8888abcd990007775a50';
const REQUESTS = 10_000;
const AT_ONCE = 25;
const PAYLOAD = JSON.stringify({
  type: 'block_actions',
  trigger_id: '1.2.abc',
  user: { id: 'U0ALICE', username: 'alice' },
  container: { type: 'message', message_ts: '1.000100', channel_id: 'C0OPS' },
  actions: [{ type: 'button', action_id: 'nightshift.approve', value: `approve:${'a'.repeat(64)}` }],
});

let host: RunningHost;
let runtime: TestRuntime;
let surroundings: Surroundings;

beforeAll(async () => {
  runtime = testRuntime();
  surroundings = {
    ...runtime.surroundings,
    ports: { ...runtime.surroundings.ports, clock: { ...runtime.clock, now: () => new Date() } },
    senders: new Map([['slack', slackSender({ signingSecret: SECRET })]]),
    handlers: new Map([['slack', handleClick]]),
  };
  host = await startHost({
    functions: [
      {
        name: 'ingress',
        isPublic: true,
        schedule: undefined,
        lastRun: undefined,
        answer: (incoming) => answerDriver(driver, surroundings, incoming),
      },
    ],
    surroundings,
    host: '127.0.0.1',
    port: 0,
    token: 'a-token-that-is-long-enough',
    store: runtime.store,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    metrics: hostMetrics(),
    stopping: { stop: () => undefined },
    drainsOutbox: false,
  });
});
afterAll(() => host.stop());

/** Numerical Recipes' generator: the same requests in every run. */
let seed = 11;
function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed % below;
}

function broken(text: string): string {
  const characters = [...text];
  for (let change = random(5) + 1; change > 0; change -= 1) {
    characters[random(characters.length)] = String.fromCharCode(random(random(8) === 0 ? 0x10000 : 128));
  }
  return characters.slice(0, random(6) === 0 ? random(characters.length) : undefined).join('');
}

function onTheWire(body: string, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = String(Buffer.byteLength(body));
  return Buffer.from(
    `POST /ingress/slack HTTP/1.1\r\nHost: tunnel.example\r\nConnection: close\r\n${lines.join('')}Content-Length: ${length}\r\n\r\n${body}`,
  );
}

/** A third each: nonsense that is rightly signed, a body that is not what was signed, bytes that are no request. */
function next(): Buffer {
  const form = (payload: string): string => new URLSearchParams({ payload }).toString();
  const type = random(4) === 0 ? 'application/json' : 'application/x-www-form-urlencoded';
  switch (random(3)) {
    case 0: {
      const { body, headers } = signed(
        SECRET,
        random(2) === 0 ? form(broken(PAYLOAD)) : broken(form(PAYLOAD)),
        new Date(),
        type,
      );
      return onTheWire(body.toWellFormed(), {
        ...headers,
        ...signed(SECRET, body.toWellFormed(), new Date(), type).headers,
      });
    }
    case 1: {
      const { body, headers } = signed(SECRET, form(PAYLOAD), new Date(), type);
      return onTheWire(broken(body).toWellFormed(), headers);
    }
    default: {
      const { body, headers } = signed(SECRET, form(PAYLOAD), new Date(), type);
      const bytes = onTheWire(body, headers);
      for (let change = random(6) + 1; change > 0; change -= 1) {
        bytes[random(bytes.length)] = random(256);
      }
      return random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
    }
  }
}

function send(bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = connect(Number(new URL(host.url).port), '127.0.0.1', () => socket.end(bytes));
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (reply += text));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(reply);
    });
  });
}

test('10,000 broken requests: none answered with 5xx, nothing changed, and the next good click is taken', async () => {
  const statuses = new Map<number, number>();
  const sender = async (): Promise<void> => {
    for (let count = 0; count < REQUESTS / AT_ONCE; count += 1) {
      for (const [, status] of (await send(next())).matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        statuses.set(Number(status), (statuses.get(Number(status)) ?? 0) + 1);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
  expect(statuses.get(401) ?? 0).toBeGreaterThan(1000);
  expect(statuses.get(400) ?? 0).toBeGreaterThan(1000);

  // What a broken but signed click still meant is worked on, and none of it is stuck.
  for (let round = 0; round < 100; round += 1) {
    await drainOutbox(surroundings);
  }
  const pending = await runtime.store.query<OutboxEntry>('outbox', {
    where: [{ field: 'state', op: '==', value: 'pending' }],
    limit: 10,
  });
  expect(pending.map(({ data }) => data.lastError)).toEqual([]);
  expect(runtime.things.effects).toEqual([]);

  const payload = PAYLOAD.replace('1.2.abc', 'the good one');
  const { body, headers } = signed(SECRET, new URLSearchParams({ payload }).toString(), new Date());
  expect(await send(onTheWire(body, headers))).toContain('"taken"');
});
