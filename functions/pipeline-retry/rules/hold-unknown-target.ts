// When:   the pipeline ran for something that this version does not know how to start again
// Then:   an act becomes a skip
// Unless: never
// Why:    a guess would build something else
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdUnknownTarget(view: PipelineView): Reason | undefined {
  return view.pipeline.kind === 'unknown'
    ? reasonOf(
        'hold-unknown-target',
        'unknown target',
        `Not rerun: it ran for ${view.pipeline.ref}, which cannot be started again.`,
        evidenceOf(view),
      )
    : undefined;
}
