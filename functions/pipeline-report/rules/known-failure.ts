// When:   a failure was seen before, or too little is known to call it new
// Then:   skip
// Unless: another rule applies
// Why:    it is told with its count; an issue about what everybody has seen is noise
import type { Reason } from '../../../shared/core/decision.ts';
import { type ClusterView, counted, reasonOf } from '../decide-view.ts';

export function knownFailure({ cluster }: ClusterView): Reason {
  const { count, firstAt } = cluster;
  return reasonOf('known-failure', 'seen before', `Seen ${counted(count, 'time')}, first on ${firstAt.slice(0, 10)}.`, {
    count,
    firstAt,
  });
}
