// When:   the pipeline ran for a pull request that is no longer open
// Then:   an act becomes a skip
// Unless: never
// Why:    nobody waits for it
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdPullRequestClosed(view: PipelineView): Reason | undefined {
  const { kind, pullRequest } = view.pipeline;
  if (kind !== 'pull-request' || pullRequest?.state === 'open') {
    return undefined;
  }
  const why =
    pullRequest === null
      ? 'its pull request cannot be found'
      : `pull request ${String(pullRequest.id)} is ${pullRequest.state}`;
  return reasonOf('hold-pull-request-closed', 'pull request closed', `Not rerun: ${why}.`, evidenceOf(view));
}
