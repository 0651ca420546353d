// When:   an entry of the policy's knownIssues matches the repository or the failure and has not run out
// Then:   skip, naming the entry
// Unless: there is no data
// Why:    a team that works on a broken build wants no issue about it
import type { Reason } from '../../../shared/core/decision.ts';
import { type ClusterView, knownIssueReason, type RepositoryView } from '../decide-view.ts';

export function knownIssue(view: RepositoryView | ClusterView): Reason | undefined {
  const workspace = [view.facts.workspace];
  if ('repository' in view) {
    const { repository, broken } = view.repository;
    return knownIssueReason(view, { workspace, repository: [repository], branch: broken.map(({ branch }) => branch) });
  }
  const { id, repositories, step, signature } = view.cluster;
  return knownIssueReason(view, {
    workspace,
    cluster: [id],
    repository: repositories.map(({ repository }) => repository),
    step: [step],
    signature: signature === null ? [] : [signature],
  });
}
