// What `observe` reads and the rules go by: failed pipelines with the causes of their failed steps, our own reruns, and what
// is remembered. Plain data, capped where it is foreign text.
import { z } from 'zod';
import { Trail } from '../../shared/core/trail.ts';
import { PipelineRetryScope } from './schema.ts';
import {
  BranchPass,
  FoundPipeline,
  HeldMemory,
  PipelineMemory,
  RepositoryMemory,
  RepositoryState,
  RerunFacts,
  SignatureMemory,
  TestFailure,
} from './schema-memory.ts';
import { instant, PipelineFacts, text } from './schema-pipeline.ts';

export { Explanation, PipelineFacts, StepFacts } from './schema-pipeline.ts';

/** What is known for the search of the commit that broke a pipeline. */
export const PipelineTrail = z.strictObject({
  /** Uuid. */
  pipeline: text,
  /** The build of the same branch and definition that passed last before it. */
  good: z.strictObject({ number: z.int().min(1), url: text }).nullable(),
  ...Trail.shape,
});
export type PipelineTrail = z.infer<typeof PipelineTrail>;

/** Everything of this run, and what earlier ones remembered. */
export const PipelineRetryFacts = z.strictObject({
  ...PipelineRetryScope.shape,
  now: instant,
  pipelines: z.array(PipelineFacts),
  /** Of failures that are told with their suspects. */
  trails: z.array(PipelineTrail).max(50).default([]),
  /** Reruns of ours in the last day or still open, with what became of them. */
  reruns: z.array(RerunFacts),
  memory: z.strictObject({
    repositories: RepositoryMemory,
    pipelines: PipelineMemory,
    signatures: SignatureMemory,
    held: HeldMemory,
  }),
  /** What this run learned of repositories, replacing what was remembered of them. */
  listed: z.record(z.string(), RepositoryState),
  /** When the list of repositories was read, by this run or an earlier one. */
  repositoriesListedAt: instant.nullable(),
  /** Failed pipelines that were found and not looked at, because requests or time were short. */
  left: z.array(FoundPipeline),
  /** Those of them whose steps and logs were read before requests ran short. */
  leftRead: z.array(PipelineFacts),
  putOffRepositories: z.int().min(0),
  /** Tests that failed, and branches that passed, since the last run. */
  testFailures: z.array(TestFailure),
  passes: z.array(BranchPass),
  requestsLeft: z.int().nullable(),
  problems: z.array(z.strictObject({ kind: z.enum(['configuration', 'platform']), message: text })),
});
export type PipelineRetryFacts = z.infer<typeof PipelineRetryFacts>;
