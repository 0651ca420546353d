// The four kinds of failure. Each says what failed, on what, why, and what to do next.

interface ErrorFields {
  /** What to do next, one sentence. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** A failure that says what to do. The kind decides the HTTP status and the exit code. */
export abstract class NightshiftError extends Error {
  abstract readonly kind: 'caller' | 'configuration' | 'platform' | 'bug';
  readonly remedy: string | undefined;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, fields.cause === undefined ? {} : { cause: fields.cause });
    this.name = new.target.name;
    this.remedy = fields.remedy;
  }

  /** Message and remedy in one line. */
  get full(): string {
    return this.remedy === undefined ? this.message : `${this.message} ${this.remedy}`;
  }
}

/** The caller's mistake: a bad field, an unknown name. HTTP 400, exit code 2. */
export class CallerError extends NightshiftError {
  readonly kind = 'caller';
  /** The field that is wrong, as a path such as `scope.namespace`. */
  readonly field: string | undefined;

  constructor(message: string, fields: ErrorFields & { readonly field?: string } = {}) {
    super(message, fields);
    this.field = fields.field;
  }
}

/** A setting is missing or wrong: trying again does not help. HTTP 500, exit code 1. */
export class ConfigurationError extends NightshiftError {
  readonly kind = 'configuration';
}

export interface PlatformFailure {
  /** "Kubernetes API", "VictoriaMetrics", "Slack", "Jira", "store". */
  readonly system: string;
  /** What was tried, e.g. "list pods". */
  readonly operation: string;
  /** On what, e.g. "namespace shop of cluster prod". */
  readonly target: string;
  readonly status?: number;
  /** The system's own short code, e.g. Kubernetes' `reason` or Slack's `error`. */
  readonly code?: string;
  /** Seconds after which the system asked to be tried again. */
  readonly retryAfterSeconds?: number;
  /**
   * `no`: the system said that nothing happened; `unknown`: the reply was lost, a write may have happened.
   * Reads are always `no`.
   */
  readonly applied: 'no' | 'unknown';
}

/** A system outside failed. `applied` tells whether a write may have gone through. HTTP 503, exit code 1. */
export class PlatformError extends NightshiftError {
  readonly kind = 'platform';
  readonly failure: PlatformFailure;

  constructor(failure: PlatformFailure, why: string, fields: ErrorFields = {}) {
    super(`${failure.system}: ${failure.operation} (${failure.target}) failed: ${why}.`, fields);
    this.failure = failure;
  }
}

/** A broken promise of our own code. HTTP 500, exit code 1. */
export class BugError extends NightshiftError {
  readonly kind = 'bug';
}

/** The message with its remedy for any thrown value. */
export function describeError(error: unknown): string {
  if (error instanceof NightshiftError) {
    return error.full;
  }
  return error instanceof Error ? error.message : String(error);
}
