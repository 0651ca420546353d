// What `observe` reads and the rules go by: failed pipelines with the causes of their failed steps, our own reruns, and what
// is remembered. Plain data, capped where it is foreign text.
import { z } from 'zod';
import { Trail } from '../../shared/core/trail.ts';
import { PipelineRetryScope, Slug } from './schema.ts';
import {
  BranchPass,
  FoundPipeline,
  instant,
  PipelineMemory,
  RepositoryMemory,
  RepositoryState,
  RerunFacts,
  SignatureMemory,
  TestFailure,
  text,
} from './schema-memory.ts';

/** What the log says, by `explainLog` of core/log. */
export const Explanation = z.strictObject({
  verdict: z.enum(['transient', 'regular', 'unknown']),
  category: z.string().max(100).nullable(),
  signature: z.string().max(200).nullable(),
  confidence: z.number().min(0).max(1),
  lines: z.array(z.strictObject({ number: z.int().min(1), text })).max(10),
});
export type Explanation = z.infer<typeof Explanation>;

/** How often a test of a failed step was seen to fail for no fault of a change. */
export const TestHistory = z.strictObject({
  name: text,
  /** Commits on which it failed and passed. */
  sameCommit: z.int().min(0),
  /** Unrelated branches on which it failed. */
  branches: z.int().min(0),
});
export type TestHistory = z.infer<typeof TestHistory>;

export const StepFacts = z.strictObject({
  uuid: text,
  name: text,
  result: z.enum(['successful', 'failed', 'error', 'stopped', 'not-run', 'unfinished', 'unknown']),
  /** The platform's own words for an ERROR result. */
  error: text.nullable(),
  isDeployment: z.boolean(),
  isManual: z.boolean(),
  /** The platform retries this step by itself. */
  hasNativeRetry: z.boolean(),
  /** `null` where no log was to be read: the step did not fail, or `log` tells why. */
  explanation: Explanation.nullable(),
  log: z.enum(['read', 'not-needed', 'absent', 'unreadable']),
  /** Failed tests of the step as the platform reports them, with what is known of each. */
  failedTests: z.array(TestHistory).max(50),
  /** Failed tests in all; more than `failedTests` holds when there were very many. */
  failedTestCount: z.int().min(0),
});
export type StepFacts = z.infer<typeof StepFacts>;

export const PipelineFacts = z.strictObject({
  repository: Slug,
  uuid: text,
  number: z.int().min(1),
  url: text,
  result: z.enum(['failed', 'error', 'stopped', 'expired']),
  createdAt: instant,
  completedAt: instant,
  commit: text,
  /** Branch, tag or pull request in the platform's words, for people. */
  ref: text,
  kind: z.enum(['branch', 'tag', 'pull-request', 'commit', 'unknown']),
  /** `type:pattern` of the definition that it followed; `null` when the platform names none. */
  selector: text.nullable(),
  /** What is copied back for a rerun: `CiTarget` of the port. */
  target: z.record(z.string(), z.json()),
  /** `unknown`: the platform did not tell whether there were any. */
  variables: z.enum(['none', 'plain', 'secured', 'unknown']),
  plainVariables: z.array(z.strictObject({ key: text, value: text })).max(100),
  author: text.nullable(),
  /** The newest commit of the branch; `null` where there is no branch or it cannot be read. */
  branchHead: text.nullable(),
  pullRequest: z
    .strictObject({ id: z.int(), state: z.enum(['open', 'merged', 'declined', 'superseded', 'unknown']) })
    .nullable(),
  /** Steps that a run from the start would deploy or wait for a person with; `null` when the configuration cannot be read. */
  deploys: z.boolean().nullable(),
  /** Runs of the same commit and selector that were created later. */
  laterRuns: z.array(z.strictObject({ number: z.int(), state: text, createdAt: instant })).max(50),
  /** Which rerun of ours it is: 0 for a pipeline that we did not start. */
  attempt: z.int().min(0),
  /** What could not be read of it, in one sentence; nothing is done without it. */
  missing: text.nullable(),
  steps: z.array(StepFacts).max(100),
});
export type PipelineFacts = z.infer<typeof PipelineFacts>;

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
  memory: z.strictObject({ repositories: RepositoryMemory, pipelines: PipelineMemory, signatures: SignatureMemory }),
  /** What this run learned of repositories, replacing what was remembered of them. */
  listed: z.record(z.string(), RepositoryState),
  /** When the list of repositories was read, by this run or an earlier one. */
  repositoriesListedAt: instant.nullable(),
  /** Failed pipelines that were found and not looked at, because requests or time were short. */
  left: z.array(FoundPipeline),
  putOffRepositories: z.int().min(0),
  /** Tests that failed, and branches that passed, since the last run. */
  testFailures: z.array(TestFailure),
  passes: z.array(BranchPass),
  requestsLeft: z.int().nullable(),
  problems: z.array(z.strictObject({ kind: z.enum(['configuration', 'platform']), message: text })),
});
export type PipelineRetryFacts = z.infer<typeof PipelineRetryFacts>;
