// Pipelines and steps of the port in the plain shapes that are counted: capped, and without what is not counted. Judges nothing.
import type { CiPipeline, CiStep, CiTarget } from '../../shared/ports/ci.ts';
import type { ReadPipeline, ReadStep } from './schema-day.ts';

const LONGEST_TEXT = 500;
const LONGEST_NAME = 120;

export function readPipeline(pipeline: CiPipeline): ReadPipeline {
  const { repository, uuid, buildNumber, url, createdAt, target, trigger, durationSeconds, buildSecondsUsed } =
    pipeline;
  const { branch, line } = linesOf(target);
  return {
    repository,
    uuid: uuid.slice(0, LONGEST_TEXT),
    build: {
      number: buildNumber,
      commit: (target.commit ?? '').slice(0, 64),
      at: createdAt,
      url: url.slice(0, LONGEST_TEXT),
    },
    branch,
    line,
    key: [(target.commit ?? uuid).slice(0, 40), selectorOf(target), branch].join('|').slice(0, 200),
    isScheduled: trigger === 'schedule',
    result: resultOf(pipeline),
    durationSeconds: positive(durationSeconds),
    usedSeconds: positive(buildSecondsUsed),
  };
}

/** `failed`: nothing of it is told where the system did not. */
export function readStep(step: CiStep, failure: ReadStep['failure']): ReadStep {
  return {
    id: step.uuid.slice(0, LONGEST_TEXT),
    name: (step.name ?? 'step').slice(0, LONGEST_NAME) || 'step',
    result: stepResult(step),
    startedAt: step.startedAt,
    seconds: positive(step.durationSeconds),
    isManual: step.isManual === true,
    isAgain: (step.runNumber ?? 1) > 1,
    ...(failure === undefined ? {} : { failure }),
  };
}

export function stepResult({ state, result }: CiStep): ReadStep['result'] {
  if (state !== 'completed') {
    return 'running';
  }
  switch (result) {
    case 'successful':
      return 'successful';
    case 'failed':
    case 'error':
      return 'failed';
    case 'not-run':
      return 'not-run';
    case 'stopped':
    case 'expired':
    case 'unknown':
    case null:
      return 'stopped';
  }
}

function resultOf({ state, result }: CiPipeline): ReadPipeline['result'] {
  if (state !== 'completed') {
    return 'running';
  }
  switch (result) {
    case 'successful':
      return 'successful';
    case 'failed':
    case 'error':
      return 'failed';
    case 'stopped':
    case 'expired':
    case 'not-run':
    case 'unknown':
    case null:
      return 'stopped';
  }
}

/** The name of a branch holds no space: what stands behind one is the definition. */
function linesOf(target: CiTarget): { readonly branch: string; readonly line: string | null } {
  const selector = selectorOf(target);
  const named = (name: string): string =>
    (selector === '' ? name : `${name} (${selector})`).replaceAll(/\s+/g, ' ').slice(0, 300);
  switch (target.kind) {
    case 'branch':
      return { branch: named(target.name), line: named(target.name) };
    case 'pull-request': {
      const line = `${target.source} (pull request ${String(target.pullRequest)})`.slice(0, 300);
      return { branch: line, line };
    }
    case 'tag':
      return { branch: `tag ${target.name}`.slice(0, 300), line: null };
    case 'commit':
      return { branch: `commit ${(target.commit ?? '').slice(0, 12)}`, line: null };
    case 'unknown':
      return { branch: target.type.slice(0, 300), line: null };
  }
}

/** Of the definition that is not the usual one of a branch. */
function selectorOf({ selector }: CiTarget): string {
  return selector === null || selector.type === 'default' || selector.type === 'branches'
    ? ''
    : `${selector.type} ${selector.pattern ?? ''}`.trim();
}

function positive(seconds: number | null): number | null {
  return seconds === null || !Number.isFinite(seconds) ? null : Math.max(0, seconds);
}
