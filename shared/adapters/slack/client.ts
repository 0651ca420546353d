// Calls of Slack's Web API through its SDK: loaded at the first call, with our deadline, retries, checked replies and errors.
// The SDK's own retries, its waiting for rate limits and its logger are off: there is one policy for all adapters.
import type { WebClient } from '@slack/web-api';
import { z } from 'zod';
import type { PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { withAttempts } from '../http/attempts.ts';
import { exchange, ExchangeError, type Exchanged, type ReplyHead } from '../http/exchange.ts';
import { exchangeFailure, notJson, statusFailure, tooLarge, wrongShape } from '../http/failure.ts';
import { retryAfterSeconds } from '../http/retry.ts';
import { refusalFailure, TRANSIENT_SLACK_CODES, type SlackContext } from './failure.ts';

export interface SlackClientOptions {
  readonly token: string;
  readonly apiUrl: string;
  /** For each attempt, its whole reply included. */
  readonly deadlineSeconds: number;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface SlackCall<T> {
  /** Slack's name of the method, which is also the operation in messages. */
  readonly method: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly target: string;
  readonly effect: 'read' | 'write';
  readonly reply: z.ZodType<T>;
  readonly attempts?: number;
}

export interface SlackClient {
  call<T>(call: SlackCall<T>): Promise<T>;
  /** Sends a file's content to the address that Slack gave for it. Nothing shows until the upload is completed. */
  send(request: { url: string; content: string | Uint8Array; target: string }): Promise<void>;
}

const MOST_REPLY_BYTES = 64 * 1024 * 1024;

const Envelope = z.lazy(() => z.looseObject({ ok: z.boolean(), error: z.string().optional() }));
const RefusalReply = z.lazy(() =>
  z.looseObject({
    error: z.string().regex(/^[a-z][a-z0-9_]*$/),
    needed: z.string().optional(),
    provided: z.string().optional(),
    response_metadata: z.looseObject({ messages: z.array(z.string()).optional() }).optional(),
  }),
);

/** A reply that is no 2xx. */
class StatusProblem extends Error {
  readonly response: ReplyHead;
  readonly body: string;

  constructor(response: ReplyHead, body: string) {
    super(`status ${response.status}`);
    this.response = response;
    this.body = body;
  }
}

/** No reply, or not all of it. */
class ExchangeProblem extends Error {
  readonly status: number | undefined;
  readonly timedOut: boolean;

  constructor(error: ExchangeError) {
    super('no whole reply', { cause: error });
    this.status = error.status;
    this.timedOut = error.reason === 'deadline';
  }
}

/** A reply that cannot be Slack's. */
class ReplyProblem extends Error {
  readonly kind: 'too-large' | 'not-json';
  readonly response: ReplyHead;

  constructor(kind: ReplyProblem['kind'], response: ReplyHead) {
    super(kind);
    this.kind = kind;
    this.response = response;
  }
}

export function slackClient(options: SlackClientOptions): SlackClient {
  let loading: Promise<WebClient> | undefined;

  async function callOnce<T>(call: SlackCall<T>): Promise<T> {
    const client = await (loading ??= loadClient(options));
    const context = { operation: call.method, target: call.target, effect: call.effect };
    let reply: unknown;
    try {
      reply = await client.apiCall(call.method, { ...call.arguments });
    } catch (error) {
      throw failureOf(options, context, new URL(call.method, options.apiUrl), error);
    }
    const checked = call.reply.safeParse(reply);
    if (!checked.success) {
      throw wrongShape(httpContext(options, context), 200, checked.error);
    }
    return checked.data;
  }

  async function sendOnce(request: { url: URL; content: string | Uint8Array; target: string }): Promise<void> {
    try {
      await post(options, request.url, { 'content-type': 'application/octet-stream' }, request.content);
    } catch (error) {
      throw failureOf(options, { operation: 'upload', target: request.target, effect: 'read' }, request.url, error);
    }
  }

  return {
    call: (call) => withAttempts({ ...attemptsOf(options, call.effect), ...countOf(call) }, () => callOnce(call)),
    send: ({ url, ...rest }) =>
      withAttempts(attemptsOf(options, 'read'), () => sendOnce({ url: new URL(url), ...rest })),
  };
}

function attemptsOf(options: SlackClientOptions, effect: 'read' | 'write'): Parameters<typeof withAttempts>[0] {
  return { effect, transientCodes: TRANSIENT_SLACK_CODES, clock: options.clock, random: options.random };
}

function countOf({ attempts }: { readonly attempts?: number }): { attempts?: number } {
  return attempts === undefined ? {} : { attempts };
}

async function loadClient(options: SlackClientOptions): Promise<WebClient> {
  const sdk = await import('./sdk.ts');
  return new sdk.WebClient(options.token, {
    slackApiUrl: options.apiUrl,
    allowAbsoluteUrls: false,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logger: SILENT,
    fetch: async (url, init) => {
      const { headers, body: sent } = (init ?? {}) as { headers?: Record<string, string>; body?: unknown };
      if (typeof sent !== 'string') {
        throw new TypeError('Only calls with a text as body are made through this client.');
      }
      const reply = await post(options, url, headers ?? {}, sent);
      const text = reply.body.toString('utf8');
      if (!isJson(text)) {
        throw new ReplyProblem('not-json', reply);
      }
      // The part of a Response that the SDK uses of a 200: the global one would load all of fetch.
      return {
        status: 200,
        url: url.toString(),
        headers: reply.headers,
        text: () => Promise.resolve(text),
      } as Response;
    },
  });
}

/** What the SDK would log is in the errors that we throw; its debug lines hold whole messages. */
export const SILENT = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  setLevel: ignore,
  setName: ignore,
  getLevel: () => 'error' as never,
};

function ignore(): void {
  // Nothing is logged here.
}

/** One request and its whole 2xx reply within the deadline; fails with one of the three problems. */
async function post(
  options: SlackClientOptions,
  url: string | URL | Request,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): Promise<Exchanged> {
  const reply = await exchange({
    method: 'POST',
    url: new URL(url.toString()),
    headers,
    body,
    deadlineMilliseconds: options.deadlineSeconds * 1000,
    maxReplyBytes: MOST_REPLY_BYTES,
  }).catch((error: unknown) => {
    if (!(error instanceof ExchangeError)) {
      throw error;
    }
    throw error.reason === 'too-large' && error.status !== undefined
      ? new ReplyProblem('too-large', { status: error.status, headers: { get: () => null } })
      : new ExchangeProblem(error);
  });
  if (reply.status < 200 || reply.status >= 300) {
    throw new StatusProblem(reply, reply.body.toString('utf8'));
  }
  return reply;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function httpContext(options: SlackClientOptions, context: SlackContext): Parameters<typeof statusFailure>[0] {
  return {
    system: 'Slack',
    ...context,
    deadlineSeconds: options.deadlineSeconds,
    errorText: (body) => {
      const told = RefusalReply.safeParse(body);
      return told.success ? { text: told.data.error, code: told.data.error } : undefined;
    },
    credentialsRemedy: 'Check SLACK_BOT_TOKEN, and SLACK_API_URL when it is set.',
  };
}

/** The SDK hands our problems on as `original` of its request error, and a refusal as `data` of its platform error. */
function failureOf(options: SlackClientOptions, context: SlackContext, url: URL, error: unknown): PlatformError {
  const http = httpContext(options, context);
  const request = { url, secrets: [options.token] };
  const data = memberOf(error, 'data');
  if (data !== undefined) {
    const refusal = RefusalReply.safeParse(data);
    if (!refusal.success) {
      const envelope = Envelope.safeParse(data);
      return wrongShape(http, 200, envelope.success ? refusal.error : envelope.error);
    }
    return refusalFailure(context, { ...refusal.data, messages: refusal.data.response_metadata?.messages });
  }
  const met = memberOf(error, 'original') ?? error;
  if (met instanceof StatusProblem) {
    const wait = retryAfterSeconds(met.response.headers, options.clock.now());
    return statusFailure(http, request, met.response, met.body, wait);
  }
  if (met instanceof ReplyProblem) {
    return met.kind === 'not-json'
      ? notJson(http, met.response)
      : tooLarge(http, met.response.status, MOST_REPLY_BYTES);
  }
  return met instanceof ExchangeProblem
    ? exchangeFailure(http, request, { error: met.cause, status: met.status, timedOut: met.timedOut })
    : exchangeFailure(http, request, { error: met, status: undefined, timedOut: false });
}

function memberOf(error: unknown, name: 'data' | 'original'): unknown {
  return error instanceof Error && name in error ? (error as Error & Record<typeof name, unknown>)[name] : undefined;
}
