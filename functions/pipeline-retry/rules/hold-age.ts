// When:   the pipeline ended more than policy.maximumAge ago
// Then:   an act becomes a skip
// Unless: never
// Why:    whoever waited for it has helped themselves, and the first run of a new installation must not rerun the past
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, isWithin, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdAge(view: PipelineView): Reason | undefined {
  const { world, pipeline } = view;
  return isWithin(world, pipeline.completedAt, world.policy.maximumAge)
    ? undefined
    : reasonOf(
        'hold-age',
        'too old',
        `Not rerun: it ended at ${pipeline.completedAt}, more than ${world.policy.maximumAge} ago.`,
        evidenceOf(view),
      );
}
