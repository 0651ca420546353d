// Replies that are no JSON: only what is wanted is held, and what is no success is told as for JSON.
import { describe, expect, it } from 'vitest';
import { serve, type DoubleReply, type DoubleRequest } from '../../../fixtures/platform/kit.ts';
import { httpBytes, type HttpBytesCall } from '../../../shared/adapters/http/bytes.ts';
import { afterTest, failureOf } from '../../support/adapter-rig.ts';

const clock = { now: () => new Date(0), sleep: () => Promise.resolve() };

async function call(
  answer: (request: DoubleRequest) => DoubleReply,
  options: Partial<HttpBytesCall> = {},
): Promise<Parameters<typeof httpBytes>[0]> {
  const reply = (): DoubleReply => ({ status: 500, body: '' });
  const running = await serve(
    {
      system: 'files',
      operationOf: () => 'read',
      handle: answer,
      expiredToken: reply,
      tooManyRequests: reply,
      serverError: reply,
    },
    { clock: { now: clock.now, advance: () => undefined, set: () => undefined }, faults: [], calls: [] },
  );
  afterTest(() => running.close());
  return {
    system: 'Files',
    operation: 'read',
    target: 'a file',
    method: 'GET',
    url: running.url,
    headers: { authorization: 'Bearer secret-token' },
    effect: 'read',
    retry: 'safe',
    deadlineSeconds: 5,
    keep: 'end',
    maxKeptBytes: 5,
    clock,
    random: () => 0,
    ...options,
  };
}

const text = (body: string, status = 200): DoubleReply => ({ status, headers: { 'content-type': 'text/plain' }, body });

describe('bytes', () => {
  it.each([
    ['the end', '0123456789', '56789', 10],
    ['the whole where it is short', '123', '123', 3],
    ['nothing of an empty body', '', '', 0],
  ])('keeps %s', async (_what, body, kept, bodyBytes) => {
    const got = await httpBytes(await call(() => text(body)));
    expect([Buffer.from(got.bytes).toString(), got.bodyBytes]).toEqual([kept, bodyBytes]);
  });

  it('keeps all or fails', async () => {
    const whole = await call(() => text('12345'), { keep: 'all' });
    const longer = await call(() => text('123456'), { keep: 'all' });
    expect(Buffer.from((await httpBytes(whole)).bytes).toString()).toBe('12345');
    expect((await failureOf(httpBytes(longer))).failure.code).toBe('TOO_LARGE');
  });

  it('gives up a body that does not end', async () => {
    const endless = await call(() => text('x'.repeat(100_000)), { maxResponseBytes: 50_000 });
    expect((await failureOf(httpBytes(endless))).failure.code).toBe('TOO_LARGE');
  });

  it('gives a status that is an answer, and fails at the others', async () => {
    const none = await call(() => text('no such log', 404), { alsoFine: [404] });
    const gone = await call(() => text('gone', 410));
    expect(await httpBytes(none)).toMatchObject({ status: 404, bodyBytes: 0 });
    expect((await failureOf(httpBytes(gone))).message).toContain('410: gone');
  });

  it('follows a redirect only where it is asked to, and never away from http and https', async () => {
    const redirect = (location: string) => (request: DoubleRequest) =>
      request.path === '/file' ? text('there') : { status: 302, headers: { location }, body: '' };
    const followed = await call(redirect('/file'), { followRedirects: true });
    const refused = await call(redirect('/file'));
    const odd = await call(redirect('ftp://files.example/file'), { followRedirects: true });

    expect(Buffer.from((await httpBytes(followed)).bytes).toString()).toBe('there');
    expect((await failureOf(httpBytes(refused))).failure.status).toBe(302);
    expect((await failureOf(httpBytes(odd))).failure.status).toBe(302);
  });
});

describe('a call that is counted', () => {
  it('asks before each attempt and tells each head; what an attempt met is not hidden by a refusal of the next', async () => {
    let admitted = 0;
    const heads: number[] = [];
    const counted = await call(() => text('busy', 503), {
      beforeAttempt: () => {
        admitted += 1;
        return admitted > 2 ? Promise.reject(new Error('nothing left')) : Promise.resolve();
      },
      onHead: ({ status }) => heads.push(status),
    });

    const error = await failureOf(httpBytes(counted));

    expect([error.failure.status, admitted, heads]).toEqual([503, 3, [503, 503]]);
  });
});
