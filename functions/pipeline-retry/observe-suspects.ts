// What could have broken a pipeline that a change is at fault for: the commits since it passed last, with the files that they
// changed. Judges nothing; asks only while background work may, so that reruns never wait for it.
import { describeError, PlatformError } from '../../shared/core/errors.ts';
import { trailCommit } from '../../shared/core/trail.ts';
import type { Ci, CiPipeline, CiTarget } from '../../shared/ports/ci.ts';
import { regularCause } from './decide-suspects.ts';
import { selectorKey } from './observe-pipeline.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineFacts, PipelineTrail } from './schema-facts.ts';

/** Builds that passed are looked for in one page, and no further back: what passed so long ago explains nothing. */
const GOOD_MILLISECONDS = 30 * 86_400_000;
const PAGE = 100;
const MOST_PATHS = 200;
const LONGEST_TEXT = 500;
/** What most repositories call the branch that the others begin at. */
const BASES = ['main', 'master', 'develop', 'trunk'];

/** One after another: what comes first is worth most, should the requests run out. */
export async function readTrails(
  ci: Ci,
  pipelines: readonly PipelineFacts[],
  policy: PipelineRetryPolicy,
): Promise<PipelineTrail[]> {
  const trails: PipelineTrail[] = [];
  for (const pipeline of pipelines) {
    const trail = emptyTrail(pipeline, policy);
    trails.push(await readTrail(ci, pipeline, trail, policy));
  }
  return trails;
}

function emptyTrail(pipeline: PipelineFacts, policy: PipelineRetryPolicy): PipelineTrail {
  const cause = regularCause(pipeline, policy);
  return {
    pipeline: pipeline.uuid,
    good: null,
    step: cause?.step.name ?? '',
    category: cause?.category ?? null,
    lines: (cause?.step.explanation?.lines ?? []).slice(0, 10).map(({ text }) => text.slice(0, LONGEST_TEXT)),
    failedTests: (cause?.step.failedTests ?? []).slice(0, 50).map(({ name }) => name.slice(0, LONGEST_TEXT)),
    hasLastGood: false,
    commits: [],
    isWhole: true,
    unchangedBranches: [],
    isTransient: false,
    missing: null,
  };
}

async function readTrail(
  ci: Ci,
  pipeline: PipelineFacts,
  trail: PipelineTrail,
  policy: PipelineRetryPolicy,
): Promise<PipelineTrail> {
  const { repository, commit } = pipeline;
  const since = new Date(Date.parse(pipeline.createdAt) - GOOD_MILLISECONDS).toISOString();
  let known = trail;
  let what = 'The builds that passed before';
  try {
    const { items } = await ci.pipelines({ repository, since, statuses: ['successful'], pageSize: PAGE });
    const { own, base } = passedBefore(items, pipeline);
    known = {
      ...trail,
      hasLastGood: own !== undefined,
      good: own === undefined ? null : { number: own.buildNumber, url: own.url.slice(0, LONGEST_TEXT) },
    };
    const from = (own ?? base)?.target.commit ?? null;
    if (from === null || from === commit || commit === '') {
      return known;
    }
    what = 'Its commits';
    const found = await ci.commitsBetween({ repository, from, to: commit, max: policy.commitsEach });
    known = { ...known, isWhole: found.isComplete };
    what = 'The files that its commits change';
    for (const one of found.items) {
      const changed = await ci.changedFiles({ repository, to: one.hash, max: MOST_PATHS });
      known = { ...known, commits: [...known.commits, trailCommit(one, changed)] };
    }
    return known;
  } catch (error) {
    if (!(error instanceof PlatformError)) {
      throw error;
    }
    return { ...known, missing: `${what} cannot be read: ${describeError(error)}`.slice(0, LONGEST_TEXT) };
  }
}

/** The newest pass of the same branch and definition, and of the branch that this one began at, before the pipeline began. */
function passedBefore(
  passed: readonly CiPipeline[],
  { createdAt, selector, target }: PipelineFacts,
): { readonly own: CiPipeline | undefined; readonly base: CiPipeline | undefined } {
  const branch = target['source'] ?? target['name'];
  const earlier = passed.filter(
    (one) => one.target.commit !== null && Date.parse(one.createdAt) < Date.parse(createdAt),
  );
  const bases = [target['destination'], ...BASES];
  const of = (name: unknown): CiPipeline | undefined => earlier.find((one) => branchOf(one.target) === name);
  return {
    own: earlier.find((one) => branchOf(one.target) === branch && selectorKey(one.target) === selector),
    base: bases
      .filter((name) => name !== branch)
      .reduce<CiPipeline | undefined>((found, name) => found ?? of(name), undefined),
  };
}

function branchOf(target: CiTarget): string | undefined {
  return target.kind === 'branch' ? target.name : target.kind === 'pull-request' ? target.source : undefined;
}
