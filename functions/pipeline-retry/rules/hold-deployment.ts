// When:   a step of the pipeline deployed or waited for a person, a run from the start would do so, or that cannot be read
// Then:   an act becomes a skip
// Unless: never
// Why:    a rerun runs all steps again: what was deployed would be deployed twice
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdDeployment(view: PipelineView): Reason | undefined {
  const { pipeline } = view;
  const step = pipeline.steps.find(({ isDeployment, isManual }) => isDeployment || isManual);
  const why =
    step !== undefined
      ? `step "${step.name}" ${step.isDeployment ? 'deploys' : 'waits for a person'}`
      : pipeline.deploys === true
        ? 'a run from the start would deploy or wait for a person'
        : pipeline.deploys === null
          ? 'its configuration cannot be read, so nobody knows whether a run would deploy'
          : undefined;
  return why === undefined
    ? undefined
    : reasonOf(
        'hold-deployment',
        'would deploy',
        `Not rerun: ${why}, and a rerun runs all steps again.`,
        evidenceOf(view),
      );
}
