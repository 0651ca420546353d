// When:   average memory over policy.nearLimitRatio of the limit
// Then:   raise the memory limit by policy.memoryStep, as after OOM kills
// Unless: there were OOM kills enough: then that rule names the raise
// Why:    a container that is nearly full on average is killed by its first peak
import { evidenceOf, memoryShare } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Wish } from '../decide-finding.ts';
import { bytesInWords, changeInWords, shareInWords } from '../decide-wording.ts';
import { memoryRaise } from './raise-memory-after-oom.ts';

export function raiseMemoryNearLimit(view: ContainerView): Wish | undefined {
  const { averageBytes } = view.container.memory;
  const share = view.memoryLimitBytes === undefined ? undefined : memoryShare(view, averageBytes);
  const { policy } = view.world;
  if (share === undefined || averageBytes === null || share <= policy.nearLimitRatio) {
    return undefined;
  }
  const change = memoryRaise(view);
  const wanted = change === null ? 'it needs more memory' : changeInWords(change);
  const used = `${bytesInWords(averageBytes)}, ${shareInWords(share)} of its limit`;
  return {
    verdict: 'raise',
    reason: reasonOf(
      'raise-memory-near-limit',
      'near its memory limit',
      `Uses ${used} on average over ${policy.window} (over ${shareInWords(policy.nearLimitRatio)}): ${wanted}.`,
      evidenceOf(view),
    ),
    change,
  };
}
