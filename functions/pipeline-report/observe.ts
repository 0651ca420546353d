// Ports → facts: the days of the window and those it is compared with, from memory where they are known, from the platform where
// they are not. Judges nothing; which of it is to be read is asked of needs.ts.
import { CallerError } from '../../shared/core/errors.ts';
import { dayAfter, startOfDay } from '../../shared/core/local-day.ts';
import type { Policy } from '../../shared/core/policy.ts';
import type { Ci, CiRepository } from '../../shared/ports/ci.ts';
import type { Memory, Ports } from '../../shared/ports/ports.ts';
import {
  brokenBranches,
  clustersOf,
  comparisonsOf,
  isKnown,
  numbersOf,
  repositoryDays,
  seenAfter,
  stepNumbers,
  trendDay,
} from './decide-window.ts';
import { isListedForGood, wantedTrails, type WindowDays, windowDays, withoutOldWaiting } from './needs.ts';
import { attempted, type Explain, lister, type Reading, readWaiting } from './observe-days.ts';
import { readTrails } from './observe-trails.ts';
import type { PipelineReportPolicy, PipelineReportScope } from './schema.ts';
import { DayMemory, SeenMemory } from './schema-day.ts';
import type { Coverage, PipelineReportFacts, RepositoryFacts } from './schema-facts.ts';

export interface ObserveInput {
  readonly scope: PipelineReportScope;
  readonly policy: Policy<PipelineReportPolicy>;
  readonly now: string;
  readonly ports: Pick<Ports, 'ci'>;
  readonly memory: Memory;
  readonly progress: (message: string) => void;
}

/** For each broken branch or new failure: its commits, their files, its tests. */
const REQUESTS_A_TRAIL = 4;
const MOST_SEEN = 10_000;

/** The builds of a window. What is not known of it is said in the facts, and read by the next run. */
export async function observe(input: ObserveInput, explain: Explain): Promise<PipelineReportFacts> {
  const { scope, policy, now, memory, progress } = input;
  const { timezone } = policy.team;
  const ci = ciOf(input.ports, policy, scope);
  const days = windowDays(scope, policy.duty, now, timezone);
  const reading: Reading = {
    ci,
    explain,
    policy: policy.duty,
    timezone,
    repositories: [],
    days: await rememberedDays(memory, days, now, policy.duty),
    changed: new Set(),
    logsBegun: new Map(),
    problems: [],
    isShort: false,
    stepReads: 0,
    outages: 0,
  };
  const known = await repositoriesOf(reading, scope);
  const all = { ...reading, repositories: known.map(({ slug }) => slug) };
  await fill(all, days, progress);
  const before = SeenMemory.safeParse(await memory.read('seen')).data ?? { schema: 1, clusters: {} };
  const seenNow = (): SeenMemory => seenAfter(before, [...all.days.values()], MOST_SEEN);
  const factsNow = (): PipelineReportFacts => factsOf(all, days, known, { scope, now, seen: seenNow() });
  const facts = factsNow();
  progress('looking for the commits behind new failures');
  const trails = await readTrails(all, wantedTrails(facts, policy.duty), inOrder(all.days, days.read));
  await readWaiting(all, days.wanted, 0);
  const { background } = await ci.remaining();
  const whole = factsNow();
  return {
    ...whole,
    trails: [...trails],
    coverage: { ...whole.coverage, isShort: all.isShort },
    changedDays: [...all.changed]
      .filter((day) => isListedForGood(day, now, timezone))
      .sort()
      .flatMap((day) => all.days.get(day) ?? []),
    requestsLeft: Math.max(0, Math.floor(background)),
    problems: [...all.problems],
  };
}

/** The window first and whole, then the lists of the days before it; steps of older days get what the search of commits leaves. */
async function fill(reading: Reading, days: WindowDays, progress: (message: string) => void): Promise<void> {
  const reserve = reading.policy.correlations * REQUESTS_A_TRAIL;
  const oldest = days.wanted.toReversed();
  const next = lister(reading, (repository) => {
    const missing = oldest.find((day) => !isKnown(reading.days.get(day) ?? emptyDay(day), repository));
    return missing === undefined ? undefined : startOfDay(missing, reading.timezone);
  });
  progress(`listing the pipelines of ${days.from} to ${days.to}`);
  const window = new Set(days.window);
  for (const day of days.wanted.filter((one) => window.has(one))) {
    await next(day, 0);
  }
  progress('reading steps and the logs of failed ones');
  await readWaiting(reading, days.window, reserve);
  for (const day of days.wanted.filter((one) => !window.has(one))) {
    progress(`listing the pipelines of ${day}`);
    await next(day, reserve);
  }
  // The week before says whether a failure is new: its logs come before the search of commits.
  await readWaiting(reading, days.before, reserve);
}

function ciOf({ ci }: Pick<Ports, 'ci'>, { team }: Policy<unknown>, { workspace }: PipelineReportScope): Ci {
  const configured = team.ci?.bitbucket.workspace;
  if (ci === undefined || configured !== workspace) {
    throw new CallerError(`The policy knows no workspace "${workspace}".`, {
      field: 'scope.workspace',
      remedy: `ci.bitbucket.workspace in the policy is ${configured ?? 'not set'}.`,
    });
  }
  return ci;
}

async function repositoriesOf(reading: Reading, { repository }: PipelineReportScope): Promise<readonly CiRepository[]> {
  const all = await attempted(reading, 'The list of repositories cannot be read', () => reading.ci.repositories());
  if (all === undefined) {
    // Those that are known from before are reported as far as they are known.
    const names = new Set([...reading.days.values()].flatMap(({ repositories }) => Object.keys(repositories)));
    return [...names]
      .filter((slug) => repository === undefined || slug === repository)
      .sort()
      .map((slug) => ({ slug, uuid: '', mainBranch: null, updatedAt: null }));
  }
  if (repository === undefined) {
    return [...all].sort((a, b) => (a.slug < b.slug ? -1 : 1));
  }
  const own = all.filter(({ slug }) => slug === repository);
  if (own.length === 0) {
    throw new CallerError(`No repository "${repository}" is watched.`, {
      field: 'scope.repository',
      remedy: `It is watched when ci.bitbucket.repositories in the policy names it, and the token can read it.`,
    });
  }
  return own;
}

/** A document of another version is no memory: its day is read anew. */
async function rememberedDays(
  memory: Memory,
  days: WindowDays,
  now: string,
  policy: PipelineReportPolicy,
): Promise<Map<string, DayMemory>> {
  const names = [...new Set([...days.read, ...days.wanted])];
  const found = await Promise.all(names.map(async (day) => DayMemory.safeParse(await memory.read(`day-${day}`)).data));
  return new Map(
    found.flatMap((day) => (day === undefined ? [] : [[day.day, withoutOldWaiting(day, now, policy)] as const])),
  );
}

function emptyDay(day: string): DayMemory {
  return { schema: 1, day, repositories: {} };
}

function inOrder(days: ReadonlyMap<string, DayMemory>, names: readonly string[]): readonly DayMemory[] {
  return names.map((day) => days.get(day) ?? emptyDay(day));
}

interface FactsInput {
  readonly scope: PipelineReportScope;
  readonly now: string;
  readonly seen: SeenMemory;
}

function factsOf(
  reading: Reading,
  days: WindowDays,
  repositories: readonly CiRepository[],
  { scope, now, seen }: FactsInput,
): PipelineReportFacts {
  const { policy, timezone } = reading;
  const slugs = repositories.map(({ slug }) => slug);
  const of = (names: readonly string[]): readonly DayMemory[] => inOrder(reading.days, names);
  const sum = (names: readonly string[]): ReturnType<typeof numbersOf> =>
    numbersOf(slugs.flatMap((slug) => repositoryDays(of(names), slug)));
  const since = startOfDay(days.from, timezone);
  return {
    workspace: scope.workspace,
    repository: scope.repository ?? null,
    now,
    timezone,
    from: days.from,
    to: days.to,
    isUnfinished: days.isUnfinished,
    repositories: repositories.map(({ slug, mainBranch }): RepositoryFacts => {
      const window = repositoryDays(of(days.window), slug);
      return {
        repository: slug,
        missingDays: of(days.window).filter((day) => !isKnown(day, slug)).length,
        window: numbersOf(window),
        before: numbersOf(repositoryDays(of(days.before), slug)),
        steps: [...stepNumbers(window)],
        comparisons: [
          ...comparisonsOf(repositoryDays(of(days.recent), slug), repositoryDays(of(days.beforeRecent), slug), policy),
        ],
        broken: [...brokenBranches(repositoryDays(of(days.read), slug), since, mainBranch, policy)],
      };
    }),
    total: { window: sum(days.window), before: sum(days.before) },
    trend: of(days.trend).map((day) => trendDay(day, slugs)),
    clusters: [...clustersOf(of(days.read), of(days.window), slugs, seen.clusters)],
    trails: [],
    coverage: coverageOf(reading, days, slugs),
    changedDays: [],
    seen,
    requestsLeft: null,
    problems: [],
  };
}

function coverageOf(reading: Reading, days: WindowDays, slugs: readonly string[]): Coverage {
  const isWhole = (day: string): boolean => {
    const memory = reading.days.get(day);
    return memory !== undefined && slugs.every((slug) => isKnown(memory, slug));
  };
  const firstMissing = days.wanted.findIndex((day) => !isWhole(day));
  const known = days.wanted.filter(isWhole);
  const window = slugs.flatMap((slug) => repositoryDays(inOrder(reading.days, days.window), slug));
  const waiting = window.flatMap((day) => day.waiting);
  const logged = (day: string): boolean =>
    isWhole(day) &&
    slugs.every((slug) =>
      repositoryDays(inOrder(reading.days, [day]), slug).every(
        ({ waiting: own }) => !own.some(({ isFailed }) => isFailed),
      ),
    );
  let daysBefore = 0;
  while (logged(dayAfter(days.from, -1 - daysBefore)) && daysBefore < 90) {
    daysBefore += 1;
  }
  return {
    wantedDays: days.wanted.length,
    knownDays: known.length,
    knownSince:
      firstMissing === -1
        ? (days.wanted.at(-1) ?? null)
        : firstMissing === 0
          ? null
          : (days.wanted[firstMissing - 1] ?? null),
    daysBefore,
    running: waiting.filter(({ state }) => state === 'running').length,
    unread: waiting.filter(({ state }) => state === 'unread').length,
    logsRead: window.reduce((total, { logsRead }) => total + logsRead, 0),
    logsSkipped: window.reduce((total, { logsSkipped }) => total + logsSkipped, 0),
    isShort: false,
  };
}
