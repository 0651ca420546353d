// ci.rerun: a failed pipeline is run again, for the same commit and definition, as a new pipeline: the platform has no rerun.
// Whether it happened is told by listing the runs of that commit and definition; it is never started a second time blindly.
import { z } from 'zod';
import type { ActionProposal, Inverse } from '../core/action.ts';
import { ConfigurationError } from '../core/errors.ts';
import type { Ci, CiPipeline, CiPriority, CiTarget } from '../ports/ci.ts';
import type { Ports } from '../ports/ports.ts';
import type { ActionKind, Look } from './kind.ts';
import { finding, type Judgement } from './judgement.ts';

const text = z.string().max(2000);

/** The pipeline that failed: its uuid, and its build number for people. */
export const pipelineFields = () => ({
  workspace: text,
  repository: text,
  pipeline: text,
  number: z.int().min(1),
});
const PipelineTarget = z.lazy(() => z.strictObject(pipelineFields()));
type PipelineTarget = z.infer<typeof PipelineTarget>;

const Selector = z.lazy(() => z.strictObject({ type: text, pattern: text.nullable() }));

/** `CiTarget` of the port: what is copied back. */
const Definition = z.lazy(() =>
  z
    .looseObject({
      kind: z.enum(['branch', 'tag', 'commit', 'pull-request']),
      commit: text,
      selector: Selector.nullable(),
    })
    .transform((target) => target as unknown as CiTarget & { readonly commit: string }),
);

/** How often the failed pipeline was rerun before, or with this action. */
const rerun = z.int().min(0).max(10);

/** What is wanted: complete, unlike the state before. */
const Wanted = z.lazy(() =>
  z.strictObject({
    rerun,
    commit: text,
    target: z.record(z.string(), z.json()),
    variables: z.array(z.strictObject({ key: text, value: text })).max(100),
    signatures: z.array(text).max(20),
    /** When the pipeline that failed was created and when it ended, ISO: any other run created since is the new one, or somebody's. */
    createdAt: z.iso.datetime(),
    failedAt: z.iso.datetime(),
  }),
);

/** A rerun takes at least about as long as the run that failed: looked at this much later, each request being scarce, and no longer than a day. */
const LOOK_SECONDS = 180;
const LONGEST_LOOK_SECONDS = 1800;
const PATIENCE_SECONDS = 86_400;

const View = z.lazy(() =>
  z.strictObject({
    observedAt: z.iso.datetime(),
    number: z.int().nullable(),
    url: text.nullable(),
    state: z.enum(['pending', 'running', 'paused', 'completed', 'unknown', 'missing']),
    result: z.string().nullable(),
    createdAt: z.iso.datetime().nullable(),
  }),
);

export const rerunPipeline: ActionKind = {
  kind: 'ci.rerun',
  target: PipelineTarget,
  change: z.union([z.strictObject({ rerun }), Wanted]),
  // The platform starts as many pipelines as it is asked for.
  guardedByPlatform: false,
  judgedByOutcome: true,

  async look(ports: Ports, action: ActionProposal): Promise<Look> {
    const { repository, pipeline, number } = PipelineTarget.parse(action.target);
    const runs = await ciOf(ports, 'urgent').pipelinesFor({ repository, ...searchOf(action.to) });
    const run = firstOther(runs, pipeline);
    if (run !== undefined) {
      return { at: 'to', found: `Pipeline #${String(run.buildNumber)} of ${repository} runs the same commit.` };
    }
    const failed = runs.find(({ uuid }) => uuid === pipeline);
    return failed === undefined || (failed.state === 'completed' && failed.result !== 'successful')
      ? { at: 'from', found: `There is no other run of the commit of ${repository} #${String(number)}.` }
      : {
          at: 'elsewhere',
          found: `${repository} #${String(number)} itself was run again by somebody: it is ${failed.result ?? failed.state}.`,
        };
  },

  async apply(ports, action) {
    const { repository } = PipelineTarget.parse(action.target);
    const { target, variables } = Wanted.parse(action.to);
    const started = await ciOf(ports, 'urgent').start({
      repository,
      target: Definition.parse(target),
      variables: variables.map(({ key, value }) => ({ key, value, secured: false })),
    });
    return `Pipeline #${String(started.buildNumber)} was started: ${started.url}`;
  },

  inverse({ target, to }): Inverse {
    return {
      kind: 'ci.stop',
      target: { ...target, ...searchOf(to) },
      from: { state: 'running' },
      to: { state: 'stopped' },
    };
  },

  growth: () => ({ step: 1, total: undefined }),

  async observe(ports, _team, action, now) {
    const { repository, pipeline } = PipelineTarget.parse(action.target);
    // It goes on whether or not somebody looks.
    return viewOf(await firstRun(ciOf(ports, 'best-effort'), repository, pipeline, searchOf(action.to)), now);
  },

  judge: judgeRerun,

  settleSeconds(_team, { to }) {
    const { createdAt, failedAt } = Wanted.parse(to);
    const lastedSeconds = Math.max(0, (Date.parse(failedAt) - Date.parse(createdAt)) / 1000);
    return Math.min(LONGEST_LOOK_SECONDS, Math.ceil(lastedSeconds) + LOOK_SECONDS);
  },

  describe({ target, to }) {
    const { repository, number } = PipelineTarget.parse(target);
    return `${repository} #${String(number)}: run again (${Wanted.parse(to).signatures.join(', ')})`;
  },
};

/** What the new pipeline is found by. */
export function searchOf(to: ActionProposal['to']): {
  commit: string;
  selector: z.infer<typeof Selector> | null;
  since: string;
} {
  const { target, createdAt } = Wanted.parse(to);
  const { commit, selector } = Definition.parse(target);
  return { commit, selector: selector === null ? null : { ...selector }, since: createdAt };
}

export function ciOf({ ci }: Ports, priority: CiPriority): Ci {
  if (ci === undefined) {
    throw new ConfigurationError('An action on a pipeline is stored, and no CI system is configured.', {
      remedy: 'Set ci.bitbucket in the policy, and BITBUCKET_ACCESS_TOKEN.',
    });
  }
  return ci.prioritised(priority);
}

/** The first other run of the same commit and definition since the one that failed. */
export async function firstRun(
  ci: Ci,
  repository: string,
  failed: string,
  search: ReturnType<typeof searchOf>,
): Promise<CiPipeline | undefined> {
  return firstOther(await ci.pipelinesFor({ repository, ...search }), failed);
}

/** Runs are told newest first. */
function firstOther(runs: readonly CiPipeline[], failed: string): CiPipeline | undefined {
  return runs.filter(({ uuid }) => uuid !== failed).at(-1);
}

function viewOf(run: CiPipeline | undefined, now: string): z.infer<typeof View> {
  return run === undefined
    ? { observedAt: now, number: null, url: null, state: 'missing', result: null, createdAt: null }
    : {
        observedAt: now,
        number: run.buildNumber,
        url: run.url,
        state: run.state,
        result: run.result,
        createdAt: run.createdAt,
      };
}

function judgeRerun(_action: ActionProposal, _before: unknown, after: unknown): Judgement {
  const { observedAt, number, url, state, result, createdAt } = View.parse(after);
  const evidence = { number, url, state, result };
  const named = `Pipeline #${String(number ?? 0)}`;
  const found = ((): ReturnType<typeof finding> => {
    if (createdAt === null) {
      return finding('no-data', 'rerun-missing', 'The new pipeline cannot be found.');
    }
    if (state === 'completed') {
      if (result === 'successful') {
        return finding('kept', 'rerun-passed', `${named} passed.`);
      }
      return result === 'stopped' || result === 'expired'
        ? finding('kept', 'rerun-ended', `${named} was ${result} before it ended.`)
        : finding('kept', 'rerun-failed', `${named} failed again (${result ?? 'no result'}).`);
    }
    const ageSeconds = (Date.parse(observedAt) - Date.parse(createdAt)) / 1000;
    return ageSeconds < PATIENCE_SECONDS
      ? finding('under-way', 'rerun-running', `${named} is ${state}.`)
      : finding('escalate', 'rerun-endless', `${named} is still ${state} after a day.`);
  })();
  return { ...found, evidence, ...(state === 'completed' ? { succeeded: result === 'successful' } : {}) };
}
