// When:   reruns of the signature were tried policy.minimumTries times or more, and even the upper end of the 95% interval of
//         their success is under policy.passRatio
// Then:   skip, and the report says so
// Unless: never
// Why:    a signature whose reruns fail is no transient cause, whatever it looks like
import type { Reason } from '../../../shared/core/decision.ts';
import { shareInterval } from '../../../shared/core/interval.ts';
import { evidenceOf, type PipelineView, reasonOf, type World } from '../decide-view.ts';

export function holdDisprovedSignature(view: PipelineView): Reason | undefined {
  const signature = view.signatures.find((one) => isDisproved(view.world, one));
  if (signature === undefined) {
    return undefined;
  }
  const { passed, failed } = view.world.records[signature] ?? { passed: 0, failed: 0 };
  const sentence = `Reruns of ${signature} do not help: ${String(passed)} of ${String(passed + failed)} passed, so it is no longer rerun.`;
  return reasonOf('hold-disproved-signature', 'reruns do not help', sentence, evidenceOf(view, { passed, failed }));
}

export function isDisproved({ records, policy }: World, signature: string): boolean {
  const { passed, failed } = records[signature] ?? { passed: 0, failed: 0 };
  const tries = passed + failed;
  return tries >= policy.minimumTries && shareInterval(passed, tries).high < policy.passRatio;
}
