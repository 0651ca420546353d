// What the Bitbucket adapter reads, over HTTP from the double: in the port's words, frozen, page by page.
import { describe, expect, it } from 'vitest';
import type { CiPipeline } from '../../../shared/ports/ci.ts';
import { failureOf } from '../../support/adapter-rig.ts';
import { BASE, bitbucketRig, HEAD, OLD, SHOP, type Rig } from './rig.ts';

async function pipeline(rig: Rig, number: number): Promise<CiPipeline> {
  const found = await rig.ci.pipeline({ repository: 'shop', pipeline: number });
  if (found === undefined) {
    throw new Error(`There is no pipeline ${String(number)}.`);
  }
  return found;
}

describe('pipelines', () => {
  it('are told in the words of the port, with what they ran on', async () => {
    const rig = await bitbucketRig();

    expect(await pipeline(rig, 12)).toEqual({
      repository: 'shop',
      uuid: expect.stringMatching(/^\{.{36}\}$/) as unknown,
      buildNumber: 12,
      url: 'https://bitbucket.org/example/shop/pipelines/results/12',
      state: 'completed',
      result: 'failed',
      error: null,
      target: { kind: 'branch', name: 'main', commit: HEAD, selector: { type: 'default', pattern: null } },
      trigger: 'push',
      createdAt: '2026-01-15T11:50:00.000Z',
      completedAt: '2026-01-15T11:51:35.000Z',
      durationSeconds: 95,
      buildSecondsUsed: 90,
      creator: { name: 'Ada Example', uuid: expect.any(String) as unknown },
      variables: null,
    });
    expect((await pipeline(rig, 11)).target).toMatchObject({ kind: 'pull-request', pullRequest: 7, commit: BASE });
  });

  it('are found by uuid too, and one that is not there is none', async () => {
    const rig = await bitbucketRig();
    const { uuid } = await pipeline(rig, 12);

    expect(await rig.ci.pipeline({ repository: 'shop', pipeline: uuid })).toMatchObject({ buildNumber: 12 });
    expect(await rig.ci.pipeline({ repository: 'shop', pipeline: 99 })).toBeUndefined();
    expect(rig.calls[1]?.path).toContain('%7B');
  });

  it('are listed newest first and no further than the asked time', async () => {
    const rig = await bitbucketRig();

    const all = await rig.ci.pipelines({ repository: 'shop', since: '2026-01-15T00:00:00Z' });
    const young = await rig.ci.pipelines({ repository: 'shop', since: '2026-01-15T11:50:00.000Z', pageSize: 1 });

    expect(all.items.map(({ buildNumber }) => buildNumber)).toEqual([12, 11]);
    expect(all.next).toBeNull();
    expect(young.items.map(({ buildNumber }) => buildNumber)).toEqual([12]);
    const next = await rig.ci.pipelines({
      repository: 'shop',
      since: '2026-01-15T11:50:00Z',
      cursor: young.next ?? '',
    });
    expect(next).toEqual({ items: [], next: null });
  });

  it('are filtered by status in the words of the list', async () => {
    const rig = await bitbucketRig();

    const passed = await rig.ci.pipelines({
      repository: 'shop',
      since: '2026-01-01T00:00:00Z',
      statuses: ['successful'],
    });
    const failed = await rig.ci.pipelines({
      repository: 'shop',
      since: '2026-01-01T00:00:00Z',
      statuses: ['failed', 'error'],
    });

    expect([passed.items.length, failed.items.length]).toEqual([0, 2]);
    expect(rig.calls[1]?.query).toContain('status=FAILED&status=ERROR');
  });

  it('are frozen to their last member', async () => {
    const rig = await bitbucketRig();
    const { items } = await rig.ci.pipelines({ repository: 'shop', since: '2026-01-01T00:00:00Z' });

    expect([items, items[0], items[0]?.target, items[0]?.target.selector].every(Object.isFrozen)).toBe(true);
  });

  it('with a state, a result, a target and a trigger of tomorrow are unknown and break nothing', async () => {
    const rig = await bitbucketRig({ unchecked: true, around: (double) => ({ ...double, handle: () => strange }) });
    const strange = {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        values: [
          {
            uuid: '{1}',
            build_number: 1,
            created_on: '2026-01-15T11:59:00Z',
            state: { name: 'DREAMING' },
            target: { type: 'moon' },
            trigger: { name: 'TIDE' },
            new_thing: { a: [1] },
          },
          {
            uuid: '{2}',
            build_number: 2,
            created_on: '2026-01-15T11:58:00Z',
            state: { name: 'COMPLETED', result: { name: 'SHRUGGED' } },
          },
        ],
      }),
    };

    const { items } = await rig.ci.pipelines({ repository: 'shop', since: '2026-01-01T00:00:00Z' });

    expect(items[0]).toMatchObject({
      state: 'unknown',
      result: null,
      trigger: 'unknown',
      target: { kind: 'unknown', type: 'moon' },
    });
    expect(items[1]).toMatchObject({ state: 'completed', result: 'unknown', target: { kind: 'unknown' } });
  });

  it('of a repository that is not there are an error and no empty list', async () => {
    const rig = await bitbucketRig();

    const error = await failureOf(rig.ci.pipelines({ repository: 'nope', since: '2026-01-01T00:00:00Z' }));

    expect(error.failure).toMatchObject({ system: 'Bitbucket', operation: 'list pipelines', status: 404 });
    expect(error.remedy).toContain('repository of the workspace');
  });
});

describe('steps', () => {
  it('tell result, times, deployment and that the last one did not run', async () => {
    const rig = await bitbucketRig();
    const { uuid } = await pipeline(rig, 12);

    const steps = await rig.ci.steps({ repository: 'shop', pipeline: uuid });

    expect(steps.map(({ name, result, durationSeconds }) => [name, result, durationSeconds])).toEqual([
      ['Build', 'successful', 30],
      ['Test', 'failed', 60],
      ['Deploy', 'not-run', null],
    ]);
    expect(steps[0]).toMatchObject({ isManual: false, deployment: null, maxMinutes: 120, runNumber: 1 });
    expect(steps[2]).toMatchObject({ deployment: 'production', startedAt: null });
  });

  it('tell why the system itself gave up, and what waits for a person', async () => {
    const rig = await bitbucketRig({
      scenario: {
        repositories: [
          {
            ...SHOP,
            pipelines: [
              {
                number: 1,
                commit: HEAD,
                createdAt: '-1h',
                steps: [
                  { name: 'Build', result: 'ERROR', error: { key: 'agent.lost', message: 'The agent was lost' } },
                ],
              },
              {
                number: 2,
                commit: BASE,
                createdAt: '-30m',
                steps: [{ name: 'Build' }, { name: 'Release', manual: true }],
              },
            ],
          },
        ],
      },
    });
    const [failed, paused] = [await pipeline(rig, 1), await pipeline(rig, 2)];

    expect(failed).toMatchObject({ state: 'completed', result: 'error' });
    expect(paused).toMatchObject({ state: 'paused', result: null });
    const steps = await rig.ci.steps({ repository: 'shop', pipeline: failed.uuid });
    expect(steps[0]?.error).toEqual({ key: 'agent.lost', message: 'The agent was lost' });
    const waiting = await rig.ci.steps({ repository: 'shop', pipeline: paused.uuid });
    expect(waiting[1]).toMatchObject({ isManual: true, state: 'paused' });
  });
});

describe('what a build was built from', () => {
  it('repositories are those of the patterns, the one that changed last first', async () => {
    const scenario = {
      repositories: [{ slug: 'old', updatedAt: '-9d' }, SHOP, { slug: 'shop-api', updatedAt: '-1m' }],
    };
    const all = await bitbucketRig({ scenario });
    const some = await bitbucketRig({ scenario, repositories: ['shop*'] });

    expect((await all.ci.repositories()).map(({ slug }) => slug)).toEqual(['shop-api', 'shop', 'old']);
    expect(await some.ci.repositories()).toMatchObject([
      { slug: 'shop-api' },
      { slug: 'shop', mainBranch: 'main', updatedAt: '2026-01-15T11:55:00.000Z' },
    ]);
  });

  it('lists of many pages cost a request a page', async () => {
    const repositories = Array.from({ length: 250 }, (_, index) => ({ slug: `r${String(index)}` }));
    const rig = await bitbucketRig({ scenario: { repositories } });

    expect(await rig.ci.repositories()).toHaveLength(250);
    expect(rig.calls).toHaveLength(3);
  });

  it('branch heads, also of a branch with a slash, and of none', async () => {
    const rig = await bitbucketRig();

    expect(await rig.ci.branchHead({ repository: 'shop', branch: 'feature/login' })).toBe(BASE);
    expect(await rig.ci.branchHead({ repository: 'shop', branch: 'gone' })).toBeUndefined();
  });

  it('pull requests', async () => {
    const rig = await bitbucketRig();

    expect(await rig.ci.pullRequest({ repository: 'shop', id: 7 })).toMatchObject({
      state: 'open',
      title: 'Login',
      author: { name: 'Ada Example' },
      source: 'feature/login',
      headCommit: BASE.slice(0, 12),
      url: 'https://bitbucket.org/example/shop/pull-requests/7',
    });
    expect(await rig.ci.pullRequest({ repository: 'shop', id: 8 })).toBeUndefined();
  });

  it('changed files of a commit and between two, in the order that Bitbucket takes them', async () => {
    const rig = await bitbucketRig();

    const own = await rig.ci.changedFiles({ repository: 'shop', to: HEAD, max: 10 });
    const both = await rig.ci.changedFiles({ repository: 'shop', from: OLD, to: HEAD, max: 1 });

    expect(own.items.map(({ path, change }) => [path, change])).toEqual([
      ['src/cart.ts', 'modified'],
      ['docs/old.md', 'removed'],
    ]);
    expect(own.isComplete).toBe(true);
    expect(both).toMatchObject({
      items: [{ path: 'src/login.ts', change: 'added', oldPath: null }],
      isComplete: false,
    });
    expect(rig.calls[1]?.path).toContain(`${HEAD}..${OLD}`);
  });

  it('commits between two, with authors and no addresses', async () => {
    const rig = await bitbucketRig();

    const { items, isComplete } = await rig.ci.commitsBetween({ repository: 'shop', from: OLD, to: HEAD, max: 10 });

    expect(items.map(({ hash, author }) => [hash, author?.name])).toEqual([
      [HEAD, 'Ada Example'],
      [BASE, 'Bo Example'],
    ]);
    expect([isComplete, JSON.stringify(items).includes('@')]).toEqual([true, false]);
  });

  it('the pipeline file, or none', async () => {
    const rig = await bitbucketRig({ scenario: { repositories: [SHOP, { slug: 'bare' }] } });

    expect(await rig.ci.pipelineFile({ repository: 'shop', commit: HEAD })).toContain('default:');
    expect(await rig.ci.pipelineFile({ repository: 'bare', commit: HEAD })).toBeUndefined();
  });

  it('a pipeline file that is longer than 1 MiB is refused', async () => {
    const pipelineFile = { '*': `# ${'x'.repeat(1024 * 1024)}` };
    const rig = await bitbucketRig({ scenario: { repositories: [{ slug: 'shop', pipelineFile }] } });

    const error = await failureOf(rig.ci.pipelineFile({ repository: 'shop', commit: HEAD }));

    expect(error.failure.code).toBe('TOO_LARGE');
  });

  it('test reports with the failed cases alone, or none', async () => {
    const rig = await bitbucketRig();
    const failing = await pipeline(rig, 11);
    const without = await pipeline(rig, 12);
    const [step] = await rig.ci.steps({ repository: 'shop', pipeline: failing.uuid });
    const [other] = await rig.ci.steps({ repository: 'shop', pipeline: without.uuid });
    const base = { repository: 'shop', maxCases: 5 };

    expect(await rig.ci.testReport({ ...base, pipeline: failing.uuid, step: step?.uuid ?? '' })).toEqual({
      total: 6,
      passed: 3,
      failed: 1,
      errors: 1,
      skipped: 1,
      failedCases: [
        { name: 'login works', group: null, result: 'failed', durationSeconds: 0.5, message: 'expected 200' },
        { name: 'logout', group: null, result: 'error', durationSeconds: 0.5, message: null },
      ],
    });
    expect(await rig.ci.testReport({ ...base, pipeline: without.uuid, step: other?.uuid ?? '' })).toBeUndefined();
  });
});

describe('pages', () => {
  const page = (next: string, values: readonly unknown[] = [{ uuid: '{1}', slug: 'a' }]) => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ values, next }),
  });

  it.each([
    ['another host', 'https://evil.example/2.0/repositories/example?page=2'],
    ['another list', '/2.0/repositories/other?page=2'],
    ['no address', 'page two'],
  ])('that lead to %s are not followed', async (_what, next) => {
    const rig = await bitbucketRig({
      unchecked: true,
      around: (double) => ({
        ...double,
        handle: (request) => page(next.startsWith('/') ? `http://${request.headers['host'] ?? ''}${next}` : next),
      }),
    });

    const error = await failureOf(rig.ci.repositories());

    expect(error.failure).toMatchObject({ code: 'WRONG_PAGE', applied: 'no' });
    expect(rig.calls).toHaveLength(1);
  });

  it('that lead in a circle end', async () => {
    const circle = (host: string) => page(`http://${host}/2.0/repositories/example?page=2`);
    const rig = await bitbucketRig({
      unchecked: true,
      around: (double) => ({ ...double, handle: (request) => circle(request.headers['host'] ?? '') }),
    });

    expect((await failureOf(rig.ci.repositories())).failure.code).toBe('WRONG_PAGE');
    expect(rig.calls).toHaveLength(2);
  });

  it('of 10 MB are refused', async () => {
    const large = {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ values: [], junk: 'x'.repeat(10_000_000) }),
    };
    const rig = await bitbucketRig({ unchecked: true, around: (double) => ({ ...double, handle: () => large }) });

    expect((await failureOf(rig.ci.repositories())).failure.code).toBe('TOO_LARGE');
  });
});

describe('identity', () => {
  it('tells workspace, kind of credential and scopes', async () => {
    const rig = await bitbucketRig();

    expect(await rig.ci.identity()).toEqual({
      workspace: 'example',
      credential: 'workspace_access_token',
      scopes: ['pipeline', 'pipeline:write', 'pullrequest', 'repository', 'repository:write'],
    });
  });

  it('of a wrong token names the variable', async () => {
    const rig = await bitbucketRig({ adapterToken: 'wrong' });

    const error = await failureOf(rig.ci.identity());

    expect(error.failure.status).toBe(401);
    expect(error.full).toContain('BITBUCKET_ACCESS_TOKEN');
    expect(error.full).not.toContain('wrong');
  });

  it('without a scope says which is missing', async () => {
    const rig = await bitbucketRig({ scenario: { scopes: ['repository'], repositories: [SHOP] } });

    const error = await failureOf(rig.ci.pipelines({ repository: 'shop', since: '2026-01-01T00:00:00Z' }));

    expect(error.failure).toMatchObject({ status: 403, applied: 'no' });
    expect(error.remedy).toContain('scope pipeline');
  });
});
