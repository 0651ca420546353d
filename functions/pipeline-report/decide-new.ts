// Whether a failure was not seen before, and whether a commit can be at fault for it. Pure.
import { startOfDay } from '../../shared/core/local-day.ts';
import type { PipelineReportPolicy } from './schema.ts';
import type { ClusterFacts, PipelineReportFacts } from './schema-facts.ts';

/** New: first seen in the window, and enough days before it are known to say so. */
export function isNewFailure(
  { firstAt }: Pick<ClusterFacts, 'firstAt'>,
  { from, timezone, coverage }: Pick<PipelineReportFacts, 'from' | 'timezone' | 'coverage'>,
  { newAfterDays }: Pick<PipelineReportPolicy, 'newAfterDays'>,
): boolean {
  return coverage.daysBefore >= newAfterDays && Date.parse(firstAt) >= Date.parse(startOfDay(from, timezone));
}

/** False where the answer is "not a commit" whatever was committed. */
export function correlationNeedsCommits({
  isTransient,
  unchangedBranches,
}: Pick<ClusterFacts, 'isTransient' | 'unchangedBranches'>): boolean {
  return !isTransient && unchangedBranches.length === 0;
}
