// The Jira adapter against the Jira double: what is created, found again, commented and closed.
import { describe, expect, it } from 'vitest';
import type { Double } from '../../../fixtures/platform/kit.ts';
import { paragraph, text } from '../../../shared/core/document.ts';
import { BugError } from '../../../shared/core/errors.ts';
import { adfText } from '../../../shared/adapters/jira/adf.ts';
import { failureOf } from '../../support/adapter-rig.ts';
import { draft, EMAIL, jiraRig, passSearchLag, PROJECT, START, type Rig } from './rig.ts';

const FINGERPRINT = draft().fingerprint;

function operationsOf(rig: Rig): readonly string[] {
  return rig.calls.map(({ operation }) => operation);
}

describe('create', () => {
  it('makes an issue with the fingerprint as a label, and gives its key and address', async () => {
    const rig = await jiraRig();

    const issue = await rig.tracker.create(draft({ labels: ['team checkout', 'nightshift', ''] }));

    expect(issue).toEqual({ key: 'OPS-1', url: `${rig.url}/browse/OPS-1`, open: true, createdAt: START });
    const [stored] = rig.double.state().issues;
    expect(stored).toMatchObject({
      issueType: 'Task',
      summary: 'cart-service grows without end',
      labels: ['nightshift', `nightshift-${FINGERPRINT}`, 'team-checkout'],
    });
    expect(adfText(stored?.description)).toBe('The third raise in 7 days.');
    expect(operationsOf(rig)).toEqual(['create issue']);
  });

  it('cuts a long title and takes line breaks out of it', async () => {
    const rig = await jiraRig();

    await rig.tracker.create(draft({ title: `a\nb\u202E ${'😀'.repeat(200)}` }));

    const summary = rig.double.state().issues[0]?.summary ?? '';
    expect(summary).toMatch(/^a b 😀+…$/u);
    expect(summary.length).toBeLessThanOrEqual(255);
  });

  it('of a body that is over the limit leaves lines out, and says how many', async () => {
    const rig = await jiraRig();
    const rows = Array.from({ length: 2000 }, (_, index) => [`pod-${index}`, '500m']);

    await rig.tracker.create(draft({ body: [{ kind: 'table', header: ['pod', 'cpu'], rows }] }));

    const shown = adfText(rig.double.state().issues[0]?.description);
    const kept = shown.match(/pod-\d+/g)?.length ?? 0;
    expect(kept).toBeGreaterThan(50);
    expect(shown).toContain(`… ${2000 - kept} more lines left out`);
  });

  it('refuses a fingerprint that cannot be a label, before anything is sent', async () => {
    const rig = await jiraRig();

    await expect(rig.tracker.create(draft({ fingerprint: 'a b' }))).rejects.toThrow(BugError);
    expect(rig.calls).toEqual([]);
  });
});

describe('findOpen', () => {
  it('finds the open issues of the fingerprint, oldest first, once the search knows them', async () => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());
    rig.clock.advance(60_000);
    await rig.tracker.create(draft());
    await rig.tracker.create(draft({ fingerprint: 'another' }));

    const early = await rig.tracker.findOpen({ project: PROJECT, fingerprint: FINGERPRINT });
    passSearchLag(rig);
    const late = await rig.tracker.findOpen({ project: PROJECT, fingerprint: FINGERPRINT });

    expect(early.map(({ key }) => key)).toEqual(['OPS-1']);
    expect(late).toEqual([
      { key: 'OPS-1', url: `${rig.url}/browse/OPS-1`, open: true, createdAt: START },
      { key: 'OPS-2', url: `${rig.url}/browse/OPS-2`, open: true, createdAt: '2026-01-15T12:01:00.000Z' },
    ]);
  });

  it('does not find a closed one', async () => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());
    await rig.tracker.create(draft());
    await rig.tracker.closeAsDuplicate({ duplicate: 'OPS-2', original: 'OPS-1' });
    passSearchLag(rig);

    const open = await rig.tracker.findOpen({ project: PROJECT, fingerprint: FINGERPRINT });

    expect(open.map(({ key }) => key)).toEqual(['OPS-1']);
  });

  it('turns over pages', async () => {
    const rig = await jiraRig();
    for (let number = 0; number < 101; number += 1) {
      await rig.tracker.create(draft());
    }
    passSearchLag(rig);

    const open = await rig.tracker.findOpen({ project: PROJECT, fingerprint: FINGERPRINT });

    expect(open).toHaveLength(101);
    expect(operationsOf(rig).filter((operation) => operation === 'search')).toHaveLength(2);
  });

  it('puts a project into the query as a string, whatever it holds', async () => {
    const rig = await jiraRig();

    const error = await failureOf(rig.tracker.findOpen({ project: 'X" OR project = "OPS\\', fingerprint: 'f' }));

    expect(error.failure).toMatchObject({ status: 400, applied: 'no' });
    expect(error.message).toContain(`The value 'X" OR project = "OPS\\' does not exist`);
  });

  it('finding nothing counts only with a token that works: Jira lets a stranger search, and shows nothing', async () => {
    const rig = await jiraRig({ adapterToken: 'expired' });

    const error = await failureOf(rig.tracker.findOpen({ project: PROJECT, fingerprint: FINGERPRINT }));

    expect(error.failure).toMatchObject({ operation: 'read who we are', status: 401 });
    expect(error.remedy).toContain('JIRA_API_TOKEN');
  });

  it('asks who we are once a minute at most', async () => {
    const rig = await jiraRig();

    await rig.tracker.findOpen({ project: PROJECT, fingerprint: 'f1' });
    await rig.tracker.findOpen({ project: PROJECT, fingerprint: 'f2' });
    expect(operationsOf(rig)).toEqual(['search', 'myself', 'search']);

    rig.clock.advance(60_000);
    await rig.tracker.findOpen({ project: PROJECT, fingerprint: 'f3' });
    expect(operationsOf(rig).slice(3)).toEqual(['search', 'myself']);
  });
});

describe('read', () => {
  it('gives the issue as it is now, without the search and its lag', async () => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());

    expect(await rig.tracker.read('OPS-1')).toEqual({
      key: 'OPS-1',
      url: `${rig.url}/browse/OPS-1`,
      open: true,
      createdAt: START,
    });
  });

  it('gives nothing for an issue that is not there', async () => {
    const rig = await jiraRig();

    expect(await rig.tracker.read('OPS-404')).toBeUndefined();
    expect(await rig.tracker.read('../myself')).toBeUndefined();
  });

  it('fails when the issue cannot be seen because the token has expired', async () => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());
    rig.faults.push({ system: 'jira', operation: '*', kind: 'expired-token' });

    const error = await failureOf(rig.tracker.read('OPS-1'));

    expect(error.failure.status).toBe(401);
  });
});

describe('comment', () => {
  it('is found again by its marker, and only by the whole of it', async () => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());

    await rig.tracker.comment({ key: 'OPS-1', marker: 'entry-12', body: [paragraph(text('Still so. ref: entry-3'))] });

    expect(await rig.tracker.hasComment({ key: 'OPS-1', marker: 'entry-12' })).toBe(true);
    expect(await rig.tracker.hasComment({ key: 'OPS-1', marker: 'entry-1' })).toBe(false);
    expect(await rig.tracker.hasComment({ key: 'OPS-1', marker: 'entry-3' })).toBe(false);
    expect(adfText(rig.double.state().issues[0]?.comments[0]?.body)).toBe('Still so. ref: entry-3\nref: entry-12');
  });

  it('keeps its marker when the rest is cut', async () => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());
    const lines = Array.from({ length: 3000 }, () => 'x'.repeat(40)).join('\n');

    await rig.tracker.comment({ key: 'OPS-1', marker: 'entry-1', body: [{ kind: 'code', text: lines }] });

    expect(await rig.tracker.hasComment({ key: 'OPS-1', marker: 'entry-1' })).toBe(true);
  });

  it('is found behind a page of newer ones', async () => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());
    for (let number = 0; number < 101; number += 1) {
      await rig.tracker.comment({ key: 'OPS-1', marker: `entry-${number}`, body: [] });
    }

    expect(await rig.tracker.hasComment({ key: 'OPS-1', marker: 'entry-0' })).toBe(true);
    expect(operationsOf(rig).filter((operation) => operation === 'list comments')).toHaveLength(2);
  });

  it('cannot be looked for on an issue that is gone', async () => {
    const rig = await jiraRig();

    const error = await failureOf(rig.tracker.hasComment({ key: 'OPS-9', marker: 'entry-1' }));

    expect(error.failure).toMatchObject({ status: 404, target: 'issue OPS-9' });
    expect(error.remedy).toContain('still exists');
  });
});

describe('closeAsDuplicate', () => {
  it('links, says why and closes; done again it changes nothing', async () => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());
    await rig.tracker.create(draft());

    await rig.tracker.closeAsDuplicate({ duplicate: 'OPS-2', original: 'OPS-1' });
    await rig.tracker.closeAsDuplicate({ duplicate: 'OPS-2', original: 'OPS-1' });

    const { issues, links } = rig.double.state();
    expect(links).toMatchObject([{ type: { name: 'Duplicate' }, from: 'OPS-2', to: 'OPS-1' }]);
    expect(issues.map(({ status }) => status.name)).toEqual(['To Do', 'Done']);
    expect(issues[1]?.comments).toHaveLength(1);
    expect(adfText(issues[1]?.comments[0]?.body)).toContain('Closed as a duplicate of OPS-1');
    expect(issues[0]?.comments).toEqual([]);
  });

  it('that stopped after its comment goes on without a second one', async () => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());
    await rig.tracker.create(draft());
    rig.faults.push({ system: 'jira', operation: 'transition issue', kind: '500', call: 1 });
    await failureOf(rig.tracker.closeAsDuplicate({ duplicate: 'OPS-2', original: 'OPS-1' }));

    await rig.tracker.closeAsDuplicate({ duplicate: 'OPS-2', original: 'OPS-1' });

    expect(rig.double.state().issues[1]).toMatchObject({ status: { name: 'Done' } });
    expect(rig.double.state().issues[1]?.comments).toHaveLength(1);
  });

  it('names the permission that is missing', async () => {
    const rig = await jiraRig({ missingPermissions: ['LINK_ISSUES'] });
    await rig.tracker.create(draft());
    await rig.tracker.create(draft());

    const error = await failureOf(rig.tracker.closeAsDuplicate({ duplicate: 'OPS-2', original: 'OPS-1' }));

    expect(error.failure.status).toBe(401);
    expect(error.remedy).toContain('"Link Issues"');
  });

  it('says so when the workflow has no way to Done', async () => {
    const rig = await jiraRig({ around: withoutTransitions });
    await rig.tracker.create(draft());
    await rig.tracker.create(draft());

    const error = await failureOf(rig.tracker.closeAsDuplicate({ duplicate: 'OPS-2', original: 'OPS-1' }));

    expect(error.failure).toMatchObject({ code: 'NO_TRANSITION', target: 'issue OPS-2', applied: 'no' });
    expect(error.remedy).toContain('Transition Issues');
  });
});

describe('identity', () => {
  it('gives who we are and which of the permissions we hold', async () => {
    const rig = await jiraRig({ missingPermissions: ['LINK_ISSUES', 'ADD_COMMENTS'] });

    expect(await rig.tracker.identity(PROJECT)).toEqual({
      user: EMAIL,
      permissions: ['BROWSE_PROJECTS', 'CREATE_ISSUES', 'TRANSITION_ISSUES'],
    });
  });

  it('fails for a project that is not there', async () => {
    const rig = await jiraRig();

    const error = await failureOf(rig.tracker.identity('NOPE'));

    expect(error.failure).toMatchObject({ status: 404, target: 'project NOPE' });
    expect(error.remedy).toContain('tracker.jira');
  });
});

function withoutTransitions(double: Double): Double {
  return {
    ...double,
    handle: (request) =>
      double.operationOf(request) === 'list transitions'
        ? { status: 200, headers: { 'content-type': 'application/json' }, body: '{"transitions":[]}' }
        : double.handle(request),
  };
}
