// Failures of Firestore's SDK as our errors: what failed, on which database, why, and what to do; and what a failure of a commit
// says about whether it happened. Decides nothing else.
import { BugError, ConfigurationError, NightshiftError, PlatformError } from '../../core/errors.ts';

/** gRPC's status codes: https://grpc.io/docs/guides/status-codes/ */
const CANCELLED = 1;
const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/** The codes of our PlatformErrors that go away by themselves. */
export const TRANSIENT: ReadonlySet<string> = new Set(['contention', 'quota', 'unavailable', 'deadline', 'internal']);

/**
 * What a failed commit says. `refused`: a precondition did not hold; `clean`: certainly nothing happened, and another try may do;
 * `lost`: it may have happened; `final`: certainly nothing happened, and another try ends the same.
 */
export type CommitFate = 'refused' | 'clean' | 'lost' | 'final';

export function commitFate(error: unknown): CommitFate {
  switch (codeOf(error)) {
    case ALREADY_EXISTS:
    case FAILED_PRECONDITION:
    case NOT_FOUND:
      return 'refused';
    case ABORTED:
      return 'clean';
    case RESOURCE_EXHAUSTED:
      return isTooLarge(error) ? 'final' : 'clean';
    case UNAVAILABLE:
      return wasNeverSent(error) ? 'clean' : 'lost';
    case CANCELLED:
    case UNKNOWN:
    case DEADLINE_EXCEEDED:
    case INTERNAL:
      return 'lost';
    case undefined:
    default:
      return 'final';
  }
}

export interface FirestoreOperation {
  /** "open", "read", "commit", "query", "prune", "check". */
  readonly operation: string;
  /** `<project>/<database>`. */
  readonly label: string;
  readonly deadlineSeconds: number;
  /** For a commit: whether one of its attempts may have happened. */
  readonly applied?: 'no' | 'unknown';
}

/** Gives the error to throw for `error`; errors that are ours already come back as they are. */
export function firestoreFailure(error: unknown, context: FirestoreOperation): unknown {
  if (error instanceof NightshiftError) {
    return error;
  }
  const { operation, label, deadlineSeconds } = context;
  const details = detailsOf(error);
  const platform = (code: string, why: string, remedy: string): PlatformError =>
    new PlatformError(
      { system: 'store', operation, target: `Firestore ${label}`, code, applied: context.applied ?? 'no' },
      why,
      { cause: error, remedy },
    );
  const configuration = (what: string, remedy: string): ConfigurationError =>
    new ConfigurationError(`The store Firestore ${label} ${what} (${operation}): ${details}.`, {
      cause: error,
      remedy,
    });
  const code = codeOf(error);
  if (isWithoutCredentials(code, details)) {
    return configuration(
      'cannot be opened: there are no Google credentials',
      'On Google Cloud, give the function or the pod its own service account; elsewhere run `gcloud auth application-default login` or set GOOGLE_APPLICATION_CREDENTIALS.',
    );
  }
  switch (code) {
    case PERMISSION_DENIED:
      return /has not been used|is disabled|SERVICE_DISABLED/.test(details)
        ? configuration(
            'is not switched on',
            `Run \`gcloud services enable firestore.googleapis.com --project ${projectOf(label)}\`.`,
          )
        : configuration(
            'may not be used by this account',
            'Grant its service account roles/datastore.user in that project; if the project is another one, correct NIGHTSHIFT_STORE.',
          );
    case UNAUTHENTICATED:
      return configuration(
        'did not accept the credentials',
        'Renew them: `gcloud auth application-default login`, or a new key for the service account.',
      );
    case NOT_FOUND:
      return configuration(
        'is not there',
        `Make it with \`gcloud firestore databases create --project ${projectOf(label)} --database '${databaseOf(label)}' --location <region>\`, or correct NIGHTSHIFT_STORE (firestore:<project>/<database>).`,
      );
    case FAILED_PRECONDITION:
      return failedPrecondition(details, configuration, platform);
    case INVALID_ARGUMENT:
      return new BugError(`Firestore ${label} refused the request (${operation}): ${details}.`, { cause: error });
    case ABORTED:
    case ALREADY_EXISTS:
      return platform(
        'contention',
        `others wrote the same documents at the same time, again and again (${details})`,
        'Try again.',
      );
    case RESOURCE_EXHAUSTED:
      if (isTooLarge(error)) {
        return new BugError(`Firestore ${label} takes no request of this size (${operation}): ${details}.`, {
          cause: error,
          remedy: 'Firestore itself takes 10 MiB, its emulator 4 MiB.',
        });
      }
      return platform(
        'quota',
        `a quota is used up (${details})`,
        'Look at IAM & Admin > Quotas of the project for Firestore; the free daily quota returns at midnight, Pacific time.',
      );
    case DEADLINE_EXCEEDED:
      return platform(
        'deadline',
        `there was no answer within ${String(deadlineSeconds)} s`,
        'Try again; if it stays, look at the network (VPC connector, Private Google Access) and at status.cloud.google.com.',
      );
    case UNAVAILABLE:
      return platform(
        'unavailable',
        `it cannot be reached (${details})`,
        'Try again; if it stays, look at the network (VPC connector, Private Google Access, firewall) and at status.cloud.google.com.',
      );
    case CANCELLED:
    case UNKNOWN:
    case INTERNAL:
      return platform('internal', details, 'Try again; if it stays, look at status.cloud.google.com.');
    case undefined:
      return error;
    default:
      return platform(`grpc-${String(code)}`, details, 'Try again; if it stays, run `nightshift doctor`.');
  }
}

function failedPrecondition(
  details: string,
  configuration: (what: string, remedy: string) => ConfigurationError,
  platform: (code: string, why: string, remedy: string) => PlatformError,
): NightshiftError {
  if (/currently building/.test(details)) {
    return platform('index-building', `an index is still being built (${details})`, 'Wait for some minutes.');
  }
  if (/requires an? (\S+ )?index/.test(details)) {
    return configuration(
      'lacks an index',
      'Run `terraform apply`: it makes every index that shared/core/collections.json declares. The link in the message makes this one alone.',
    );
  }
  if (/datastore mode/i.test(details)) {
    return configuration(
      'is in Datastore mode',
      'Make a database in Native mode and name it in NIGHTSHIFT_STORE (firestore:<project>/<database>).',
    );
  }
  return platform('contention', `a precondition failed again and again (${details})`, 'Try again.');
}

/** A commit may have happened, others wrote since, and nothing that is left tells whether it did. */
export function lostCommit(context: FirestoreOperation): PlatformError {
  return new PlatformError(
    {
      system: 'store',
      operation: context.operation,
      target: `Firestore ${context.label}`,
      code: 'lost-reply',
      applied: 'unknown',
    },
    'the reply was lost, and others wrote the same documents since',
    { remedy: 'Read again what is there and go on from that.' },
  );
}

function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

const SHOWN_CHARACTERS = 400;

/** One line of bounded length: the server's words go into logs and chat. */
function detailsOf(error: unknown): string {
  const raw =
    error instanceof Error && 'details' in error && typeof error.details === 'string' && error.details !== ''
      ? error.details
      : error instanceof Error
        ? error.message
        : String(error);
  const line = raw.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return (line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line).replace(/\.$/, '');
}

/** gRPC's own limit, not a quota: the request will never be taken. */
function isTooLarge(error: unknown): boolean {
  return /message exceeds maximum size|larger than max/.test(detailsOf(error));
}

/** The connection was never there: gRPC says so itself, Node's resolver and sockets by their codes. */
function wasNeverSent(error: unknown): boolean {
  return /No connection established|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|Name resolution failed/.test(
    detailsOf(error),
  );
}

/** The SDK's auth library has no code for it; through gRPC it comes as a failed plugin. */
function isWithoutCredentials(code: number | undefined, details: string): boolean {
  return (
    (code === undefined || code === UNKNOWN || code === INTERNAL || code === UNAVAILABLE || code === UNAUTHENTICATED) &&
    /Could not load the default credentials|Could not refresh access token|invalid_grant|GOOGLE_APPLICATION_CREDENTIALS/.test(
      details,
    )
  );
}

function projectOf(label: string): string {
  return label.slice(0, label.indexOf('/'));
}

function databaseOf(label: string): string {
  return label.slice(label.indexOf('/') + 1);
}
