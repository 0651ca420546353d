// When:   a failure was seen first in the window, and enough days before it are known to say so
// Then:   skip, or escalate where policy says so
// Unless: it is a known issue
// Why:    what fails for the first time is cheapest to mend on that day
import type { Reason } from '../../../shared/core/decision.ts';
import { isNewFailure } from '../decide-new.ts';
import { type ClusterView, counted, reasonOf, shortened } from '../decide-view.ts';

export function newFailure({ cluster, facts, policy }: ClusterView): Reason | undefined {
  return isNewFailure(cluster, facts, policy.duty)
    ? reasonOf(
        'new-failure',
        'new failure',
        `Seen ${counted(cluster.count, 'time')} in ${counted(cluster.repositories.length, 'repository', 'repositories')}, and not before: ${shortened(cluster.message, 200)}`,
        { count: cluster.count, repositories: cluster.repositories.length, firstAt: cluster.firstAt },
      )
    : undefined;
}
