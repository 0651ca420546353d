// From failed pipelines to one decision each, and one for each storm. Touches nothing.
import type { ActionProposal } from '../../shared/core/action.ts';
import type { Decision, Reason } from '../../shared/core/decision.ts';
import { BugError } from '../../shared/core/errors.ts';
import type { Policy } from '../../shared/core/policy.ts';
import { secondsOf } from './decide-causes.ts';
import { type PipelineView, type Skip, viewOf, worldOf } from './decide-view.ts';
import { escalateStorm } from './rules/escalate-storm.ts';
import { holdAge } from './rules/hold-age.ts';
import { holdAnotherRun } from './rules/hold-another-run.ts';
import { holdAttempts } from './rules/hold-attempts.ts';
import { holdBranchMoved } from './rules/hold-branch-moved.ts';
import { holdDeployment } from './rules/hold-deployment.ts';
import { holdDisprovedSignature } from './rules/hold-disproved-signature.ts';
import { holdNativeRetry } from './rules/hold-native-retry.ts';
import { holdPullRequestClosed } from './rules/hold-pull-request-closed.ts';
import { holdRepositoryBudget } from './rules/hold-repository-budget.ts';
import { holdRequests } from './rules/hold-requests.ts';
import { holdSecuredVariables } from './rules/hold-secured-variables.ts';
import { holdSpread } from './rules/hold-spread.ts';
import { holdStorm } from './rules/hold-storm.ts';
import { holdUnknownTarget } from './rules/hold-unknown-target.ts';
import { knownIssue } from './rules/known-issue.ts';
import { mixedFailure } from './rules/mixed-failure.ts';
import { noData } from './rules/no-data.ts';
import { regularFailure } from './rules/regular-failure.ts';
import { rerunTransientFailure } from './rules/rerun-transient-failure.ts';
import { stopped } from './rules/stopped.ts';
import { unknownCause } from './rules/unknown-cause.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineRetryFacts } from './schema-facts.ts';

const FINDINGS: readonly ((view: PipelineView) => Skip | undefined)[] = [
  // Before the data: of what was stopped nothing is read.
  stopped,
  noData,
  knownIssue,
  mixedFailure,
  regularFailure,
  unknownCause,
];

const NOBODY: ReadonlyMap<string, number> = new Map();

/** They know enough before branch, pull request and definition are read: what they hold costs no further request. */
const EARLY_HOLDS: readonly ((view: PipelineView) => Reason | undefined)[] = [
  holdStorm,
  holdAttempts,
  holdAge,
  holdUnknownTarget,
  holdAnotherRun,
  holdSecuredVariables,
  holdDisprovedSignature,
  (view) => holdRepositoryBudget(view, NOBODY),
];

const LATE_HOLDS: readonly ((view: PipelineView) => Reason | undefined)[] = [
  holdDeployment,
  holdBranchMoved,
  holdPullRequestClosed,
  holdNativeRetry,
];

/** Rules after which a pipeline is looked at again: they hold for now. */
export const PASSING_RULES: readonly string[] = [
  'hold-storm',
  'hold-spread',
  'hold-repository-budget',
  'hold-requests',
].map((rule) => `pipeline-retry/${rule}`);

/** What speaks against a rerun as far as steps and logs tell; where nothing does, the rest has to be read. */
export function earlyObjection(view: PipelineView): Reason | undefined {
  return findingOf(view)?.reason ?? firstHold(EARLY_HOLDS, view);
}

function firstHold(
  holds: readonly ((view: PipelineView) => Reason | undefined)[],
  view: PipelineView,
): Reason | undefined {
  for (const hold of holds) {
    const reason = hold(view);
    if (reason !== undefined) {
      return reason;
    }
  }
  return undefined;
}

/** What this run has begun already. */
interface Begun {
  readonly byRepository: Map<string, number>;
  readonly bySignature: Map<string, number>;
}

/** One decision for each failed pipeline, and one for each storm that is on. Pipelines that ended first come first. */
export function decide(facts: PipelineRetryFacts, policy: Policy<PipelineRetryPolicy>): readonly Decision[] {
  const world = worldOf(facts, policy);
  const begun: Begun = { byRepository: new Map(), bySignature: new Map() };
  const pipelines = [...facts.pipelines].sort(
    (a, b) => secondsOf(a.completedAt) - secondsOf(b.completedAt) || (a.uuid < b.uuid ? -1 : 1),
  );
  return [
    ...pipelines.map((pipeline) => decideOne(viewOf(world, pipeline), begun)),
    ...[...world.storms.values()].flatMap((storm) => escalateStorm(world, storm) ?? []),
  ];
}

/** Why a pipeline is left alone whatever a rerun would cost; undefined for one that a rerun would help. */
export function findingOf(view: PipelineView): Skip | undefined {
  for (const rule of FINDINGS) {
    const finding = rule(view);
    if (finding !== undefined) {
      return finding;
    }
  }
  return undefined;
}

function decideOne(view: PipelineView, begun: Begun): Decision {
  const { pipeline, world } = view;
  const subject = { repository: pipeline.repository, pipeline: `#${String(pipeline.number)}` };
  const finding = findingOf(view);
  if (finding !== undefined) {
    return { subject, ...finding };
  }
  const wish = rerunTransientFailure(view);
  if (wish === undefined) {
    throw new BugError(`No rule of pipeline-retry speaks to ${pipeline.repository} #${String(pipeline.number)}.`);
  }
  const reason =
    firstHold([...EARLY_HOLDS, ...LATE_HOLDS], view) ??
    holdSpread(view, begun.bySignature) ??
    holdRepositoryBudget(view, begun.byRepository) ??
    holdRequests(view, sum(begun.byRepository));
  if (reason !== undefined) {
    return { subject, verdict: 'skip', reason };
  }
  count(begun.byRepository, pipeline.repository);
  for (const signature of view.signatures) {
    count(begun.bySignature, signature);
  }
  return { subject, verdict: 'act', reason: wish.reason, action: proposalOf(view, world.facts.workspace) };
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((a, b) => a + b, 0);
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function proposalOf({ pipeline, signatures, world }: PipelineView, workspace: string): ActionProposal {
  const { repository, uuid, number, commit, target, plainVariables, attempt } = pipeline;
  // A start that never happened keeps no share of anything.
  const starts = world.facts.reruns.filter((rerun) => rerun.pipeline === uuid).length;
  return {
    kind: 'ci.rerun',
    target: { workspace, repository, pipeline: uuid, number },
    from: { rerun: attempt },
    to: {
      rerun: attempt + 1,
      commit,
      target,
      variables: plainVariables.map(({ key, value }) => ({ key, value })),
      signatures: [...signatures],
      createdAt: pipeline.createdAt,
      failedAt: pipeline.completedAt,
    },
    guard: {
      names: [repository, `${repository}/${pipeline.ref}`],
      labels: {},
      workload: starts === 0 ? `${repository}/${uuid}` : `${repository}/${uuid}/${String(starts + 1)}`,
      workloadSize: 1,
      touches: 1,
    },
  };
}
