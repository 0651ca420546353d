// What the next run is to know, from this run's facts and what became of its decisions. Pure; every list has its age and its cap.
import type { DecidedOutcome } from '../../shared/core/report.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { durationSeconds, type Policy } from '../../shared/core/policy.ts';
import { PASSING_RULES } from './decide.ts';
import { secondsOf } from './decide-causes.ts';
import { sightingsOf } from './decide-storms.ts';
import { viewOf, type World, worldOf } from './decide-view.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineFacts, PipelineRetryFacts } from './schema-facts.ts';
import type {
  FoundPipeline,
  HeldMemory,
  PipelineMemory,
  RepositoryMemory,
  RerunFacts,
  SignatureMemory,
} from './schema-memory.ts';

/** Longer than the oldest pipeline that a listing can still show. */
const HANDLED_SECONDS = 2 * 86_400;
const RERUN_SECONDS = 86_400;
const FORGOTTEN_REPOSITORY_SECONDS = 7 * 86_400;
/** Changes that the platform refused are tried again; more often than this it means it. */
const STARTS = 3;
/** A guardrail or a budget that refuses does so for longer than a minute, and each look costs requests. */
const REFUSED_SECONDS = 600;
const UNREAD_SECONDS = 120;
const MOST_WAITING = 2000;
const MOST_SIGHTINGS = 5000;
const MOST_TEST_FAILURES = 5000;
const MOST_PASSES = 5000;
/** Of what waits, this much is remembered with its causes; what is beyond is read again. */
const MOST_HELD = 300;
const HELD_LINES = 3;
const HELD_LINE_CHARACTERS = 300;

export interface RememberInput {
  readonly facts: PipelineRetryFacts;
  readonly policy: Policy<PipelineRetryPolicy>;
  readonly decided: readonly DecidedOutcome[];
}

export function remember({
  facts,
  policy,
  decided,
}: RememberInput): Readonly<Record<string, { readonly value: JsonObject }>> {
  const world = worldOf(facts, policy);
  const verdicts = new Map(decided.map((one) => [subjectKey(one.decision.subject), one]));
  const ends = facts.pipelines.map((pipeline) => ({
    pipeline,
    end: endOf(world, pipeline, verdicts.get(keyOf(pipeline))),
  }));
  const waiting = ends.flatMap(({ pipeline, end }) => (end.isOver ? [] : [waitingOf(world, pipeline, end)]));
  const left = [...facts.left, ...waiting];
  return {
    held: { value: held(facts, left) },
    repositories: { value: repositories(facts) },
    pipelines: {
      value: pipelines(
        facts,
        left,
        ends.filter(({ end }) => end.isOver),
      ),
    },
    signatures: {
      value: signatures(
        world,
        ends.flatMap(({ end }) => end.rerun ?? []),
        left,
      ),
    },
  };
}

function subjectKey(subject: Readonly<Record<string, string>>): string {
  return `${subject['repository'] ?? ''} ${subject['pipeline'] ?? ''}`;
}

function keyOf({ repository, number }: PipelineFacts): string {
  return `${repository} #${String(number)}`;
}

interface End {
  /** Decided for good: it is not looked at again. */
  readonly isOver: boolean;
  /** When it is looked at again, where not with the next run. */
  readonly againSeconds?: number;
  readonly rerun?: RerunFacts;
}

function endOf(world: World, pipeline: PipelineFacts, decided: DecidedOutcome | undefined): End {
  if (decided === undefined) {
    return { isOver: false };
  }
  const { decision, outcome } = decided;
  if (decision.verdict !== 'act' || outcome === undefined) {
    const { rule } = decision.reason;
    const isYoung = world.nowSeconds - secondsOf(pipeline.completedAt) < durationSeconds(world.policy.maximumAge);
    if (rule === 'pipeline-retry/no-data' && isUnread(pipeline)) {
      return { isOver: !isYoung, againSeconds: UNREAD_SECONDS };
    }
    return rule === 'pipeline-retry/hold-repository-budget'
      ? { isOver: false, againSeconds: REFUSED_SECONDS }
      : { isOver: !PASSING_RULES.includes(rule) };
  }
  switch (outcome.state) {
    case 'applied':
    case 'begun':
    case 'repeated':
    case 'waiting':
    case 'unknown':
      return { isOver: true, rerun: rerunOf(world, pipeline, outcome.actionId, 'open') };
    case 'stale':
    case 'observed':
    case 'planned':
      return { isOver: true };
    case 'failed': {
      const before = world.facts.reruns.filter((rerun) => rerun.pipeline === pipeline.uuid).length;
      return { isOver: before + 1 >= STARTS, rerun: rerunOf(world, pipeline, outcome.actionId, 'not-started') };
    }
    case 'refused':
      // A window, a pause, a budget: until the failure is too old.
      return { isOver: false, againSeconds: REFUSED_SECONDS };
  }
}

function rerunOf(
  world: World,
  pipeline: PipelineFacts,
  actionId: string | undefined,
  outcome: RerunFacts['outcome'],
): RerunFacts {
  return {
    actionId: actionId ?? `${pipeline.uuid} ${world.facts.now}`,
    repository: pipeline.repository,
    pipeline: pipeline.uuid,
    commit: pipeline.commit,
    selector: pipeline.selector,
    number: pipeline.number,
    failedAt: pipeline.completedAt,
    signatures: [...viewOf(world, pipeline).signatures],
    attempt: pipeline.attempt + 1,
    at: world.facts.now,
    outcome,
  };
}

function waitingOf(world: World, pipeline: PipelineFacts, { againSeconds }: End): FoundPipeline {
  const { repository, uuid, number, completedAt } = pipeline;
  const signatures = [...viewOf(world, pipeline).signatures];
  const again = againSeconds === undefined ? null : new Date((world.nowSeconds + againSeconds) * 1000).toISOString();
  return { repository, uuid, number, completedAt, signatures: signatures.length === 0 ? null : signatures, again };
}

/** The facts of what waits, those that this run read or had: its steps and logs are not read again. */
function held(
  { memory, pipelines: read, leftRead }: PipelineRetryFacts,
  waiting: readonly FoundPipeline[],
): HeldMemory {
  const known = new Map([...memory.held.pipelines, ...read, ...leftRead].map((one) => [one.uuid, one]));
  const own = waiting.flatMap(({ uuid }) => {
    const facts = known.get(uuid);
    return facts === undefined || isUnread(facts) ? [] : [compact(facts)];
  });
  return { pipelines: newest(own, ({ completedAt }) => completedAt, MOST_HELD) };
}

/** What may be otherwise by the time that it is looked at again is left out. */
function compact(pipeline: PipelineFacts): PipelineFacts {
  return {
    ...pipeline,
    branchHead: null,
    pullRequest: null,
    laterRuns: [],
    steps: pipeline.steps.map((step) => ({
      ...step,
      explanation:
        step.explanation === null
          ? null
          : {
              ...step.explanation,
              lines: step.explanation.lines
                .slice(0, HELD_LINES)
                .map(({ number, text }) => ({ number, text: text.slice(0, HELD_LINE_CHARACTERS) })),
            },
    })),
  };
}

function isUnread({ missing, steps }: PipelineFacts): boolean {
  return missing !== null || steps.some(({ log }) => log === 'unreadable');
}

function repositories({ memory, listed, repositoriesListedAt, now }: PipelineRetryFacts): RepositoryMemory {
  const all = { ...memory.repositories.repositories, ...listed };
  const isKnown = ([, { listedAt }]: [string, RepositoryMemory['repositories'][string]]): boolean =>
    listedAt === null || secondsOf(now) - secondsOf(listedAt) < FORGOTTEN_REPOSITORY_SECONDS;
  return { listedAt: repositoriesListedAt, repositories: Object.fromEntries(Object.entries(all).filter(isKnown)) };
}

function pipelines(
  { memory, now }: PipelineRetryFacts,
  waiting: readonly FoundPipeline[],
  over: readonly { readonly pipeline: PipelineFacts }[],
): PipelineMemory {
  const young = Object.entries(memory.pipelines.handled).filter(
    ([, at]) => secondsOf(now) - secondsOf(at) < HANDLED_SECONDS,
  );
  return {
    // By when it was handled, not by when it ended: an old one that a caller points at must not come again and again.
    handled: Object.fromEntries([...young, ...over.map(({ pipeline }) => [pipeline.uuid, now] as const)]),
    waiting: newest(waiting, ({ completedAt }) => completedAt, MOST_WAITING),
  };
}

function signatures(world: World, begun: readonly RerunFacts[], waiting: readonly FoundPipeline[]): SignatureMemory {
  const { facts, policy } = world;
  const isYoung = (at: string, seconds: number): boolean => world.nowSeconds - secondsOf(at) < seconds;
  const known = new Set(facts.reruns.map(({ actionId }) => actionId));
  const awaited = new Set(waiting.flatMap(({ signatures: own }) => own ?? []));
  const storms = [...world.storms.values()].filter(({ signature, isOver }) => !isOver || awaited.has(signature));
  const kept = durationSeconds(policy.storm.window) + durationSeconds(policy.storm.quiet);
  const stormSince = new Map(storms.map(({ signature, since }) => [signature, since]));
  const { testFailures, passes } = facts.memory.signatures;
  const flaky = durationSeconds(policy.flaky.window);
  const failing = new Set([...testFailures, ...facts.testFailures].map(({ repository }) => repository));
  return {
    at: facts.now,
    records: { ...world.records },
    reruns: [
      ...facts.reruns.filter(({ outcome, at }) => outcome === 'open' || isYoung(at, RERUN_SECONDS)),
      ...begun.filter(({ actionId }) => !known.has(actionId)),
    ],
    sightings: newest(
      sightingsOf(facts, policy).filter(
        ({ signature, at }) => isYoung(at, kept) || secondsOf(at) >= secondsOf(stormSince.get(signature) ?? facts.now),
      ),
      ({ at }) => at,
      MOST_SIGHTINGS,
    ),
    storms: Object.fromEntries(stormSince),
    testFailures: newest(
      [...testFailures, ...facts.testFailures].filter(({ at }) => isYoung(at, flaky)),
      ({ at }) => at,
      MOST_TEST_FAILURES,
    ),
    // Where no test failed nobody asks who passed.
    passes: newest(
      [...passes, ...facts.passes].filter(({ repository, at }) => failing.has(repository) && isYoung(at, flaky)),
      ({ at }) => at,
      MOST_PASSES,
    ),
  };
}

/** The newest ones, each once, oldest first. */
function newest<T>(items: readonly T[], at: (item: T) => string, most: number): T[] {
  const distinct = new Map(items.map((item) => [JSON.stringify(item), item]));
  return [...distinct.values()].sort((a, b) => secondsOf(at(a)) - secondsOf(at(b))).slice(-most);
}
