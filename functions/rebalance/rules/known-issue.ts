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
  const { team, nowSeconds } = view.world;
  const issue = team.knownIssues.find(
    (known) =>
      matchesPattern(known.duty, 'rebalance') &&
      (known.until === undefined || secondsOf(known.until) > nowSeconds) &&
      Object.entries(known.subject).every(([field, pattern]) =>
        namesOf(view, field).some((value) => matchesPattern(pattern, value)),
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

/** What a field of an entry's subject is held against. */
function namesOf({ world, pod, container, workloadKey }: ContainerView, field: string): readonly string[] {
  switch (field) {
    case 'cluster':
      return [world.facts.cluster];
    case 'namespace':
      return [world.facts.namespace];
    case 'pod':
      return [pod.name];
    case 'container':
      return [container.name];
    case 'workload':
      return [workloadKey, workloadKey.slice(workloadKey.indexOf('/') + 1)];
    default:
      return [];
  }
}
