// What rules are shown, and the shapes of what they answer. Pure.
import type { Evidence, Reason } from '../../shared/core/decision.ts';
import { matchesPattern } from '../../shared/core/pattern.ts';
import type { Policy } from '../../shared/core/policy.ts';
import type { SlowerStep } from './decide-slower.ts';
import type { PipelineReportPolicy } from './schema.ts';
import type { ClusterFacts, PipelineReportFacts, RepositoryFacts } from './schema-facts.ts';

export interface RepositoryView {
  readonly repository: RepositoryFacts;
  readonly slower: readonly SlowerStep[];
  readonly facts: PipelineReportFacts;
  readonly policy: Policy<PipelineReportPolicy>;
}

export interface ClusterView {
  readonly cluster: ClusterFacts;
  readonly facts: PipelineReportFacts;
  readonly policy: Policy<PipelineReportPolicy>;
}

export function reasonOf(rule: string, label: string, sentence: string, evidence: Evidence): Reason {
  return { rule: `pipeline-report/${rule}`, label, sentence, evidence };
}

/** The reason of an entry of the policy's knownIssues that matches the subject and has not run out. */
export function knownIssueReason(
  { facts, policy }: Pick<RepositoryView, 'facts' | 'policy'>,
  subject: Readonly<Record<string, readonly string[]>>,
): Reason | undefined {
  const issue = policy.team.knownIssues.find(
    ({ duty, until, subject: patterns }) =>
      matchesPattern(duty, 'pipeline-report') &&
      (until === undefined || Date.parse(until) > Date.parse(facts.now)) &&
      Object.entries(patterns).every(([field, pattern]) =>
        (subject[field] ?? []).some((value) => matchesPattern(pattern, value)),
      ),
  );
  if (issue === undefined) {
    return undefined;
  }
  const until = issue.until === undefined ? '' : ` (until ${issue.until})`;
  return reasonOf(
    'known-issue',
    `known issue ${shortened(issue.id, 60)}`,
    `Known issue ${issue.id}${until}: ${shortened(issue.reason, 300)}`,
    { knownIssue: issue.id },
  );
}

export function shortened(value: string, length: number): string {
  return value.length <= length ? value : `${value.slice(0, length - 1).trimEnd()}…`;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${String(count)} ${count === 1 ? one : many}`;
}
