// ci.stop: ends a pipeline that a rerun of ours began, as long as it has not finished. The inverse of ci.rerun, and nothing else uses it.
import { z } from 'zod';
import type { ActionProposal, Inverse } from '../core/action.ts';
import { PlatformError } from '../core/errors.ts';
import type { CiPipeline } from '../ports/ci.ts';
import type { Ports } from '../ports/ports.ts';
import type { ActionKind, Look } from './kind.ts';
import { finding, type Judgement } from './judgement.ts';
import { ciOf, firstRun, pipelineFields } from './rerun-pipeline.ts';

const Target = z.lazy(() =>
  z.strictObject({
    ...pipelineFields(),
    commit: z.string(),
    selector: z.strictObject({ type: z.string(), pattern: z.string().nullable() }).nullable(),
    since: z.iso.datetime(),
  }),
);

const State = z.lazy(() => z.strictObject({ state: z.enum(['running', 'stopped']) }));
const View = z.lazy(() =>
  z.strictObject({ number: z.int().nullable(), state: z.string(), result: z.string().nullable() }),
);

export const stopPipeline: ActionKind = {
  kind: 'ci.stop',
  isInverseOnly: true,
  target: Target,
  change: State,
  // A pipeline that has ended cannot be stopped, so that a second request changes nothing.
  guardedByPlatform: true,

  async look(ports: Ports, action: ActionProposal): Promise<Look> {
    const run = await runOf(ports, action);
    if (run === undefined) {
      return { at: 'gone', found: 'The pipeline that was started is not there.' };
    }
    const named = `Pipeline #${String(run.buildNumber)}`;
    if (run.state !== 'completed') {
      return { at: 'from', found: `${named} is ${run.state}.` };
    }
    return run.result === 'stopped'
      ? { at: 'to', found: `${named} is stopped.` }
      : { at: 'elsewhere', found: `${named} has ended already: ${run.result ?? 'no result'}.` };
  },

  async apply(ports, action) {
    const { repository } = Target.parse(action.target);
    const run = await runOf(ports, action);
    if (run === undefined) {
      throw nothingToStop(repository, 'the pipeline that was started is not there');
    }
    const named = `Pipeline #${String(run.buildNumber)}`;
    if (!(await ciOf(ports, 'urgent').stop({ repository, pipeline: run.uuid }))) {
      throw nothingToStop(repository, `${named} had ended by itself`);
    }
    return `${named} was stopped.`;
  },

  inverse: (): Inverse => ({ none: 'A pipeline that was stopped is started anew by a rerun.' }),

  growth: () => ({ step: 1, total: undefined }),

  async observe(ports, _team, action) {
    const run = await runOf(ports, action);
    return { number: run?.buildNumber ?? null, state: run?.state ?? 'missing', result: run?.result ?? null };
  },

  judge(_action, _before, after): Judgement {
    const evidence = View.parse(after);
    const found =
      evidence.state === 'completed'
        ? finding('kept', 'stopped', 'It runs no longer.')
        : finding('escalate', 'not-stopped', `It is still ${evidence.state}.`);
    return { ...found, evidence };
  },

  describe({ target }) {
    const { repository, number } = Target.parse(target);
    return `${repository}: stop the rerun of #${String(number)}`;
  },
};

/** It came too late: nothing was changed. */
function nothingToStop(repository: string, why: string): PlatformError {
  const failure = {
    system: 'CI',
    operation: 'stop pipeline',
    target: repository,
    code: 'Conflict',
    applied: 'no',
  } as const;
  return new PlatformError(failure, why);
}

function runOf(ports: Ports, action: ActionProposal): Promise<CiPipeline | undefined> {
  const { repository, pipeline, commit, selector, since } = Target.parse(action.target);
  return firstRun(ciOf(ports, 'urgent'), repository, pipeline, { commit, selector, since });
}
