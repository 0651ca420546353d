// Turns what went wrong with a call to the API server into a PlatformError in plain words: what, on what, why, what to do,
// and whether a write may have happened.
import { PlatformError } from '../../core/errors.ts';
import { type ExchangeError, MAX_REPLY_BYTES } from '../http/exchange.ts';
import type { AccessRemedies } from './admission.ts';
import { isRecord, readJson } from './json.ts';
import { MalformedError } from './message.ts';
import { type RawStatus, STATUS } from './messages.ts';
import { openEnvelope, readProtobuf } from './protobuf.ts';

export const SYSTEM = 'Kubernetes API';

/** What a failure is told about. */
export interface CallContext {
  /** e.g. "list pods" */
  readonly operation: string;
  /** e.g. "namespace shop of cluster prod" */
  readonly target: string;
  readonly effect: 'read' | 'write';
}

interface Details {
  readonly applied: 'no' | 'unknown';
  readonly status?: number | undefined;
  readonly code?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

export function callFailure(call: CallContext, why: string, details: Details): PlatformError {
  const { applied, status, code, retryAfterSeconds, remedy, cause } = details;
  return new PlatformError(
    {
      system: SYSTEM,
      operation: call.operation,
      target: call.target,
      applied,
      ...(status === undefined ? {} : { status }),
      ...(code === undefined ? {} : { code }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
    why,
    { ...(remedy === undefined ? {} : { remedy }), ...(cause === undefined ? {} : { cause }) },
  );
}

/** No reply, or not all of it. */
export function connectionFailure(
  call: CallContext,
  error: ExchangeError,
  where: { readonly host: string; readonly deadlineSeconds: number; readonly remedies: AccessRemedies },
): PlatformError {
  const { status, code, sent } = error;
  const details = { applied: maybeApplied(call, sent), status, cause: error };
  const { host, remedies } = where;
  if (error.reason === 'too-large') {
    return callFailure(call, `the reply is larger than ${MAX_REPLY_BYTES / 1024 ** 2} MiB`, {
      ...details,
      code: 'REPLY_TOO_LARGE',
      remedy: 'Ask for smaller pages.',
    });
  }
  if (error.reason === 'deadline') {
    const missing = !sent ? 'no connection' : status === undefined ? 'no answer' : 'no complete answer';
    return callFailure(call, `${missing} from ${host} within ${where.deadlineSeconds} s`, {
      ...details,
      code: 'TIMEOUT',
      remedy: sent
        ? 'Check whether the API server is overloaded, or what stands in between.'
        : 'Check the network, the firewall and the VPC access between here and the API server.',
    });
  }
  const { why, remedy } = connectionWords({ code, host, sent, status, message: error.message, remedies });
  return callFailure(call, why, { ...details, code, remedy });
}

interface Connection {
  readonly code: string | undefined;
  readonly host: string;
  readonly sent: boolean;
  readonly status: number | undefined;
  readonly message: string;
  readonly remedies: AccessRemedies;
}

function connectionWords({ code, host, sent, status, message, remedies }: Connection): {
  readonly why: string;
  readonly remedy: string;
} {
  switch (code) {
    case 'ECONNREFUSED':
      return {
        why: `${host} refused the connection`,
        remedy: remedies.address,
      };
    case 'ENOTFOUND':
      return {
        why: `the name of ${host} is not known to DNS`,
        remedy: `${remedies.address} Check the DNS of where this runs.`,
      };
    case 'EAI_AGAIN':
      return { why: `DNS gave no answer for ${host}`, remedy: 'Check the DNS of where this runs.' };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return {
        why: `${host} cannot be reached`,
        remedy: 'Check the network, the firewall and the VPC access between here and the API server.',
      };
    case undefined:
    default:
  }
  if (!sent && code !== undefined && code !== 'ECONNRESET') {
    return {
      why: `the TLS connection to ${host} failed: ${printable(message)}`,
      remedy: remedies.tls,
    };
  }
  const when = status === undefined ? 'before an answer came' : 'in the middle of the answer';
  return {
    why: `the connection to ${host} was lost ${when} (${code ?? printable(message)})`,
    remedy: 'If it happens again, check the API server and what stands in between.',
  };
}

/** A reply that no Kubernetes API server gives. */
export function malformedFailure(
  call: CallContext,
  status: number,
  contentType: string,
  error: unknown,
): PlatformError {
  const told = error instanceof MalformedError ? error.message : 'it is not valid JSON';
  const type = /json|protobuf/.test(contentType) ? '' : ` (${printable(contentType === '' ? 'no type' : contentType)})`;
  return callFailure(call, `the reply is not what Kubernetes answers${type}: ${printable(told)}`, {
    applied: maybeApplied(call, true),
    status,
    code: 'MalformedReply',
    remedy: 'Check that the address is that of an API server and not a proxy in front of it.',
    cause: error,
  });
}

export interface Refusal {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly retryAfterSeconds: number | undefined;
  /** What to do about refused credentials. */
  readonly credentialsRemedy: string;
}

/** A reply that is no 2xx. */
export function statusFailure(call: CallContext, refusal: Refusal): PlatformError {
  const { status } = refusal;
  const told = readStatus(refusal.contentType, refusal.body);
  const message = printable(told.message ?? '');
  const words = message === '' ? '' : `: ${message}`;
  const retryAfterSeconds = refusal.retryAfterSeconds ?? positive(told.details?.retryAfterSeconds);
  // A 503 that says when to come back was given before the work began; any other 5xx may have come after it.
  const mayHaveHappened = status >= 500 && !(status === 503 && refusal.retryAfterSeconds !== undefined);
  const details = {
    applied: maybeApplied(call, mayHaveHappened),
    status,
    code: told.reason === '' ? undefined : told.reason,
    retryAfterSeconds,
  };
  switch (status) {
    case 401:
      return callFailure(call, `the credentials are missing, expired or refused (401)${words}`, {
        ...details,
        code: details.code ?? 'Unauthorized',
        remedy: refusal.credentialsRemedy,
      });
    case 403:
      return callFailure(call, `it is not permitted (403)${words}`, {
        ...details,
        code: details.code ?? 'Forbidden',
        remedy: permissionRemedy(told.message ?? ''),
      });
    case 404:
      return callFailure(call, `it is not there (404)${words}`, { ...details, code: details.code ?? 'NotFound' });
    case 409:
      return callFailure(call, `somebody changed it at the same time (409)${words}`, {
        ...details,
        code: details.code ?? 'Conflict',
      });
    case 410:
      return callFailure(call, `the list grew too old while it was read (410)${words}`, {
        ...details,
        code: details.code ?? 'Expired',
        remedy: 'Try again.',
      });
    case 422:
      return callFailure(call, `the change is not valid (422)${words}`, {
        ...details,
        code: details.code ?? 'Invalid',
      });
    case 429:
      return callFailure(call, `the API server is asked too much (429)${words}`, {
        ...details,
        code: details.code ?? 'TooManyRequests',
        remedy: retryAfterSeconds === undefined ? 'Try again later.' : `Try again after ${retryAfterSeconds} s.`,
      });
    default:
      return callFailure(call, `the API server answered ${status}${words}`, {
        ...details,
        remedy: status >= 500 ? 'Try again; if it lasts, check the API server and its etcd.' : undefined,
      });
  }
}

/** Kubernetes' Status in either encoding; the text itself when a proxy answered in its place. Never fails. */
export function readStatus(contentType: string, body: Buffer): RawStatus {
  try {
    if (contentType.includes('protobuf')) {
      const { kind, raw } = openEnvelope(body);
      return kind === 'Status' ? readProtobuf(STATUS, raw) : {};
    }
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return isRecord(parsed) && parsed.kind === 'Status' ? readJson(STATUS, parsed, 'Status') : {};
  } catch {
    return { message: body.subarray(0, 300).toString('utf8') };
  }
}

/**
 * `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "shop"` is how RBAC refuses.
 * Quotas, limit ranges and admission rules also answer 403, in other words: there no permission is missing.
 */
function permissionRemedy(message: string): string {
  const denied =
    /User "(.+?)" cannot (\S+) resource "(.+?)" in API group "(.*?)"(?: in the namespace "(.+?)"| at the cluster scope)?/.exec(
      message,
    );
  if (denied === null) {
    return 'A rule of the cluster refused it (quota, limit range or admission): see its message.';
  }
  const [, user = '', verb = '', resource = '', group = '', namespace] = denied;
  const where = namespace === undefined ? 'in the whole cluster (ClusterRole)' : `in namespace ${namespace}`;
  const named = group === '' ? resource : `${resource}.${group}`;
  return `${printable(`Grant ${user} the verb ${verb} on ${named} ${where}`)}.`;
}

function maybeApplied(call: CallContext, reached: boolean): 'no' | 'unknown' {
  return call.effect === 'write' && reached ? 'unknown' : 'no';
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

/** Foreign text in a message: one line, capped, without control characters and without a full stop of its own. */
function printable(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 600)
    .replace(/\.$/, '');
}
