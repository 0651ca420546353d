// What is to be read in this run, from what is remembered: which repositories are due, which pipelines come first, which of them
// need more than their logs. Pure.
import { durationSeconds, type Policy } from '../../shared/core/policy.ts';
import { secondsOf } from './decide-causes.ts';
import { isFaultOfChange } from './decide-suspects.ts';
import { stormsOf } from './decide-storms.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineFacts, PipelineRetryFacts } from './schema-facts.ts';
import type { FoundPipeline, RepositoryMemory, RepositoryState, SignatureMemory } from './schema-memory.ts';

/** A repository without a build in this time is not active. */
const ACTIVE_SECONDS = 86_400;
/** By how much a scheduler's tick may come early: without it, one second would cost the whole minute until the next. */
const TICK_SECONDS = 30;
/**
 * Where something ran, a failure right after the list would wait for all of the time until the next, and for the work before its rerun
 * as well: the next comes a tick sooner. What began after the list fails later than it.
 */
const RUNNING_SOONER_SECONDS = 60;
/** Where nothing ran, what fails next has yet to begin, and few builds fail sooner than this. */
const SHORTEST_BUILD_SECONDS = 30;
/** Where builds are rare, what ran an hour ago tells nothing: all of them come so much sooner, for the hours in which requests are short. */
const IDLE_SOONER_SHARE = 0.05;
/** Builds of a working day count, those of yesterday hardly. */
const ACTIVITY_HALF_LIFE_SECONDS = 6 * 3600;
/** The list of repositories changes seldom. */
const REPOSITORIES_SECONDS = 3600;

export function areRepositoriesDue({ listedAt }: RepositoryMemory, now: string): boolean {
  return listedAt === null || secondsOf(now) - secondsOf(listedAt) >= REPOSITORIES_SECONDS - TICK_SECONDS;
}

/** Builds of late, each counting half as much six hours later. */
export function activityAt(state: RepositoryState | undefined, nowSeconds: number): number {
  if (state === undefined || state.listedAt === null) {
    return 0;
  }
  return state.activity * 0.5 ** (Math.max(0, nowSeconds - secondsOf(state.listedAt)) / ACTIVITY_HALF_LIFE_SECONDS);
}

export interface DueRepository {
  readonly repository: string;
  /** Listed from here on. */
  readonly since: string;
  /** May as well be listed some minutes later, where requests are short. */
  readonly isEarly: boolean;
}

/**
 * The repositories whose turn it is: active ones (those that build most, up to policy.activeRepositories) each activeEvery, the
 * others each idleEvery, a little sooner where a failure could else wait longer than that. Where requests are short, those whose time
 * is over come first, by how many times it is, so that all wait longer by about the same part; then those whose time is over soonest.
 * What was never listed begins at maximumAge.
 */
export function dueRepositories(
  slugs: readonly string[],
  states: Readonly<Record<string, RepositoryState>>,
  policy: PipelineRetryPolicy,
  now: string,
): readonly DueRepository[] {
  const nowSeconds = secondsOf(now);
  const ageOf = (iso: string | null | undefined): number =>
    iso === null || iso === undefined ? Number.POSITIVE_INFINITY : nowSeconds - secondsOf(iso);
  const active = new Set(
    slugs
      .filter((slug) => ageOf(states[slug]?.activeAt) < ACTIVE_SECONDS)
      // Not by the last build alone: one build in a quiet repository would push a busy one out for an hour.
      .sort((a, b) => activityAt(states[b], nowSeconds) - activityAt(states[a], nowSeconds) || compare(a, b))
      .slice(0, policy.activeRepositories),
  );
  const start = new Date((nowSeconds - durationSeconds(policy.maximumAge)) * 1000).toISOString();
  return slugs
    .map((slug) => {
      const state = states[slug];
      const turn = active.has(slug) ? activeTurn(policy, state) : idleTurn(policy);
      return { repository: slug, since: state?.since ?? start, age: ageOf(state?.listedAt), ...turn };
    })
    .filter(({ age, every }) => age >= every - TICK_SECONDS)
    .sort(inOrderOfNeed)
    .map(({ repository, since, age, latest }) => ({ repository, since, isEarly: latest - age > TICK_SECONDS }));
}

/** In seconds since it was listed. */
interface Turn {
  readonly every: number;
  /** A failure could wait longer than policy says if it is listed later. */
  readonly latest: number;
}

function activeTurn(policy: PipelineRetryPolicy, state: RepositoryState | undefined): Turn {
  const every = durationSeconds(policy.activeEvery);
  return state?.isRunning === true
    ? { every: Math.max(every / 2, every - RUNNING_SOONER_SECONDS), latest: every }
    : { every, latest: every + SHORTEST_BUILD_SECONDS };
}

function idleTurn(policy: PipelineRetryPolicy): Turn {
  const latest = durationSeconds(policy.idleEvery);
  return { every: latest * (1 - IDLE_SOONER_SHARE), latest };
}

interface Waiting extends Turn {
  readonly repository: string;
  readonly age: number;
}

function inOrderOfNeed(a: Waiting, b: Waiting): number {
  const isOver = ({ age, latest }: Waiting): boolean => age >= latest;
  const order =
    isOver(a) && isOver(b)
      ? compareNumbers(b.age / b.latest, a.age / a.latest)
      : compareNumbers(a.latest - a.age, b.latest - b.age);
  return order || compare(a.repository, b.repository);
}

/**
 * The failed pipelines to look at, newest first, at most policy.pipelinesPerRun; the rest is left for the next run. What waits for
 * the end of a storm is left out until its signatures are free.
 */
export function pipelinesToRead(
  found: readonly FoundPipeline[],
  signatures: SignatureMemory,
  policy: PipelineRetryPolicy,
  now: string,
): { readonly read: readonly FoundPipeline[]; readonly waiting: readonly FoundPipeline[] } {
  const storms = stormsOf({ pipelines: [], memory: { signatures } }, policy, secondsOf(now));
  const isOn = (signature: string): boolean => storms.get(signature)?.isOver === false;
  const newest = [...found].sort(
    (a, b) => secondsOf(b.completedAt) - secondsOf(a.completedAt) || compare(a.uuid, b.uuid),
  );
  // Of one storm only so many are released at once: the others need not be read.
  const released = new Map<string, number>();
  const isFree = ({ signatures: own, again }: FoundPipeline): boolean => {
    if (again !== null && secondsOf(again) > secondsOf(now)) {
      return false;
    }
    if (own === null) {
      return true;
    }
    const stormy = own.filter((signature) => storms.has(signature));
    if (stormy.some((one) => isOn(one) || (released.get(one) ?? 0) >= policy.storm.spreadPerMinute)) {
      return false;
    }
    for (const signature of stormy) {
      released.set(signature, (released.get(signature) ?? 0) + 1);
    }
    return true;
  };
  // Oldest first among those that waited, so that nobody waits for ever.
  const free = new Set([...newest].reverse().filter(isFree));
  const read = newest.filter((one) => free.has(one)).slice(0, policy.pipelinesPerRun);
  return { read, waiting: newest.filter((one) => !read.includes(one)) };
}

/** The failures whose commits are looked at, newest first, at most policy.correlations; none where policy tells nobody of them. */
export function trailsToRead(facts: PipelineRetryFacts, policy: Policy<PipelineRetryPolicy>): readonly PipelineFacts[] {
  if (policy.duty.tell.regular.length === 0) {
    return [];
  }
  return facts.pipelines
    .filter((pipeline) => isFaultOfChange(facts, policy, pipeline))
    .sort((a, b) => secondsOf(b.completedAt) - secondsOf(a.completedAt) || compare(a.uuid, b.uuid))
    .slice(0, policy.duty.correlations);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Infinity minus infinity is no number. */
function compareNumbers(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
