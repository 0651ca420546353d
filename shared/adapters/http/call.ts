// One HTTP call to a JSON API: deadline, bounded retries, size cap, checked shape, and an error that says what to do.
// Adapters without an SDK stand on it. It knows no vendor and keeps no state (Node's own agent keeps connections alive).
import type { z } from 'zod';
import { ConfigurationError, type PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { exchange, ExchangeError, type Exchanged, type ReplyHead, type ReplyHeaders } from './exchange.ts';
import { exchangeFailure, heldUp, notJson, statusFailure, tooLarge, wrongShape, type ErrorText } from './failure.ts';
import { isTransient, retryAfterSeconds, waitMilliseconds } from './retry.ts';

export interface HttpRequest {
  /** "VictoriaMetrics"; with `operation` and `target` the beginning of every message. */
  readonly system: string;
  readonly operation: string;
  readonly target: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** http or https. User and password in it are sent as Basic credentials unless `headers` has others. */
  readonly url: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A write whose reply is lost may have happened; a read never has. */
  readonly effect: 'read' | 'write';
  /** `safe`: a second request does no harm. */
  readonly retry: 'safe' | 'never';
  /** For all attempts, the waits between them and the bodies together. */
  readonly deadlineSeconds: number;
  /** 3 when absent: one blip and one bad instance behind a balancer are survived, an outage is not prolonged. */
  readonly attempts?: number;
  /** Called before each attempt, for systems that count requests; its failure ends the call. */
  readonly beforeAttempt?: () => Promise<void>;
  /** Told the head of each reply, refusals too. It must not fail: the reply itself would be lost with it. */
  readonly onHead?: (head: ReplyHead) => void;
  /** Finds the system's own words and code in the JSON of an error reply; gets `undefined` for a body that is none. */
  readonly errorText?: (body: unknown) => ErrorText | undefined;
  /** What to do about a 401 or 403. */
  readonly credentialsRemedy?: string;
  readonly clock: Clock;
  /** Random number in [0, 1), for the jitter. */
  readonly random: () => number;
}

export interface HttpCall<T> extends HttpRequest {
  /** The shape of a 2xx body; an empty body is handed to it as `undefined`. */
  readonly reply: z.ZodType<T>;
  /** 64 MiB when absent. */
  readonly maxResponseBytes?: number;
}

export interface HttpReply<T> {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly data: T;
}

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
export const MAX_ERROR_BYTES = 64 * 1024;

/** Sends the call and gives its checked reply; fails with a PlatformError, or a ConfigurationError for an address that is none. */
export async function httpCall<T>(call: HttpCall<T>): Promise<HttpReply<T>> {
  return attempted(call, (request, left) => attemptOnce(call, request, left.milliseconds));
}

/** What is left of the deadline, as a time and as a signal of its end. */
export interface TimeLeft {
  readonly milliseconds: number;
  readonly signal: AbortSignal;
}

/** Sends once and reads the reply; a failure is given and not thrown, so that it can be tried again. */
export type Attempt<T> = (request: PreparedRequest, left: TimeLeft) => Promise<Outcome<T>>;

/** The attempts of one request until one has a reply or no further attempt is worth it. */
export async function attempted<T>(call: HttpRequest, once: Attempt<T>): Promise<HttpReply<T>> {
  const request = prepared(call);
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort();
  }, call.deadlineSeconds * 1000);
  const until = performance.now() + call.deadlineSeconds * 1000;
  const endsAt = call.clock.now().getTime() + call.deadlineSeconds * 1000;
  try {
    let failed: PlatformError | undefined;
    for (let attempt = 1; ; attempt += 1) {
      await admitted(call, failed);
      if (call.effect === 'write' && call.clock.now().getTime() > endsAt) {
        throw failed ?? heldUp(call);
      }
      const milliseconds = Math.max(1, until - performance.now());
      const result = await once(request, { milliseconds, signal: deadline.signal });
      if ('reply' in result) {
        return result.reply;
      }
      const wait = shouldRetry(call, attempt, result.failure)
        ? waitMilliseconds(attempt, result.failure.failure.retryAfterSeconds, call.random)
        : undefined;
      if (wait === undefined || call.clock.now().getTime() + wait >= endsAt) {
        throw result.failure;
      }
      failed = result.failure;
      await sleepOr(call.clock, wait, deadline.signal, failed);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Where a further attempt is not admitted, what the one before met is told: a write may have happened by then. */
async function admitted({ beforeAttempt }: HttpRequest, before: PlatformError | undefined): Promise<void> {
  try {
    await beforeAttempt?.();
  } catch (error) {
    throw before ?? error;
  }
}

/** A request whose URL holds no secrets, and the secrets that must not appear in messages. */
export interface PreparedRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

function prepared(call: HttpRequest): PreparedRequest {
  const url = URL.parse(call.url.toString());
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ConfigurationError(`The address of ${call.system} is not an http or https URL.`, {
      remedy: 'Set a full address such as https://metrics.example.com.',
    });
  }
  const headers: Record<string, string> = { accept: 'application/json' };
  for (const [name, value] of Object.entries(call.headers ?? {})) {
    headers[name.toLowerCase()] = value;
  }
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (user !== '' || password !== '') {
    headers['authorization'] ??= basicCredentials(user, password);
    url.username = '';
    url.password = '';
  }
  const authorization = headers['authorization'] ?? '';
  const secrets = [authorization, authorization.slice(authorization.indexOf(' ') + 1), password];
  return { url, headers, secrets: secrets.filter((secret) => secret.length > 3) };
}

/** The Authorization header of user and password; UTF-8, as RFC 7617 recommends. */
export function basicCredentials(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // A bare % is not an escape: the text stands for itself.
  }
}

export type Outcome<T> = { readonly reply: HttpReply<T> } | { readonly failure: PlatformError };

async function attemptOnce<T>(
  call: HttpCall<T>,
  request: PreparedRequest,
  deadlineMilliseconds: number,
): Promise<Outcome<T>> {
  const limit = call.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES;
  try {
    // A followed redirect would turn a POST into a GET without its body, and could carry credentials elsewhere.
    const reply = await exchange({
      method: call.method,
      url: request.url,
      headers: request.headers,
      deadlineMilliseconds,
      maxReplyBytes: limit,
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    call.onHead?.(reply);
    return judged(call, request, reply);
  } catch (error) {
    const { status, reason } = error instanceof ExchangeError ? error : { status: undefined, reason: undefined };
    return {
      failure:
        reason === 'too-large' && status !== undefined
          ? tooLarge(call, status, limit)
          : exchangeFailure(call, request, { error, status, timedOut: reason === 'deadline' }),
    };
  }
}

function judged<T>(call: HttpCall<T>, request: PreparedRequest, reply: Exchanged): Outcome<T> {
  const { status, headers, body } = reply;
  if (status < 200 || status >= 300) {
    return { failure: refusal(call, request, reply, body.toString('utf8', 0, MAX_ERROR_BYTES)) };
  }
  const json = parsedJson(body.toString('utf8'));
  if (json === undefined) {
    return { failure: notJson(call, reply) };
  }
  const checked = call.reply.safeParse(json.value);
  if (!checked.success) {
    return { failure: wrongShape(call, status, checked.error) };
  }
  return { reply: { status, headers, data: checked.data } };
}

/** A reply that is no success, in words; of its text the first 64 KiB are enough. */
export function refusal(call: HttpRequest, request: PreparedRequest, head: ReplyHead, text: string): PlatformError {
  return statusFailure(call, request, head, text, retryAfterSeconds(head.headers, call.clock.now()));
}

function parsedJson(text: string): { readonly value: unknown } | undefined {
  if (text === '') {
    return { value: undefined };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function shouldRetry(call: HttpRequest, attempt: number, failure: PlatformError): boolean {
  return call.retry === 'safe' && attempt < (call.attempts ?? DEFAULT_ATTEMPTS) && isTransient(failure);
}

/** Waits; when the deadline ends the wait, the failure that led to it is what is told. */
async function sleepOr(clock: Clock, milliseconds: number, signal: AbortSignal, failure: PlatformError): Promise<void> {
  try {
    await clock.sleep(milliseconds, signal);
  } catch (error) {
    throw signal.aborted ? failure : error;
  }
}
