// When:   a storm of its signature is over, and policy.storm.spreadPerMinute builds were rerun after it in this run
// Then:   an act becomes a skip, for now
// Unless: never
// Why:    an upstream that just came back must not be met by all of them at once
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

/** `released` counts the reruns that this run has begun already, by signature. */
export function holdSpread(view: PipelineView, released: ReadonlyMap<string, number>): Reason | undefined {
  const { world, signatures } = view;
  const { spreadPerMinute } = world.policy.storm;
  const full = signatures.find(
    (signature) => world.storms.has(signature) && (released.get(signature) ?? 0) >= spreadPerMinute,
  );
  return full === undefined
    ? undefined
    : reasonOf(
        'hold-spread',
        'after a storm',
        `Waits for its turn: after the storm of ${full}, ${String(spreadPerMinute)} builds are rerun a minute.`,
        evidenceOf(view),
      );
}
