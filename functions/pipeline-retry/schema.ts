// What a request and the policy of this duty may say. Every threshold stands here with its default and the reason for it;
// rules take them from policy only.
import { z } from 'zod';
import { Duration } from '../../shared/core/policy.ts';

/** As Bitbucket names workspaces and repositories: anything else is refused before it becomes a part of an address. */
export const Slug = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/, 'is not the name of a workspace or repository');

/** One workspace: a tick looks at all of its repositories, since their requests share one budget. */
export const PipelineRetryScope = z.strictObject({ workspace: Slug });
export type PipelineRetryScope = z.infer<typeof PipelineRetryScope>;

/** A pipeline that a webhook or a caller points at: by its build number, or by its commit alone. */
export const PipelineEvent = z.strictObject({
  repository: Slug,
  number: z.int().min(1).nullable().default(null).describe('Build number of the pipeline'),
  commit: z
    .string()
    .regex(/^[0-9a-f]{7,64}$/, 'is not the hash of a commit')
    .nullable()
    .default(null),
});
export type PipelineEvent = z.infer<typeof PipelineEvent>;

const Storm = z
  .strictObject({
    repositories: z
      .int()
      .min(2)
      .max(1000)
      .default(5)
      .describe(
        'Repositories that fail with one signature within the window before it counts as a failure of their common upstream. At 50 failures an hour three meet by chance several times a day, and then wait for nothing',
      ),
    window: Duration.default('10m').describe(
      'Ten minutes is as long as most builds: failures of one cause end within it',
    ),
    quiet: Duration.default('10m').describe(
      'A storm is over when no build failed with its signature for this long. One window without a failure is the first sign that it works again',
    ),
    spreadPerMinute: z
      .int()
      .min(1)
      .max(100)
      .default(5)
      .describe(
        'Builds that are rerun per minute after a storm. An upstream that just came back must not be met by all of them',
      ),
  })
  .prefault({});

const Flaky = z
  .strictObject({
    sameCommit: z
      .int()
      .min(1)
      .default(1)
      .describe(
        'Times that a test failed and passed on one commit before it counts as flaky. Once proves it: nothing had changed',
      ),
    commits: z
      .int()
      .min(2)
      .default(3)
      .describe(
        'Unrelated branches on which a test failed, with passes in between, before it counts as flaky. Two may share one cause',
      ),
    window: Duration.default('14d').describe(
      'How long failures of tests are remembered. Two weeks hold a release cycle of most teams',
    ),
  })
  .prefault({});

export const PipelineRetryPolicy = z.strictObject({
  attempts: z
    .int()
    .min(1)
    .max(3)
    .default(1)
    .describe('Reruns of one failed pipeline, those of its reruns included. What fails twice is seldom an accident'),
  maximumAge: Duration.default('2h').describe(
    'A failure that is older is not rerun: whoever waited for it has helped themselves by then',
  ),
  rerunsPerRepositoryPerHour: z
    .int()
    .min(0)
    .max(100)
    .default(5)
    .describe(
      'Reruns of one repository in any 60 minutes. More than that is a repository that is broken, and build minutes cost money',
    ),
  minimumTries: z
    .int()
    .min(3)
    .max(1000)
    .default(5)
    .describe('Reruns of one signature before their success is judged. Fewer tell nothing'),
  passRatio: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.5)
    .describe(
      'A signature is no longer rerun when the upper end of the 95% interval of its success is under this. Under a half, a rerun wastes more than it saves',
    ),
  storm: Storm.describe('Many builds that fail of one cause at once: one incident, and reruns when it is over'),
  flaky: Flaky.describe('When a test counts as flaky'),
  activeRepositories: z
    .int()
    .min(1)
    .max(1000)
    .default(40)
    .describe(
      'Repositories that count as active and are looked at every activeEvery. 40 of them cost some 520 of 1,000 requests an hour',
    ),
  activeEvery: Duration.default('5m').describe(
    'How often an active repository is listed, a minute sooner where a build ran. Webhooks are faster; this is for lost ones',
  ),
  logBytes: z
    .int()
    .min(16_384)
    .max(4_194_304)
    .default(262_144)
    .describe(
      "Bytes of the end of a failed step's log that are read. A quarter of a MiB holds the last 2,000 to 4,000 lines",
    ),
  pipelinesPerRun: z
    .int()
    .min(1)
    .max(500)
    .default(40)
    .describe(
      'Failed pipelines whose cause is looked for in one run. At about five requests each, 40 stay inside a minute and a fifth of the hour',
    ),
  correlations: z
    .int()
    .min(0)
    .max(50)
    .default(5)
    .describe(
      'Failures that are told with their suspects whose commits are looked at in one run, newest first. Each costs up to two requests and one a commit',
    ),
  commitsEach: z
    .int()
    .min(1)
    .max(30)
    .default(10)
    .describe('Commits that are looked at for each of them, newest first. Suspects among more than ten are guesses'),
  idleEvery: Duration.default('1h').describe('How often every other repository is listed'),
  tell: z
    .strictObject({
      reruns: z
        .array(z.enum(['chat', 'pull-request', 'build-status']))
        .default(['chat', 'build-status'])
        .describe('Where a rerun is told. Chat has one line a rerun, kept up to date; the commit has one build status'),
      regular: z
        .array(z.enum(['chat', 'pull-request', 'build-status']))
        .default([])
        .describe(
          'Where a failure that is the fault of a change is told, with its suspects. Nowhere: the author sees it anyway',
        ),
    })
    .prefault({})
    .describe('Who hears of it'),
});
export type PipelineRetryPolicy = z.infer<typeof PipelineRetryPolicy>;
