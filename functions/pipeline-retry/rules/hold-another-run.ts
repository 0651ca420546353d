// When:   there is a later run of the same commit and selector
// Then:   an act becomes a skip
// Unless: never
// Why:    somebody, or the platform, has started it again already
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdAnotherRun(view: PipelineView): Reason | undefined {
  const [later] = view.pipeline.laterRuns;
  return later === undefined
    ? undefined
    : reasonOf(
        'hold-another-run',
        'another run exists',
        `Not rerun: run #${String(later.number)} of the same commit is there (${later.state}).`,
        evidenceOf(view, { laterRun: later.number }),
      );
}
