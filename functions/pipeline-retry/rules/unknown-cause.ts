// When:   nothing in the log of a failed step tells its cause
// Then:   skip, and counted
// Unless: never
// Why:    an unknown failure that is rerun blindly teaches nobody anything; a signature for it does
import { causesInWords } from '../decide-causes.ts';
import { evidenceOf, type PipelineView, reasonOf, type Skip } from '../decide-view.ts';

export function unknownCause(view: PipelineView): Skip | undefined {
  const unknown = view.causes.filter(({ verdict }) => verdict === 'unknown');
  if (unknown.length === 0) {
    return undefined;
  }
  const sentence = `The cause is not known: ${causesInWords(view.causes)}. A signature of your own can name it.`;
  return { verdict: 'skip', reason: reasonOf('unknown-cause', 'unknown cause', sentence, evidenceOf(view)) };
}
