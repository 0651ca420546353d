// When:   the pipeline was rerun by us already, or is itself our rerun and policy.attempts of them are used
// Then:   an act becomes a skip
// Unless: never
// Why:    what failed again is no accident any more
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdAttempts(view: PipelineView): Reason | undefined {
  const { world, pipeline } = view;
  const before = world.facts.reruns.find(
    (rerun) => rerun.pipeline === pipeline.uuid && rerun.outcome !== 'not-started',
  );
  if (before !== undefined) {
    const sentence = `Not rerun again: that was begun at ${before.at} and is ${before.outcome}.`;
    return reasonOf('hold-attempts', 'rerun already', sentence, evidenceOf(view, { attempt: before.attempt }));
  }
  return pipeline.attempt < world.policy.attempts
    ? undefined
    : reasonOf(
        'hold-attempts',
        'failed again',
        `Not rerun again: it is itself rerun ${String(pipeline.attempt)} of ${String(world.policy.attempts)}.`,
        evidenceOf(view, { attempt: pipeline.attempt }),
      );
}
