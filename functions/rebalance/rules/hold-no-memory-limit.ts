// When:   the container (in rollout mode: its template) has no memory limit
// Then:   a raise becomes one escalation, a trim a skip
// Unless: never
// Why:    there is no limit to raise, so that the node ran out, not the container; and without a limit the request is all
//         that keeps it from being evicted first
import { evidenceOf, sizesToChange } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Hold, Wish } from '../decide-finding.ts';

export function holdNoMemoryLimit(view: ContainerView, wish: Wish): Hold | undefined {
  const sizes = sizesToChange(view);
  return sizes === undefined || sizes.limits.memory !== undefined
    ? undefined
    : {
        reason: reasonOf(
          'hold-no-memory-limit',
          'no memory limit',
          `${wish.reason.sentence} Not done: it has no memory limit.`,
          evidenceOf(view),
        ),
        advice: ['Set a memory limit in the template, so that one container cannot take the memory of its node.'],
      };
}
