// When:   policy.oomKills or more OOM kills in the window, counted since this container was last resized
// Then:   raise the memory limit by policy.memoryStep; a guaranteed pod's request moves with it
// Unless: escalate-growth-cap, escalate-cannot-fit or a hold has a word against it
// Why:    kube_pod_container_status_last_terminated_reason is a gauge that stays at 1: kills are counted by restarts joined
//         to it, and those from before a resize were answered by that resize
import { scaleMemory, formatMemory } from '../../../shared/core/quantity.ts';
import { evidenceOf, isGuaranteed, readMemory, sizesToChange } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import type { Change } from '../schema-facts.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Wish } from '../decide-finding.ts';
import { changeInWords, times } from '../decide-wording.ts';

export function hasOomPattern(view: ContainerView): boolean {
  return view.oomKills !== null && view.oomKills >= view.world.policy.oomKills;
}

export function raiseMemoryAfterOom(view: ContainerView): Wish | undefined {
  if (!hasOomPattern(view)) {
    return undefined;
  }
  const change = memoryRaise(view);
  const wanted = change === null ? 'it needs more memory' : changeInWords(change);
  const since = view.changes.length > 0 || view.container.resizedAt !== null ? ' since its last resize' : '';
  return {
    verdict: 'raise',
    reason: reasonOf(
      'raise-memory-after-oom',
      'OOM-killed',
      `OOM-killed ${times(view.oomKills ?? 0)} in ${view.world.policy.window}${since}: ${wanted}.`,
      evidenceOf(view),
    ),
    change,
  };
}

/** One step up, or `null` where there is no limit to raise. */
export function memoryRaise(view: ContainerView): Change | null {
  const sizes = sizesToChange(view);
  const limit = sizes?.limits.memory;
  const limitBytes = readMemory(limit);
  if (sizes === undefined || limit === undefined || limitBytes === undefined) {
    return null;
  }
  // toFixed takes the float error out of 1 + 0.07, which scaleMemory would read as written.
  const memory = formatMemory(scaleMemory(limitBytes, Number((1 + view.world.policy.memoryStep).toFixed(6))));
  const request = sizes.requests.memory;
  const isPaired = isGuaranteed(view) && request !== undefined;
  return {
    from: { requests: isPaired ? { memory: request } : {}, limits: { memory: limit } },
    to: { requests: isPaired ? { memory } : {}, limits: { memory } },
  };
}
