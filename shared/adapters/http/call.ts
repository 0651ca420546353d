// One HTTP call to a JSON API over fetch: deadline, bounded retries, size cap, checked shape, and an error that says what
// to do. Adapters without an SDK stand on it. It knows no vendor and keeps no state (fetch itself keeps connections alive).
import type { z } from 'zod';
import { ConfigurationError, type PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { exchangeFailure, notJson, statusFailure, tooLarge, wrongShape, type ErrorText } from './failure.ts';
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
  readonly onHead?: (head: { readonly status: number; readonly headers: Headers }) => void;
  /** A read that the system hands on to its file storage follows the redirect, to another origin without credentials. */
  readonly followRedirects?: true;
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
  readonly headers: Headers;
  readonly data: T;
}

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_REDIRECTS = 3;

/** Sends the call and gives its checked reply; fails with a PlatformError, or a ConfigurationError for an address that is none. */
export async function httpCall<T>(call: HttpCall<T>): Promise<HttpReply<T>> {
  return exchanged(call, (request, response) => readReply(call, request, response));
}

/** Reads one reply; a failure is given and not thrown, so that it can be tried again. */
export type ReplyReader<T> = (request: PreparedRequest, response: Response) => Promise<Outcome<T>>;

/** The attempts of one request until `read` has a reply or no further attempt is worth it. */
export async function exchanged<T>(call: HttpRequest, read: ReplyReader<T>): Promise<HttpReply<T>> {
  const request = prepared(call);
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort();
  }, call.deadlineSeconds * 1000);
  const endsAt = call.clock.now().getTime() + call.deadlineSeconds * 1000;
  try {
    let failed: PlatformError | undefined;
    for (let attempt = 1; ; attempt += 1) {
      await admitted(call, failed);
      const result = await attemptOnce(call, request, read, deadline.signal);
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
  readonly headers: Headers;
  readonly secrets: readonly string[];
}

function prepared(call: HttpRequest): PreparedRequest {
  const url = URL.parse(call.url.toString());
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ConfigurationError(`The address of ${call.system} is not an http or https URL.`, {
      remedy: 'Set a full address such as https://metrics.example.com.',
    });
  }
  const headers = new Headers({ accept: 'application/json', ...call.headers });
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (user !== '' || password !== '') {
    if (!headers.has('authorization')) {
      headers.set('authorization', basicCredentials(user, password));
    }
    url.username = '';
    url.password = '';
  }
  const authorization = headers.get('authorization') ?? '';
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
  call: HttpRequest,
  request: PreparedRequest,
  read: ReplyReader<T>,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  let status: number | undefined;
  try {
    const response = await answered(call, request, signal);
    status = response.status;
    call.onHead?.({ status, headers: response.headers });
    return await read(request, response);
  } catch (error) {
    return { failure: exchangeFailure(call, request, { error, status, timedOut: signal.aborted }) };
  }
}

async function answered(call: HttpRequest, request: PreparedRequest, signal: AbortSignal): Promise<Response> {
  let response = await fetch(request.url, {
    method: call.method,
    headers: request.headers,
    // A followed redirect would turn a POST into a GET without its body, and could carry credentials elsewhere.
    redirect: 'manual',
    signal,
    ...(call.body === undefined ? {} : { body: call.body }),
  });
  let from = request.url;
  for (let hop = 0; hop < MAX_REDIRECTS && call.followRedirects === true && call.method === 'GET'; hop += 1) {
    const to = redirectOf(response, from);
    if (to === undefined) {
      break;
    }
    await response.body?.cancel();
    const headers = new Headers(request.headers);
    if (to.origin !== request.url.origin) {
      headers.delete('authorization');
    }
    response = await fetch(to, { method: 'GET', headers, redirect: 'manual', signal });
    from = to;
  }
  return response;
}

/** Never from https to http. */
function redirectOf(response: Response, from: URL): URL | undefined {
  const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
  const to = location === null ? null : URL.parse(location, from.href);
  const isSafe = to !== null && (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:'));
  return isSafe ? to : undefined;
}

/** A reply that is no success, in words. */
export async function refusal(call: HttpRequest, request: PreparedRequest, response: Response): Promise<PlatformError> {
  const body = await readBody(response, MAX_ERROR_BYTES);
  const retryAfter = retryAfterSeconds(response.headers, call.clock.now());
  return statusFailure(call, request, response, body.text, retryAfter);
}

async function readReply<T>(call: HttpCall<T>, request: PreparedRequest, response: Response): Promise<Outcome<T>> {
  if (!response.ok) {
    return { failure: await refusal(call, request, response) };
  }
  const limit = call.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES;
  const body = await readBody(response, limit);
  if (!body.whole) {
    return { failure: tooLarge(call, response.status, limit) };
  }
  const json = parsedJson(body.text);
  if (json === undefined) {
    return { failure: notJson(call, response) };
  }
  const checked = call.reply.safeParse(json.value);
  if (!checked.success) {
    return { failure: wrongShape(call, response.status, checked.error) };
  }
  return { reply: { status: response.status, headers: response.headers, data: checked.data } };
}

/** Reads up to `limit` bytes after decompression; leaving the loop early cancels the rest. */
async function readBody(
  response: Response,
  limit: number,
): Promise<{ readonly text: string; readonly whole: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > limit) {
      return { text: Buffer.concat(chunks).subarray(0, limit).toString('utf8'), whole: false };
    }
  }
  return { text: Buffer.concat(chunks).toString('utf8'), whole: true };
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
