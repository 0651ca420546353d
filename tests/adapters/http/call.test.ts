// One HTTP call against a scripted server: what is sent, what is retried, and what each failure says.
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { httpCall, type HttpCall } from '../../../shared/adapters/http/call.ts';
import { ConfigurationError, PlatformError } from '../../../shared/core/errors.ts';
import { cut, json, lost, plain, scriptedServer, silent, TestClock } from './scripted-server.ts';

const Value = z.object({ value: z.number() });
type Value = z.infer<typeof Value>;

function callTo(url: string, changes: Partial<HttpCall<Value>> = {}): HttpCall<Value> {
  return {
    system: 'Widgets',
    operation: 'read widget',
    target: 'widget 7',
    method: 'GET',
    url,
    reply: Value,
    effect: 'read',
    retry: 'safe',
    deadlineSeconds: 20,
    clock: new TestClock(),
    random: () => 0.5,
    ...changes,
  };
}

async function failureOf(call: HttpCall<Value>): Promise<PlatformError> {
  const error: unknown = await httpCall(call).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PlatformError)) {
    throw new Error(`expected a PlatformError, got ${String(error)}`, { cause: error });
  }
  return error;
}

describe('what is sent and given', () => {
  it('gives status, headers and the checked body', async () => {
    await using server = await scriptedServer(json({ value: 3, more: true }, 201, { 'x-part': 'a' }));
    const reply = await httpCall(
      callTo(`${server.url}/w?x=1`, { method: 'POST', body: 'a=b', headers: { 'x-y': 'z' } }),
    );
    expect(reply).toMatchObject({ status: 201, data: { value: 3 } });
    expect(reply.headers.get('x-part')).toBe('a');
    expect(server.received).toMatchObject([
      { method: 'POST', url: '/w?x=1', body: 'a=b', headers: { 'x-y': 'z', accept: 'application/json' } },
    ]);
  });

  it('hands an empty body to the shape as undefined', async () => {
    await using server = await scriptedServer(plain('', 204));
    const reply = await httpCall({ ...callTo(server.url), reply: z.undefined() });
    expect(reply).toMatchObject({ status: 204, data: undefined });
  });

  it('sends user and password of the address as credentials, and none of them in a message', async () => {
    await using server = await scriptedServer(plain('Basic bWU6cEBzcw== is wrong, p@ss too', 401));
    const failure = await failureOf(callTo(server.url.replace('//', '//me:p%40ss@')));
    expect(server.received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
    expect(failure.full).not.toMatch(/p@ss|p%40ss|bWU6cEBzcw/);
    expect(failure.message).toContain('*** is wrong, *** too');
  });

  it('lets a given Authorization header win over the address', async () => {
    await using server = await scriptedServer(json({ value: 1 }));
    await httpCall(callTo(server.url.replace('//', '//me:pass@'), { headers: { authorization: 'Bearer token' } }));
    expect(server.received[0]?.headers.authorization).toBe('Bearer token');
  });

  it.each(['metrics.example.com', 'ftp://metrics.example.com', ''])('refuses %j as an address', async (url) => {
    await expect(httpCall(callTo(url))).rejects.toThrow(ConfigurationError);
  });
});

describe('retries', () => {
  it('tries a lost connection, a cut body and a 503 again', async () => {
    await using server = await scriptedServer(lost, cut, json({ value: 5 }));
    const clock = new TestClock();
    const reply = await httpCall(callTo(server.url, { clock }));
    expect(reply.data).toEqual({ value: 5 });
    expect(clock.slept).toEqual([125, 250]);
  });

  it('stops after three attempts', async () => {
    await using server = await scriptedServer(plain('', 503));
    const failure = await failureOf(callTo(server.url));
    expect(server.received).toHaveLength(3);
    expect(failure.failure.status).toBe(503);
  });

  it('never repeats what is not safe to repeat', async () => {
    await using server = await scriptedServer(plain('', 503), json({ value: 1 }));
    await failureOf(callTo(server.url, { retry: 'never' }));
    expect(server.received).toHaveLength(1);
  });

  it('does not repeat what a second request cannot change', async () => {
    await using server = await scriptedServer(plain('no', 422), json({ value: 1 }));
    await failureOf(callTo(server.url));
    expect(server.received).toHaveLength(1);
  });

  it('waits as long as Retry-After says', async () => {
    await using server = await scriptedServer(plain('', 429, { 'retry-after': '4' }), json({ value: 1 }));
    const clock = new TestClock();
    await httpCall(callTo(server.url, { clock }));
    expect(clock.slept).toEqual([4125]);
  });

  it('leaves a system alone that asks for longer than the deadline, and hands its wish on', async () => {
    await using server = await scriptedServer(plain('', 429, { 'retry-after': '25' }));
    const clock = new TestClock();
    const failure = await failureOf(callTo(server.url, { clock }));
    expect(clock.slept).toEqual([]);
    expect(failure.failure).toMatchObject({ status: 429, retryAfterSeconds: 25 });
    expect(failure.full).toContain('Try again after 25 s.');
  });
});

describe('a process that sleeps for longer than its call may take', () => {
  const asleep = (clock: TestClock) => (): Promise<void> => clock.sleep(21_000);

  it('sends no write any more: others may have gone on without it', async () => {
    await using server = await scriptedServer(json({ value: 1 }));
    const clock = new TestClock();
    const failure = await failureOf(callTo(server.url, { effect: 'write', clock, beforeAttempt: asleep(clock) }));
    expect(failure.failure).toMatchObject({ code: 'HELD_UP', applied: 'no' });
    expect(server.received).toHaveLength(0);
  });

  it('still reads', async () => {
    await using server = await scriptedServer(json({ value: 1 }));
    const clock = new TestClock();
    await httpCall(callTo(server.url, { clock, beforeAttempt: asleep(clock) }));
    expect(server.received).toHaveLength(1);
  });
});

describe('failures', () => {
  it('says that nobody listens', async () => {
    const closed = createTcpServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const failure = await failureOf(callTo(`http://127.0.0.1:${port}`, { effect: 'write' }));
    expect(failure.failure).toMatchObject({ code: 'ECONNREFUSED', applied: 'no' });
    expect(failure.full).toBe(
      `Widgets: read widget (widget 7) failed: 127.0.0.1:${port} refused the connection. Check that Widgets runs and that the address and port are right.`,
    );
  });

  it('says that the name is unknown', async () => {
    const failure = await failureOf(callTo('http://no-such-host.invalid'));
    expect(failure.failure.code).toMatch(/ENOTFOUND|EAI_AGAIN/);
    expect(failure.message).toMatch(/DNS/);
  });

  it('says that TLS failed', async () => {
    const server = createTlsServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const failure = await failureOf(callTo(`https://127.0.0.1:${port}`, { retry: 'never' }));
    server.close();
    expect(failure.message).toContain(`the TLS connection to 127.0.0.1:${port} failed`);
    expect(failure.full).toContain('NODE_EXTRA_CA_CERTS');
  });

  it('tells the deadline that passed, before and in the middle of an answer', async () => {
    await using before = await scriptedServer(silent);
    await using middle = await scriptedServer((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{');
    });
    const noAnswer = await failureOf(callTo(before.url, { deadlineSeconds: 0.05 }));
    const halfAnswer = await failureOf(callTo(middle.url, { deadlineSeconds: 1 }));
    expect(noAnswer.message).toContain('no answer within the deadline of 0.05 s');
    expect(halfAnswer.message).toContain('no complete answer within the deadline of 1 s');
    expect(before.received).toHaveLength(1);
  });

  it('tells a connection lost before an answer from one lost in the middle of it', async () => {
    await using none = await scriptedServer(lost);
    await using half = await scriptedServer(cut);
    expect((await failureOf(callTo(none.url))).message).toContain('lost before an answer came');
    expect((await failureOf(callTo(half.url))).message).toContain('lost in the middle of the answer');
  });

  it.each([
    [401, 'the credentials are missing or refused (401)', 'Ask for a key.'],
    [403, 'it is not permitted (403)', 'Ask for a key.'],
    [404, 'nothing is there (404)', 'Check the address and its path'],
    [418, 'it answered 418', ''],
    [500, 'it answered 500', 'look at the logs of Widgets'],
  ])('says what %i means and what to do', async (status, why, remedy) => {
    await using server = await scriptedServer(json({ message: 'the widget says so.' }, status));
    const errorText = (body: unknown): { text: string; code: string } => ({
      text: z.object({ message: z.string() }).parse(body).message,
      code: 'own_code',
    });
    const failure = await failureOf(callTo(server.url, { errorText, credentialsRemedy: 'Ask for a key.' }));
    expect(failure.message).toContain(`failed: ${why}: the widget says so.`);
    expect(failure.full).toContain(remedy);
    expect(failure.failure).toMatchObject({ status, code: 'own_code' });
  });

  it('shows no HTML, and one capped line of plain text', async () => {
    await using page = await scriptedServer((response) => {
      response.writeHead(502, { 'content-type': 'text/html' });
      response.end('<h1>Bad gateway</h1>');
    });
    await using long = await scriptedServer(plain(`first\n\u001b[31msecond ${'x'.repeat(5000)}`, 400));
    expect((await failureOf(callTo(page.url))).message).toMatch(/it answered 502\.$/);
    const { message } = await failureOf(callTo(long.url));
    expect(message).toContain('first [31msecond xxx');
    expect(message.length).toBeLessThan(400);
  });

  it('does not follow a redirect', async () => {
    await using server = await scriptedServer(
      plain('', 302, { location: 'https://login.example.com/in?token=secret' }),
    );
    const failure = await failureOf(callTo(server.url));
    expect(failure.message).toContain('it redirects to https://login.example.com/in (302)');
    expect(server.received).toHaveLength(1);
  });

  it('refuses a body that is not JSON, and names the field of a wrong shape', async () => {
    await using page = await scriptedServer((response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<html>');
    });
    await using wrong = await scriptedServer(json({ value: 'three' }));
    await using list = await scriptedServer(json([]));
    expect((await failureOf(callTo(page.url))).message).toContain('something that is not JSON (text/html)');
    expect((await failureOf(callTo(wrong.url))).message).toContain(
      'unexpected shape at value: Invalid input: expected number',
    );
    expect((await failureOf(callTo(list.url))).message).toContain('unexpected shape at the whole reply');
    expect(wrong.received).toHaveLength(1);
  });

  it('stops reading a body that is too large', async () => {
    await using server = await scriptedServer(json({ value: 1, rest: 'x'.repeat(100_000) }));
    const failure = await failureOf(callTo(server.url, { maxResponseBytes: 10_240 }));
    expect(failure.failure.code).toBe('TOO_LARGE');
    expect(failure.message).toContain('the answer is larger than 10 KiB');
  });
});

describe('whether a write may have happened', () => {
  it.each([
    ['no', 'a refusal', plain('', 409)],
    ['no', 'a limit', plain('', 429)],
    ['unknown', 'a server error', plain('', 500)],
    ['unknown', 'a lost reply', lost],
    ['unknown', 'a cut reply', cut],
    ['unknown', 'a reply of the wrong shape', json({})],
  ])('is %s after %s', async (applied, _, answer) => {
    await using server = await scriptedServer(answer);
    const write = await failureOf(callTo(server.url, { effect: 'write', retry: 'never' }));
    const read = await failureOf(callTo(server.url, { effect: 'read', retry: 'never' }));
    expect(write.failure.applied).toBe(applied);
    expect(read.failure.applied).toBe('no');
  });
});
