// What is to be read in this run: which days, which pipelines, which commits. Pure.
import { CallerError } from '../../shared/core/errors.ts';
import { dayAfter, dayOf, daysBetween, startOfDay } from '../../shared/core/local-day.ts';
import { correlationNeedsCommits, isNewFailure } from './decide-new.ts';
import type { PipelineReportPolicy, PipelineReportScope } from './schema.ts';
import type { DayMemory, Waiting } from './schema-day.ts';
import type { ClusterFacts, PipelineReportFacts, RepositoryFacts } from './schema-facts.ts';

/** Shown late, or with another clock than ours: a day is listed for good this long after its end. */
const SETTLE_MILLISECONDS = 15 * 60_000;
/** What waits longer waits for a person. */
const RUNNING_DAYS = 3;
const DAYS_BEFORE = 7;

export interface WindowDays {
  readonly from: string;
  readonly to: string;
  readonly isUnfinished: boolean;
  /** Both windows and what the steps are compared with, oldest first: read from memory. */
  readonly read: readonly string[];
  /** Those that are asked of the platform where they are not known, newest first. */
  readonly wanted: readonly string[];
  /** Of them the ones of the window. */
  readonly window: readonly string[];
  /** The week before the window. */
  readonly before: readonly string[];
  readonly recent: readonly string[];
  readonly beforeRecent: readonly string[];
  readonly trend: readonly string[];
}

/** The days of a scope. A window that has not begun is the caller's mistake. */
export function windowDays(
  scope: PipelineReportScope,
  policy: PipelineReportPolicy,
  now: string,
  timezone: string,
): WindowDays {
  const today = dayOf(now, timezone);
  const yesterday = dayAfter(today, -1);
  const asked = scope.to ?? (scope.from !== undefined && scope.from > yesterday ? scope.from : yesterday);
  const to = asked < today ? asked : today;
  const from = scope.from ?? scope.to ?? to;
  if (from > today) {
    throw new CallerError(`The window begins on ${from}, which is not yet: today is ${today} in ${timezone}.`, {
      field: 'scope.from',
      remedy: 'Give a day that has begun.',
    });
  }
  const earliest = [
    dayAfter(from, -DAYS_BEFORE),
    dayAfter(to, 1 - policy.slower.recentDays - policy.slower.beforeDays),
  ];
  const first = earliest.reduce((a, b) => (a < b ? a : b));
  const horizon = dayAfter(today, -policy.historyDays);
  return {
    from,
    to,
    isUnfinished: to === today,
    read: daysBetween(first < from ? first : from, to),
    wanted: daysBetween(horizon < from ? horizon : from, to).toReversed(),
    window: daysBetween(from, to),
    before: daysBetween(dayAfter(from, -DAYS_BEFORE), dayAfter(from, -1)),
    recent: daysBetween(dayAfter(to, 1 - policy.slower.recentDays), to),
    beforeRecent: daysBetween(
      dayAfter(to, 1 - policy.slower.recentDays - policy.slower.beforeDays),
      dayAfter(to, -policy.slower.recentDays),
    ),
    trend: daysBetween(dayAfter(to, -13), to),
  };
}

/** Whether all that began on the day can be listed by now, so that its list is not asked for again. */
export function isListedForGood(day: string, now: string, timezone: string): boolean {
  return Date.parse(now) >= Date.parse(startOfDay(dayAfter(day), timezone)) + SETTLE_MILLISECONDS;
}

/** Repositories of which the day is not known. */
export function missingRepositories(day: DayMemory, repositories: readonly string[]): readonly string[] {
  return repositories.filter((repository) => !Object.hasOwn(day.repositories, repository));
}

export interface WaitingPipeline extends Waiting {
  readonly day: string;
  readonly repository: string;
}

/** What waits on these days: the ones that ran when they were listed, then failed ones, then the others, each newest first. */
export function waitingPipelines(
  days: readonly DayMemory[],
  repositories: readonly string[],
): readonly WaitingPipeline[] {
  const rank = ({ state, isFailed }: Waiting): number => (state === 'running' ? 0 : isFailed ? 1 : 2);
  return days
    .flatMap(({ day, repositories: all }) =>
      repositories.flatMap((repository) =>
        (Object.hasOwn(all, repository) ? (all[repository]?.waiting ?? []) : []).map((one) => ({
          ...one,
          day,
          repository,
        })),
      ),
    )
    .sort((a, b) => rank(a) - rank(b) || Date.parse(b.build.at) - Date.parse(a.build.at) || (a.uuid < b.uuid ? -1 : 1));
}

/** What is not waited for any more: a pipeline that waits for a person, steps that are older than what is reported on. */
export function withoutOldWaiting(day: DayMemory, now: string, { historyDays }: PipelineReportPolicy): DayMemory {
  const age = (iso: string): number => (Date.parse(now) - Date.parse(iso)) / 86_400_000;
  return {
    ...day,
    repositories: Object.fromEntries(
      Object.entries(day.repositories).map(([slug, own]) => [
        slug,
        own === null
          ? null
          : {
              ...own,
              waiting: own.waiting.filter(
                ({ state, build }) => age(build.at) < (state === 'running' ? RUNNING_DAYS : historyDays),
              ),
            },
      ]),
    ),
  };
}

/** A failure or a branch whose commits are to be looked at. */
export interface WantedTrail {
  readonly about: string;
  readonly repository: string;
  readonly branch: string;
  readonly cluster: ClusterFacts | undefined;
  readonly broken: RepositoryFacts['broken'][number] | undefined;
  /** False where the answer is known without any commit. */
  readonly needsCommits: boolean;
}

/** Broken branches first, then new failures by their count; one that a broken branch failed with is looked at with it. */
export function wantedTrails(
  facts: Pick<PipelineReportFacts, 'repositories' | 'clusters' | 'coverage' | 'from' | 'timezone'>,
  policy: PipelineReportPolicy,
): readonly WantedTrail[] {
  const byId = new Map(facts.clusters.map((cluster) => [cluster.id, cluster]));
  const branches = facts.repositories.flatMap(({ repository, broken }) =>
    broken.map((one): WantedTrail => {
      const cluster = one.cluster === null ? undefined : byId.get(one.cluster);
      return {
        about: trailOfBranch(repository, one.branch),
        repository,
        branch: one.branch,
        cluster,
        broken: one,
        needsCommits: cluster === undefined || correlationNeedsCommits(cluster),
      };
    }),
  );
  const covered = new Set(branches.map(({ cluster }) => cluster?.id));
  const clusters = facts.clusters
    .filter((cluster) => isNewFailure(cluster, facts, policy) && !covered.has(cluster.id))
    .map((cluster): WantedTrail => ({
      about: trailOfCluster(cluster.id),
      repository: cluster.repository,
      branch: cluster.branch,
      cluster,
      broken: undefined,
      needsCommits: correlationNeedsCommits(cluster),
    }));
  let reads = 0;
  return [...branches, ...clusters]
    .filter(({ needsCommits }) => {
      reads += Number(needsCommits);
      return !needsCommits || reads <= policy.correlations;
    })
    .slice(0, 50);
}

export function trailOfBranch(repository: string, branch: string): string {
  return `branch ${repository} ${branch}`.slice(0, 500);
}

export function trailOfCluster(id: string): string {
  return `cluster ${id}`;
}
