// When:   policy.rerunsPerRepositoryPerHour reruns of the repository were begun in the last hour
// Then:   an act becomes a skip, for now
// Unless: never
// Why:    that many accidents in one repository are none, and build minutes cost money
import type { Reason } from '../../../shared/core/decision.ts';
import { evidenceOf, isWithin, type PipelineView, reasonOf } from '../decide-view.ts';

/** `begun` counts the reruns that this run has begun already, by repository. */
export function holdRepositoryBudget(view: PipelineView, begun: ReadonlyMap<string, number>): Reason | undefined {
  const { world, pipeline } = view;
  const limit = world.policy.rerunsPerRepositoryPerHour;
  const lately = world.facts.reruns.filter(
    ({ repository, at, outcome }) =>
      repository === pipeline.repository && outcome !== 'not-started' && isWithin(world, at, '1h'),
  ).length;
  const reruns = lately + (begun.get(pipeline.repository) ?? 0);
  return reruns < limit
    ? undefined
    : reasonOf(
        'hold-repository-budget',
        'budget used up',
        `Not rerun now: ${String(reruns)} of ${String(limit)} reruns of ${pipeline.repository} in the last hour.`,
        evidenceOf(view, { reruns, limit }),
      );
}
