// When:   a watched branch failed in the window and did not pass again
// Then:   skip, or escalate where policy says so
// Unless: there is no data, or it is a known issue
// Why:    everybody builds on such a branch, and who broke it may not have seen it
import type { Reason } from '../../../shared/core/decision.ts';
import { reasonOf, type RepositoryView, shortened } from '../decide-view.ts';

export function brokenBranch({ repository: { broken } }: RepositoryView): Reason | undefined {
  const [first] = broken;
  if (first === undefined) {
    return undefined;
  }
  const more = broken.length === 1 ? '' : ` and ${String(broken.length - 1)} more`;
  const passed = first.good === null ? 'was not seen to pass' : `passed last in #${String(first.good.number)}`;
  return reasonOf(
    'broken-branch',
    'broken branch',
    `${shortened(first.branch, 100)}${more} fails since #${String(first.bad.number)} and ${passed}.`,
    { branch: first.branch, build: first.bad.number, lastGood: first.good?.number ?? null, branches: broken.length },
  );
}
