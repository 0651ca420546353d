// Ports → facts: what is remembered, what failed since, why, and what speaks against a rerun. Judges nothing; which of it is to be
// read is asked of needs.ts.
import { eachOf } from '../../shared/core/each-of.ts';
import { CallerError, PlatformError } from '../../shared/core/errors.ts';
import { matchesPattern } from '../../shared/core/pattern.ts';
import type { Policy } from '../../shared/core/policy.ts';
import type { Ci, CiPipeline } from '../../shared/ports/ci.ts';
import type { History, Memory, Ports } from '../../shared/ports/ports.ts';
import { earlyObjection } from './decide.ts';
import { viewOf, worldOf } from './decide-view.ts';
import { pipelinesToRead, trailsToRead } from './needs.ts';
import {
  type Explain,
  type PipelineReading,
  readDetails,
  readFailure,
  withRuns,
  withTestHistory,
} from './observe-pipeline.ts';
import { foundOf, hasEndedBadly, isAllowanceSpent, listFailures } from './observe-repositories.ts';
import { openReruns } from './observe-reruns.ts';
import { readTrails } from './observe-suspects.ts';
import type { PipelineEvent, PipelineRetryPolicy, PipelineRetryScope } from './schema.ts';
import type { PipelineFacts, PipelineRetryFacts } from './schema-facts.ts';
import {
  type FoundPipeline,
  HeldMemory,
  NO_MEMORY,
  PipelineMemory,
  RepositoryMemory,
  type RerunFacts,
  SignatureMemory,
  type TestFailure,
} from './schema-memory.ts';

export interface ObserveInput {
  readonly scope: PipelineRetryScope;
  readonly policy: Policy<PipelineRetryPolicy>;
  readonly now: string;
  readonly ports: Pick<Ports, 'ci'>;
  readonly history: History;
  readonly memory: Memory;
  readonly events: readonly PipelineEvent[];
  readonly progress: (message: string) => void;
}

const AT_ONCE = 4;
/** Steps, a log, a test report; branch and definition; a look, the start, a look after a lost reply. */
const CAUSE_REQUESTS = 3;
const DETAIL_REQUESTS = 2;
const RERUN_REQUESTS = 3;

/** The failed pipelines of a workspace. What cannot be read becomes a problem, or a pipeline's `missing`; nothing of it is lost. */
export async function observe(input: ObserveInput, explain: Explain): Promise<PipelineRetryFacts> {
  const { scope, policy, now, ports, history, progress } = input;
  const events = watchedOnly(input.events, policy);
  const ci = ciOf(ports, policy, scope);
  const memory = await remembered(input.memory);
  const { reruns, lost } = await openReruns(memory.signatures, history, now);
  progress(`listing the pipelines of workspace ${scope.workspace}`);
  const listing = await listFailures({
    ci,
    memory: memory.repositories,
    policy: policy.duty,
    now,
    // The list tells of the pipeline itself and of later runs, and is the turn of its repository as well.
    hinted: [...new Set(events.map(({ repository }) => repository))].sort(),
  });
  const hints = await hintedPipelines(ci, events, memory.pipelines, listing.pipelines);
  const seen = new Map<string, CiPipeline>([
    ...listing.found.map(({ pipeline }) => [pipeline.uuid, pipeline] as const),
    ...hints.pipelines.map((pipeline) => [pipeline.uuid, pipeline] as const),
  ]);
  const found = [...newlyFound(memory.pipelines, [...seen.values()]), ...lostAgain(lost, reruns)];
  const { read, waiting } = pipelinesToRead(found, memory.signatures, policy.duty, now);
  progress(`looking for the causes of ${String(read.length)} failed pipelines`);
  const reading: PipelineReading = { ci: ci.prioritised('urgent'), explain, logBytes: policy.duty.logBytes, reruns };
  const causes = await readCauses(reading, read, seen, memory.held);
  const known = withTestHistory(causes.facts, {
    memory,
    testFailures: causes.testFailures,
    passes: listing.passes,
  }).map((facts) => withRuns(reading, facts, listing.pipelines.get(facts.repository) ?? []));
  const facts: PipelineRetryFacts = {
    workspace: scope.workspace,
    now,
    pipelines: [...known],
    trails: [],
    reruns: [...reruns],
    memory,
    listed: { ...listing.listed },
    repositoriesListedAt: listing.repositoriesListedAt,
    left: [...waiting, ...causes.left],
    leftRead: [],
    putOffRepositories: listing.putOffRepositories,
    testFailures: [...causes.testFailures],
    passes: [...listing.passes],
    requestsLeft: null,
    problems: [...hints.problems, ...listing.problems],
  };
  const detailed = await withDetails(reading, facts, policy, read);
  // After all that a rerun waits for.
  const trails = await readTrails(ci, trailsToRead(detailed, policy), policy.duty);
  const { urgent } = await ci.remaining();
  return { ...detailed, trails, requestsLeft: urgent };
}

/**
 * Tells whether so many requests can still be afforded, and puts them aside. What cannot be finished is not begun: half of it would
 * be spent each minute, for nothing.
 */
async function purse(ci: Ci): Promise<(requests: number) => boolean> {
  let left = (await ci.remaining()).urgent;
  return (requests) => {
    if (left < requests) {
      return false;
    }
    left -= requests;
    return true;
  };
}

/** Branch, pull request and definition of those that nothing speaks against yet, until the requests are spent. */
async function withDetails(
  reading: PipelineReading,
  facts: PipelineRetryFacts,
  policy: Policy<PipelineRetryPolicy>,
  found: readonly FoundPipeline[],
): Promise<PipelineRetryFacts> {
  const world = worldOf(facts, policy);
  const pipelines: PipelineFacts[] = [];
  const leftRead: PipelineFacts[] = [];
  const affords = await purse(reading.ci);
  const newest = facts.pipelines.toSorted((a, b) => Date.parse(b.completedAt) - Date.parse(a.completedAt));
  await eachOf(newest, AT_ONCE, async (one) => {
    if (earlyObjection(viewOf(world, one)) !== undefined) {
      pipelines.push(one);
      return;
    }
    if (!affords(DETAIL_REQUESTS + RERUN_REQUESTS)) {
      leftRead.push(one);
      return;
    }
    try {
      pipelines.push(await readDetails(reading, one));
    } catch (error) {
      if (!isAllowanceSpent(error)) {
        throw error;
      }
      leftRead.push(one);
    }
  });
  const isLeft = new Set(leftRead.map(({ uuid }) => uuid));
  const byUuid = (a: PipelineFacts, b: PipelineFacts): number => (a.uuid < b.uuid ? -1 : 1);
  return {
    ...facts,
    pipelines: pipelines.sort(byUuid),
    left: [...facts.left, ...found.filter(({ uuid }) => isLeft.has(uuid))],
    leftRead: leftRead.sort(byUuid),
  };
}

function ciOf({ ci }: Pick<Ports, 'ci'>, { team }: Policy<unknown>, { workspace }: PipelineRetryScope): Ci {
  const configured = team.ci?.bitbucket.workspace;
  if (ci === undefined || configured !== workspace) {
    throw new CallerError(`The policy knows no workspace "${workspace}".`, {
      field: 'scope.workspace',
      remedy: `ci.bitbucket.workspace in the policy is ${configured ?? 'not set'}.`,
    });
  }
  return ci;
}

/** A webhook of the whole workspace tells of all its repositories. */
function watchedOnly(events: readonly PipelineEvent[], { team }: Policy<unknown>): readonly PipelineEvent[] {
  const patterns = team.ci?.bitbucket.repositories ?? [];
  return events.filter(
    ({ repository }) => patterns.length === 0 || patterns.some((pattern) => matchesPattern(pattern, repository)),
  );
}

/** A memory of another version is no memory: the duty begins anew, at most maximumAge back. */
async function remembered(memory: Memory): Promise<PipelineRetryFacts['memory']> {
  const [repositories, pipelines, signatures, held] = await Promise.all([
    memory.read('repositories'),
    memory.read('pipelines'),
    memory.read('signatures'),
    memory.read('held'),
  ]);
  return {
    repositories: RepositoryMemory.safeParse(repositories).data ?? { ...NO_MEMORY.repositories },
    pipelines: PipelineMemory.safeParse(pipelines).data ?? { ...NO_MEMORY.pipelines },
    signatures: SignatureMemory.safeParse(signatures).data ?? { ...NO_MEMORY.signatures },
    held: HeldMemory.safeParse(held).data ?? { ...NO_MEMORY.held },
  };
}

interface Hints {
  readonly pipelines: readonly CiPipeline[];
  readonly problems: PipelineRetryFacts['problems'];
}

/** Asks after what a webhook or a caller named and no list of this run showed; several hints of one pipeline are one. */
async function hintedPipelines(
  ci: Ci,
  events: readonly PipelineEvent[],
  { handled }: PipelineMemory,
  listed: ReadonlyMap<string, readonly CiPipeline[]>,
): Promise<Hints> {
  const named = new Map(
    events.flatMap(({ repository, number }) =>
      number === null || listed.get(repository)?.some(({ buildNumber }) => buildNumber === number) === true
        ? []
        : [[`${repository} ${String(number)}`, { repository, number }] as const],
    ),
  );
  const pipelines: CiPipeline[] = [];
  const problems: { kind: 'platform'; message: string }[] = [];
  await eachOf([...named.values()], AT_ONCE, async ({ repository, number }) => {
    try {
      const pipeline = await ci.prioritised('urgent').pipeline({ repository, pipeline: number });
      if (pipeline !== undefined && handled[pipeline.uuid] === undefined && hasEndedBadly(pipeline)) {
        pipelines.push(pipeline);
      }
    } catch (error) {
      if (!(error instanceof PlatformError)) {
        throw error;
      }
      // Its repository is listed with the next run: the hint is lost, the pipeline is not.
      problems.push({
        kind: 'platform',
        message: `Pipeline #${String(number)} of ${repository} cannot be read: ${error.full}`.slice(0, 2000),
      });
    }
  });
  return { pipelines, problems };
}

/** What waited, and what is new; each pipeline once. */
function newlyFound({ handled, waiting }: PipelineMemory, seen: readonly CiPipeline[]): readonly FoundPipeline[] {
  const known = new Set(waiting.map(({ uuid }) => uuid));
  return [...waiting, ...seen.filter(({ uuid }) => handled[uuid] === undefined && !known.has(uuid)).map(foundOf)];
}

/** A platform that loses the request again and again is not asked for ever. */
const STARTS = 3;

function lostAgain(lost: readonly RerunFacts[], reruns: readonly RerunFacts[]): readonly FoundPipeline[] {
  return lost
    .filter(({ pipeline }) => reruns.filter((one) => one.pipeline === pipeline).length < STARTS)
    .map(({ repository, pipeline, number, failedAt }) => ({
      repository,
      uuid: pipeline,
      number,
      completedAt: failedAt,
      signatures: null,
      again: null,
    }));
}

interface Causes {
  readonly facts: readonly PipelineFacts[];
  readonly testFailures: readonly TestFailure[];
  readonly left: readonly FoundPipeline[];
}

/** Newest first, until the requests are spent: what is left is looked at in the next run. What was read before is not read again. */
async function readCauses(
  reading: PipelineReading,
  found: readonly FoundPipeline[],
  seen: ReadonlyMap<string, CiPipeline>,
  { pipelines: held }: HeldMemory,
): Promise<Causes> {
  const facts: PipelineFacts[] = [];
  const testFailures: TestFailure[] = [];
  const left: FoundPipeline[] = [];
  const known = new Map(held.map((one) => [one.uuid, one]));
  const affords = await purse(reading.ci);
  await eachOf(found, AT_ONCE, async (one) => {
    const before = known.get(one.uuid);
    if (before !== undefined) {
      facts.push(before);
      return;
    }
    if (!affords(CAUSE_REQUESTS)) {
      left.push(one);
      return;
    }
    try {
      const pipeline =
        seen.get(one.uuid) ?? (await reading.ci.pipeline({ repository: one.repository, pipeline: one.uuid }));
      if (pipeline === undefined || !hasEndedBadly(pipeline)) {
        return;
      }
      const read = await readFailure(reading, pipeline);
      facts.push(read.facts);
      testFailures.push(...read.testFailures);
    } catch (error) {
      if (!(error instanceof PlatformError)) {
        throw error;
      }
      left.push(one);
    }
  });
  return { facts, testFailures, left };
}
