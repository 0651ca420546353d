// When:   a raise would pass policy.growthCap times the size that the workload declares, or be the policy.raiseLimit-th of
//         this container within policy.raiseWindow
// Then:   escalate instead of raising
// Unless: nothing declares a size: then the size before our first change stands for it
// Why:    what needs twice its declared size, or grows for the third time in a week, is a leak, not a size
import { durationSeconds } from '../../../shared/core/policy.ts';
import { evidenceOf, isRaise, readMemory, secondsOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Concern, SizedWish } from '../decide-finding.ts';
import { bytesInWords, changeInWords } from '../decide-wording.ts';

export function escalateGrowthCap(view: ContainerView, raise: SizedWish): Concern | undefined {
  const { policy, team, nowSeconds } = view.world;
  const declared = declaredMemory(view);
  const wanted = readMemory(raise.change.to.limits.memory);
  // The guardrail would refuse what is over its own cap, run after run, and nobody would be told.
  const cap = Math.min(policy.growthCap, team.guardrails.growthFactor);
  const since = nowSeconds - durationSeconds(policy.raiseWindow);
  const raises = view.changes.filter(
    (change) => change.stands && isRaise(change) && secondsOf(change.at) > since,
  ).length;
  const isTooLarge = declared !== undefined && wanted !== undefined && wanted > declared * cap;
  const isTooOften = raises + 1 >= policy.raiseLimit;
  if (!isTooLarge && !isTooOften) {
    return undefined;
  }
  const why = isTooLarge
    ? `pass ${cap} times the ${bytesInWords(declared)} that ${view.workloadKey} declares`
    : `be raise number ${raises + 1} within ${policy.raiseWindow}`;
  return {
    verdict: 'escalate',
    reason: reasonOf(
      'escalate-growth-cap',
      'growth cap',
      `${raise.reason.sentence} Not done: it would ${why}, which looks like a leak and not like a size.`,
      evidenceOf(view, {
        declaredMemoryBytes: declared ?? null,
        wantedMemoryBytes: wanted ?? null,
        raises,
        wanted: changeInWords(raise.change),
      }),
    ),
    advice: [
      'Look for a memory leak: a working set that only grows, since which version.',
      'If the size is right, set it in the template: the cap counts from what is declared.',
    ],
  };
}

/** Bytes of the memory limit that the workload declares, or that was there before our first change. */
function declaredMemory(view: ContainerView): number | undefined {
  return readMemory(declaredMemorySize(view));
}

/** As text; in rollout mode the template is what we raise, so that it cannot tell what was declared at first. */
export function declaredMemorySize(view: ContainerView): string | undefined {
  const first = view.changes.find(isRaise)?.from.limits.memory;
  const template = view.template?.limits.memory;
  return view.world.apply === 'in-place'
    ? (template ?? first ?? view.container.limits.memory)
    : (first ?? template ?? view.container.limits.memory);
}
