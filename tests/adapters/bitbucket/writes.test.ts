// What the Bitbucket adapter changes: a rerun with the old target copied back, a stop, one comment, one status a key.
import { describe, expect, it } from 'vitest';
import { CallerError } from '../../../shared/core/errors.ts';
import { code, paragraph, text } from '../../../shared/core/document.ts';
import type { CiPipeline } from '../../../shared/ports/ci.ts';
import { failureOf } from '../../support/adapter-rig.ts';
import { BASE, bitbucketRig, HEAD, SHOP, type Rig } from './rig.ts';

async function pipeline(rig: Rig, number: number): Promise<CiPipeline> {
  const found = await rig.ci.pipeline({ repository: 'shop', pipeline: number });
  if (found === undefined) {
    throw new Error(`There is no pipeline ${String(number)}.`);
  }
  return found;
}

const CUSTOM = {
  slug: 'shop',
  commits: [{ hash: HEAD }],
  pullRequests: SHOP.pullRequests,
  pipelines: [
    {
      number: 1,
      commit: HEAD,
      custom: 'nightly',
      trigger: 'SCHEDULED',
      createdAt: '-1h',
      variables: [{ key: 'DEPTH', value: '3' }],
      steps: [{ name: 'Test', result: ['FAILED', 'SUCCESSFUL'] }],
    },
    {
      number: 2,
      commit: HEAD,
      tag: 'v1',
      createdAt: '-50m',
      variables: [{ key: 'TOKEN', value: 'x', secured: true }],
      steps: [{ name: 'Test' }],
    },
    { number: 3, commit: HEAD, onCommit: true, createdAt: '-40m', steps: [{ name: 'Test' }] },
    { number: 4, commit: BASE, pullRequest: 7, createdAt: '-30m', steps: [{ name: 'Test' }] },
  ],
};

describe('a rerun', () => {
  it.each([1, 2, 3, 4])('of pipeline %i runs on the very same target', async (number) => {
    const rig = await bitbucketRig({ scenario: { repositories: [CUSTOM] } });
    const { target } = await pipeline(rig, number);

    const started = await rig.ci.start({ repository: 'shop', target, variables: [] });

    expect(started).toMatchObject({ buildNumber: 5, url: 'https://bitbucket.org/example/shop/pipelines/results/5' });
    expect((await pipeline(rig, 5)).target).toEqual(target);
  });

  it('goes through its states as time passes, and passes at its second attempt', async () => {
    const rig = await bitbucketRig();
    const { target } = await pipeline(rig, 12);

    await rig.ci.start({ repository: 'shop', target, variables: [] });

    const states = [await pipeline(rig, 13)];
    for (const seconds of [10, 200]) {
      rig.clock.advance(seconds * 1000);
      states.push(await pipeline(rig, 13));
    }
    expect(states.map(({ state, result }) => [state, result])).toEqual([
      ['pending', null],
      ['running', null],
      ['completed', 'successful'],
    ]);
  });

  it('carries plain variables along, and tells which are secured', async () => {
    const rig = await bitbucketRig({ scenario: { repositories: [CUSTOM] } });
    const { target, variables } = await pipeline(rig, 1);
    const secured = await pipeline(rig, 2);

    await rig.ci.start({ repository: 'shop', target, variables: variables ?? [] });

    expect((await pipeline(rig, 5)).variables).toEqual([{ key: 'DEPTH', value: '3', secured: false }]);
    expect(secured.variables).toEqual([{ key: 'TOKEN', value: null, secured: true }]);
  });

  it('with a secured variable or an unknown target is refused before anything is sent', async () => {
    const rig = await bitbucketRig();
    const { target } = await pipeline(rig, 12);
    const before = rig.calls.length;
    const variables = [{ key: 'TOKEN', value: null, secured: true }];
    const unknown = { kind: 'unknown', type: 'moon', commit: null, selector: null } as const;

    await expect(rig.ci.start({ repository: 'shop', target, variables })).rejects.toBeInstanceOf(CallerError);
    await expect(rig.ci.start({ repository: 'shop', target: unknown, variables: [] })).rejects.toBeInstanceOf(
      CallerError,
    );
    expect(rig.calls).toHaveLength(before);
  });

  it('on a branch that is gone is refused, and surely did not happen', async () => {
    const rig = await bitbucketRig();
    const { target } = await pipeline(rig, 12);

    const error = await failureOf(
      rig.ci.start({ repository: 'shop', target: { ...target, kind: 'branch', name: 'gone' }, variables: [] }),
    );

    expect(error.failure).toMatchObject({ status: 400, applied: 'no', code: 'result-service.pipeline.bad-target' });
    expect(error.message).toContain('The branch gone was not found');
  });

  it('whose reply was lost is found by commit, selector and time', async () => {
    const rig = await bitbucketRig();
    const { target } = await pipeline(rig, 12);
    const since = rig.clock.now().toISOString();
    rig.faults.push({ system: 'bitbucket', operation: 'start pipeline', kind: 'lost-reply' });
    const request = { repository: 'shop', commit: HEAD, selector: target.selector, since };
    expect(await rig.ci.pipelinesFor(request)).toEqual([]);

    const error = await failureOf(rig.ci.start({ repository: 'shop', target, variables: [] }));

    expect(error.failure.applied).toBe('unknown');
    expect(await rig.ci.pipelinesFor(request)).toMatchObject([{ buildNumber: 13 }]);
    expect(await rig.ci.pipelinesFor({ ...request, selector: { type: 'custom', pattern: 'nightly' } })).toEqual([]);
    expect(await rig.ci.pipelinesFor({ ...request, commit: BASE })).toEqual([]);
  });

  it('is stopped while it runs, and not when it has ended', async () => {
    const rig = await bitbucketRig();
    const { target } = await pipeline(rig, 12);
    const { uuid } = await rig.ci.start({ repository: 'shop', target, variables: [] });
    rig.clock.advance(10_000);

    expect(await rig.ci.stop({ repository: 'shop', pipeline: uuid })).toBe(true);
    expect(await pipeline(rig, 13)).toMatchObject({ state: 'completed', result: 'stopped' });
    expect(await rig.ci.stop({ repository: 'shop', pipeline: uuid })).toBe(false);
  });
});

describe('a comment', () => {
  const request = { repository: 'shop', pullRequest: 7, marker: 'retry-1' };

  it('is written once and then kept up to date', async () => {
    const rig = await bitbucketRig();

    const first = await rig.ci.comment({ ...request, body: [paragraph(text('runs again'))] });
    const second = await rig.ci.comment({ ...request, body: [paragraph(text('passed'))] });
    await rig.ci.comment({ ...request, marker: 'retry-2', body: [paragraph(text('another'))] });

    const comments = rig.double.workspace.repositories[0]?.comments.get(7) ?? [];
    expect(second).toEqual(first);
    expect(comments.map(({ raw }) => raw)).toEqual(['passed\n\nref: `retry-1`', 'another\n\nref: `retry-2`']);
    expect(await rig.ci.findComment(request)).toEqual(first);
    expect(first.url).toContain('/pull-requests/7');
  });

  it('shows foreign text as text: no mention, link or markup comes of it', async () => {
    const rig = await bitbucketRig();

    const hostile = '@{all} [x](https://evil.example) **b** <img src=x>\n# h';
    await rig.ci.comment({
      ...request,
      body: [paragraph(text(hostile), code('a`b')), { kind: 'code', text: '```\nout' }],
    });

    const raw = rig.double.workspace.repositories[0]?.comments.get(7)?.[0]?.raw ?? '';
    expect(raw).toContain(
      '@\u2060\\{all\\} \\[x\\]\\(https:\u2060//evil.example\\) \\*\\*b\\*\\* \\<img src=x\\> \\# h',
    );
    expect(raw).toContain('`` a`b ``');
    expect(raw).toContain('````\n```\nout\n````');
  });

  it('that is too long is cut and keeps its marker', async () => {
    const rig = await bitbucketRig();

    await rig.ci.comment({ ...request, body: [paragraph(text('short')), { kind: 'code', text: 'x'.repeat(40_000) }] });

    const raw = rig.double.workspace.repositories[0]?.comments.get(7)?.[0]?.raw ?? '';
    expect(raw).toBe('short\n\n… 1 more left out: a comment holds no more.\n\nref: `retry-1`');
  });
});

describe('a build status', () => {
  const status = {
    repository: 'shop',
    commit: HEAD,
    key: 'nightshift-retry',
    name: 'Nightshift',
    description: 'runs again',
    url: 'https://bitbucket.org/example/shop/pipelines/results/13',
  };

  it('takes the place of the one of the same key', async () => {
    const rig = await bitbucketRig();

    await rig.ci.buildStatus({ ...status, state: 'running' });
    await rig.ci.buildStatus({ ...status, state: 'successful', description: 'passed' });

    const statuses = [...(rig.double.workspace.repositories[0]?.statuses.get(HEAD)?.values() ?? [])];
    expect(statuses).toMatchObject([{ key: 'nightshift-retry', state: 'SUCCESSFUL', description: 'passed' }]);
  });

  it('with a key that Bitbucket would refuse is refused before', async () => {
    const rig = await bitbucketRig();
    const doing = rig.ci.buildStatus({ ...status, key: 'x'.repeat(41), state: 'running' });
    await expect(doing).rejects.toBeInstanceOf(CallerError);
    expect(rig.calls).toEqual([]);
  });
});
