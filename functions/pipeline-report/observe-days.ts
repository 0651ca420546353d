// Fills days with what ran on them: lists pipelines, reads steps and the logs of failed ones, newest first, until the allowance of
// requests is spent. Judges nothing; what was learned of a day before is never asked for again.
import { describeError, PlatformError } from '../../shared/core/errors.ts';
import { dayAfter, startOfDay } from '../../shared/core/local-day.ts';
import { eachOf } from '../../shared/core/each-of.ts';
import { decodedTail } from '../../shared/core/log/decode.ts';
import type { Ci, CiPipeline, CiStep } from '../../shared/ports/ci.ts';
import { dayFrom, EMPTY_DAY, withPipeline, withSteps } from './decide-count.ts';
import { missingRepositories, waitingPipelines, type WaitingPipeline } from './needs.ts';
import { readPipeline, readStep, stepResult } from './observe-plain.ts';
import type { PipelineReportPolicy } from './schema.ts';
import type { DayMemory, Failure, ReadStep, RepositoryDay } from './schema-day.ts';
import type { PipelineReportFacts } from './schema-facts.ts';

/** What a log says; the catalogue of signatures is in it. `fallback` stands in for a log that says nothing. */
export type Explain = (log: string, fallback: string) => Failure;

const AT_ONCE = 4;
const MOST_PAGES = 30;
/** A platform that is down is not asked hundreds of times: each try has its deadline and its retries. */
const MOST_OUTAGES = 8;

type Problem = PipelineReportFacts['problems'][number];

/** Days under work, by their names. */
export interface Reading {
  readonly ci: Ci;
  readonly explain: Explain;
  readonly policy: PipelineReportPolicy;
  readonly timezone: string;
  readonly repositories: readonly string[];
  readonly days: Map<string, DayMemory>;
  readonly changed: Set<string>;
  /** Logs of each day that were read or are being read. */
  readonly logsBegun: Map<string, number>;
  readonly problems: Problem[];
  isShort: boolean;
  stepReads: number;
  /** Requests that the platform failed to answer. */
  outages: number;
}

/** Where the list of a repository has come to. */
interface Listing {
  readonly since: string;
  cursor: string | undefined;
  isDone: boolean;
  /** All that began at or after this is listed. */
  reached: string | undefined;
  readonly pipelines: CiPipeline[];
  pages: number;
}

/** Lists pipelines for all days, newest day first for all repositories; gives a function that lists the next ones. */
export function lister(reading: Reading, oldestFirst: (repository: string) => string | undefined) {
  const listings = new Map<string, Listing>();
  return async (day: string, reserve: number): Promise<void> => {
    const memory = reading.days.get(day) ?? { schema: 1, day, repositories: {} };
    const start = startOfDay(day, reading.timezone);
    const end = startOfDay(dayAfter(day), reading.timezone);
    await eachOf(missingRepositories(memory, reading.repositories), AT_ONCE, async (repository) => {
      const listing = listings.get(repository) ?? newListing(oldestFirst(repository) ?? start);
      listings.set(repository, listing);
      if (!(await listTo(reading, repository, listing, start, reserve))) {
        return;
      }
      const own = listing.pipelines
        .filter(({ createdAt }) => isWithin(createdAt, start, end))
        .map((pipeline) => readPipeline(pipeline));
      enter(reading, day, repository, dayFrom(own, failedBefore(reading, day, repository)));
    });
  };
}

function newListing(since: string): Listing {
  return { since, cursor: undefined, isDone: false, reached: undefined, pipelines: [], pages: 0 };
}

function isWithin(at: string, start: string, end: string): boolean {
  return Date.parse(at) >= Date.parse(start) && Date.parse(at) < Date.parse(end);
}

function failedBefore({ days }: Reading, day: string, repository: string): readonly string[] {
  return days.get(dayAfter(day, -1))?.repositories[repository]?.failedKeys ?? [];
}

function enter({ days, changed }: Reading, day: string, repository: string, value: RepositoryDay | null): void {
  const memory = days.get(day) ?? { schema: 1, day, repositories: {} };
  days.set(day, { ...memory, repositories: { ...memory.repositories, [repository]: value } });
  changed.add(day);
}

/** Whether the list has come to `start`; false when it cannot be read now. */
async function listTo(
  reading: Reading,
  repository: string,
  listing: Listing,
  start: string,
  reserve: number,
): Promise<boolean> {
  const hasReached = (): boolean =>
    listing.isDone || (listing.reached !== undefined && Date.parse(listing.reached) < Date.parse(start));
  while (!hasReached()) {
    if (listing.pages >= MOST_PAGES || (await isSpent(reading, reserve))) {
      return false;
    }
    const page = await attempted(reading, `The pipelines of ${repository} cannot be listed`, () =>
      reading.ci.pipelines({
        repository,
        since: listing.since,
        ...(listing.cursor === undefined ? {} : { cursor: listing.cursor }),
      }),
    );
    if (page === undefined) {
      return false;
    }
    listing.pages += 1;
    listing.pipelines.push(...page.items);
    listing.reached = page.items.at(-1)?.createdAt ?? listing.reached;
    listing.cursor = page.next ?? undefined;
    listing.isDone = page.next === null;
    if (listing.pages === MOST_PAGES && !listing.isDone) {
      reading.problems.push({
        kind: 'platform',
        message: `${repository} has more than ${String(listing.pipelines.length)} pipelines since ${listing.since}: older ones are left out for now.`,
      });
    }
  }
  return true;
}

/** Reads the steps of what waits on the days, as far as requests and policy go. */
export async function readWaiting(reading: Reading, dayNames: readonly string[], reserve: number): Promise<void> {
  const days = dayNames.flatMap((day) => reading.days.get(day) ?? []);
  const waiting = waitingPipelines(days, reading.repositories);
  await eachOf(waiting, AT_ONCE, async (one) => {
    if (reading.stepReads >= reading.policy.stepReadsPerRun || (await isSpent(reading, reserve))) {
      return;
    }
    reading.stepReads += 1;
    await readOne(reading, one);
  });
}

async function readOne(reading: Reading, one: WaitingPipeline): Promise<void> {
  const { repository, uuid, day, build } = one;
  const name = `Pipeline #${String(build.number)} of ${repository}`;
  if (one.state === 'running' && !(await countEnded(reading, one, name))) {
    return;
  }
  const steps = await attempted(reading, `The steps of ${name} cannot be read`, () =>
    reading.ci.steps({ repository, pipeline: uuid }),
  );
  if (steps === undefined) {
    return;
  }
  const read: ReadStep[] = [];
  const logs = { read: 0, skipped: 0 };
  for (const step of steps.slice(0, 100)) {
    const cause = stepResult(step) === 'failed' ? await readFailure(reading, one, step, logs) : 'not-read';
    if (cause === 'unreadable') {
      // It waits as a whole: what is counted by halves would never be made good.
      return;
    }
    read.push(readStep(step, cause === 'not-read' ? undefined : cause));
  }
  change(reading, day, repository, (own) => withSteps(own, one, read, logs));
}

/** Counts what ran when it was listed, if it has ended by now. */
async function countEnded(
  reading: Reading,
  { repository, uuid, day }: WaitingPipeline,
  name: string,
): Promise<boolean> {
  const asked = await attempted(reading, `${name} cannot be read`, async () => ({
    found: await reading.ci.pipeline({ repository, pipeline: uuid }),
  }));
  if (asked === undefined) {
    return false;
  }
  if (asked.found === undefined) {
    // It was deleted, and never counted.
    change(reading, day, repository, (own) => ({ ...own, waiting: own.waiting.filter((one) => one.uuid !== uuid) }));
    return false;
  }
  const pipeline = readPipeline(asked.found);
  if (pipeline.result === 'running') {
    return false;
  }
  change(reading, day, repository, (own) => withPipeline(own, pipeline, failedBefore(reading, day, repository)));
  return true;
}

/** Several pipelines of a day are read at a time: only what is read now is changed, in one go. */
function change(reading: Reading, day: string, repository: string, work: (own: RepositoryDay) => RepositoryDay): void {
  enter(reading, day, repository, work(reading.days.get(day)?.repositories[repository] ?? EMPTY_DAY));
}

async function readFailure(
  reading: Reading,
  { repository, uuid, day }: WaitingPipeline,
  step: CiStep,
  logs: { read: number; skipped: number },
): Promise<Failure | 'not-read' | 'unreadable'> {
  const begun = reading.logsBegun.get(day) ?? logsRead(reading, day);
  if (begun >= reading.policy.logsPerDay) {
    logs.skipped += 1;
    return 'not-read';
  }
  // Before it is read: others of the day are read meanwhile.
  reading.logsBegun.set(day, begun + 1);
  const said = step.error === null ? '' : [step.error.key, step.error.message].filter(Boolean).join(': ');
  const tail = await attempted(
    reading,
    `The log of step ${step.name ?? ''} in ${repository} cannot be read`,
    async () => ({
      log: await reading.ci.logTail({ repository, pipeline: uuid, step: step.uuid, bytes: reading.policy.logBytes }),
    }),
  );
  if (tail === undefined) {
    return 'unreadable';
  }
  logs.read += 1;
  const log = [tail.log === undefined ? '' : decodedTail(tail.log.bytes), said]
    .filter((part) => part !== '')
    .join('\n');
  return reading.explain(log, said === '' ? `step ${step.name ?? ''} failed without a telling line` : said);
}

function logsRead({ days }: Reading, day: string): number {
  return Object.values(days.get(day)?.repositories ?? {}).reduce((sum, own) => sum + (own?.logsRead ?? 0), 0);
}

/** Whether requests of the background are down to what is reserved, or the platform does not answer. */
export async function isSpent(reading: Reading, reserve: number): Promise<boolean> {
  if (reading.outages >= MOST_OUTAGES) {
    return true;
  }
  if (!reading.isShort || reserve > 0) {
    const { background } = await reading.ci.remaining();
    const isOver = background <= reserve;
    reading.isShort ||= isOver;
    return isOver;
  }
  return true;
}

/** A request whose failure becomes a problem of the run, three of a kind at most; `undefined` then. */
export async function attempted<T>(reading: Reading, what: string, request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof PlatformError)) {
      throw error;
    }
    if (error.failure.code === 'ALLOWANCE_SPENT') {
      reading.isShort = true;
      return undefined;
    }
    const { status } = error.failure;
    reading.outages += Number(status === undefined || status === 429 || status >= 500);
    if (reading.problems.length < 5) {
      reading.problems.push({ kind: 'platform', message: `${what}: ${describeError(error)}`.slice(0, 2000) });
    }
    return undefined;
  }
}
