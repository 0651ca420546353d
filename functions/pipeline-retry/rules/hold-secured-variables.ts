// When:   the pipeline was started with secured variables, or nobody tells whether there were any
// Then:   an act becomes a skip
// Unless: never
// Why:    their values cannot be read back, so that the rerun would be another build
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdSecuredVariables(view: PipelineView): Reason | undefined {
  const { variables } = view.pipeline;
  const why =
    variables === 'secured'
      ? 'it was started with secured variables, whose values cannot be read back'
      : variables === 'unknown'
        ? 'nobody tells whether it was started with variables'
        : undefined;
  return why === undefined
    ? undefined
    : reasonOf('hold-secured-variables', 'secured variables', `Not rerun: ${why}.`, evidenceOf(view));
}
