// From facts to one decision for each repository and each failure. Touches nothing; the duty has no actions.
import type { Decision, Reason } from '../../shared/core/decision.ts';
import { paragraph, text } from '../../shared/core/document.ts';
import type { Policy } from '../../shared/core/policy.ts';
import { slowerSteps } from './decide-slower.ts';
import type { ClusterView, RepositoryView } from './decide-view.ts';
import { brokenBranch } from './rules/broken-branch.ts';
import { healthy } from './rules/healthy.ts';
import { knownFailure } from './rules/known-failure.ts';
import { knownIssue } from './rules/known-issue.ts';
import { newFailure } from './rules/new-failure.ts';
import { noData } from './rules/no-data.ts';
import { quiet } from './rules/quiet.ts';
import { slowerStep } from './rules/slower-step.ts';
import type { PipelineReportPolicy } from './schema.ts';
import type { PipelineReportFacts } from './schema-facts.ts';

/** In order: the first that applies gives the verdict. */
const REPOSITORY_RULES = [noData, knownIssue, brokenBranch, slowerStep, quiet] as const;
const CLUSTER_RULES = [knownIssue, newFailure] as const;

export function decide(facts: PipelineReportFacts, policy: Policy<PipelineReportPolicy>): readonly Decision[] {
  const slower = slowerSteps(facts, policy.duty);
  const repositories = facts.repositories.map((repository): Decision => {
    const own = slower.filter((step) => step.repository === repository.repository);
    const view: RepositoryView = { repository, slower: own, facts, policy };
    const reason = REPOSITORY_RULES.map((rule) => rule(view)).find((one) => one !== undefined) ?? healthy(view);
    return decision({ repository: repository.repository }, reason, facts, policy);
  });
  const clusters = facts.clusters.map((cluster): Decision => {
    const view: ClusterView = { cluster, facts, policy };
    const reason = CLUSTER_RULES.map((rule) => rule(view)).find((one) => one !== undefined) ?? knownFailure(view);
    return decision({ cluster: cluster.id }, reason, facts, policy);
  });
  return [...repositories, ...clusters];
}

function decision(
  subject: Decision['subject'],
  reason: Reason,
  { workspace }: PipelineReportFacts,
  { duty }: Policy<PipelineReportPolicy>,
): Decision {
  if (!duty.escalate.some((finding) => reason.rule === `pipeline-report/${finding}`)) {
    return { subject, verdict: 'skip', reason };
  }
  const escalation = {
    about: { workspace, ...subject, rule: reason.rule },
    title: `${subject['repository'] ?? `Failure ${subject['cluster'] ?? ''}`}: ${reason.label}`,
    body: [paragraph(text(reason.sentence))],
  };
  return { subject, verdict: 'escalate', reason, escalation };
}
