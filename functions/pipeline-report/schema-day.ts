// What is kept of one day: counts and distributions for each repository, so that the report of a long window costs no requests.
// Foreign text is capped where it enters.
import { z } from 'zod';
import { Distribution } from '../../shared/core/distribution.ts';

export const instant = z.iso.datetime({ offset: true });
export const text = z.string().max(500);
export const count = z.int().min(0);
const seconds = z.number().min(0);

/** Builds of a day, or of several days added up. */
export const Numbers = z.strictObject({
  runs: count,
  successful: count,
  failed: count,
  stopped: count,
  /** A run of a commit and definition that had failed before, and how many of them passed. */
  reruns: count,
  rerunsPassed: count,
  /** From creation to completion. */
  duration: Distribution,
  /** From creation to the start of the first step. */
  queue: Distribution,
  usedSeconds: seconds,
  failedSeconds: seconds,
  rerunSeconds: seconds,
});
export type Numbers = z.infer<typeof Numbers>;

/** One build that a person can open. */
export const Build = z.strictObject({
  number: z.int().min(1),
  commit: text,
  at: instant,
  url: text,
});
export type Build = z.infer<typeof Build>;

/** The runs of one branch and definition in a day. */
export const BranchDay = z.strictObject({
  /** The last one that passed. */
  good: Build.nullable(),
  /** The first that failed since then, or in the day when none passed. */
  bad: Build.nullable(),
  failures: count,
});
export type BranchDay = z.infer<typeof BranchDay>;

/** A step by its name. Durations are of runs that passed: what fails ends early, or late. */
export const StepDay = z.strictObject({
  runs: count,
  failed: count,
  /** Run again within their pipeline, by a person or by their own retry. */
  again: count,
  seconds: Distribution,
});
export type StepDay = z.infer<typeof StepDay>;

/** Failures with one cause, by `clusterId` of core/log: of a day, or of several. */
export const Cluster = z.strictObject({
  count: z.int().min(1),
  message: text,
  category: z.string().max(100).nullable(),
  signature: z.string().max(200).nullable(),
  isTransient: z.boolean(),
  firstAt: instant,
  lastAt: instant,
  /** Its first one. */
  step: text,
  branch: text,
  build: Build,
  lines: z.array(text).max(10),
});

export const ClusterDay = z.strictObject({
  ...Cluster.shape,
  /** Ids of its pipeline and step, for the report of its tests. */
  pipeline: text,
  stepId: text,
  /** Branches that failed so, with the commit of their first one: whether they changed is told by their own days. */
  branches: z.array(z.strictObject({ branch: text, commit: text, at: instant })).max(20),
});
export type ClusterDay = z.infer<typeof ClusterDay>;

/** A pipeline that is not yet counted in full. */
export const Waiting = z.strictObject({
  uuid: text,
  build: Build,
  branch: text,
  line: text.nullable(),
  /** `running`: not counted at all. `unread`: counted, its steps are not. */
  state: z.enum(['running', 'unread']),
  isFailed: z.boolean(),
});
export type Waiting = z.infer<typeof Waiting>;

export const RepositoryDay = z.strictObject({
  ...Numbers.shape,
  steps: z.record(text, StepDay),
  /** By branch and definition. */
  branches: z.record(text, BranchDay),
  clusters: z.record(z.string().regex(/^[0-9a-f]{20}$/), ClusterDay),
  /** Keys of failed runs, so that a later run of the same is known as a rerun. */
  failedKeys: z.array(text).max(500),
  waiting: z.array(Waiting).max(2000),
  logsRead: count,
  logsSkipped: count,
});
export type RepositoryDay = z.infer<typeof RepositoryDay>;

/** A day is final once it is over, every repository is in it and nothing waits. */
export const DayMemory = z.strictObject({
  schema: z.literal(1),
  day: z.iso.date(),
  /** `null`: listed, and nothing ran. */
  repositories: z.record(z.string().max(100), RepositoryDay.nullable()),
});
export type DayMemory = z.infer<typeof DayMemory>;

/** When each failure was seen first and last, longer than the days are read. */
export const SeenMemory = z.strictObject({
  schema: z.literal(1),
  clusters: z.record(z.string(), z.strictObject({ firstAt: instant, lastAt: instant })),
});
export type SeenMemory = z.infer<typeof SeenMemory>;

/** A pipeline as it is counted. */
export interface ReadPipeline {
  readonly repository: string;
  readonly uuid: string;
  readonly build: Build;
  /** Branch, or what stands in its place, for people. */
  readonly branch: string;
  /** What has a state of its own: the branch with its definition; `null` for what is no branch. */
  readonly line: string | null;
  /** Equal for two runs of the same. */
  readonly key: string;
  readonly isScheduled: boolean;
  readonly result: 'successful' | 'failed' | 'stopped' | 'running';
  readonly durationSeconds: number | null;
  readonly usedSeconds: number | null;
}

export interface ReadStep {
  readonly id: string;
  readonly name: string;
  readonly result: 'successful' | 'failed' | 'stopped' | 'not-run' | 'running';
  readonly startedAt: string | null;
  readonly seconds: number | null;
  readonly isManual: boolean;
  readonly isAgain: boolean;
  /** Why it failed; `undefined` where it did not or its log was not read. */
  readonly failure?: Failure;
}

/** A failed step by what its log says. */
export interface Failure {
  readonly id: string;
  /** Without what changes from run to run. */
  readonly message: string;
  readonly category: string | null;
  readonly signature: string | null;
  readonly isTransient: boolean;
  readonly lines: readonly string[];
}
