// Which pipelines of the workspace failed since they were last listed, within the allowance of requests. Judges nothing.
import { eachOf } from '../../shared/core/each-of.ts';
import { describeError, PlatformError } from '../../shared/core/errors.ts';
import type { Ci, CiPipeline, CiPriority } from '../../shared/ports/ci.ts';
import { activityAt, areRepositoriesDue, type DueRepository, dueRepositories } from './needs.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineRetryFacts } from './schema-facts.ts';
import type { BranchPass, FoundPipeline, RepositoryMemory, RepositoryState } from './schema-memory.ts';

/** Listed again each time: a pipeline may show late, and clocks differ. */
const OVERLAP_SECONDS = 600;
/** What waits longer for a person is no longer waited for: a manual step is never rerun. */
const UNFINISHED_SECONDS = 86_400;
const MOST_PAGES = 20;
const AT_ONCE = 6;

export interface Listing {
  readonly slugs: readonly string[];
  readonly repositoriesListedAt: string | null;
  readonly listed: Readonly<Record<string, RepositoryState>>;
  readonly found: readonly { readonly pipeline: CiPipeline; readonly found: FoundPipeline }[];
  /** All pipelines that this run listed, by repository. */
  readonly pipelines: ReadonlyMap<string, readonly CiPipeline[]>;
  readonly passes: readonly BranchPass[];
  readonly putOffRepositories: number;
  readonly problems: PipelineRetryFacts['problems'];
}

export interface ListingInput {
  readonly ci: Ci;
  readonly memory: RepositoryMemory;
  readonly policy: PipelineRetryPolicy;
  readonly now: string;
  /** Listed now whatever their turn: something was said of them. */
  readonly hinted: readonly string[];
}

/** Lists what is due. A repository that cannot be read keeps its place for the next run. */
export async function listFailures(input: ListingInput): Promise<Listing> {
  const { ci, memory, policy, now, hinted } = input;
  const problems: { kind: 'platform'; message: string }[] = [];
  const isDue = areRepositoriesDue(memory, now);
  let slugs: readonly string[] = Object.keys(memory.repositories);
  let repositoriesListedAt = memory.listedAt;
  if (isDue) {
    try {
      slugs = (await ci.repositories()).map(({ slug }) => slug);
      repositoriesListedAt = now;
    } catch (error) {
      problems.push({ kind: 'platform', message: said('The list of repositories cannot be read', error) });
    }
  }
  const known = new Set(slugs);
  const due = dueRepositories(slugs, memory.repositories, policy, now);
  const first = hinted.filter((slug) => known.has(slug));
  const turns = [
    ...first.map((slug) => due.find((one) => one.repository === slug) ?? hintedTurn(slug, memory, due, now)),
    ...due.filter(({ repository }) => !first.includes(repository)),
  ];
  const results: { slug: string; state: RepositoryState; pipelines: readonly CiPipeline[] }[] = [];
  let putOff = 0;
  const spent = new Set<CiPriority>();
  let failed = 0;
  await eachOf(turns, AT_ONCE, async ({ repository, since, isEarly }) => {
    const priority = first.includes(repository) ? 'urgent' : isEarly ? 'best-effort' : 'background';
    if (spent.has(priority)) {
      putOff += Number(priority !== 'best-effort');
      return;
    }
    try {
      const reader = ci.prioritised(priority);
      const pipelines = await allSince(reader, repository, since);
      results.push({ slug: repository, pipelines, state: stateAfter(memory.repositories[repository], pipelines, now) });
    } catch (error) {
      if (isAllowanceSpent(error)) {
        spent.add(priority);
        putOff += Number(priority !== 'best-effort');
        return;
      }
      failed += 1;
      if (failed <= 3) {
        problems.push({ kind: 'platform', message: said(`The pipelines of ${repository} cannot be listed`, error) });
      }
    }
  });
  if (failed > 3) {
    problems.push({
      kind: 'platform',
      message: `The pipelines of ${String(failed - 3)} more repositories cannot be listed.`,
    });
  }
  results.sort((a, b) => (a.slug < b.slug ? -1 : 1));
  const pipelines = results.flatMap((one) => one.pipelines);
  const listed = new Set(results.map(({ slug }) => slug));
  // Something was said of them, and they could not be listed: their turn is the next run, whenever it was to be.
  const missed = first.filter((slug) => !listed.has(slug) && memory.repositories[slug] !== undefined);
  return {
    slugs,
    repositoriesListedAt,
    // A repository that is not listed any more is forgotten; one that was never due is remembered as known.
    listed: Object.fromEntries([
      ...slugs.flatMap((slug) => (memory.repositories[slug] === undefined ? [[slug, NEVER_LISTED] as const] : [])),
      ...missed.map((slug) => [slug, { ...stateOf(memory, slug), listedAt: null }] as const),
      ...results.map(({ slug, state }) => [slug, state] as const),
    ]),
    pipelines: new Map(results.map((one) => [one.slug, one.pipelines])),
    found: pipelines.flatMap((pipeline) => (hasEndedBadly(pipeline) ? [{ pipeline, found: foundOf(pipeline) }] : [])),
    passes: pipelines.flatMap(passOf),
    putOffRepositories: putOff,
    problems,
  };
}

const NEVER_LISTED: RepositoryState = { listedAt: null, since: null, activeAt: null, activity: 0, isRunning: false };

function stateOf({ repositories }: RepositoryMemory, slug: string): RepositoryState {
  return repositories[slug] ?? NEVER_LISTED;
}

export function hasEndedBadly({ state, result }: CiPipeline): boolean {
  return state === 'completed' && result !== 'successful' && result !== null && result !== 'not-run';
}

export function foundOf({ repository, uuid, buildNumber, completedAt, createdAt }: CiPipeline): FoundPipeline {
  return {
    repository,
    uuid,
    number: buildNumber,
    completedAt: completedAt ?? createdAt,
    signatures: null,
    again: null,
  };
}

export function isAllowanceSpent(error: unknown): boolean {
  return error instanceof PlatformError && error.failure.code === 'ALLOWANCE_SPENT';
}

function hintedTurn(
  repository: string,
  memory: RepositoryMemory,
  due: readonly { readonly since: string }[],
  now: string,
): DueRepository {
  return {
    repository,
    isEarly: false,
    since: memory.repositories[repository]?.since ?? due[0]?.since ?? secondsBefore(now, OVERLAP_SECONDS),
  };
}

async function allSince(ci: Ci, repository: string, since: string): Promise<readonly CiPipeline[]> {
  const pipelines: CiPipeline[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { items, next } = await ci.pipelines({ repository, since, ...(cursor === undefined ? {} : { cursor }) });
    pipelines.push(...items);
    if (next === null) {
      return pipelines;
    }
    cursor = next;
  }
  throw new PlatformError(
    { system: 'CI', operation: 'list pipelines', target: repository, code: 'TOO_MANY', applied: 'no' },
    `more than ${String(pipelines.length)} pipelines began since ${since}`,
    { remedy: 'Leave the repository out with ci.bitbucket.repositories if it builds that often.' },
  );
}

/** From where the next listing begins: before everything that has not ended, and before what may show late. */
function stateAfter(
  before: RepositoryState | undefined,
  pipelines: readonly CiPipeline[],
  now: string,
): RepositoryState {
  const oldest = secondsBefore(now, UNFINISHED_SECONDS);
  const open = pipelines.filter(({ state, createdAt }) => state !== 'completed' && createdAt > oldest);
  const since = [secondsBefore(now, OVERLAP_SECONDS), ...open.map(({ createdAt }) => createdAt)].reduce((a, b) =>
    Date.parse(a) <= Date.parse(b) ? a : b,
  );
  const known = before?.activeAt ?? null;
  const fresh = pipelines
    .map(({ createdAt }) => createdAt)
    .filter((createdAt) => known === null || Date.parse(createdAt) > Date.parse(known))
    .sort();
  const activity = activityAt(before, Date.parse(now) / 1000) + fresh.length;
  return {
    listedAt: now,
    since,
    activeAt: fresh.at(-1) ?? known,
    activity: Math.round(activity * 1000) / 1000,
    // What is paused waits for a person, and cannot fail by itself.
    isRunning: open.some(({ state }) => state !== 'paused'),
  };
}

function passOf({ repository, state, result, target, completedAt }: CiPipeline): readonly BranchPass[] {
  return state === 'completed' && result === 'successful' && target.kind === 'branch' && completedAt !== null
    ? [{ repository, branch: target.name.slice(0, 500), commit: target.commit ?? '', at: completedAt }]
    : [];
}

function secondsBefore(iso: string, seconds: number): string {
  return new Date(Date.parse(iso) - seconds * 1000).toISOString();
}

function said(what: string, error: unknown): string {
  if (!(error instanceof PlatformError)) {
    throw error;
  }
  return `${what}: ${describeError(error)}`.slice(0, 2000);
}
