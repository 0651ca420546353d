// A made-up team's builds over hours, over the whole of the duty: what the bench shows for a day, in short. It fails where the cursor
// loses a failure, a claim is no claim, or the budget of requests is none.
import { describe, expect, it } from 'vitest';
import { liveThrough, type TeamDay, type TeamDayOptions } from '../../../scripts/bench/team-day.ts';

const TEAM = {
  seed: 11,
  warmUpHours: 1.1,
  hours: 1.2,
  afterHours: 1.1,
  repositories: 16,
  active: 5,
  failuresPerHour: 24,
  stormBuilds: 0,
} satisfies Omit<TeamDayOptions, 'hasWebhooks'>;
/** Bitbucket grants this much; what policy says is a little less. */
const GRANTED = 260;
const POLICY = { ci: { bitbucket: { requestsPerHour: 250 } }, duties: { 'pipeline-retry': { activeRepositories: 5 } } };

async function day(options: Partial<TeamDayOptions>): Promise<TeamDay> {
  return liveThrough({ ...TEAM, hasWebhooks: false, requestsPerHour: GRANTED, policy: POLICY, ...options });
}

/** What must hold on any day. */
function expectSafe({ waited, wronglyRerun, refusedRequests }: TeamDay): void {
  expect(waited.filter(({ seconds }) => seconds.length > 1)).toEqual([]);
  expect(wronglyRerun).toBe(0);
  expect(refusedRequests).toBe(0);
}

describe('a team’s builds over hours', { timeout: 180_000 }, () => {
  it('with webhooks each failure for no fault of a change is rerun once, within two minutes', async () => {
    const lived = await day({ hasWebhooks: true });
    expectSafe(lived);
    expect(lived.waited.length).toBeGreaterThan(10);
    expect(lived.waited.filter(({ seconds: [first = Infinity] }) => first > 120)).toEqual([]);
    expect(lived.mostRequestsOfAnHour).toBeLessThanOrEqual(250);
  });

  it('with webhooks lost within five minutes in active repositories, and an hour in the others', async () => {
    const lived = await day({});
    expectSafe(lived);
    const late = lived.waited.filter(({ build, seconds: [first = Infinity] }) => first > (build.isActive ? 305 : 3605));
    expect(late).toEqual([]);
    expect(new Set(lived.waited.map(({ build }) => build.isActive))).toEqual(new Set([true, false]));
    expect(lived.mostRequestsOfAnHour).toBeLessThanOrEqual(250);
  });

  it('with half of the requests that it takes, none is refused, no rerun is made twice, and reruns go on', async () => {
    const lived = await day({
      policy: { ...POLICY, ci: { bitbucket: { requestsPerHour: 110 } } },
      requestsPerHour: 120,
    });
    expectSafe(lived);
    expect(lived.mostRequestsOfAnHour).toBeLessThanOrEqual(110);
    expect(lived.waited.some(({ seconds }) => seconds.length === 1)).toBe(true);
  });
});
