// When:   somebody stopped the pipeline, or it expired while it waited
// Then:   skip
// Unless: never
// Why:    what a person ended is not begun again by a machine
import { evidenceOf, type PipelineView, reasonOf, type Skip } from '../decide-view.ts';

export function stopped(view: PipelineView): Skip | undefined {
  const { result } = view.pipeline;
  return result === 'stopped' || result === 'expired'
    ? {
        verdict: 'skip',
        reason: reasonOf(
          'stopped',
          result,
          result === 'stopped' ? 'It was stopped by somebody.' : 'It expired before it ended.',
          evidenceOf(view, { result }),
        ),
      }
    : undefined;
}
