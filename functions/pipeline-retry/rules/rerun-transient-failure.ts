// When:   every failed step has a transient cause
// Then:   run the pipeline again, for the same commit and selector
// Unless: a hold objects
// Why:    a build that failed for no fault of its own costs its author more time than the machine
import { causesInWords } from '../decide-causes.ts';
import { evidenceOf, type PipelineView, reasonOf, type Wish } from '../decide-view.ts';

export function rerunTransientFailure(view: PipelineView): Wish | undefined {
  const { causes, signatures, pipeline, world } = view;
  if (causes.length === 0 || causes.some(({ verdict }) => verdict !== 'transient')) {
    return undefined;
  }
  const records = signatures.map((signature) => world.records[signature] ?? { passed: 0, failed: 0 });
  const passed = records.reduce((sum, record) => sum + record.passed, 0);
  const tries = records.reduce((sum, record) => sum + record.passed + record.failed, 0);
  const before =
    tries === 0 ? 'No rerun of it is on record yet' : `${String(passed)} of ${String(tries)} reruns of it passed`;
  const sentence = `No fault of the change: ${causesInWords(causes)}. ${before}.`;
  const evidence = evidenceOf(view, { attempt: pipeline.attempt + 1, passed, tries });
  return { reason: reasonOf('rerun-transient-failure', 'transient failure', sentence, evidence) };
}
