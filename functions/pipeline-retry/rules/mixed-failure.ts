// When:   at least one failed step has a transient cause, and at least one has not
// Then:   skip
// Unless: never
// Why:    a rerun would only fail again, and the one real failure would be found later
import { causesInWords } from '../decide-causes.ts';
import { evidenceOf, type PipelineView, reasonOf, type Skip } from '../decide-view.ts';

export function mixedFailure(view: PipelineView): Skip | undefined {
  const transient = view.causes.filter(({ verdict }) => verdict === 'transient').length;
  if (transient === 0 || transient === view.causes.length) {
    return undefined;
  }
  const sentence = `Not every failure would pass by itself: ${causesInWords(view.causes)}.`;
  return {
    verdict: 'skip',
    reason: reasonOf('mixed-failure', 'mixed failure', sentence, evidenceOf(view, { transient })),
  };
}
