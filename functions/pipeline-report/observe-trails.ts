// What could have broken a build: the commits since it passed last, with the files that they changed, and the tests that failed.
// Judges nothing.
import { trailCommit } from '../../shared/core/trail.ts';
import { lastGood, repositoryDays } from './decide-window.ts';
import type { WantedTrail } from './needs.ts';
import { attempted, isSpent, type Reading } from './observe-days.ts';
import type { Build, ClusterDay, DayMemory } from './schema-day.ts';
import type { AboutTrail } from './schema-facts.ts';

const MOST_PATHS = 200;
const MOST_CASES = 50;
const LONGEST_TEXT = 500;

/** What is known of each, in order. What could not be read is said in `missing`. `days`: oldest first. */
export async function readTrails(
  reading: Reading,
  wanted: readonly WantedTrail[],
  days: readonly DayMemory[],
): Promise<readonly AboutTrail[]> {
  const trails: AboutTrail[] = [];
  for (const one of wanted) {
    trails.push(await readTrail(reading, one, days));
  }
  return trails;
}

async function readTrail(reading: Reading, wanted: WantedTrail, days: readonly DayMemory[]): Promise<AboutTrail> {
  const { about, repository, cluster, broken } = wanted;
  const own = repositoryDays(days, repository);
  const bad = broken?.bad ?? cluster?.build;
  const good = broken === undefined ? lastGood(own, wanted.branch, bad?.at ?? '') : broken.good;
  const first = own.flatMap(({ clusters }) => (cluster !== undefined ? (clusters[cluster.id] ?? []) : [])).at(0);
  const trail: AboutTrail = {
    about,
    step: cluster?.step ?? '',
    category: cluster?.category ?? null,
    lines: cluster?.lines ?? [],
    failedTests: [],
    hasLastGood: good !== null,
    commits: [],
    isWhole: true,
    unchangedBranches: cluster?.unchangedBranches ?? [],
    isTransient: cluster?.isTransient ?? false,
    missing: null,
  };
  if (!wanted.needsCommits || good === null || bad === undefined || good.commit === bad.commit) {
    return trail;
  }
  if (await isSpent(reading, 0)) {
    return { ...trail, missing: 'Its commits were not read: the requests of this hour are spent.' };
  }
  const failedTests = await testsOf(reading, repository, cluster?.category ?? null, first);
  const commits = await commitsOf(reading, repository, good, bad);
  return commits === undefined
    ? { ...trail, failedTests, missing: 'Its commits could not be read.' }
    : { ...trail, failedTests, ...commits };
}

async function commitsOf(
  reading: Reading,
  repository: string,
  good: Build,
  bad: Build,
): Promise<Pick<AboutTrail, 'commits' | 'isWhole'> | undefined> {
  const { ci, policy } = reading;
  const found = await attempted(reading, `The commits of ${repository} cannot be read`, () =>
    ci.commitsBetween({ repository, from: good.commit, to: bad.commit, max: policy.commitsEach }),
  );
  if (found === undefined) {
    return undefined;
  }
  const commits: AboutTrail['commits'] = [];
  for (const commit of found.items) {
    const changed = (await isSpent(reading, 0))
      ? undefined
      : await attempted(reading, `The changes of a commit of ${repository} cannot be read`, () =>
          ci.changedFiles({ repository, to: commit.hash, max: MOST_PATHS }),
        );
    commits.push(trailCommit(commit, changed));
  }
  return { commits, isWhole: found.isComplete };
}

async function testsOf(
  reading: Reading,
  repository: string,
  category: string | null,
  first: ClusterDay | undefined,
): Promise<readonly string[] & string[]> {
  if (category !== 'test' || first === undefined || (await isSpent(reading, 0))) {
    return [];
  }
  const report = await attempted(reading, `The tests of a step of ${repository} cannot be read`, async () => ({
    tests: await reading.ci.testReport({
      repository,
      pipeline: first.pipeline,
      step: first.stepId,
      maxCases: MOST_CASES,
    }),
  }));
  return (report?.tests?.failedCases ?? [])
    .slice(0, MOST_CASES)
    .map(({ group, name }) => (group === null ? name : `${group} ${name}`).slice(0, LONGEST_TEXT));
}
