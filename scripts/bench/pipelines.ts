// `npm run bench -- pipelines`: how long transient failures wait for their rerun and what that costs in requests, over a day of a
// made-up team's builds, with webhooks and with all of them lost. What the team is like is told in team-builds.ts.
import { timesOf } from './team-builds.ts';
import { liveThrough, type TeamDay, type TeamDayOptions, type Waited } from './team-day.ts';

/** A day, or as many hours as `BENCH_HOURS` says. */
const HOURS = Number(process.env['BENCH_HOURS'] ?? 24);
const TEAM = {
  seed: 7,
  warmUpHours: 6,
  hours: HOURS,
  repositories: 200,
  active: 40,
  failuresPerHour: 50,
  stormBuilds: 40,
};
const MINUTE = 60;
/** A storm of forty costs some 360 requests within an hour or so, and lists of repositories wait meanwhile. */
const SHORT_SECONDS = 2 * 60 * MINUTE;

/** Seconds by which the issue wants a rerun. */
const GOALS = { webhook: 2 * MINUTE, active: 5 * MINUTE, other: 60 * MINUTE };

export async function benchPipelines(): Promise<void> {
  for (const hasWebhooks of [true, false]) {
    const options = { ...TEAM, hasWebhooks, afterHours: 2 };
    print(options, await liveThrough(options));
  }
}

function print(options: TeamDayOptions, day: TeamDay): void {
  const { warmUpHours, hours, repositories, active, failuresPerHour, hasWebhooks } = options;
  const { waited, requestsByHour, mostRequestsOfAnHour, refusedRequests, requestsByOperation, storms } = day;
  console.log(
    `\n${hasWebhooks ? 'with webhooks' : 'webhooks lost'}: ${String(hours)} h, ${String(repositories)} repositories, ${String(failuresPerHour)} failures an hour`,
  );
  // The first hours only warm up, the last ones only wait for ends.
  const full = requestsByHour.slice(warmUpHours, warmUpHours + hours);
  const mean = full.reduce((sum, count) => sum + count, 0) / Math.max(1, full.length);
  console.log(
    `  requests an hour: ${String(mostRequestsOfAnHour)} at most in any 60 minutes, ${mean.toFixed(0)} in the mean; ${String(refusedRequests)} refused`,
  );
  console.log(`  by operation: ${operations(requestsByOperation)}`);
  const { middle } = timesOf(options);
  const isShort = ({ build: { createdAt } }: Waited): boolean =>
    options.stormBuilds > 0 && createdAt >= middle && createdAt < middle + SHORT_SECONDS;
  const single = waited.filter((one) => one.build.kind === 'transient' && !isShort(one));
  const groups: readonly (readonly [string, readonly Waited[], number])[] = hasWebhooks
    ? [['all repositories', single, GOALS.webhook]]
    : [
        [`the ${String(active)} active`, single.filter(({ build }) => build.isActive), GOALS.active],
        ['the others', single.filter(({ build }) => !build.isActive), GOALS.other],
      ];
  for (const [name, own, goal] of groups) {
    console.log(`  ${name}: ${waits(own)}, goal ${String(goal)} s; ${String(late(own, goal).length)} later`);
    for (const { build, seconds, said } of late(own, goal).slice(0, 10)) {
      console.log(`    ${build.repository} ${build.commit}: ${String(Math.round(seconds[0] ?? 0))} s (${said})`);
    }
  }
  const meanwhile = waited.filter((one) => one.build.kind === 'transient' && isShort(one));
  console.log(
    `  all others in the two hours from the beginning of the storm, when requests are short: ${waits(meanwhile)}`,
  );
  console.log(`  in the storm that was made: ${waits(waited.filter(({ build }) => build.kind === 'storm'))}`);
  console.log(`  storms told: ${storms.join(', ') || 'none'}`);
  const twice = waited.filter(({ seconds }) => seconds.length > 1).length;
  const never = waited.filter(({ seconds }) => seconds.length === 0);
  console.log(
    `  rerun twice: ${String(twice)}; regular failures rerun: ${String(day.wronglyRerun)}; never rerun: ${String(never.length)}`,
  );
  for (const [said, { length }] of Map.groupBy(never, (one) => one.said)) {
    console.log(`    ${String(length)} × ${said}`);
  }
}

function late(waited: readonly Waited[], goal: number): readonly Waited[] {
  return waited.filter(({ seconds: [first] }) => first !== undefined && first > goal);
}

function waits(waited: readonly Waited[]): string {
  const seconds = waited.flatMap(({ seconds: [first] }) => first ?? []).sort((a, b) => a - b);
  const at = (share: number): string =>
    `${String(Math.round(seconds[Math.max(0, Math.ceil(seconds.length * share) - 1)] ?? 0))} s`;
  return `${String(seconds.length)} of ${String(waited.length)} rerun, waits p50 ${at(0.5)}, p95 ${at(0.95)}, at most ${at(1)}`;
}

function operations(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${String(count)}`)
    .join(', ');
}
