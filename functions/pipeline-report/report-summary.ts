// Facts and decisions → the summary in its agreed shape. Pure; long lists are cut and say by how much.
import { type Distribution, mean, quantile } from '../../shared/core/distribution.ts';
import type { Policy } from '../../shared/core/policy.ts';
import type { DecidedOutcome } from '../../shared/core/report.ts';
import { type CommitCause, commitCause } from '../../shared/core/trail.ts';
import { isNewFailure } from './decide-new.ts';
import { slowerSteps } from './decide-slower.ts';
import { trailOfBranch, trailOfCluster } from './needs.ts';
import type { PipelineReportPolicy } from './schema.ts';
import type { Numbers } from './schema-day.ts';
import type { AboutTrail, ClusterFacts, PipelineReportFacts } from './schema-facts.ts';
import type { Summary, SummaryBranch, SummaryFailure, SummaryNumbers, Times } from './schema-summary.ts';

const FAILURES = 50;
const FAILING_STEPS = 30;
const SLOWER_STEPS = 30;
const REPOSITORIES_OF_FAILURE = 10;

export interface SummaryInput {
  readonly facts: PipelineReportFacts;
  readonly policy: Policy<PipelineReportPolicy>;
  readonly decided: readonly DecidedOutcome[];
}

export function summaryOf({ facts, policy, decided }: SummaryInput): Summary {
  const verdicts = new Map(
    decided.map(({ decision }) => [decision.subject['repository'] ?? '', decision.reason.rule.split('/')[1] ?? '']),
  );
  const trails = new Map(facts.trails.map((trail) => [trail.about, trail]));
  const failures = facts.clusters.map((cluster) => failureOf(cluster, facts, policy, trails));
  // New ones first: they are what a reader does not know yet.
  const ordered = [...failures].sort((a, b) => Number(b.is_new) - Number(a.is_new) || b.count - a.count);
  const active = facts.repositories.filter(({ window, missingDays }) => window.runs > 0 || missingDays > 0);
  return {
    workspace: facts.workspace,
    repository: facts.repository,
    from: facts.from,
    to: facts.to,
    is_unfinished: facts.isUnfinished,
    total: numbersOf(facts.total.window, facts.total.before),
    branches_broken: facts.repositories.flatMap(({ repository, broken }) =>
      broken.map((one): SummaryBranch => ({
        repository,
        branch: one.branch,
        since: one.bad.at,
        build: one.bad.number,
        url: one.bad.url,
        last_good: one.good?.number ?? null,
        failures: one.failures,
        failure: one.cluster,
        cause: causeOf(trails.get(trailOfBranch(repository, one.branch))),
      })),
    ),
    failures: ordered.slice(0, FAILURES),
    failures_more: Math.max(0, ordered.length - FAILURES),
    steps_slower: slowerSteps(facts, policy.duty)
      .slice(0, SLOWER_STEPS)
      .map((step) => ({
        repository: step.repository,
        step: step.step,
        median_s: rounded(step.medianSeconds),
        median_before_s: rounded(step.medianBeforeSeconds),
        ratio: Math.round(step.ratio * 100) / 100,
        runs: step.runs,
        runs_before: step.runsBefore,
        chance: Number(step.chance.toPrecision(2)),
      })),
    steps_failing: facts.repositories
      .flatMap(({ repository, steps }) =>
        steps.filter(({ failed }) => failed > 0).map((step) => ({ repository, step })),
      )
      .sort((a, b) => b.step.failed - a.step.failed || (a.repository < b.repository ? -1 : 1))
      .slice(0, FAILING_STEPS)
      .map(({ repository, step }) => ({
        repository,
        step: step.name,
        runs: step.runs,
        failed: step.failed,
        again: step.again,
        duration: timesOf(step.seconds),
      })),
    repositories: active
      .map(({ repository, missingDays, window, before }) => ({
        repository,
        verdict: verdicts.get(repository) ?? '',
        missing_days: missingDays,
        ...numbersOf(window, before),
      }))
      .sort((a, b) => b.failed - a.failed || b.runs - a.runs || (a.repository < b.repository ? -1 : 1)),
    repositories_quiet: facts.repositories
      .filter((one) => !active.includes(one))
      .map(({ repository }) => repository)
      .slice(0, 500),
    trend: facts.trend.map(({ day, isKnown, runs, successful, failed, duration }) => ({
      day,
      is_known: isKnown,
      runs,
      success_rate: rateOf(successful, failed),
      median_s: roundedOrNull(quantile(duration, 0.5)),
    })),
    coverage: {
      days_known: facts.coverage.knownDays,
      days_wanted: facts.coverage.wantedDays,
      known_since: facts.coverage.knownSince,
      running: facts.coverage.running,
      steps_unread: facts.coverage.unread,
      logs_read: facts.coverage.logsRead,
      logs_skipped: facts.coverage.logsSkipped,
      is_short: facts.coverage.isShort,
      requests_left: facts.requestsLeft,
    },
  };
}

function failureOf(
  cluster: ClusterFacts,
  facts: PipelineReportFacts,
  policy: Policy<PipelineReportPolicy>,
  trails: ReadonlyMap<string, AboutTrail>,
): SummaryFailure {
  const branch = facts.repositories
    .flatMap(({ repository, broken }) => broken.map((one) => ({ repository, ...one })))
    .find((one) => one.cluster === cluster.id);
  const about = branch === undefined ? trailOfCluster(cluster.id) : trailOfBranch(branch.repository, branch.branch);
  return {
    id: cluster.id,
    is_new: isNewFailure(cluster, facts, policy.duty),
    count: cluster.count,
    repositories: cluster.repositories.slice(0, REPOSITORIES_OF_FAILURE).map(({ repository }) => repository),
    repositories_more: Math.max(0, cluster.repositories.length - REPOSITORIES_OF_FAILURE),
    category: cluster.category,
    signature: cluster.signature,
    message: cluster.message,
    step: cluster.step,
    branch: cluster.branch,
    url: cluster.build.url,
    first_seen: cluster.firstAt,
    last_seen: cluster.lastAt,
    cause: causeOf(trails.get(about)),
  };
}

function causeOf(trail: AboutTrail | undefined): CommitCause | null {
  return trail === undefined ? null : commitCause(trail);
}

function numbersOf(window: Numbers, before: Numbers): SummaryNumbers {
  return {
    runs: window.runs,
    successful: window.successful,
    failed: window.failed,
    stopped: window.stopped,
    success_rate: rateOf(window.successful, window.failed),
    success_rate_before: rateOf(before.successful, before.failed),
    duration: timesOf(window.duration),
    duration_before: timesOf(before.duration),
    queue: timesOf(window.queue),
    minutes_used: minutes(window.usedSeconds),
    minutes_wasted_on_failures: minutes(window.failedSeconds),
    minutes_wasted_on_reruns: minutes(window.rerunSeconds),
    reruns: window.reruns,
    reruns_passed: window.rerunsPassed,
  };
}

/** Of what passed or failed: a build that a person stopped says nothing. */
function rateOf(successful: number, failed: number): number | null {
  return successful + failed === 0 ? null : Math.round((successful / (successful + failed)) * 1000) / 1000;
}

function timesOf(distribution: Distribution): Times {
  return {
    mean_s: roundedOrNull(mean(distribution)),
    median_s: roundedOrNull(quantile(distribution, 0.5)),
    p95_s: roundedOrNull(quantile(distribution, 0.95)),
  };
}

function roundedOrNull(value: number | null): number | null {
  return value === null ? null : rounded(value);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function minutes(seconds: number): number {
  return Math.round(seconds / 6) / 10;
}
