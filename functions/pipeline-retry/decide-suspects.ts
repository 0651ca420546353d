// Which commit a failure is the fault of, for failures that policy wants told. Pure; the score itself is core's (core/suspects.ts).
import type { Policy } from '../../shared/core/policy.ts';
import { type CommitCause, commitCause } from '../../shared/core/trail.ts';
import { findingOf } from './decide.ts';
import { type Cause, causesOf } from './decide-causes.ts';
import { viewOf, worldOf } from './decide-view.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineFacts, PipelineRetryFacts } from './schema-facts.ts';

/** Of a mixed failure too: its author has to mend the one part, whatever becomes of the other. */
const RULES: readonly string[] = ['pipeline-retry/regular-failure', 'pipeline-retry/mixed-failure'];

/** Whether a change is at fault, and nobody has said that it is known. */
export function isFaultOfChange(
  facts: PipelineRetryFacts,
  policy: Policy<PipelineRetryPolicy>,
  pipeline: PipelineFacts,
): boolean {
  const rule = findingOf(viewOf(worldOf(facts, policy), pipeline))?.reason.rule ?? '';
  return RULES.includes(rule) && regularCause(pipeline, policy.duty) !== undefined;
}

/** The first cause that stays until somebody changes something. */
export function regularCause(pipeline: PipelineFacts, policy: PipelineRetryPolicy): Cause | undefined {
  return causesOf(pipeline, policy).find(({ verdict }) => verdict === 'regular');
}

/** The suspects of a pipeline, or why there are none. */
export function suspectsOf(
  { trails }: PipelineRetryFacts,
  { uuid }: PipelineFacts,
  policy: PipelineRetryPolicy,
): CommitCause {
  const trail = trails.find(({ pipeline }) => pipeline === uuid);
  return trail === undefined
    ? {
        verdict: 'unknown',
        why: `Its commits were not looked at: one run does so for ${String(policy.correlations)} failures at most.`,
        suspects: [],
      }
    : commitCause(trail);
}
