// The Bitbucket adapter when Bitbucket fails: every call meets every fault; a start is never sent twice; limits are obeyed.
import { describe, expect, it } from 'vitest';
import type { FaultKind } from '../../../fixtures/platform/kit.ts';
import { paragraph, text } from '../../../shared/core/document.ts';
import type { Ci, CiBuildStatus, CiTarget } from '../../../shared/ports/ci.ts';
import { AFTER_A_WRITE, failureOf } from '../../support/adapter-rig.ts';
import { BASE, bitbucketRig, HEAD, OLD, SHOP, TOKEN, type Rig } from './rig.ts';

const TARGET: CiTarget = { kind: 'branch', name: 'main', commit: HEAD, selector: { type: 'default', pattern: null } };
const SINCE = '2026-01-01T00:00:00Z';

interface Place {
  readonly pipeline: string;
  readonly step: string;
}

/** Pipeline and step of which all reads know something. */
function placeOf(rig: Rig): Place {
  const held = rig.double.workspace.repositories[0]?.pipelines[0];
  const step = held === undefined ? undefined : rig.double.workspace.show(held).steps[0];
  return { pipeline: held?.uuid ?? '', step: step?.uuid ?? '' };
}

const READS: Readonly<Record<string, (ci: Ci, at: Place) => Promise<unknown>>> = {
  'list repositories': (ci) => ci.repositories(),
  'list pipelines': (ci) => ci.pipelines({ repository: 'shop', since: SINCE }),
  'read pipeline': (ci, { pipeline }) => ci.pipeline({ repository: 'shop', pipeline }),
  'list steps': (ci, { pipeline }) => ci.steps({ repository: 'shop', pipeline }),
  'read step log': (ci, at) => ci.logTail({ repository: 'shop', ...at, bytes: 100 }),
  'read test report': (ci, at) => ci.testReport({ repository: 'shop', ...at, maxCases: 5 }),
  'list test cases': (ci, at) => ci.testReport({ repository: 'shop', ...at, maxCases: 5 }),
  'read branch': (ci) => ci.branchHead({ repository: 'shop', branch: 'main' }),
  'read pull request': (ci) => ci.pullRequest({ repository: 'shop', id: 7 }),
  'read changed files': (ci) => ci.changedFiles({ repository: 'shop', to: HEAD, max: 5 }),
  'list commits': (ci) => ci.commitsBetween({ repository: 'shop', from: OLD, to: HEAD, max: 5 }),
  'read file': (ci) => ci.pipelineFile({ repository: 'shop', commit: BASE }),
  'list comments': (ci) => ci.findComment({ repository: 'shop', pullRequest: 7, marker: 'm' }),
};

const STATUS: CiBuildStatus = {
  repository: 'shop',
  commit: HEAD,
  key: 'k',
  state: 'failed',
  name: 'n',
  description: 'd',
  url: 'https://bitbucket.org/example/shop/pipelines/results/12',
};

const SAFE_WRITES: Readonly<Record<string, (ci: Ci) => Promise<unknown>>> = {
  'write build status': (ci) => ci.buildStatus(STATUS),
  'update comment': async (ci) => {
    const request = { repository: 'shop', pullRequest: 7, marker: 'm' };
    await ci.comment({ ...request, body: [paragraph(text('one'))] });
    return ci.comment({ ...request, body: [paragraph(text('two'))] });
  },
};

function started(rig: Rig): number {
  return (rig.double.workspace.repositories[0]?.pipelines.length ?? 0) - SHOP.pipelines.length;
}

describe('a start', () => {
  it.each(Object.entries(AFTER_A_WRITE))(
    'that meets "%s" is sent once and tells what is known',
    async (kind, after) => {
      const rig = await bitbucketRig({ deadlineSeconds: 0.3 });
      rig.faults.push({
        system: 'bitbucket',
        operation: 'start pipeline',
        kind: kind as FaultKind,
        retryAfterSeconds: 31,
      });

      const error = await failureOf(rig.ci.start({ repository: 'shop', target: TARGET, variables: [] }));

      expect(error.failure).toMatchObject({ system: 'Bitbucket', operation: 'start pipeline', applied: after.applied });
      expect([started(rig), rig.calls.length]).toEqual([after.done, 1]);
      expect(error.remedy).toBeTruthy();
      expect(error.full).not.toContain(TOKEN);
    },
  );
});

describe('a stop', () => {
  // A 204 has no body: none that could be cut, or have another shape.
  it.each(Object.entries(AFTER_A_WRITE).filter(([kind]) => kind !== 'cut' && kind !== 'garbage'))(
    'that meets "%s" is sent once and tells what is known',
    async (kind, { applied }) => {
      const rig = await bitbucketRig({ deadlineSeconds: 0.3 });
      const { uuid } = await rig.ci.start({ repository: 'shop', target: TARGET, variables: [] });
      rig.faults.push({
        system: 'bitbucket',
        operation: 'stop pipeline',
        kind: kind as FaultKind,
        retryAfterSeconds: 31,
      });

      const error = await failureOf(rig.ci.stop({ repository: 'shop', pipeline: uuid }));

      expect(error.failure).toMatchObject({ system: 'Bitbucket', operation: 'stop pipeline', applied });
      expect(rig.calls.filter(({ operation }) => operation === 'stop pipeline')).toHaveLength(1);
    },
  );
});

describe('a new comment', () => {
  it.each(Object.entries(AFTER_A_WRITE))(
    'that meets "%s" is sent once and tells what is known',
    async (kind, after) => {
      const rig = await bitbucketRig({ deadlineSeconds: 0.3 });
      rig.faults.push({
        system: 'bitbucket',
        operation: 'add comment',
        kind: kind as FaultKind,
        retryAfterSeconds: 31,
      });
      const request = { repository: 'shop', pullRequest: 7, marker: 'm', body: [paragraph(text('one'))] };

      const error = await failureOf(rig.ci.comment(request));

      expect(error.failure.applied).toBe(after.applied);
      expect(rig.double.workspace.repositories[0]?.comments.get(7) ?? []).toHaveLength(after.done);
    },
  );

  it('whose reply was lost is found and changed, not written twice', async () => {
    const rig = await bitbucketRig();
    rig.faults.push({ system: 'bitbucket', operation: 'add comment', kind: 'lost-reply', call: 1 });
    const request = { repository: 'shop', pullRequest: 7, marker: 'm', body: [paragraph(text('one'))] };

    await failureOf(rig.ci.comment(request));
    await rig.ci.comment({ ...request, body: [paragraph(text('two'))] });

    expect(rig.double.workspace.repositories[0]?.comments.get(7)).toMatchObject([{ raw: 'two\n\nref: `m`' }]);
  });
});

describe.each(Object.entries({ ...READS, ...SAFE_WRITES }))('"%s"', (operation, run) => {
  it.each(['refuse', 'cut', '500', 'lost-reply', '429'] as const)('outlives two times "%s"', async (kind) => {
    const rig = await bitbucketRig();
    rig.faults.push(
      { system: 'bitbucket', operation, kind, call: 1 },
      { system: 'bitbucket', operation, kind, call: 2 },
    );

    expect(await run(rig.ci, placeOf(rig))).not.toBeInstanceOf(Error);
    expect(rig.calls.filter((one) => one.operation === operation)).toHaveLength(3);
  });

  it.each(['hang', '500', 'expired-token'] as const)('gives up for good at "%s", naming itself', async (kind) => {
    const rig = await bitbucketRig({ deadlineSeconds: 0.3 });
    rig.faults.push({ system: 'bitbucket', operation, kind });

    const error = await failureOf(run(rig.ci, placeOf(rig)));

    expect(error.failure).toMatchObject({ system: 'Bitbucket' });
    expect(error.remedy).toBeTruthy();
    expect(error.full).not.toContain(TOKEN);
  });
});

describe('a read', () => {
  const JSON_READS = Object.entries(READS).filter(([name]) => !['read step log', 'read file'].includes(name));
  const ALL_OPTIONAL = ['read pull request', 'read test report'];

  it.each(JSON_READS.filter(([name]) => !ALL_OPTIONAL.includes(name)))(
    '"%s" that gets garbage is no "nothing found"',
    async (operation, run) => {
      const rig = await bitbucketRig();
      rig.faults.push({ system: 'bitbucket', operation, kind: 'garbage' });

      expect((await failureOf(run(rig.ci, placeOf(rig)))).failure.code).toBe('WRONG_SHAPE');
    },
  );
});

describe('the hour of requests', () => {
  it('is closed for every instance after a 429 without Retry-After, for a minute', async () => {
    let isRefusing = true;
    const refusal = { status: 429, headers: { 'content-type': 'application/json' }, body: '{"type":"error"}' };
    const rig = await bitbucketRig({
      around: (double) => ({ ...double, handle: (request) => (isRefusing ? refusal : double.handle(request)) }),
    });
    const other = rig.another().prioritised('urgent');

    const error = await failureOf(rig.ci.repositories());
    const closed = await failureOf(other.repositories());
    isRefusing = false;
    rig.clock.advance(60_000);

    expect(error.failure).toMatchObject({ status: 429, applied: 'no' });
    expect(closed.failure).toMatchObject({ code: 'ALLOWANCE_SPENT', retryAfterSeconds: 60, applied: 'no' });
    expect(closed.message).toContain('too many of them');
    expect(rig.calls).toHaveLength(1);
    expect(await other.repositories()).toHaveLength(1);
  });

  it('does not hide behind its own refusal that a write may have happened', async () => {
    const rig = await bitbucketRig({ requestsPerHour: 60 });
    for (let count = 0; count < 50; count += 1) {
      await rig.ci.prioritised('urgent').branchHead({ repository: 'shop', branch: 'main' });
    }
    // Five of sixty are left free for lists and for work for which somebody waits.
    for (let count = 0; count < 4; count += 1) {
      await rig.ci.buildStatus(STATUS);
    }
    rig.faults.push({ system: 'bitbucket', operation: 'write build status', kind: 'lost-reply' });

    const error = await failureOf(rig.ci.buildStatus(STATUS));

    expect(error.failure).toMatchObject({ applied: 'unknown' });
    expect(rig.calls.filter(({ operation }) => operation === 'write build status')).toHaveLength(5);
  });

  it('is never overrun by two instances together, and fails fast with when to come again', async () => {
    const rig = await bitbucketRig({ requestsPerHour: 60 });
    const other = rig.another();
    let done = 0;
    let last = 0;
    for (let count = 0; count < 100; count += 1) {
      try {
        await (count % 2 === 0 ? rig.ci : other)
          .prioritised('urgent')
          .branchHead({ repository: 'shop', branch: 'main' });
        done += 1;
      } catch (error) {
        last = (await failureOf(Promise.reject(error as Error))).failure.retryAfterSeconds ?? 0;
      }
    }

    expect([done, rig.double.mostRequestsOfAnHour(), rig.calls.length]).toEqual([60, 60, 60]);
    expect(last).toBeGreaterThan(3600);
    expect(await rig.ci.remaining()).toMatchObject({ urgent: 0, background: 0, nextAt: expect.any(String) as unknown });
  });

  it('counts retries too', async () => {
    const rig = await bitbucketRig();
    rig.faults.push({ system: 'bitbucket', operation: 'list repositories', kind: '500' });

    await failureOf(rig.ci.repositories());

    expect(await rig.ci.remaining()).toMatchObject({ background: 717 });
  });

  it('leaves the reserved share to what changes something', async () => {
    const rig = await bitbucketRig({ requestsPerHour: 60 });
    const reads: unknown[] = [];
    for (let count = 0; count < 60; count += 1) {
      reads.push(await rig.ci.branchHead({ repository: 'shop', branch: 'main' }).catch(() => undefined));
    }

    expect(reads.filter((one) => one !== undefined)).toHaveLength(48);
    await rig.ci.start({ repository: 'shop', target: TARGET, variables: [] });
    expect(started(rig)).toBe(1);
  });
});
