// Pipelines and steps → the counts of a repository's day. Pure; each pipeline is counted once, its steps once.
import { added, distributionOf, EMPTY } from '../../shared/core/distribution.ts';
import type { BranchDay, ClusterDay, ReadPipeline, ReadStep, RepositoryDay, StepDay } from './schema-day.ts';

/** A repository with more names than this makes them up at each run. */
const MOST_NAMES = 200;
const MOST_CLUSTERS = 100;
const MOST_KEYS = 500;
const MOST_WAITING = 2000;
const MOST_BRANCHES_OF_CLUSTER = 20;

export const EMPTY_DAY: RepositoryDay = {
  runs: 0,
  successful: 0,
  failed: 0,
  stopped: 0,
  reruns: 0,
  rerunsPassed: 0,
  duration: EMPTY,
  queue: EMPTY,
  usedSeconds: 0,
  failedSeconds: 0,
  rerunSeconds: 0,
  steps: {},
  branches: {},
  clusters: {},
  failedKeys: [],
  waiting: [],
  logsRead: 0,
  logsSkipped: 0,
};

/** The day of a repository from its pipelines in any order; `null` when there are none. `failedBefore`: keys of the day before. */
export function dayFrom(pipelines: readonly ReadPipeline[], failedBefore: readonly string[]): RepositoryDay | null {
  const inOrder = [...pipelines].sort(
    (a, b) => Date.parse(a.build.at) - Date.parse(b.build.at) || a.build.number - b.build.number,
  );
  return inOrder.reduce<RepositoryDay | null>(
    (day, pipeline) => withPipeline(day ?? EMPTY_DAY, pipeline, failedBefore),
    null,
  );
}

/** What its steps need to know of a pipeline. */
export type CountedPipeline = Pick<ReadPipeline, 'uuid' | 'build' | 'branch' | 'line'>;

/** The day with one more pipeline. One that still runs only waits; of one that ended the steps wait. */
export function withPipeline(
  day: RepositoryDay,
  pipeline: ReadPipeline,
  failedBefore: readonly string[],
): RepositoryDay {
  const { uuid, build, result, key } = pipeline;
  const waiting = [
    ...day.waiting.filter((one) => one.uuid !== uuid),
    {
      uuid,
      build,
      branch: pipeline.branch,
      line: pipeline.line,
      state: result === 'running' ? ('running' as const) : ('unread' as const),
      isFailed: result === 'failed',
    },
  ].slice(-MOST_WAITING);
  if (result === 'running') {
    return { ...day, waiting };
  }
  const isRerun = !pipeline.isScheduled && (day.failedKeys.includes(key) || failedBefore.includes(key));
  const isPassed = result === 'successful';
  const used = pipeline.usedSeconds ?? 0;
  return {
    ...day,
    runs: day.runs + 1,
    successful: day.successful + Number(isPassed),
    failed: day.failed + Number(result === 'failed'),
    stopped: day.stopped + Number(result === 'stopped'),
    reruns: day.reruns + Number(isRerun),
    rerunsPassed: day.rerunsPassed + Number(isRerun && isPassed),
    // What was stopped ended when a person had enough of it.
    duration:
      pipeline.durationSeconds === null || result === 'stopped'
        ? day.duration
        : added([day.duration, distributionOf([pipeline.durationSeconds])]),
    usedSeconds: day.usedSeconds + used,
    failedSeconds: day.failedSeconds + (isPassed ? 0 : used),
    rerunSeconds: day.rerunSeconds + (isRerun && isPassed ? used : 0),
    branches: withBranch(day.branches, pipeline),
    failedKeys: result === 'failed' ? [...new Set([...day.failedKeys, key])].slice(-MOST_KEYS) : day.failedKeys,
    waiting,
  };
}

/** The day with the steps of a pipeline that it counts. `logs`: of its failed steps, how many were read and left unread. */
export function withSteps(
  day: RepositoryDay,
  pipeline: CountedPipeline,
  steps: readonly ReadStep[],
  logs: { readonly read: number; readonly skipped: number },
): RepositoryDay {
  const first = steps.reduce<number | null>((earliest, { startedAt }) => {
    const at = startedAt === null ? Number.NaN : Date.parse(startedAt);
    return Number.isNaN(at) || (earliest !== null && earliest <= at) ? earliest : at;
  }, null);
  const queueSeconds = first === null ? null : Math.max(0, (first - Date.parse(pipeline.build.at)) / 1000);
  return {
    ...day,
    queue: queueSeconds === null ? day.queue : added([day.queue, distributionOf([queueSeconds])]),
    steps: steps.reduce(withStep, day.steps),
    clusters: steps.reduce((clusters, step) => withFailure(clusters, pipeline, step), day.clusters),
    waiting: day.waiting.filter(({ uuid }) => uuid !== pipeline.uuid),
    logsRead: day.logsRead + logs.read,
    logsSkipped: day.logsSkipped + logs.skipped,
  };
}

function withStep(steps: RepositoryDay['steps'], step: ReadStep): RepositoryDay['steps'] {
  const known = own(steps, step.name);
  if (
    (step.result !== 'successful' && step.result !== 'failed') ||
    (known === undefined && Object.keys(steps).length >= MOST_NAMES)
  ) {
    return steps;
  }
  const before: StepDay = known ?? { runs: 0, failed: 0, again: 0, seconds: EMPTY };
  // A manual step waits for a person in the middle of its time.
  const counts = step.result === 'successful' && step.seconds !== null && !step.isManual;
  return entered(steps, step.name, {
    runs: before.runs + 1,
    failed: before.failed + Number(step.result === 'failed'),
    again: before.again + Number(step.isAgain),
    seconds: counts ? added([before.seconds, distributionOf([step.seconds ?? 0])]) : before.seconds,
  });
}

function withBranch(
  branches: RepositoryDay['branches'],
  { line, result, build }: ReadPipeline,
): RepositoryDay['branches'] {
  if (line === null || result === 'stopped' || result === 'running') {
    return branches;
  }
  const known = own(branches, line);
  if (known === undefined && Object.keys(branches).length >= MOST_NAMES) {
    return branches;
  }
  const before: BranchDay = known ?? { good: null, bad: null, failures: 0 };
  return entered(
    branches,
    line,
    result === 'successful'
      ? isAfter(before.good, build)
        ? before
        : { good: build, bad: isAfter(before.bad, build) ? before.bad : null, failures: before.failures }
      : {
          good: before.good,
          bad: isAfter(before.good, build) ? before.bad : earlier(before.bad, build),
          failures: before.failures + 1,
        },
  );
}

/** Whether `one` began after `build`: what ran long is counted late. */
function isAfter(one: BranchDay['good'], build: ReadPipeline['build']): boolean {
  return one !== null && Date.parse(one.at) > Date.parse(build.at);
}

function earlier(one: BranchDay['bad'], build: ReadPipeline['build']): BranchDay['bad'] {
  return one === null || isAfter(one, build) ? build : one;
}

function withFailure(
  clusters: RepositoryDay['clusters'],
  pipeline: CountedPipeline,
  { failure, name, id: stepId }: ReadStep,
): RepositoryDay['clusters'] {
  if (failure === undefined) {
    return clusters;
  }
  const { at, commit } = pipeline.build;
  const known = own(clusters, failure.id);
  if (known === undefined) {
    return Object.keys(clusters).length >= MOST_CLUSTERS
      ? clusters
      : entered(clusters, failure.id, {
          count: 1,
          message: failure.message,
          category: failure.category,
          signature: failure.signature,
          isTransient: failure.isTransient,
          firstAt: at,
          lastAt: at,
          step: name,
          branch: pipeline.branch,
          build: pipeline.build,
          pipeline: pipeline.uuid,
          stepId,
          lines: [...failure.lines],
          branches: [{ branch: pipeline.line ?? pipeline.branch, commit, at }],
        });
  }
  const isFirst = Date.parse(at) < Date.parse(known.firstAt);
  const branch = pipeline.line ?? pipeline.branch;
  const isListed = known.branches.some((one) => one.branch === branch && one.commit === commit);
  const next: ClusterDay = {
    ...known,
    ...(isFirst
      ? { firstAt: at, step: name, branch: pipeline.branch, build: pipeline.build, pipeline: pipeline.uuid, stepId }
      : {}),
    lastAt: Date.parse(at) > Date.parse(known.lastAt) ? at : known.lastAt,
    count: known.count + 1,
    branches:
      isListed || known.branches.length >= MOST_BRANCHES_OF_CLUSTER
        ? known.branches
        : [...known.branches, { branch, commit, at }],
  };
  return entered(clusters, failure.id, next);
}

/** Names are foreign text: `constructor` is no step. */
function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** As an own member whatever the name is. */
function entered<T>(record: Readonly<Record<string, T>>, key: string, value: T): Record<string, T> {
  return Object.fromEntries([...Object.entries(record).filter(([name]) => name !== key), [key, value]]);
}
