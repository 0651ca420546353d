// When:   a failed step is retried by the platform itself
// Then:   an act becomes a skip
// Unless: never
// Why:    it has had its tries; two that retry the same step multiply
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdNativeRetry(view: PipelineView): Reason | undefined {
  const cause = view.causes.find(({ step }) => step.hasNativeRetry);
  return cause === undefined
    ? undefined
    : reasonOf(
        'hold-native-retry',
        'retried by the platform',
        `Not rerun: step "${cause.step.name}" has a retry of its own (on-fail: strategy: retry).`,
        evidenceOf(view),
      );
}
