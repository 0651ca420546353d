// When:   the branch of the pipeline has a newer commit, or is gone
// Then:   an act becomes a skip
// Unless: the pipeline ran for a tag or a commit alone
// Why:    nobody waits for the build of an old commit, and the new one has its own
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdBranchMoved(view: PipelineView): Reason | undefined {
  const { kind, branchHead, commit, ref } = view.pipeline;
  if (kind === 'tag' || kind === 'commit' || (branchHead !== null && isSameCommit(branchHead, commit))) {
    return undefined;
  }
  const why = branchHead === null ? `${ref} is gone` : `${ref} is at ${branchHead.slice(0, 12)} by now`;
  return reasonOf('hold-branch-moved', 'branch moved', `Not rerun: ${why}.`, evidenceOf(view, { branchHead }));
}

/** Pull requests tell their head shortened. */
function isSameCommit(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}
