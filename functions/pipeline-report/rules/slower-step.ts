// When:   a step of the repository takes longer than in the weeks before, beyond chance and by enough to matter
// Then:   skip, or escalate where policy says so
// Unless: there is no data, it is a known issue, or a watched branch is broken
// Why:    builds get slower by a little at a time, and nobody sees it happen
import type { Reason } from '../../../shared/core/decision.ts';
import { reasonOf, type RepositoryView, shortened } from '../decide-view.ts';

export function slowerStep({ slower }: RepositoryView): Reason | undefined {
  const [first] = slower;
  if (first === undefined) {
    return undefined;
  }
  const { step, medianSeconds, medianBeforeSeconds, runs, runsBefore, ratio } = first;
  return reasonOf(
    'slower-step',
    'slower step',
    `${shortened(step, 100)} takes ${String(Math.round(medianSeconds))} s in place of ${String(Math.round(medianBeforeSeconds))} s (medians of ${String(runs)} and ${String(runsBefore)} runs).`,
    { step, ratio: Math.round(ratio * 100) / 100, runs, runsBefore, steps: slower.length },
  );
}
