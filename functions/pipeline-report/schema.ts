// What a request and the policy of this duty may say. Every threshold stands here with its default and the reason for it.
import { z } from 'zod';
import { NamePattern } from '../../shared/core/policy.ts';

/** As Bitbucket names workspaces and repositories: anything else is refused before it becomes a part of an address. */
const Slug = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/, 'is not the name of a workspace or repository');

export const Day = z.iso.date('is not a day such as 2026-03-04');

/** The builds of a window: whole days of the policy's time zone, both included. The day before when neither is given. */
export const PipelineReportScope = z
  .strictObject({
    workspace: Slug,
    repository: Slug.exactOptional().describe('One repository in place of all'),
    from: Day.exactOptional().describe('First day of the window'),
    to: Day.exactOptional().describe('Last day of the window; today is reported as far as it has come'),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
    path: ['to'],
    message: 'is before from',
  });
export type PipelineReportScope = z.infer<typeof PipelineReportScope>;

const Slower = z
  .strictObject({
    recentDays: z
      .int()
      .min(1)
      .max(14)
      .default(7)
      .describe('Days that are compared with the ones before: a week holds each weekday once'),
    beforeDays: z
      .int()
      .min(7)
      .max(60)
      .default(21)
      .describe('Days before these that they are compared with. Three weeks even out a bad one'),
    minimumRuns: z
      .int()
      .min(8)
      .default(20)
      .describe('Runs of the step on each side. With fewer the test has nothing to say'),
    minimumDays: z
      .int()
      .min(1)
      .default(3)
      .describe('Recent days on which it must have been slower than before. One slow day is the weather, not a trend'),
    minimumRatio: z
      .number()
      .gt(1)
      .default(1.2)
      .describe('Growth of the median from which it is worth a line. Nobody acts on 5%, however certain it is'),
    minimumSeconds: z.number().min(0).default(10).describe('The same in seconds, for steps that are short anyway'),
    falseAlarmRate: z
      .number()
      .gt(0)
      .lt(0.5)
      .default(0.01)
      .describe('Share of reports that may name a step by chance, over all steps together. One working day in 100'),
  })
  .prefault({});

export const PipelineReportPolicy = z.strictObject({
  branches: z
    .array(NamePattern)
    .default(['main', 'master', 'develop', 'release/*'])
    .describe(
      "Branches whose breaking is told, beside each repository's main branch. On others builds are expected to fail",
    ),
  historyDays: z
    .int()
    .min(15)
    .max(90)
    .default(28)
    .describe(
      'Days that the first run reads back, as far as the requests go. Four weeks: one, and three to compare it with',
    ),
  keepDays: z
    .int()
    .min(30)
    .max(730)
    .default(400)
    .describe(
      "How long a day's numbers are kept, for reports of longer windows. A year and a month, for the same month last year",
    ),
  stepReadsPerRun: z
    .int()
    .min(0)
    .max(5000)
    .default(400)
    .describe(
      'Pipelines whose steps are read in one run, failed ones and newest first; each costs a request. What is left waits for the next run',
    ),
  logsPerDay: z
    .int()
    .min(0)
    .max(1000)
    .default(60)
    .describe(
      'Logs of failed steps that are read of one day, newest first. More of the same day repeat the same causes',
    ),
  logBytes: z
    .int()
    .min(16_384)
    .max(4_194_304)
    .default(262_144)
    .describe('Bytes of the end of a log that are read. A quarter of a MiB holds the last 2,000 to 4,000 lines'),
  correlations: z
    .int()
    .min(0)
    .max(50)
    .default(8)
    .describe('New failures and newly broken branches whose commits are looked at in one run'),
  commitsEach: z
    .int()
    .min(1)
    .max(30)
    .default(10)
    .describe('Commits that are looked at for each of them, newest first. Suspects among more than ten are guesses'),
  newAfterDays: z
    .int()
    .min(1)
    .max(90)
    .default(3)
    .describe(
      'A failure counts as new when it was not seen before and this many days before it are known. Without a past everything would be new',
    ),
  slower: Slower.describe('When a step got slower'),
  escalate: z
    .array(z.enum(['broken-branch', 'new-failure', 'slower-step']))
    .default([])
    .describe(
      'Findings that open an issue. None by default: the report is read, and an issue for each red build is noise',
    )
    .meta({ examples: [['broken-branch']] }),
});
export type PipelineReportPolicy = z.infer<typeof PipelineReportPolicy>;
