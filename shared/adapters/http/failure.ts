// Turns what went wrong with an HTTP call into a PlatformError: what, on what, why, what to do, and whether a write may
// have happened. No secret and no foreign control character may get into a message.
import type { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import type { ReplyHead } from './exchange.ts';

/** The system's own words about a failure. */
export interface ErrorText {
  readonly text: string;
  readonly code?: string;
  /** What to do about it, where the body tells more than the status. Not used for credentials, limits and outages. */
  readonly remedy?: string;
}

interface CallContext {
  readonly system: string;
  readonly operation: string;
  readonly target: string;
  readonly effect: 'read' | 'write';
  readonly deadlineSeconds: number;
  readonly errorText?: (body: unknown) => ErrorText | undefined;
  readonly credentialsRemedy?: string;
}

interface RequestContext {
  readonly url: URL;
  readonly secrets: readonly string[];
}

interface Details {
  readonly status?: number | undefined;
  readonly code?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
  /** Whether the server may have acted on the request. */
  readonly reached: boolean;
}

const MAX_FOREIGN_TEXT = 300;

function failure(call: CallContext, why: string, details: Details): PlatformError {
  const { status, code, retryAfterSeconds, remedy, cause } = details;
  return new PlatformError(
    {
      system: call.system,
      operation: call.operation,
      target: call.target,
      applied: call.effect === 'write' && details.reached ? 'unknown' : 'no',
      ...(status === undefined ? {} : { status }),
      ...(code === undefined ? {} : { code }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
    why,
    { ...(remedy === undefined ? {} : { remedy }), ...(cause === undefined ? {} : { cause }) },
  );
}

/** No reply, or not all of it. `status` is there when the head of the reply had arrived. */
export function exchangeFailure(
  call: CallContext,
  request: RequestContext,
  met: { readonly error: unknown; readonly status: number | undefined; readonly timedOut: boolean },
): PlatformError {
  const { status } = met;
  if (met.timedOut) {
    const missing = status === undefined ? 'no answer' : 'no complete answer';
    return failure(call, `${missing} within the deadline of ${call.deadlineSeconds} s`, {
      status,
      code: 'TIMEOUT',
      reached: true,
      remedy: `Check that ${call.system} is not overloaded, or raise the deadline.`,
    });
  }
  const { code, text } = causeOf(met.error);
  const known = connectionProblem(call, code, request.url.host);
  if (known !== undefined) {
    return failure(call, known.why, { code, reached: false, remedy: known.remedy, cause: met.error });
  }
  const why =
    status === undefined
      ? 'the connection was lost before an answer came'
      : 'the connection was lost in the middle of the answer';
  return failure(call, `${why} (${code ?? printable(text, request.secrets)})`, {
    status,
    code,
    reached: true,
    remedy: `If it happens again, check ${call.system} at ${request.url.host} and what stands in between.`,
    cause: met.error,
  });
}

/** The process was asleep for longer than the call may take: others may have gone on without it, so nothing is sent any more. */
export function heldUp(call: CallContext): PlatformError {
  return failure(call, `it was held up past the deadline of ${call.deadlineSeconds} s and was not sent`, {
    code: 'HELD_UP',
    reached: false,
    remedy: 'Check that this process gets enough CPU; the next run decides anew.',
  });
}

/** Failures before the request was sent: nothing can have happened. */
function connectionProblem(
  call: CallContext,
  code: string | undefined,
  host: string,
): { readonly why: string; readonly remedy: string } | undefined {
  switch (code ?? '') {
    case 'ECONNREFUSED':
      return {
        why: `${host} refused the connection`,
        remedy: `Check that ${call.system} runs and that the address and port are right.`,
      };
    case 'ENOTFOUND':
      return {
        why: `the name of ${host} is not known to DNS`,
        remedy: 'Check the address for a typing mistake, and the DNS of where this runs.',
      };
    case 'EAI_AGAIN':
      return { why: `DNS gave no answer for ${host}`, remedy: 'Check the DNS of where this runs.' };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return {
        why: `${host} cannot be reached`,
        remedy: 'Check the network, the firewall and the VPC access between here and there.',
      };
    default:
      return code !== undefined &&
        /^(CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_|EPROTO)/.test(code)
        ? {
            why: `the TLS connection to ${host} failed (${code})`,
            remedy:
              'Check http or https in the address, and the certificate; a private CA is trusted by NODE_EXTRA_CA_CERTS.',
          }
        : undefined;
  }
}

/** The reason stands in `cause`, and several addresses of one name in an AggregateError. */
export function causeOf(error: unknown): { readonly code: string | undefined; readonly text: string } {
  const chain: unknown[] = [];
  for (let next: unknown = error; next instanceof Error && chain.length < 5; next = next.cause) {
    chain.push(next, ...(next instanceof AggregateError ? next.errors : []));
  }
  const coded = chain.find((one): one is Error & { code: string } => {
    return one instanceof Error && 'code' in one && typeof one.code === 'string';
  });
  const last = chain.at(-1);
  return { code: coded?.code, text: last instanceof Error ? last.message : String(error) };
}

/** A reply that is no 2xx. */
export function statusFailure(
  call: CallContext,
  request: RequestContext,
  response: ReplyHead,
  body: string,
  retryAfterSeconds: number | undefined,
): PlatformError {
  const { status } = response;
  const told = toldBy(call, response, body);
  const words = told === undefined ? '' : `: ${printable(told.text, request.secrets)}`;
  const details = { status, code: told?.code, retryAfterSeconds, reached: status >= 500 };
  if (status >= 300 && status < 400) {
    const location = URL.parse(response.headers.get('location') ?? '', request.url.href);
    const to = location === null ? 'elsewhere' : `to ${location.origin}${location.pathname}`;
    return failure(call, `it redirects ${printable(to, request.secrets)} (${status})`, {
      ...details,
      remedy: 'Set the address that answers by itself: a login page or a change from http to https redirects.',
    });
  }
  switch (status) {
    case 401:
    case 403:
      return failure(
        call,
        `${status === 401 ? 'the credentials are missing or refused' : 'it is not permitted'} (${status})${words}`,
        {
          ...details,
          remedy: call.credentialsRemedy ?? `Check the credentials for ${call.system} and what they permit.`,
        },
      );
    case 404:
      return failure(call, `nothing is there (404)${words}`, {
        ...details,
        remedy:
          told?.remedy ??
          `Check the address and its path: ${call.system} was asked at ${request.url.host}${request.url.pathname}.`,
      });
    case 429: {
      const when = retryAfterSeconds === undefined ? 'later' : `after ${retryAfterSeconds} s`;
      return failure(call, `too many requests (429)${words}`, { ...details, remedy: `Try again ${when}.` });
    }
    default:
      return failure(call, `it answered ${status}${words}`, {
        ...details,
        remedy: status >= 500 ? `Try again later; if it stays, look at the logs of ${call.system}.` : told?.remedy,
      });
  }
}

/** The system's own words: by the adapter's reader from JSON, or a plain text body. A page of HTML says nothing to people. */
function toldBy(call: CallContext, response: ReplyHead, body: string): ErrorText | undefined {
  const told = call.errorText?.(jsonOrUndefined(body));
  const isPlain = (response.headers.get('content-type') ?? '').startsWith('text/plain') && body.trim() !== '';
  return told ?? (isPlain ? { text: body } : undefined);
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function tooLarge(call: CallContext, status: number, limitBytes: number): PlatformError {
  return failure(call, `the answer is larger than ${Math.floor(limitBytes / 1024)} KiB`, {
    status,
    code: 'TOO_LARGE',
    reached: true,
    remedy: 'Narrow what is asked for.',
  });
}

export function notJson(call: CallContext, response: ReplyHead): PlatformError {
  const type = printable(response.headers.get('content-type') ?? 'no content type', []);
  return failure(call, `it answered ${response.status} with something that is not JSON (${type})`, {
    status: response.status,
    code: 'NOT_JSON',
    reached: true,
    remedy: `Check that the address is that of ${call.system} itself and not of a login page or a proxy.`,
  });
}

export function wrongShape(call: CallContext, status: number, error: z.ZodError): PlatformError {
  const [first] = error.issues;
  const field = first === undefined || first.path.length === 0 ? 'the whole reply' : first.path.join('.');
  const rest = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : '';
  return failure(
    call,
    `the reply has an unexpected shape at ${printable(field, [])}: ${first?.message ?? 'invalid'}${rest}`,
    {
      status,
      code: 'WRONG_SHAPE',
      reached: true,
      remedy: `Check that the address is that of ${call.system} and that its version is supported.`,
    },
  );
}

/** Foreign text for a message: one line, capped, without control characters and without our secrets. */
export function printable(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) {
    shown = shown.replaceAll(secret, '***');
  }
  shown = shown.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  const cut = shown.length > MAX_FOREIGN_TEXT ? `${shown.slice(0, MAX_FOREIGN_TEXT)}…` : shown;
  return cut.replace(/\.$/, '');
}
