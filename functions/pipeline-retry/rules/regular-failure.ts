// When:   a failed step has a cause that stays until somebody changes something, and none has a transient one
// Then:   skip; told with its suspects where policy says so
// Unless: never
// Why:    authentication, missing variables, compilers and assertions fail the same way again
import { causesInWords } from '../decide-causes.ts';
import { evidenceOf, type PipelineView, reasonOf, type Skip } from '../decide-view.ts';

export function regularFailure(view: PipelineView): Skip | undefined {
  const regular = view.causes.filter(({ verdict }) => verdict === 'regular');
  if (regular.length === 0) {
    return undefined;
  }
  const sentence = `It would fail again: ${causesInWords(view.causes)}.`;
  return {
    verdict: 'skip',
    reason: reasonOf('regular-failure', regular[0]?.category ?? 'regular failure', sentence, evidenceOf(view)),
  };
}
