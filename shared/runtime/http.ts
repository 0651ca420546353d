// One HTTP request to a duty, from its body to its status (law 11): the work first, then the answer.
import type { Logger } from 'pino';
import { CallerError, ConfigurationError, describeError, NightshiftError, PlatformError } from '../core/errors.ts';
import { hashOf } from '../core/fingerprint.ts';
import type { JsonObject } from '../core/json.ts';
import type { Policy } from '../core/policy.ts';
import type { CodeVersion, Surroundings } from './context.ts';
import type { Duty } from './duty.ts';
import { traceField } from './log.ts';
import { runDuty, type RunResult } from './run.ts';
import { scopeKey } from './scope.ts';
import { type DutyRequest, type Incoming, readRequest } from './trigger.ts';

/** The part of function.yaml that the runtime goes by. */
export interface DutyManifest {
  readonly name: string;
  readonly timeoutSeconds: number;
  readonly fanOut: boolean;
  /** Goes into the recording of each run. */
  readonly code?: CodeVersion;
}

/** A duty with all that it needs to run. */
export interface ReadyDuty {
  readonly duty: Duty;
  readonly policy: Policy<unknown>;
  readonly manifest: DutyManifest;
  readonly surroundings: Surroundings;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

/** The topic on which the scopes of a duty are handed out. */
export function topicOf(duty: string): string {
  return `nightshift-${duty}`;
}

/** Runs what the request asks for and answers with the report. Never throws. */
export async function answer(ready: ReadyDuty, incoming: Incoming): Promise<Answer> {
  const { surroundings } = ready;
  const log = surroundings.log.child(traceField(incoming.headers['x-cloud-trace-context'], surroundings.project));
  try {
    return await run({ ...ready, surroundings: { ...surroundings, log } }, readRequest(incoming));
  } catch (error) {
    return failure(error, log, surroundings.mask);
  }
}

async function run(ready: ReadyDuty, request: DutyRequest): Promise<Answer> {
  if (request.scope !== undefined) {
    return ofResult(await runScope(ready, request, request.scope), request);
  }
  if (request.trigger === 'schedule' && !hasScope(ready)) {
    // One process serves every duty: those that the team does not use are no mistake of each minute. The doctor says so once.
    return done({ result: 'no-scope', duty: ready.duty.name });
  }
  const scopes = policyScopes(ready);
  const { queue, clock } = ready.surroundings.ports;
  if (request.trigger === 'schedule' && ready.manifest.fanOut && queue !== undefined && scopes.length > 1) {
    const tick = request.deliveryId ?? clock.now().toISOString();
    await queue.publish(
      topicOf(ready.duty.name),
      scopes.map((scope) => ({
        id: hashOf({ tick, scope: scopeKey(scope) }),
        data: { scope, dry_run: request.dryRun },
      })),
    );
    return { status: 200, headers: {}, body: { result: 'fanned-out', scopes: scopes.length } };
  }
  const [first, ...others] = scopes;
  if (first !== undefined && others.length === 0) {
    return ofResult(await runScope(ready, request, first), request);
  }
  const answers: Answer[] = [];
  for (const scope of scopes) {
    answers.push(
      await runScope(ready, request, scope).then(
        (result) => ofResult(result, request),
        (error: unknown) => failure(error, ready.surroundings.log, ready.surroundings.mask),
      ),
    );
  }
  const worst = answers.reduce((a, b) => (b.status > a.status ? b : a));
  return { status: worst.status, headers: worst.headers, body: { reports: answers.map((one) => one.body) } };
}

function hasScope({ duty, policy }: Pick<ReadyDuty, 'duty' | 'policy'>): boolean {
  return duty.scopes(policy.duty, policy.team).length > 0;
}

/** The scopes that the policy names for a duty; a ConfigurationError when there are none. */
export function policyScopes(ready: Pick<ReadyDuty, 'duty' | 'policy'>): readonly JsonObject[] {
  const scopes = ready.duty.scopes(ready.policy.duty, ready.policy.team);
  if (scopes.length === 0) {
    throw new ConfigurationError(`The policy names no scope for ${ready.duty.name}.`, {
      remedy: `Set duties.${ready.duty.name}.scopes in the policy, or give the scope with the request.`,
    });
  }
  return scopes;
}

async function runScope(ready: ReadyDuty, request: DutyRequest, scope: JsonObject): Promise<RunResult> {
  return runDuty(ready.surroundings, ready.duty, ready.policy, {
    scope,
    dryRun: request.dryRun,
    trigger: request.trigger,
    timeoutSeconds: ready.manifest.timeoutSeconds,
    events: request.events,
    // One tick over several scopes is one delivery for each of them.
    ...(request.deliveryId === undefined ? {} : { deliveryId: `${request.deliveryId}:${scopeKey(scope)}` }),
  });
}

function ofResult(result: RunResult, request: DutyRequest): Answer {
  if (result.kind === 'busy') {
    const body = { result: 'busy', run: result.runId, until: result.until };
    return request.trigger === 'manual'
      ? {
          status: 409,
          headers: {},
          body: { ...body, message: 'Another run is at work on this scope. Try again when it is done.' },
        }
      : { status: 200, headers: {}, body };
  }
  const body = result.report as unknown as JsonObject;
  if (result.report.run.result === 'refused') {
    return { status: 500, headers: {}, body };
  }
  return { status: result.waiting ? 202 : 200, headers: {}, body };
}

export function done(body: JsonObject): Answer {
  return { status: 200, headers: {}, body };
}

/** The status and the words for what went wrong. */
export function failure(error: unknown, log: Logger, mask: (text: string) => string): Answer {
  const message = mask(describeError(error));
  if (error instanceof CallerError) {
    return { status: 400, headers: {}, body: { error: { kind: error.kind, field: error.field ?? null, message } } };
  }
  if (error instanceof PlatformError) {
    log.error({ system: error.failure.system, operation: error.failure.operation }, message);
    const retryAfter = error.failure.retryAfterSeconds;
    return {
      status: 503,
      headers: retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) },
      body: { error: { kind: error.kind, system: error.failure.system, operation: error.failure.operation, message } },
    };
  }
  log.error(error instanceof NightshiftError ? { kind: error.kind } : { err: error }, message);
  return {
    status: 500,
    headers: {},
    body: { error: { kind: error instanceof NightshiftError ? error.kind : 'bug', message } },
  };
}
