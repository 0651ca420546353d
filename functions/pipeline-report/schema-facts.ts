// What `observe` reads and the rules go by: sums of days, what may be judged from them, and the days that this run learned.
import { z } from 'zod';
import { Distribution } from '../../shared/core/distribution.ts';
import { Trail } from '../../shared/core/trail.ts';
import { Day } from './schema.ts';
import {
  BranchDay,
  Build,
  Cluster,
  count,
  DayMemory,
  instant,
  Numbers,
  SeenMemory,
  StepDay,
  text,
} from './schema-day.ts';

export const StepNumbers = z.strictObject({ name: text, ...StepDay.shape });
export type StepNumbers = z.infer<typeof StepNumbers>;

/** A step with enough runs on both sides to be compared. */
export const Comparison = z.strictObject({
  step: text,
  recent: Distribution,
  before: Distribution,
  /** Recent days on which its median was over the one before. */
  slowDays: count,
});
export type Comparison = z.infer<typeof Comparison>;

/** A branch that failed last, and passed before or was never seen to pass. */
export const BrokenBranch = z.strictObject({
  ...BranchDay.shape,
  branch: text,
  bad: Build,
  /** The failure's cluster, where its log was read. */
  cluster: z.string().nullable(),
});
export type BrokenBranch = z.infer<typeof BrokenBranch>;

export const RepositoryFacts = z.strictObject({
  repository: z.string().max(100),
  /** Days of the window that are not known. */
  missingDays: count,
  window: Numbers,
  before: Numbers,
  steps: z.array(StepNumbers).max(200),
  comparisons: z.array(Comparison).max(200),
  /** Newly broken ones of the branches that policy watches. */
  broken: z.array(BrokenBranch).max(50),
});
export type RepositoryFacts = z.infer<typeof RepositoryFacts>;

/** A cluster of the window: counted and described there, first and last seen ever since we count. */
export const ClusterFacts = z.strictObject({
  ...Cluster.shape,
  id: z.string(),
  repositories: z.array(z.strictObject({ repository: z.string(), count })).max(1000),
  /** Where it came first in the window. */
  repository: z.string(),
  /** Branches that failed so on a commit that had passed before. */
  unchangedBranches: z.array(text).max(20),
});
export type ClusterFacts = z.infer<typeof ClusterFacts>;

/** What is known for the search of a commit, and of what: `cluster <id>` or `branch <repository> <branch>`. */
export const AboutTrail = z.strictObject({ about: text, ...Trail.shape });
export type AboutTrail = z.infer<typeof AboutTrail>;

export const TrendDay = z.strictObject({
  day: Day,
  /** False where the builds of that day are not all known. */
  isKnown: z.boolean(),
  runs: count,
  successful: count,
  failed: count,
  duration: Distribution,
});
export type TrendDay = z.infer<typeof TrendDay>;

export const Coverage = z.strictObject({
  /** Days that are read back to, and those of them that are known. */
  wantedDays: count,
  knownDays: count,
  /** All days from this one on are known; `null` when not even the last one is. */
  knownSince: Day.nullable(),
  /** Days before the window of which logs are known. */
  daysBefore: count,
  running: count,
  unread: count,
  logsRead: count,
  logsSkipped: count,
  /** True where reading ended since requests were short. */
  isShort: z.boolean(),
});
export type Coverage = z.infer<typeof Coverage>;

export const PipelineReportFacts = z.strictObject({
  workspace: z.string(),
  repository: z.string().nullable(),
  now: instant,
  timezone: z.string(),
  from: Day,
  to: Day,
  /** The window's last day is today. */
  isUnfinished: z.boolean(),
  repositories: z.array(RepositoryFacts),
  total: z.strictObject({ window: Numbers, before: Numbers }),
  trend: z.array(TrendDay).max(14),
  clusters: z.array(ClusterFacts).max(2000),
  trails: z.array(AboutTrail).max(50),
  coverage: Coverage,
  /** To be remembered: the days that this run learned something of, and when failures were seen. */
  changedDays: z.array(DayMemory),
  seen: SeenMemory,
  requestsLeft: z.int().nullable(),
  problems: z.array(z.strictObject({ kind: z.enum(['configuration', 'platform']), message: z.string().max(2000) })),
});
export type PipelineReportFacts = z.infer<typeof PipelineReportFacts>;
