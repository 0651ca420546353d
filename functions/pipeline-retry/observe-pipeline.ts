// One failed pipeline as facts: its steps with the causes of those that failed, and, where a rerun is possible, what could speak
// against it. Judges nothing.
import { describeError, PlatformError } from '../../shared/core/errors.ts';
import { decodedTail } from '../../shared/core/log/decode.ts';
import type { Ci, CiPipeline, CiStep, CiTarget } from '../../shared/ports/ci.ts';
import { testHistory } from './decide-tests.ts';
import { definitionFacts } from './observe-definition.ts';
import { isAllowanceSpent } from './observe-repositories.ts';
import type { Explanation, PipelineFacts, StepFacts } from './schema-facts.ts';
import type { RerunFacts, TestFailure } from './schema-memory.ts';

/** What a log says; the catalogue of signatures is in it. */
export type Explain = (text: string) => Explanation;

const MOST_CASES = 50;
const LONGEST_TEXT = 500;

export interface PipelineReading {
  readonly ci: Ci;
  readonly explain: Explain;
  readonly logBytes: number;
  readonly reruns: readonly RerunFacts[];
}

/** Steps, logs and reported tests of one pipeline. What cannot be read becomes `missing`. */
export async function readFailure(
  reading: PipelineReading,
  pipeline: CiPipeline,
): Promise<{ readonly facts: PipelineFacts; readonly testFailures: readonly TestFailure[] }> {
  try {
    const steps = await reading.ci.steps({ repository: pipeline.repository, pipeline: pipeline.uuid });
    const read = await Promise.all(steps.slice(0, 100).map((step) => readStep(reading, pipeline, step)));
    const facts = baseOf(
      pipeline,
      read.map(({ facts: step }) => step),
    );
    return { facts, testFailures: read.flatMap(({ testFailures }) => testFailures) };
  } catch (error) {
    throwShortage(error);
    return { facts: { ...baseOf(pipeline, []), missing: unread('Its steps', error) }, testFailures: [] };
  }
}

/** What is known of a pipeline with what changes meanwhile: which rerun of ours it is, and the later runs that were listed. */
export function withRuns(
  { reruns }: Pick<PipelineReading, 'reruns'>,
  facts: PipelineFacts,
  listed: readonly CiPipeline[],
): PipelineFacts {
  const later = listed.filter(
    (one) =>
      one.uuid !== facts.uuid &&
      one.buildNumber > facts.number &&
      one.target.commit === facts.commit &&
      selectorKey(one.target) === facts.selector,
  );
  return {
    ...facts,
    attempt: attemptOf(reruns, facts),
    laterRuns: later
      .map((one) => ({ number: one.buildNumber, state: one.result ?? one.state, createdAt: one.createdAt }))
      .slice(0, 50),
  };
}

/**
 * Branch, pull request and definition: what a rerun depends on. Runs that were started meanwhile are looked for right before the
 * rerun, by the executor.
 */
export async function readDetails({ ci }: PipelineReading, facts: PipelineFacts): Promise<PipelineFacts> {
  const { repository, commit } = facts;
  const target = facts.target as unknown as CiTarget;
  if (commit === '') {
    return { ...facts, missing: 'The platform does not tell its commit.' };
  }
  try {
    const pullRequest =
      target.kind === 'pull-request' ? await ci.pullRequest({ repository, id: target.pullRequest }) : undefined;
    const branch = target.kind === 'branch' ? target.name : undefined;
    const [head, file] = await Promise.all([
      branch === undefined ? undefined : ci.branchHead({ repository, branch }),
      // The file of a commit changes no more.
      facts.deploys === null ? ci.pipelineFile({ repository, commit }) : undefined,
    ]);
    const definition =
      facts.deploys === null ? definitionFacts(file, target.selector) : { deploys: facts.deploys, retried: [] };
    return {
      ...facts,
      branchHead: head ?? pullRequest?.headCommit ?? null,
      pullRequest: pullRequest === undefined ? null : { id: pullRequest.id, state: pullRequest.state },
      deploys: definition.deploys,
      steps: facts.steps.map((step) => ({
        ...step,
        hasNativeRetry: step.hasNativeRetry || definition.retried.includes(step.name),
      })),
    };
  } catch (error) {
    throwShortage(error);
    return { ...facts, missing: unread('What a rerun depends on', error) };
  }
}

function baseOf(pipeline: CiPipeline, steps: readonly StepFacts[]): PipelineFacts {
  const { repository, uuid, buildNumber, url, createdAt, completedAt, target, variables, creator } = pipeline;
  return {
    repository,
    uuid,
    number: buildNumber,
    url: capped(url),
    result: resultOf(pipeline),
    createdAt,
    completedAt: completedAt ?? createdAt,
    commit: target.commit ?? '',
    ref: capped(refOf(target)),
    kind: target.kind,
    selector: selectorKey(target),
    target: { ...target, selector: target.selector === null ? null : { ...target.selector } },
    variables: variablesOf(pipeline),
    plainVariables: (variables ?? [])
      .flatMap(({ key, value }) => (value === null ? [] : [{ key, value: value.slice(0, 2000) }]))
      .slice(0, 100),
    author: creator === null ? null : capped(creator.name),
    branchHead: null,
    pullRequest: null,
    deploys: null,
    laterRuns: [],
    attempt: 0,
    missing: null,
    steps: [...steps],
  };
}

/** The pipeline is our rerun when we began one for its commit and selector before it was created. */
function attemptOf(
  reruns: readonly RerunFacts[],
  { repository, uuid, commit, selector, createdAt }: PipelineFacts,
): number {
  const own = reruns.filter(
    (rerun) =>
      rerun.repository === repository &&
      rerun.pipeline !== uuid &&
      rerun.commit === commit &&
      rerun.selector === selector &&
      rerun.outcome !== 'not-started' &&
      // The clocks of two systems: a few seconds are no difference.
      Date.parse(createdAt) >= Date.parse(rerun.at) - 5000,
  );
  return Math.max(0, ...own.map(({ attempt }) => attempt));
}

export function selectorKey({ selector }: CiTarget): string | null {
  return selector === null ? null : `${selector.type}:${selector.pattern ?? ''}`;
}

function resultOf({ result }: CiPipeline): PipelineFacts['result'] {
  return result === 'error' || result === 'stopped' || result === 'expired' ? result : 'failed';
}

function refOf(target: CiTarget): string {
  switch (target.kind) {
    case 'branch':
    case 'tag':
      return target.name;
    case 'pull-request':
      return `pull request ${String(target.pullRequest)} (${target.source})`;
    case 'commit':
      return `commit ${target.commit?.slice(0, 12) ?? ''}`;
    case 'unknown':
      return target.type;
  }
}

function variablesOf({ variables, target, trigger }: CiPipeline): PipelineFacts['variables'] {
  if (variables === null) {
    // Only a run by hand or by a schedule, of a custom definition, can have been given any.
    return target.selector?.type === 'custom' || trigger === 'unknown' ? 'unknown' : 'none';
  }
  return variables.some(({ secured }) => secured) ? 'secured' : variables.length === 0 ? 'none' : 'plain';
}

async function readStep(
  reading: PipelineReading,
  pipeline: CiPipeline,
  step: CiStep,
): Promise<{ readonly facts: StepFacts; readonly testFailures: readonly TestFailure[] }> {
  const failed = step.result === 'failed' || step.result === 'error';
  const base: StepFacts = {
    uuid: step.uuid,
    name: capped(step.name ?? 'step'),
    result: step.result === 'expired' ? 'stopped' : (step.result ?? 'unfinished'),
    error: step.error === null ? null : capped([step.error.key, step.error.message].filter(Boolean).join(': ')),
    isDeployment: step.deployment !== null,
    isManual: step.isManual === true,
    hasNativeRetry: (step.runNumber ?? 1) > 1,
    explanation: null,
    log: 'not-needed',
    failedTests: [],
    failedTestCount: 0,
  };
  if (!failed) {
    return { facts: base, testFailures: [] };
  }
  const { explanation, log } = await readCause(reading, pipeline, base);
  if (explanation?.category !== 'test') {
    return { facts: { ...base, explanation, log }, testFailures: [] };
  }
  const cases = await readTests(reading, pipeline, step);
  return {
    facts: {
      ...base,
      explanation,
      log,
      failedTests: cases.tests.map((name) => ({ name, sameCommit: 0, branches: 0 })),
      failedTestCount: cases.count,
    },
    testFailures: cases.tests.map((test) => ({
      repository: pipeline.repository,
      test,
      branch: refOf(pipeline.target).slice(0, LONGEST_TEXT),
      commit: pipeline.target.commit ?? '',
      at: pipeline.completedAt ?? pipeline.createdAt,
    })),
  };
}

/** The tests of the pipelines with what is known of each, once all that this run read is known. */
export function withTestHistory(
  pipelines: readonly PipelineFacts[],
  past: Parameters<typeof testHistory>[0],
): readonly PipelineFacts[] {
  return pipelines.map((pipeline) => ({
    ...pipeline,
    steps: pipeline.steps.map((step) => ({
      ...step,
      failedTests: step.failedTests.map(({ name }) => ({ name, ...testHistory(past, pipeline.repository, name) })),
    })),
  }));
}

/** An agent that failed before the first command leaves no log and words of its own. */
async function readCause(
  { ci, explain, logBytes }: PipelineReading,
  { repository, uuid }: CiPipeline,
  step: StepFacts,
): Promise<Pick<StepFacts, 'explanation' | 'log'>> {
  try {
    const tail = await ci.logTail({ repository, pipeline: uuid, step: step.uuid, bytes: logBytes });
    const text = [tail === undefined ? '' : decodedTail(tail.bytes), step.error ?? '']
      .filter((part) => part !== '')
      .join('\n');
    return text === ''
      ? { explanation: null, log: 'absent' }
      : { explanation: explain(text), log: tail === undefined ? 'absent' : 'read' };
  } catch (error) {
    throwShortage(error);
    if (!(error instanceof PlatformError)) {
      throw error;
    }
    return { explanation: null, log: 'unreadable' };
  }
}

/** A test report that cannot be read is no report: then no test is known to be flaky. */
async function readTests(
  { ci }: PipelineReading,
  { repository, uuid }: CiPipeline,
  step: CiStep,
): Promise<{ readonly tests: readonly string[]; readonly count: number }> {
  try {
    const report = await ci.testReport({ repository, pipeline: uuid, step: step.uuid, maxCases: MOST_CASES });
    const names = (report?.failedCases ?? []).map(({ group, name }) =>
      capped(group === null ? name : `${group} ${name}`),
    );
    return { tests: [...new Set(names)].slice(0, MOST_CASES), count: (report?.failed ?? 0) + (report?.errors ?? 0) };
  } catch (error) {
    throwShortage(error);
    if (!(error instanceof PlatformError)) {
      throw error;
    }
    return { tests: [], count: 0 };
  }
}

/** Nothing is wrong with the pipeline when requests are short: it is left for the next run as it is. */
function throwShortage(error: unknown): void {
  if (isAllowanceSpent(error)) {
    throw error;
  }
}

function unread(what: string, error: unknown): string {
  if (!(error instanceof PlatformError)) {
    throw error;
  }
  return `${what} cannot be read: ${describeError(error)}`.slice(0, 2000);
}

function capped(value: string): string {
  return value.length <= LONGEST_TEXT ? value : `${value.slice(0, LONGEST_TEXT - 1)}…`;
}
