// SQLite's result codes as our errors: what failed, on which file, why, and what to do. Decides nothing else.
import { ConfigurationError, NightshiftError, PlatformError } from '../../core/errors.ts';

/** Primary result codes, https://www.sqlite.org/rescode.html; extended codes carry them in their low byte. */
const PERM = 3;
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const AUTH = 23;
const NOTADB = 26;
/** The shared memory beside the file could not be made larger: the disk has no room. Extended, of IOERR. */
const IOERR_SHMSIZE = 4874;

export interface StoreOperation {
  /** "open", "commit", "read", "query", "prune", "check". */
  readonly operation: string;
  readonly path: string;
  readonly busyTimeoutMilliseconds: number;
}

/** Gives the error to throw for `error`; errors that are ours already and errors that are not SQLite's come back as they are. */
export function storeFailure(error: unknown, context: StoreOperation): unknown {
  const code = primaryCode(error);
  if (error instanceof NightshiftError || code === undefined) {
    return error;
  }
  const { operation, path } = context;
  const detail = error instanceof Error ? error.message : String(error);
  switch (code) {
    case BUSY:
    case LOCKED:
      return platformFailure(error, context, {
        code: 'locked',
        why: `another process held the write lock for more than ${String(context.busyTimeoutMilliseconds)} ms`,
        remedy: `Try again; if it stays, find the process that has ${path} open (a stopped debugger, a backup, a second host) and end it.`,
      });
    case FULL:
      return platformFailure(error, context, {
        code: 'full',
        why: 'the disk is full',
        remedy: `Free space on the disk that holds ${path}; nothing was written, and the next try continues where this one stopped.`,
      });
    case IOERR:
      return platformFailure(error, context, {
        code: 'io',
        ...(isWithoutRoom(error)
          ? {
              why: `the disk is full (no room for ${path}-shm)`,
              remedy: `Free space on the disk that holds ${path}, and try again.`,
            }
          : ioWords(path, detail)),
      });
    case PERM:
    case READONLY:
    case AUTH:
      return new ConfigurationError(`The store ${path} cannot be written (${operation}): ${detail}.`, {
        cause: error,
        remedy:
          'Give this user write permission to the file and to its folder (SQLite keeps -wal and -shm files beside it), or set NIGHTSHIFT_STORE to another file.',
      });
    case CANTOPEN:
      return new ConfigurationError(`The store ${path} cannot be opened: ${detail}.`, {
        cause: error,
        remedy:
          'Set NIGHTSHIFT_STORE to sqlite:<file> in a folder that exists or can be made, and that this user may write.',
      });
    case CORRUPT:
      return damaged(path, operation, detail, error);
    case NOTADB:
      return new ConfigurationError(`The store ${path} is not an SQLite file (${operation}).`, {
        cause: error,
        remedy: repairOf(path),
      });
    default:
      return platformFailure(error, context, {
        code: `sqlite-${String(code)}`,
        why: detail,
        remedy: 'Try again; if it stays, run `nightshift doctor`.',
      });
  }
}

export function damaged(path: string, operation: string, detail: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError(`The store ${path} is damaged (${operation}): ${detail}.`, {
    ...(cause === undefined ? {} : { cause }),
    remedy: repairOf(path),
  });
}

function repairOf(path: string): string {
  return `Stop every process that uses it, move ${path} with its -wal and -shm files away, and put a backup in its place (docs/store.md: what can be saved without one). Starting without it forgets which changes were made: look at what is open in Slack and Jira first; \`nightshift runs\`, \`show\` and \`journal\` show what can still be read.`;
}

function platformFailure(
  cause: unknown,
  { operation, path }: StoreOperation,
  { code, why, remedy }: { readonly code: string; readonly why: string; readonly remedy: string },
): PlatformError {
  // After a failed write of the log its commit record may be on disk all the same, and count after a crash.
  const applied = operation === 'commit' && code === 'io' ? 'unknown' : 'no';
  return new PlatformError({ system: 'store', operation, target: path, code, applied }, why, { cause, remedy });
}

function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') {
    return undefined;
  }
  return error.errcode & 0xff;
}

function isWithoutRoom(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === IOERR_SHMSIZE;
}

function ioWords(path: string, detail: string): { readonly why: string; readonly remedy: string } {
  return {
    why: `the operating system could not read or write the file (${detail})`,
    remedy: `Check the disk that holds ${path}. A network file system does not work with several processes: use a local disk.`,
  };
}

/** Whether `error` says that somebody else holds the lock. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === BUSY || code === LOCKED;
}
