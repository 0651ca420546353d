// When:   the pipeline cannot be read whole, none of its steps is seen to have failed, or the log of a failed step is missing
// Then:   skip
// Unless: never
// Why:    a rerun without knowing the cause is the blind retry that hides real failures
import { evidenceOf, type PipelineView, reasonOf, type Skip } from '../decide-view.ts';

export function noData(view: PipelineView): Skip | undefined {
  const { pipeline, causes } = view;
  const without = causes.filter(({ step }) => step.explanation === null);
  const why =
    pipeline.missing ??
    (causes.length === 0
      ? 'None of its steps is seen to have failed.'
      : without.length > 0
        ? `The log of ${without.map(({ step }) => `step "${step.name}"`).join(', ')} ${without.some(({ step }) => step.log === 'unreadable') ? 'cannot be read' : 'is not there'}.`
        : undefined);
  return why === undefined
    ? undefined
    : { verdict: 'skip', reason: reasonOf('no-data', 'no data', why, evidenceOf(view)) };
}
