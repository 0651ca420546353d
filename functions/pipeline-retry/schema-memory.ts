// What this duty remembers of a workspace from run to run, in four documents. Each list has its cap and its age.
import { z } from 'zod';
import { Slug } from './schema.ts';
import { instant, PipelineFacts, text } from './schema-pipeline.ts';

/** Where the reading of one repository stands. */
export const RepositoryState = z.strictObject({
  listedAt: instant.nullable(),
  /** Pipelines created at or after this are listed next: all before it have ended and are known. */
  since: instant.nullable(),
  /** When a pipeline of it was last seen to begin. */
  activeAt: instant.nullable(),
  /** Builds of late when it was listed, each counting half as much six hours later. */
  activity: z.number().min(0).default(0),
  /** Something ran when it was listed: only that can fail right after the list, and wait for all of the time until the next. */
  isRunning: z.boolean().default(false),
});
export type RepositoryState = z.infer<typeof RepositoryState>;

export const RepositoryMemory = z.strictObject({
  /** When the list of repositories was read. */
  listedAt: instant.nullable(),
  repositories: z.record(z.string(), RepositoryState),
});
export type RepositoryMemory = z.infer<typeof RepositoryMemory>;

/** A failed pipeline that is known and not yet decided for good. */
export const FoundPipeline = z.strictObject({
  repository: Slug,
  uuid: text,
  number: z.int().min(1),
  completedAt: instant,
  /** Its transient signatures, once they are known: what waits for the end of a storm is not read again before. */
  signatures: z.array(text).max(20).nullable(),
  /** Not looked at before: what was refused, or could not be read, is no different a minute later. */
  again: instant.nullable().default(null),
});
export type FoundPipeline = z.infer<typeof FoundPipeline>;

export const PipelineMemory = z.strictObject({
  /** Pipelines that were decided for good, by uuid, with the time of their end. */
  handled: z.record(z.string(), instant),
  waiting: z.array(FoundPipeline),
});
export type PipelineMemory = z.infer<typeof PipelineMemory>;

/** A rerun of ours. */
export const RerunFacts = z.strictObject({
  actionId: text,
  repository: Slug,
  /** The pipeline that was rerun, its number, and when it had failed. */
  pipeline: text,
  number: z.int().min(1),
  failedAt: instant,
  commit: text,
  selector: text.nullable(),
  signatures: z.array(text),
  /** Which rerun of one pipeline it is, from 1. */
  attempt: z.int().min(1),
  at: instant,
  /** `open`: waits for approval, runs, or is not accounted for. */
  outcome: z.enum(['open', 'passed', 'failed', 'not-started']),
});
export type RerunFacts = z.infer<typeof RerunFacts>;

/** A failure with a transient cause, for storms. */
export const SignatureSighting = z.strictObject({ repository: Slug, pipeline: text, signature: text, at: instant });
export type SignatureSighting = z.infer<typeof SignatureSighting>;

export const TestFailure = z.strictObject({ repository: Slug, test: text, branch: text, commit: text, at: instant });
export type TestFailure = z.infer<typeof TestFailure>;

/** A pipeline that passed. */
export const BranchPass = z.strictObject({ repository: Slug, branch: text, commit: text, at: instant });
export type BranchPass = z.infer<typeof BranchPass>;

export const SignatureRecord = z.strictObject({ passed: z.int().min(0), failed: z.int().min(0) });
export type SignatureRecord = z.infer<typeof SignatureRecord>;

export const SignatureMemory = z.strictObject({
  /** When the run that remembered this decided. */
  at: instant.nullable(),
  records: z.record(z.string(), SignatureRecord),
  reruns: z.array(RerunFacts),
  sightings: z.array(SignatureSighting),
  /** Storms that were on at the end of the last run: signature to the time since which it is on. */
  storms: z.record(z.string(), instant),
  testFailures: z.array(TestFailure),
  passes: z.array(BranchPass),
});
export type SignatureMemory = z.infer<typeof SignatureMemory>;

/** What was read of pipelines that wait: the steps and logs of what has ended change no more, and are not asked for twice. */
export const HeldMemory = z.strictObject({ pipelines: z.array(PipelineFacts) });
export type HeldMemory = z.infer<typeof HeldMemory>;

export const NO_MEMORY: {
  readonly repositories: RepositoryMemory;
  readonly pipelines: PipelineMemory;
  readonly signatures: SignatureMemory;
  readonly held: HeldMemory;
} = {
  repositories: { listedAt: null, repositories: {} },
  pipelines: { handled: {}, waiting: [] },
  signatures: { at: null, records: {}, reruns: [], sightings: [], storms: {}, testFailures: [], passes: [] },
  held: { pipelines: [] },
};
