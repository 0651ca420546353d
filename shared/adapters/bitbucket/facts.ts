// Bitbucket's replies in the port's words. Pure. What this version does not know becomes `unknown`, never an error.
import type {
  CiError,
  CiPerson,
  CiPipeline,
  CiResult,
  CiSelector,
  CiState,
  CiStep,
  CiTarget,
  CiTestCase,
  CiTrigger,
  CiVariable,
} from '../../ports/ci.ts';
import type { PersonReply, PipelineReply, StateReply, StepReply, TargetReply, TestCaseReply } from './replies.ts';

const RESULTS: Readonly<Record<string, CiResult>> = {
  SUCCESSFUL: 'successful',
  FAILED: 'failed',
  ERROR: 'error',
  STOPPED: 'stopped',
  EXPIRED: 'expired',
  NOT_RUN: 'not-run',
};

const STATES: Readonly<Record<string, CiState>> = {
  PARSING: 'pending',
  PENDING: 'pending',
  READY: 'pending',
  IN_PROGRESS: 'running',
  BUILDING: 'running',
  PAUSED: 'paused',
  HALTED: 'paused',
  COMPLETED: 'completed',
};

const TRIGGERS: Readonly<Record<string, CiTrigger>> = {
  PUSH: 'push',
  MANUAL: 'manual',
  SCHEDULED: 'schedule',
  SCHEDULE: 'schedule',
  PARENT_STEP: 'parent-step',
};

export function stateOf(reply: StateReply | null | undefined): {
  readonly state: CiState;
  readonly result: CiResult | null;
  readonly error: CiError | null;
} {
  const state = found(STATES, reply?.name) ?? 'unknown';
  const stage = found(STATES, reply?.stage?.name);
  const told = reply?.result;
  const error = told?.error;
  return {
    // An unfinished one that waits for a person says so by its stage alone.
    state: state !== 'completed' && stage === 'paused' ? 'paused' : state,
    result: state === 'completed' ? (found(RESULTS, told?.name) ?? 'unknown') : null,
    error: error === null || error === undefined ? null : { key: error.key ?? null, message: error.message ?? null },
  };
}

export function pipelineOf(reply: PipelineReply, repository: string, url: string): CiPipeline {
  const { variables } = reply;
  return frozen({
    repository,
    uuid: reply.uuid,
    buildNumber: reply.build_number,
    url,
    ...stateOf(reply.state),
    target: targetOf(reply.target),
    trigger: triggerOf(reply.trigger),
    createdAt: isoTime(reply.created_on) ?? reply.created_on,
    completedAt: isoTime(reply.completed_on),
    durationSeconds: reply.duration_in_seconds ?? secondsBetween(reply.created_on, reply.completed_on),
    buildSecondsUsed: reply.build_seconds_used ?? null,
    creator: personOf(reply.creator),
    variables:
      variables === null || variables === undefined
        ? null
        : variables.map(({ key, value, secured }): CiVariable => {
            const isSecured = secured === true || value === null || value === undefined;
            return { key, value: isSecured ? null : value, secured: isSecured };
          }),
  });
}

export function stepOf(reply: StepReply): CiStep {
  const kind = reply.trigger?.type ?? reply.trigger?.name;
  const environment = reply.environment;
  return frozen({
    uuid: reply.uuid,
    name: reply.name ?? null,
    ...stateOf(reply.state),
    startedAt: isoTime(reply.started_on),
    completedAt: isoTime(reply.completed_on),
    durationSeconds: reply.duration_in_seconds ?? secondsBetween(reply.started_on, reply.completed_on),
    buildSecondsUsed: reply.build_seconds_used ?? null,
    isManual: kind === null || kind === undefined ? null : /manual/i.test(kind),
    deployment: environment?.name ?? environment?.uuid ?? reply.deployment_environment ?? null,
    maxMinutes: reply.maxTime ?? reply.max_time ?? null,
    runNumber: reply.run_number ?? null,
  });
}

function targetOf(reply: TargetReply | null | undefined): CiTarget {
  const commit = reply?.commit?.hash ?? null;
  const selector = selectorOf(reply);
  const type = reply?.type ?? '';
  const { ref_type: refType, ref_name: name, source, destination } = reply ?? {};
  const pullRequest = Number(reply?.pullrequest?.id ?? Number.NaN);
  if (type === 'pipeline_ref_target' && name !== null && name !== undefined) {
    if (refType === 'branch' || refType === 'named_branch') {
      return { kind: 'branch', name, commit, selector };
    }
    if (refType === 'tag') {
      return { kind: 'tag', name, commit, selector };
    }
  }
  if (type === 'pipeline_commit_target' && commit !== null) {
    return { kind: 'commit', commit, selector };
  }
  if (type === 'pipeline_pullrequest_target' && Number.isInteger(pullRequest) && source && destination) {
    const destinationCommit = reply?.destination_commit?.hash ?? null;
    return { kind: 'pull-request', pullRequest, source, destination, commit, destinationCommit, selector };
  }
  return { kind: 'unknown', type, commit, selector };
}

function selectorOf(reply: TargetReply | null | undefined): CiSelector | null {
  const type = reply?.selector?.type;
  return type === null || type === undefined ? null : { type, pattern: reply?.selector?.pattern ?? null };
}

function triggerOf(reply: PipelineReply['trigger']): CiTrigger {
  const type = reply?.type?.replace(/^pipeline_trigger_/, '').toUpperCase();
  return found(TRIGGERS, reply?.name) ?? found(TRIGGERS, type) ?? 'unknown';
}

/** The body that starts the same again; `undefined` for a target that this version does not know. */
export function targetBody(target: CiTarget): object | undefined {
  const { commit, selector } = target;
  const common = {
    ...(commit === null ? {} : { commit: { type: 'commit', hash: commit } }),
    ...(selector === null
      ? {}
      : {
          selector: { type: selector.type, ...(selector.pattern === null ? {} : { pattern: selector.pattern }) },
        }),
  };
  switch (target.kind) {
    case 'branch':
    case 'tag':
      return { type: 'pipeline_ref_target', ref_type: target.kind, ref_name: target.name, ...common };
    case 'commit':
      return { type: 'pipeline_commit_target', ...common };
    case 'pull-request':
      return {
        type: 'pipeline_pullrequest_target',
        source: target.source,
        destination: target.destination,
        ...(target.destinationCommit === null
          ? {}
          : { destination_commit: { type: 'commit', hash: target.destinationCommit } }),
        pullrequest: { type: 'pullrequest', id: target.pullRequest },
        ...common,
      };
    case 'unknown':
      return undefined;
  }
}

export function sameSelector(a: CiSelector | null, b: CiSelector | null): boolean {
  return a?.type === b?.type && a?.pattern === b?.pattern;
}

export function personOf(reply: PersonReply): CiPerson | null {
  const name = reply?.display_name ?? reply?.nickname;
  return name === null || name === undefined ? null : { name, uuid: reply?.uuid ?? null };
}

export function testCaseOf(reply: TestCaseReply): CiTestCase | undefined {
  const result = found({ FAILED: 'failed', ERROR: 'error' } as const, reply.status);
  const name = reply.fully_qualified_name ?? reply.name;
  return result === undefined || name === null || name === undefined
    ? undefined
    : {
        name,
        group: reply.package_name ?? reply.class_name ?? null,
        result,
        durationSeconds: durationOf(reply.duration),
        message: reply.reason?.message ?? null,
      };
}

/** Seconds of `PT1M2.5S`, of a number of seconds, or of neither. */
function durationOf(value: string | number | null | undefined): number | null {
  if (typeof value === 'number') {
    return value;
  }
  const parts = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$/.exec(value ?? '');
  return parts === null ? null : Number(parts[1] ?? 0) * 3600 + Number(parts[2] ?? 0) * 60 + Number(parts[3] ?? 0);
}

/** Bitbucket writes six digits of a second, or none, with an offset; ours have three and a Z. */
export function isoTime(time: string | null | undefined): string | null {
  const milliseconds = Date.parse(time ?? '');
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds).toISOString();
}

function secondsBetween(from: string | null | undefined, to: string | null | undefined): number | null {
  const seconds = (Date.parse(to ?? '') - Date.parse(from ?? '')) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}

function found<T>(table: Readonly<Record<string, T>>, key: string | null | undefined): T | undefined {
  const name = key?.toUpperCase();
  return name !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Deep: a duty hands these on as facts. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(frozen);
    Object.freeze(value);
  }
  return value;
}
