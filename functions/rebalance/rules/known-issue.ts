// When:   an entry of the policy's knownIssues matches the container and has not run out
// Then:   skip, naming the entry
// Unless: there is no data
// Why:    a team that knows of a problem wants neither a change nor one more issue about it
import { matchesPattern } from '../../../shared/core/pattern.ts';
import { evidenceOf, secondsOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Skip } from '../decide-finding.ts';
import { shortened } from '../decide-wording.ts';

export function knownIssue(view: ContainerView): Skip | undefined {
  const { facts, team, nowSeconds } = view.world;
  if (team.knownIssues.length === 0) {
    return undefined;
  }
  const [, workloadName = ''] = view.workloadKey.split('/');
  const subject: Readonly<Record<string, readonly string[]>> = {
    cluster: [facts.cluster],
    namespace: [facts.namespace],
    pod: [view.pod.name],
    container: [view.container.name],
    workload: [view.workloadKey, workloadName],
  };
  const issue = team.knownIssues.find(
    (known) =>
      matchesPattern(known.duty, 'rebalance') &&
      (known.until === undefined || secondsOf(known.until) > nowSeconds) &&
      Object.entries(known.subject).every(([field, pattern]) =>
        (subject[field] ?? []).some((value) => matchesPattern(pattern, value)),
      ),
  );
  if (issue === undefined) {
    return undefined;
  }
  const until = issue.until === undefined ? '' : ` (until ${issue.until})`;
  return {
    verdict: 'skip',
    reason: reasonOf(
      'known-issue',
      `known issue ${shortened(issue.id, 60)}`,
      `Known issue ${issue.id}${until}: ${shortened(issue.reason, 300)}`,
      evidenceOf(view, { knownIssue: issue.id }),
    ),
  };
}
