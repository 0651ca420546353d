// Webhooks: what the double sends is taken, and nothing that was not signed with the secret.
import { createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serve } from '../../../fixtures/platform/kit.ts';
import { verifyWebhook, type IncomingWebhook } from '../../../shared/adapters/bitbucket/webhook.ts';
import { afterTest, freePort } from '../../support/adapter-rig.ts';
import { bitbucketRig, HEAD } from './rig.ts';

const SECRET = 'hook-secret';
const COMMIT = `https://api.bitbucket.org/2.0/repositories/example/shop/commit/${HEAD}`;

function incoming(
  status: Record<string, unknown> = {},
  { event = 'repo:commit_status_updated', secret = SECRET, headers = {} as Record<string, string> } = {},
): IncomingWebhook {
  const body = Buffer.from(
    JSON.stringify({
      repository: { full_name: 'example/shop' },
      commit_status: {
        key: '3343801',
        state: 'FAILED',
        url: 'https://bitbucket.org/example/shop/addon/pipelines/home#!/results/12',
        links: { commit: { href: COMMIT } },
        ...status,
      },
    }),
  );
  return {
    body,
    headers: {
      'X-Hub-Signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      'X-Event-Key': event,
      'X-Request-UUID': 'c0ffee00-1111-4222-8333-444455556666',
      'X-Attempt-Number': '2',
      ...headers,
    },
  };
}

describe('a webhook', () => {
  it('that is genuine tells which build changed', () => {
    expect(verifyWebhook(incoming(), SECRET)).toEqual({
      accepted: true,
      deliveryId: 'c0ffee00-1111-4222-8333-444455556666',
      attempt: 2,
      event: { repository: 'shop', commit: HEAD, buildNumber: 12, state: 'failed', key: '3343801' },
    });
  });

  it.each([
    ['the newer address', { url: 'https://bitbucket.org/example/shop/pipelines/results/13' }, { buildNumber: 13 }],
    ['a state of tomorrow', { state: 'DREAMING' }, { state: 'unknown' }],
    ['a commit beside its links', { commit: { hash: 'abcdef1' } }, { commit: 'abcdef1' }],
  ])('with %s is taken', (_what, status, event) => {
    expect(verifyWebhook(incoming(status), SECRET)).toMatchObject({ accepted: true, event });
  });

  it.each([
    ['no signature', incoming({}, { headers: { 'X-Hub-Signature': '' } }), 'forged'],
    ['another secret', incoming({}, { secret: 'other' }), 'forged'],
    [
      'a signature of another kind',
      incoming({}, { headers: { 'X-Hub-Signature': `sha1=${'0'.repeat(40)}` } }),
      'forged',
    ],
    ['another event', incoming({}, { event: 'repo:push' }), 'not-ours'],
    ['our own status', incoming({ key: 'nightshift-retry-1' }), 'not-ours'],
    ['a status of another system', incoming({ url: 'https://ci.example/results/12' }), 'not-ours'],
    [
      'a look-alike of the address',
      incoming({ url: 'https://evilbitbucket.org/example/shop/pipelines/results/12' }),
      'not-ours',
    ],
    ['no commit', incoming({ links: {} }), 'malformed'],
    ['no delivery id', incoming({}, { headers: { 'X-Request-UUID': '' } }), 'malformed'],
  ])('with %s is refused as such', (_what, webhook, reason) => {
    expect(verifyWebhook(webhook, SECRET)).toMatchObject({ accepted: false, reason });
  });

  it('without the header is unsigned, and an empty secret fits nothing', () => {
    const { body, headers } = incoming({}, { secret: '' });
    expect(verifyWebhook({ body, headers: {} }, SECRET)).toMatchObject({ reason: 'unsigned' });
    expect(verifyWebhook({ body, headers }, '')).toMatchObject({ reason: 'forged' });
  });

  it('whose body was changed by one byte is forged', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const { body, headers } = incoming();
        const changed = Buffer.from(body);
        const at = place % changed.length;
        changed[at] = (changed[at] ?? 0) ^ change;
        expect(verifyWebhook({ body: changed, headers }, SECRET)).toMatchObject({ reason: 'forged' });
      }),
    );
  });

  it('with any signed body is answered and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const body = Buffer.from(text);
        const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
        const headers = { ...incoming().headers, 'X-Hub-Signature': signature };
        expect(verifyWebhook({ body, headers }, SECRET)).toMatchObject({ accepted: false, reason: 'malformed' });
      }),
    );
  });
});

describe('the double', () => {
  it('sends a signed webhook for each change of a build, as the clock moves', async () => {
    const rig = await bitbucketRig();
    const got: IncomingWebhook[] = [];
    const url = await receiver(rig.clock, got, 200);

    await rig.double.deliverWebhooks({ url, secret: SECRET });
    await rig.ci.start({ repository: 'shop', target: await targetOf(rig), variables: [] });
    await rig.double.deliverWebhooks({ url, secret: SECRET });
    rig.clock.advance(60 * 60 * 1000);
    const last = await rig.double.deliverWebhooks({ url, secret: SECRET });

    const events = got.map((one) => verifyWebhook(one, SECRET)).flatMap((one) => (one.accepted ? [one.event] : []));
    expect(events.map(({ buildNumber, state }) => [buildNumber, state])).toEqual([
      [11, 'failed'],
      [12, 'failed'],
      [13, 'running'],
      [13, 'successful'],
    ]);
    expect(last).toMatchObject([{ attempts: 1, status: 200, event: 'repo:commit_status_updated' }]);
  });

  it('tries two more times with the same id where the answer is a failure', async () => {
    const rig = await bitbucketRig();
    const got: IncomingWebhook[] = [];
    const url = await receiver(rig.clock, got, 503);

    const [first] = await rig.double.deliverWebhooks({ url, secret: SECRET });

    const tries = got.map((one) => verifyWebhook(one, SECRET)).slice(0, 3);
    expect(first).toMatchObject({ attempts: 3, status: 503 });
    expect(new Set(tries.map(({ deliveryId }) => deliveryId)).size).toBe(1);
    expect(tries.map((one) => (one.accepted ? one.attempt : 0))).toEqual([1, 2, 3]);
  });

  it('gives up where nobody answers', async () => {
    const rig = await bitbucketRig();
    const [first] = await rig.double.deliverWebhooks({
      url: `http://127.0.0.1:${String(await freePort())}/`,
      secret: SECRET,
    });
    expect(first).toMatchObject({ attempts: 3, status: undefined });
  });
});

async function targetOf(rig: Awaited<ReturnType<typeof bitbucketRig>>) {
  const found = await rig.ci.pipeline({ repository: 'shop', pipeline: 12 });
  if (found === undefined) {
    throw new Error('There is no pipeline 12.');
  }
  return found.target;
}

async function receiver(
  clock: Parameters<typeof serve>[1]['clock'],
  got: IncomingWebhook[],
  status: number,
): Promise<string> {
  const reply = () => ({ status, body: '' });
  const running = await serve(
    {
      system: 'receiver',
      operationOf: () => 'webhook',
      handle: ({ headers, body }) => {
        got.push({ headers, body });
        return reply();
      },
      expiredToken: reply,
      tooManyRequests: reply,
      serverError: reply,
    },
    { clock, faults: [], calls: [] },
  );
  afterTest(() => running.close());
  return running.url;
}
