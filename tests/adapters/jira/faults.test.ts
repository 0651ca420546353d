// The Jira adapter when Jira fails or refuses: what is sent again, what certainly did not happen, and what the error says.
import { describe, expect, it } from 'vitest';
import type { Double, FaultKind } from '../../../fixtures/platform/kit.ts';
import { jiraTracker } from '../../../shared/adapters/jira/tracker.ts';
import { AFTER_A_WRITE, failureOf, freePort, waitingClock } from '../../support/adapter-rig.ts';
import { draft, EMAIL, jiraRig, PROJECT, TOKEN } from './rig.ts';

describe('a creation', () => {
  it.each(Object.entries(AFTER_A_WRITE))(
    'that meets "%s" is sent once and tells what is known',
    async (kind, after) => {
      const rig = await jiraRig({ deadlineSeconds: 0.3 });
      rig.faults.push({ system: 'jira', operation: 'create issue', kind: kind as FaultKind, retryAfterSeconds: 31 });

      const error = await failureOf(rig.tracker.create(draft()));

      expect(error.failure).toMatchObject({ system: 'Jira', operation: 'create issue', applied: after.applied });
      expect(rig.double.state().issues).toHaveLength(after.done);
      expect(rig.calls).toHaveLength(1);
      expect(error.remedy).toBeTruthy();
      expect(error.full).not.toContain(TOKEN);
    },
  );

  it('waits as long as Jira asks, and is then sent', async () => {
    const rig = await jiraRig();
    rig.faults.push({ system: 'jira', operation: 'create issue', kind: '429', call: 1, retryAfterSeconds: 20 });

    await rig.tracker.create(draft());

    expect(rig.double.state().issues).toHaveLength(1);
    expect(rig.waits).toEqual([20_125]);
  });

  it('is not kept waiting longer than 30 s: its error carries the seconds', async () => {
    const rig = await jiraRig();
    rig.faults.push({ system: 'jira', operation: 'create issue', kind: '429', retryAfterSeconds: 31 });

    const error = await failureOf(rig.tracker.create(draft()));

    expect(error.failure).toMatchObject({ status: 429, retryAfterSeconds: 31 });
    expect(rig.waits).toEqual([]);
  });

  it('over a refused connection is tried again, since Jira did nothing', async () => {
    const rig = await jiraRig();
    const waits: number[] = [];
    const tracker = jiraTracker({
      url: `http://127.0.0.1:${await freePort()}`,
      email: EMAIL,
      token: TOKEN,
      clock: waitingClock(rig.clock, waits),
      random: () => 0.5,
    });

    const error = await failureOf(tracker.create(draft()));

    expect(error.failure).toMatchObject({ code: 'ECONNREFUSED', applied: 'no' });
    expect(waits).toHaveLength(2);
  });
});

describe('a read', () => {
  it.each(['refuse', 'cut', '500', 'lost-reply', '429'] as const)('outlives two times "%s"', async (kind) => {
    const rig = await jiraRig();
    await rig.tracker.create(draft());
    rig.faults.push(
      { system: 'jira', operation: 'read issue', kind, call: 1 },
      { system: 'jira', operation: 'read issue', kind, call: 2 },
    );

    expect(await rig.tracker.read('OPS-1')).toMatchObject({ key: 'OPS-1' });
    expect(rig.waits).toHaveLength(2);
  });

  it('gives up after three attempts', async () => {
    const rig = await jiraRig();
    rig.faults.push({ system: 'jira', operation: 'search', kind: '500' });

    const error = await failureOf(rig.tracker.findOpen({ project: PROJECT, fingerprint: 'f' }));

    expect(error.failure).toMatchObject({ status: 500, applied: 'no' });
    expect(rig.calls).toHaveLength(3);
  });

  it('that gives something else than Jira would is no "nothing found"', async () => {
    const rig = await jiraRig();
    rig.faults.push({ system: 'jira', operation: 'search', kind: 'garbage' });

    const error = await failureOf(rig.tracker.findOpen({ project: PROJECT, fingerprint: 'f' }));

    expect(error.failure.code).toBe('WRONG_SHAPE');
  });
});

describe('a refusal', () => {
  it.each([
    [{ project: 'NOPE' }, /project: valid project is required/, /project key under tracker\.jira/],
    [{ issueType: 'Incident' }, /issuetype: The issue type selected is invalid/, /issue type that the project has/],
    [{ title: '  ' }, /summary: You must specify a summary/, /summary/],
  ])('of %j names the field, the reason and what to do', async (overrides, why, remedy) => {
    const rig = await jiraRig();

    const error = await failureOf(rig.tracker.create(draft(overrides)));

    expect(error.failure).toMatchObject({ status: 400, applied: 'no' });
    expect(error.message).toMatch(why);
    expect(error.remedy).toMatch(remedy);
    expect(rig.calls).toHaveLength(1);
  });

  it('for a field that the site requires names the field', async () => {
    const rig = await jiraRig({ around: requiringTeam });

    const error = await failureOf(rig.tracker.create(draft()));

    expect(error.message).toContain('customfield_10010: Team is required.');
    expect(error.remedy).toContain('Make customfield_10010 optional');
  });

  it('for a missing permission names the permission', async () => {
    const rig = await jiraRig({ missingPermissions: ['CREATE_ISSUES'] });

    const error = await failureOf(rig.tracker.create(draft()));

    expect(error.failure).toMatchObject({ status: 403, applied: 'no' });
    expect(error.remedy).toContain('"Create Issues"');
  });
});

function requiringTeam(double: Double): Double {
  return {
    ...double,
    handle: () => ({
      status: 400,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ errorMessages: [], errors: { customfield_10010: 'Team is required.' } }),
    }),
  };
}
