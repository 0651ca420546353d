// The report as canonical JSON. Its keys and their order are an interface for others, and all that the message and the page are
// made from. Times in seconds, shares from 0 to 1.
import { z } from 'zod';
import { CommitCause } from '../../shared/core/trail.ts';

const count = z.int().min(0);
const share = z.number().min(0).max(1).nullable();
const seconds = z.number().min(0).nullable();

/** Median and p95 are off by 2.5% at most, the mean is exact. */
export const Times = z.strictObject({ mean_s: seconds, median_s: seconds, p95_s: seconds });
export type Times = z.infer<typeof Times>;

export const SummaryNumbers = z.strictObject({
  runs: count,
  successful: count,
  failed: count,
  stopped: count,
  success_rate: share,
  success_rate_before: share,
  duration: Times,
  duration_before: Times,
  queue: Times,
  minutes_used: z.number().min(0),
  minutes_wasted_on_failures: z.number().min(0),
  minutes_wasted_on_reruns: z.number().min(0),
  reruns: count,
  reruns_passed: count,
});
export type SummaryNumbers = z.infer<typeof SummaryNumbers>;

export const SummaryFailure = z.strictObject({
  id: z.string(),
  is_new: z.boolean(),
  count: z.int().min(1),
  repositories: z.array(z.string()),
  repositories_more: count,
  category: z.string().nullable(),
  signature: z.string().nullable(),
  message: z.string(),
  step: z.string(),
  branch: z.string(),
  url: z.string(),
  first_seen: z.string(),
  last_seen: z.string(),
  cause: CommitCause.nullable(),
});
export type SummaryFailure = z.infer<typeof SummaryFailure>;

export const SummaryBranch = z.strictObject({
  repository: z.string(),
  branch: z.string(),
  since: z.string(),
  build: z.int(),
  url: z.string(),
  last_good: z.int().nullable(),
  failures: count,
  failure: z.string().nullable(),
  cause: CommitCause.nullable(),
});
export type SummaryBranch = z.infer<typeof SummaryBranch>;

export const Summary = z.strictObject({
  workspace: z.string(),
  repository: z.string().nullable(),
  from: z.string(),
  to: z.string(),
  is_unfinished: z.boolean(),
  total: SummaryNumbers,
  branches_broken: z.array(SummaryBranch),
  failures: z.array(SummaryFailure),
  failures_more: count,
  steps_slower: z.array(
    z.strictObject({
      repository: z.string(),
      step: z.string(),
      median_s: z.number(),
      median_before_s: z.number(),
      ratio: z.number(),
      runs: count,
      runs_before: count,
      chance: z.number(),
    }),
  ),
  steps_failing: z.array(
    z.strictObject({
      repository: z.string(),
      step: z.string(),
      runs: count,
      failed: count,
      again: count,
      duration: Times,
    }),
  ),
  repositories: z.array(
    z.strictObject({ repository: z.string(), verdict: z.string(), missing_days: count, ...SummaryNumbers.shape }),
  ),
  repositories_quiet: z.array(z.string()),
  trend: z.array(
    z.strictObject({ day: z.string(), is_known: z.boolean(), runs: count, success_rate: share, median_s: seconds }),
  ),
  coverage: z.strictObject({
    days_known: count,
    days_wanted: count,
    known_since: z.string().nullable(),
    running: count,
    steps_unread: count,
    logs_read: count,
    logs_skipped: count,
    is_short: z.boolean(),
    requests_left: z.int().nullable(),
  }),
});
export type Summary = z.infer<typeof Summary>;
