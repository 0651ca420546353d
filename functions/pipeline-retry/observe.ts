// Ports → facts: what is remembered, what failed since, why, and what speaks against a rerun. Judges nothing; which of it is to be
// read is asked of needs.ts.
import { CallerError, PlatformError } from '../../shared/core/errors.ts';
import type { Policy } from '../../shared/core/policy.ts';
import type { Ci, CiPipeline } from '../../shared/ports/ci.ts';
import type { History, Memory, Ports } from '../../shared/ports/ports.ts';
import { needsDetails, pipelinesToRead, trailsToRead } from './needs.ts';
import { type Explain, type PipelineReading, readDetails, readFailure, withTestHistory } from './observe-pipeline.ts';
import { eachOf, foundOf, hasEndedBadly, listFailures } from './observe-repositories.ts';
import { openReruns } from './observe-reruns.ts';
import { readTrails } from './observe-suspects.ts';
import type { PipelineEvent, PipelineRetryPolicy, PipelineRetryScope } from './schema.ts';
import type { PipelineFacts, PipelineRetryFacts } from './schema-facts.ts';
import {
  type FoundPipeline,
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

/** The failed pipelines of a workspace. What cannot be read becomes a problem, or a pipeline's `missing`; nothing of it is lost. */
export async function observe(input: ObserveInput, explain: Explain): Promise<PipelineRetryFacts> {
  const { scope, policy, now, ports, history, events, progress } = input;
  const ci = ciOf(ports, policy, scope);
  const memory = await remembered(input.memory);
  const { reruns, lost } = await openReruns(memory.signatures, history, now);
  const hints = await hintedPipelines(ci, events, memory.pipelines);
  progress(`listing the pipelines of workspace ${scope.workspace}`);
  const listing = await listFailures({
    ci,
    memory: memory.repositories,
    policy: policy.duty,
    now,
    hinted: hints.repositories,
  });
  const seen = new Map<string, CiPipeline>([
    ...listing.found.map(({ pipeline }) => [pipeline.uuid, pipeline] as const),
    ...hints.pipelines.map((pipeline) => [pipeline.uuid, pipeline] as const),
  ]);
  const found = [...newlyFound(memory.pipelines, [...seen.values()]), ...lostAgain(lost, reruns)];
  const { read, waiting } = pipelinesToRead(found, memory.signatures, policy.duty, now);
  progress(`looking for the causes of ${String(read.length)} failed pipelines`);
  const reading: PipelineReading = { ci: ci.prioritised('urgent'), explain, logBytes: policy.duty.logBytes, reruns };
  const causes = await readCauses(reading, read, seen);
  const past = { memory, testFailures: causes.testFailures, passes: listing.passes };
  const known = withTestHistory(causes.facts, past);
  const pipelines: PipelineFacts[] = [];
  await eachOf(known, AT_ONCE, async (facts) => {
    const pipeline = causes.pipelines.get(facts.uuid);
    const isNeeded = pipeline !== undefined && needsDetails(facts, known, memory.signatures, policy.duty, now);
    pipelines.push(isNeeded ? await readDetails(reading, pipeline, facts) : facts);
  });
  const facts: PipelineRetryFacts = {
    workspace: scope.workspace,
    now,
    pipelines: pipelines.sort((a, b) => (a.uuid < b.uuid ? -1 : 1)),
    trails: [],
    reruns: [...reruns],
    memory,
    listed: { ...listing.listed },
    repositoriesListedAt: listing.repositoriesListedAt,
    left: [...waiting, ...causes.left],
    putOffRepositories: listing.putOffRepositories,
    testFailures: [...causes.testFailures],
    passes: [...listing.passes],
    requestsLeft: null,
    problems: [...hints.problems, ...listing.problems],
  };
  // After all that a rerun waits for.
  const trails = await readTrails(ci, trailsToRead(facts, policy), policy.duty);
  const { urgent } = await ci.remaining();
  return { ...facts, trails, requestsLeft: urgent };
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

/** A memory of another version is no memory: the duty begins anew, at most maximumAge back. */
async function remembered(memory: Memory): Promise<PipelineRetryFacts['memory']> {
  const [repositories, pipelines, signatures] = await Promise.all([
    memory.read('repositories'),
    memory.read('pipelines'),
    memory.read('signatures'),
  ]);
  return {
    repositories: RepositoryMemory.safeParse(repositories).data ?? { ...NO_MEMORY.repositories },
    pipelines: PipelineMemory.safeParse(pipelines).data ?? { ...NO_MEMORY.pipelines },
    signatures: SignatureMemory.safeParse(signatures).data ?? { ...NO_MEMORY.signatures },
  };
}

interface Hints {
  readonly pipelines: readonly CiPipeline[];
  /** Repositories of which something was said without a build number. */
  readonly repositories: readonly string[];
  readonly problems: PipelineRetryFacts['problems'];
}

/** Asks after what a webhook or a caller named; several hints of one pipeline are one. */
async function hintedPipelines(ci: Ci, events: readonly PipelineEvent[], { handled }: PipelineMemory): Promise<Hints> {
  const named = new Map(
    events.flatMap((event) =>
      event.number === null ? [] : [[`${event.repository} ${String(event.number)}`, event] as const],
    ),
  );
  const repositories = new Set(events.flatMap((event) => (event.number === null ? [event.repository] : [])));
  const pipelines: CiPipeline[] = [];
  const problems: { kind: 'platform'; message: string }[] = [];
  await eachOf([...named.values()], AT_ONCE, async ({ repository, number }) => {
    try {
      const pipeline = await ci.prioritised('urgent').pipeline({ repository, pipeline: number ?? 0 });
      if (pipeline !== undefined && handled[pipeline.uuid] === undefined && hasEndedBadly(pipeline)) {
        pipelines.push(pipeline);
      }
    } catch (error) {
      if (!(error instanceof PlatformError)) {
        throw error;
      }
      // Its repository is listed in its place, now or at its turn: the hint is lost, the pipeline is not.
      repositories.add(repository);
      problems.push({
        kind: 'platform',
        message: `Pipeline #${String(number)} of ${repository} cannot be read: ${error.full}`.slice(0, 2000),
      });
    }
  });
  return { pipelines, repositories: [...repositories].sort(), problems };
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
  readonly pipelines: ReadonlyMap<string, CiPipeline>;
  readonly testFailures: readonly TestFailure[];
  readonly left: readonly FoundPipeline[];
}

/** Newest first, until the requests are spent: what is left is looked at in the next run. */
async function readCauses(
  reading: PipelineReading,
  found: readonly FoundPipeline[],
  seen: ReadonlyMap<string, CiPipeline>,
): Promise<Causes> {
  const facts: PipelineFacts[] = [];
  const pipelines = new Map<string, CiPipeline>();
  const testFailures: TestFailure[] = [];
  const left: FoundPipeline[] = [];
  await eachOf(found, AT_ONCE, async (one) => {
    if ((await reading.ci.remaining()).urgent <= 0) {
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
      pipelines.set(pipeline.uuid, pipeline);
      facts.push(read.facts);
      testFailures.push(...read.testFailures);
    } catch (error) {
      if (!(error instanceof PlatformError)) {
        throw error;
      }
      left.push(one);
    }
  });
  return { facts, pipelines, testFailures, left };
}
