// When:   the node has not finished a resize of this pod yet
// Then:   an act becomes a skip, for now
// Unless: the template is what would be changed; or it is ours and stuck: then escalate-resize-infeasible has spoken before
// Why:    what the pod has and what it was promised differ: a second change would build on a size that may never be
import { evidenceOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Hold, Wish } from '../decide-finding.ts';
import { shortened } from '../decide-wording.ts';

export function holdResizePending(view: ContainerView, wish: Wish): Hold | undefined {
  const { resize } = view.pod;
  if (resize === null || view.world.apply === 'rollout') {
    return undefined;
  }
  const said = resize.message === '' ? '' : ` (${shortened(resize.message, 200)})`;
  return {
    reason: reasonOf(
      'hold-resize-pending',
      `resize ${resize.state}`,
      `${wish.reason.sentence} Held: a resize of the pod is ${resize.state}${said}.`,
      evidenceOf(view, { resizeState: resize.state }),
    ),
    advice: [],
  };
}
