// The Bitbucket double as a client sees it that knows nothing of our adapter: what it answers, refuses and counts.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bitbucketDouble, type BitbucketDouble } from '../../../fixtures/platform/bitbucket/bitbucket.ts';
import { BitbucketScenario, fileTime, ofAttempt } from '../../../fixtures/platform/bitbucket/scenario-file.ts';
import { serveDouble, type ServedDouble } from '../serve-double.ts';

const TOKEN = 'double-token';
const HEAD = 'a'.repeat(40);
const SCENARIO = {
  workspace: 'acme',
  repositories: [
    {
      slug: 'web',
      branches: { main: HEAD, release: HEAD },
      commits: [{ hash: HEAD, files: ['a.ts'] }],
      pullRequests: [{ id: 3, source: 'release', commit: HEAD }],
      pipelines: [
        {
          number: 7,
          commit: HEAD,
          createdAt: '-1m',
          pendingSeconds: 10,
          steps: [
            { name: 'Build', seconds: 20, log: 'one\ntwo\n' },
            { name: 'Test', seconds: [100, 1], result: ['FAILED', 'SUCCESSFUL'] },
            { name: 'Publish' },
          ],
        },
        { number: 8, commit: HEAD, custom: 'nightly', createdAt: '+5m', steps: [{ name: 'All' }] },
      ],
    },
  ],
};

let bitbucket: ServedDouble<BitbucketDouble>;

beforeEach(async () => {
  await open({});
});

afterEach(async () => {
  await bitbucket.close();
});

async function open(changes: Record<string, unknown>): Promise<void> {
  const scenario = BitbucketScenario.parse({ ...SCENARIO, ...changes });
  bitbucket = await serveDouble((clock) => bitbucketDouble({ clock, token: TOKEN, scenario }));
}

async function reopen(changes: Record<string, unknown>): Promise<void> {
  await bitbucket.close();
  await open(changes);
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${bitbucket.url}/2.0/repositories/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  return {
    status: response.status,
    body: isJson ? (JSON.parse(text) as Record<string, unknown>) : { text },
    headers: response.headers,
  };
}

const get = (path: string, headers?: Record<string, string>): Promise<Answer> => call('GET', path, undefined, headers);

function states(answer: Answer): readonly unknown[] {
  return (
    answer.body['values'] as { state: { name: string; result?: { name: string }; stage?: { name: string } } }[]
  ).map(({ state }) => state.result?.name ?? state.stage?.name ?? state.name);
}

async function uuidOfSeven(): Promise<string> {
  return encodeURIComponent(String((await get('acme/web/pipelines/7')).body['uuid']));
}

describe('pipelines on the clock', () => {
  test('go from pending through their steps to the end, and later steps do not run after a failure', async () => {
    await reopen({
      repositories: [
        { ...SCENARIO.repositories[0], pipelines: [{ ...SCENARIO.repositories[0]?.pipelines[0], createdAt: '+0s' }] },
      ],
    });
    const seen: unknown[] = [];
    for (const seconds of [0, 15, 20, 200]) {
      bitbucket.clock.advance(seconds * 1000);
      seen.push([states(await get('acme/web/pipelines'))[0], ...states(await get('acme/web/pipelines/7/steps'))]);
    }
    expect(seen).toEqual([
      ['PENDING', 'PENDING', 'PENDING', 'PENDING'],
      ['RUNNING', 'RUNNING', 'PENDING', 'PENDING'],
      ['RUNNING', 'SUCCESSFUL', 'RUNNING', 'PENDING'],
      ['FAILED', 'SUCCESSFUL', 'FAILED', 'NOT_RUN'],
    ]);
    expect(bitbucket.violations()).toEqual([]);
  });

  test('of the future appear when their time comes', async () => {
    expect((await get('acme/web/pipelines/8')).status).toBe(404);
    bitbucket.clock.advance(5 * 60_000);
    expect((await get('acme/web/pipelines/8')).body).toMatchObject({
      target: { selector: { type: 'custom', pattern: 'nightly' } },
    });
    expect((await get('acme/web/pipelines?sort=-created_on')).body).toMatchObject({
      values: [{ build_number: 8 }, { build_number: 7 }],
    });
    expect((await get('acme/web/pipelines')).body).toMatchObject({
      values: [{ build_number: 7 }, { build_number: 8 }],
    });
  });

  test('that are started again do what the scenario says of their next attempt', async () => {
    bitbucket.clock.advance(10 * 60_000);
    const { body } = await get('acme/web/pipelines/7');
    const started = await call('POST', 'acme/web/pipelines', { target: body['target'] });
    bitbucket.clock.advance(10 * 60_000);

    expect([started.status, started.body['build_number'], started.headers.get('location')]).toMatchObject([
      201,
      9,
      expect.stringContaining('/pipelines/{'),
    ]);
    expect(states(await get('acme/web/pipelines/9/steps'))).toEqual(['SUCCESSFUL', 'SUCCESSFUL', 'SUCCESSFUL']);
    expect(bitbucket.violations()).toEqual([]);
  });

  test('stop with what was running, and only once', async () => {
    const uuid = await uuidOfSeven();
    expect((await call('POST', `acme/web/pipelines/${uuid}/stopPipeline`)).status).toBe(204);
    expect(states(await get('acme/web/pipelines/7/steps'))).toEqual(['SUCCESSFUL', 'STOPPED', 'NOT_RUN']);
    expect(await call('POST', `acme/web/pipelines/${uuid}/stopPipeline`)).toMatchObject({
      status: 400,
      body: { type: 'error' },
    });
  });

  test.each([
    [{}, 'target is required'],
    [{ target: { type: 'moon' } }, 'Unknown target type moon'],
    [
      { target: { type: 'pipeline_ref_target', ref_type: 'branch', ref_name: 'gone' } },
      'The branch gone was not found',
    ],
    [{ target: { type: 'pipeline_commit_target' } }, 'commit is required'],
    [
      { target: { type: 'pipeline_pullrequest_target', source: 'a', commit: { hash: HEAD } } },
      'destination is required',
    ],
  ])('are not started on %j', async (body, detail) => {
    expect(await call('POST', 'acme/web/pipelines', body)).toMatchObject({ status: 400, body: { error: { detail } } });
    expect((await get('acme/web/pipelines?sort=-created_on')).body['size']).toBe(1);
  });
});

describe('the wire', () => {
  test('pages lead on by `next`, which keeps the query, and refuse a length that is too large', async () => {
    await reopen({ repositories: Array.from({ length: 5 }, (_, index) => ({ slug: `r${String(index)}` })) });
    const first = await get('acme?pagelen=2&fields=next,values.slug');
    const second = await fetch(String(first.body['next']), { headers: { authorization: `Bearer ${TOKEN}` } });

    expect(first.body).toEqual({
      values: [{ slug: 'r0' }, { slug: 'r1' }],
      next: expect.stringContaining('fields=') as unknown,
    });
    expect(await second.json()).toMatchObject({ values: [{ slug: 'r2' }, { slug: 'r3' }] });
    expect((await get('acme?pagelen=101')).body).toMatchObject({ error: { message: 'Invalid pagelen' } });
    expect((await get('acme?pagelen=2&page=3')).body).not.toHaveProperty('next');
  });

  test('logs are served whole, by range, and by nothing else than */* and octets', async () => {
    const uuid = await uuidOfSeven();
    const [step] = (await get(`acme/web/pipelines/${uuid}/steps`)).body['values'] as { uuid: string }[];
    const log = `acme/web/pipelines/${uuid}/steps/${encodeURIComponent(step?.uuid ?? '')}/log`;
    const range = async (value: string): Promise<readonly unknown[]> => {
      const { status, headers, body } = await get(log, { range: value });
      return [status, headers.get('content-range'), body['text']];
    };

    expect((await get(log)).body).toEqual({ text: 'one\ntwo\n' });
    expect(await range('bytes=-4')).toEqual([206, 'bytes 4-7/8', 'two\n']);
    expect(await range('bytes=2-3')).toEqual([206, 'bytes 2-3/8', 'e\n']);
    expect(await range('bytes=8-')).toEqual([416, 'bytes */8', '']);
    expect((await get(log, { accept: 'application/json' })).status).toBe(406);
    expect(bitbucket.violations()).toEqual([]);
  });

  test.each([
    ['acme/none/pipelines', 404, /You may not have access to this repository/],
    ['other/web/pipelines', 404, /You may not have access to this repository/],
    ['other', 404, /No workspace/],
    ['acme/web/pipelines/99', 404, /Not found/],
    ['acme/web/refs/branches/gone', 404, /does not exist/],
    ['acme/web/pullrequests/9', 404, /not found/],
    ['acme/web/src/abc/README.md', 404, /No such file/],
  ])('answers %s by %i in the words of the system', async (path, status, message) => {
    const answer = await get(path);
    expect(answer.status).toBe(status);
    expect((answer.body['error'] as { message: string }).message).toMatch(message);
    expect(bitbucket.violations()).toEqual([]);
  });

  test('refuses a wrong token, and a scope that is missing names what it has and needs', async () => {
    await reopen({ scopes: ['repository'] });
    expect((await get('acme', { authorization: 'Bearer nope' })).status).toBe(401);
    const refused = await get('acme/web/pipelines');
    expect(refused).toMatchObject({
      status: 403,
      body: { error: { detail: { granted: ['repository'], required: ['pipeline'] } } },
    });
    expect(refused.headers.get('x-oauth-scopes')).toBe('repository');
    expect(bitbucket.violations()).toEqual([]);
  });

  test('a request that is no operation of ours is a violation', async () => {
    expect((await get('acme/web/hooks')).status).toBe(404);
    expect(bitbucket.violations()).toHaveLength(1);
  });

  test('an unknown query parameter is a violation', async () => {
    await get('acme?colour=red');
    expect(bitbucket.violations()[0]).toContain('unknown query parameter colour');
  });
});

describe('the hour', () => {
  test('rolls: requests are free again one by one, and the limit is told with each reply', async () => {
    await reopen({ requestsPerHour: 5 });
    const answers: Answer[] = [];
    for (let count = 0; count < 6; count += 1) {
      answers.push(await get('acme'));
      bitbucket.clock.advance(60_000);
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(answers.map(({ headers }) => headers.get('x-ratelimit-nearlimit'))).toEqual([
      'false',
      'false',
      'false',
      'false',
      'true',
      'true',
    ]);
    expect(answers[5]?.body).toMatchObject({ error: { message: 'Rate limit for this resource has been exceeded' } });
    bitbucket.clock.advance(54 * 60_000);
    expect([(await get('acme')).status, (await get('acme')).status]).toEqual([200, 429]);
    expect(bitbucket.double.mostRequestsOfAnHour()).toBe(5);
  });

  test('is not spent by a wrong token', async () => {
    await get('acme', { authorization: 'Bearer nope' });
    expect(bitbucket.double.requestsOfTheHour()).toBe(0);
  });
});

describe('comments and statuses', () => {
  test('are refused when they are empty, too long or about nothing', async () => {
    const comment = (raw: unknown) => call('POST', 'acme/web/pullrequests/3/comments', { content: { raw } });
    expect((await comment('')).status).toBe(400);
    expect((await comment('x'.repeat(32_769))).status).toBe(400);
    expect((await comment('fine')).status).toBe(201);
    expect((await call('POST', 'acme/web/pullrequests/4/comments', { content: { raw: 'x' } })).status).toBe(404);
    const status = (body: object) =>
      call('POST', `acme/web/commit/${HEAD}/statuses/build`, {
        key: 'k',
        state: 'FAILED',
        url: 'https://x.example',
        ...body,
      });
    expect((await status({ key: 'k'.repeat(41) })).status).toBe(400);
    expect((await status({ state: 'SAD' })).status).toBe(400);
    expect((await status({})).status).toBe(201);
  });
});

describe('the scenario file', () => {
  test('reads times beside now, and one value or one for each attempt', () => {
    expect([fileTime('-2m', 600_000), fileTime('+1h', 0), fileTime('1970-01-01T00:00:01Z', 5)]).toEqual([
      480_000, 3_600_000, 1000,
    ]);
    expect([ofAttempt('a', 3), ofAttempt(['a', 'b'], 1), ofAttempt(['a', 'b'], 9)]).toEqual(['a', 'a', 'b']);
  });

  test.each([
    [
      {
        repositories: [
          { slug: 'web', pipelines: [{ number: 1, commit: HEAD, createdAt: 'yesterday', steps: [{ name: 'x' }] }] },
        ],
      },
    ],
    [
      {
        repositories: [
          { slug: 'web', pipelines: [{ number: 1, commit: 'main', createdAt: '-1m', steps: [{ name: 'x' }] }] },
        ],
      },
    ],
    [{ repositories: [{ slug: 'Not A Slug' }] }],
    [{ surprise: true }],
  ])('refuses %j', (scenario) => {
    expect(BitbucketScenario.safeParse(scenario).success).toBe(false);
  });
});
