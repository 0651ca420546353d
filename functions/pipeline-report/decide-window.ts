// Days → what the report is about: sums, steps, branches, failures. Pure; the same days always give the same facts.
import { added, type Distribution, EMPTY, quantile } from '../../shared/core/distribution.ts';
import { matchesPattern } from '../../shared/core/pattern.ts';
import type { PipelineReportPolicy } from './schema.ts';
import type { Numbers, Build, ClusterDay, DayMemory, RepositoryDay, SeenMemory } from './schema-day.ts';
import type { BrokenBranch, ClusterFacts, Comparison, StepNumbers, TrendDay } from './schema-facts.ts';

const MOST_STEPS = 200;
const MOST_BROKEN = 50;
const MOST_CLUSTERS = 2000;
/** A day with fewer runs of a step says nothing of its own. */
const RUNS_OF_A_DAY = 3;

export function numbersOf(days: readonly RepositoryDay[]): Numbers {
  const sum = (pick: (day: RepositoryDay) => number): number => days.reduce((total, day) => total + pick(day), 0);
  return {
    runs: sum(({ runs }) => runs),
    successful: sum(({ successful }) => successful),
    failed: sum(({ failed }) => failed),
    stopped: sum(({ stopped }) => stopped),
    reruns: sum(({ reruns }) => reruns),
    rerunsPassed: sum(({ rerunsPassed }) => rerunsPassed),
    duration: added(days.map(({ duration }) => duration)),
    queue: added(days.map(({ queue }) => queue)),
    usedSeconds: sum(({ usedSeconds }) => usedSeconds),
    failedSeconds: sum(({ failedSeconds }) => failedSeconds),
    rerunSeconds: sum(({ rerunSeconds }) => rerunSeconds),
  };
}

/** The builds of a repository on these days, those that are not known left out. */
export function repositoryDays(days: readonly DayMemory[], repository: string): readonly RepositoryDay[] {
  return days.flatMap(({ repositories }) =>
    Object.hasOwn(repositories, repository) ? (repositories[repository] ?? []) : [],
  );
}

export function isKnown({ repositories }: DayMemory, repository: string): boolean {
  return Object.hasOwn(repositories, repository);
}

export function trendDay(day: DayMemory, repositories: readonly string[]): TrendDay {
  const own = repositories.flatMap((repository) => repositoryDays([day], repository));
  const { runs, successful, failed, duration } = numbersOf(own);
  const known = repositories.every((repository) => isKnown(day, repository));
  return { day: day.day, isKnown: known, runs, successful, failed, duration };
}

/** The steps that ran, by how often they failed. */
export function stepNumbers(days: readonly RepositoryDay[]): readonly StepNumbers[] {
  return [...stepsByName(days)]
    .map(([name, steps]) => ({
      name,
      runs: steps.reduce((sum, { runs }) => sum + runs, 0),
      failed: steps.reduce((sum, { failed }) => sum + failed, 0),
      again: steps.reduce((sum, { again }) => sum + again, 0),
      seconds: added(steps.map(({ seconds }) => seconds)),
    }))
    .sort((a, b) => b.failed - a.failed || b.runs - a.runs || (a.name < b.name ? -1 : 1))
    .slice(0, MOST_STEPS);
}

function stepsByName(days: readonly RepositoryDay[]): ReadonlyMap<string, readonly RepositoryDay['steps'][string][]> {
  const byName = new Map<string, RepositoryDay['steps'][string][]>();
  for (const { steps } of days) {
    for (const [name, step] of Object.entries(steps)) {
      byName.set(name, [...(byName.get(name) ?? []), step]);
    }
  }
  return byName;
}

/** The steps with enough runs on both sides. */
export function comparisonsOf(
  recent: readonly RepositoryDay[],
  before: readonly RepositoryDay[],
  { slower }: Pick<PipelineReportPolicy, 'slower'>,
): readonly Comparison[] {
  const earlier = stepsByName(before);
  return [...stepsByName(recent)]
    .flatMap(([step, days]): readonly Comparison[] => {
      const sides = {
        recent: added(days.map(({ seconds }) => seconds)),
        before: added((earlier.get(step) ?? []).map(({ seconds }) => seconds)),
      };
      const usual = quantile(sides.before, 0.5) ?? 0;
      const isSlow = (seconds: Distribution): boolean =>
        seconds.count >= RUNS_OF_A_DAY && (quantile(seconds, 0.5) ?? 0) > usual;
      return sides.recent.count < slower.minimumRuns || sides.before.count < slower.minimumRuns
        ? []
        : [{ step, ...sides, slowDays: days.filter(({ seconds }) => isSlow(seconds)).length }];
    })
    .sort((a, b) => (a.step < b.step ? -1 : 1))
    .slice(0, MOST_STEPS);
}

interface BranchState {
  readonly good: Build | null;
  readonly bad: Build | null;
  readonly failures: number;
}

/** Where each branch of a repository stands after these days, oldest first. */
function branchStates(days: readonly RepositoryDay[]): ReadonlyMap<string, BranchState> {
  const states = new Map<string, BranchState>();
  for (const { branches } of days) {
    for (const [line, day] of Object.entries(branches)) {
      const before = day.good === null ? states.get(line) : { good: day.good, bad: null, failures: 0 };
      states.set(line, {
        good: before?.good ?? null,
        bad: before?.bad ?? day.bad,
        failures: (before?.failures ?? 0) + (day.bad === null ? 0 : day.failures),
      });
    }
  }
  return states;
}

/** The watched branches that broke at or after `since` and did not pass again. `days`: of the repository, oldest first. */
export function brokenBranches(
  days: readonly RepositoryDay[],
  since: string,
  mainBranch: string | null,
  { branches }: Pick<PipelineReportPolicy, 'branches'>,
): readonly BrokenBranch[] {
  const watched = [...branches, ...(mainBranch === null ? [] : [mainBranch])];
  return [...branchStates(days)]
    .flatMap(([line, { good, bad, failures }]): readonly BrokenBranch[] => {
      const branch = line.split(' ', 1)[0] ?? line;
      return bad === null ||
        Date.parse(bad.at) < Date.parse(since) ||
        !watched.some((pattern) => matchesPattern(pattern, branch))
        ? []
        : [{ branch: line, good, bad, failures, cluster: clusterOf(days, bad) }];
    })
    .sort((a, b) => (a.branch < b.branch ? -1 : 1))
    .slice(0, MOST_BROKEN);
}

function clusterOf(days: readonly RepositoryDay[], build: Build): string | null {
  const found = days
    .flatMap(({ clusters }) => Object.entries(clusters))
    .find(
      ([, { build: first, branches }]) =>
        first.number === build.number || branches.some(({ commit, at }) => commit === build.commit && at === build.at),
    );
  return found?.[0] ?? null;
}

/** The last build that passed on the branch before `at`. */
export function lastGood(days: readonly RepositoryDay[], line: string, at: string): Build | null {
  const goods = days.flatMap(({ branches }) => (Object.hasOwn(branches, line) ? (branches[line]?.good ?? []) : []));
  return goods.findLast((good) => Date.parse(good.at) < Date.parse(at)) ?? null;
}

export interface ClusterSight {
  readonly repository: string;
  readonly cluster: ClusterDay;
}

/** Each failure of the window by its cluster. `days`: all that are read, oldest first, for what had passed before. */
export function clustersOf(
  days: readonly DayMemory[],
  window: readonly DayMemory[],
  repositories: readonly string[],
  seen: SeenMemory['clusters'],
): readonly ClusterFacts[] {
  const sights = new Map<string, ClusterSight[]>();
  for (const day of window) {
    for (const repository of repositories) {
      for (const [id, cluster] of repositoryDays([day], repository).flatMap((one) => Object.entries(one.clusters))) {
        sights.set(id, [...(sights.get(id) ?? []), { repository, cluster }]);
      }
    }
  }
  return [...sights]
    .map(([id, own]) => clusterFacts(days, id, own, Object.hasOwn(seen, id) ? seen[id] : undefined))
    .sort((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1))
    .slice(0, MOST_CLUSTERS);
}

function clusterFacts(
  days: readonly DayMemory[],
  id: string,
  sights: readonly ClusterSight[],
  seen: { readonly firstAt: string; readonly lastAt: string } | undefined,
): ClusterFacts {
  const byTime = [...sights].sort((a, b) => Date.parse(a.cluster.firstAt) - Date.parse(b.cluster.firstAt));
  const [{ repository, cluster }] = byTime as [ClusterSight];
  const counts = new Map<string, number>();
  for (const sight of sights) {
    counts.set(sight.repository, (counts.get(sight.repository) ?? 0) + sight.cluster.count);
  }
  const last = sights
    .map(({ cluster: { lastAt } }) => lastAt)
    .reduce((a, b) => (Date.parse(a) > Date.parse(b) ? a : b));
  return {
    id,
    message: cluster.message,
    category: cluster.category,
    signature: cluster.signature,
    isTransient: cluster.isTransient,
    count: sights.reduce((sum, one) => sum + one.cluster.count, 0),
    repositories: [...counts]
      .map(([name, count]) => ({ repository: name, count }))
      .sort((a, b) => b.count - a.count || (a.repository < b.repository ? -1 : 1))
      .slice(0, 1000),
    firstAt:
      seen !== undefined && Date.parse(seen.firstAt) < Date.parse(cluster.firstAt) ? seen.firstAt : cluster.firstAt,
    lastAt: last,
    repository,
    step: cluster.step,
    branch: cluster.branch,
    build: cluster.build,
    lines: cluster.lines,
    unchangedBranches: unchangedBranches(days, sights).slice(0, 20),
  };
}

/** Branches that failed so on a commit that had passed: nothing of theirs changed in between. */
function unchangedBranches(days: readonly DayMemory[], sights: readonly ClusterSight[]): readonly string[] {
  const found = new Set<string>();
  for (const { repository, cluster } of sights) {
    for (const { branch, commit, at } of cluster.branches) {
      const good = lastGood(repositoryDays(days, repository), branch, at);
      if (good !== null && good.commit === commit) {
        found.add(`${repository}/${branch}`.slice(0, 500));
      }
    }
  }
  return [...found].sort();
}

/** When failures were seen, with what these days say. */
export function seenAfter(before: SeenMemory, days: readonly DayMemory[], mostClusters: number): SeenMemory {
  const clusters = new Map(Object.entries(before.clusters));
  for (const { repositories } of days) {
    for (const day of Object.values(repositories)) {
      for (const [id, { firstAt, lastAt }] of Object.entries(day?.clusters ?? {})) {
        const known = clusters.get(id);
        clusters.set(id, {
          firstAt: known !== undefined && Date.parse(known.firstAt) < Date.parse(firstAt) ? known.firstAt : firstAt,
          lastAt: known !== undefined && Date.parse(known.lastAt) > Date.parse(lastAt) ? known.lastAt : lastAt,
        });
      }
    }
  }
  const newest = [...clusters].sort(
    ([a, one], [b, other]) => Date.parse(other.lastAt) - Date.parse(one.lastAt) || (a < b ? -1 : 1),
  );
  return {
    schema: 1,
    clusters: Object.fromEntries(newest.slice(0, mostClusters).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

export const NOTHING: Numbers = { ...numbersOf([]), duration: EMPTY, queue: EMPTY };
