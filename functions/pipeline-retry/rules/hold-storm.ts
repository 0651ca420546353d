// When:   builds of many repositories fail with the same signature
// Then:   an act becomes a skip, for now; the storm itself is escalated once
// Unless: never
// Why:    while the upstream is down every rerun fails as well
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

export function holdStorm(view: PipelineView): Reason | undefined {
  const { world, signatures } = view;
  const on = signatures.flatMap((signature) => world.storms.get(signature) ?? []).find(({ isOver }) => !isOver);
  if (on === undefined) {
    return undefined;
  }
  const sentence = `Waits: ${on.signature} fails builds of ${String(on.repositories.length)} repositories since ${on.since}; it is rerun when that is over.`;
  return reasonOf('hold-storm', 'storm', sentence, evidenceOf(view, { repositories: on.repositories.length }));
}
