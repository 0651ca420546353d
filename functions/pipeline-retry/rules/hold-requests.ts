// When:   fewer requests are left to the hour than the reruns of this run need
// Then:   an act becomes a skip, for now
// Unless: never
// Why:    a rerun that is begun without the requests to look first and to start it fails, and is counted as one that failed
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, type PipelineView, reasonOf } from '../decide-view.ts';

/** A look right before it, the start itself, and a look after a lost reply. */
const REQUESTS = 3;

/** `begun` is the number of reruns that this run has begun already. */
export function holdRequests(view: PipelineView, begun: number): Reason | undefined {
  const { requestsLeft } = view.world.facts;
  return requestsLeft === null || requestsLeft >= (begun + 1) * REQUESTS
    ? undefined
    : reasonOf(
        'hold-requests',
        'requests are short',
        `Not rerun now: ${String(requestsLeft)} requests to the CI system are left of this hour.`,
        evidenceOf(view, { requestsLeft }),
      );
}
