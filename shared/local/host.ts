// The one-process host: every duty at POST /<duty>, its schedule inside, health and metrics beside. Runs are the runtime's business.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { ConfigurationError, describeError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import type { Surroundings } from '../runtime/context.ts';
import type { Answer } from '../runtime/http.ts';
import { drainOutbox } from '../runtime/outbox.ts';
import { BODY_LIMIT_BYTES, type Incoming } from '../runtime/trigger.ts';
import { actionOperation, operate } from './action-route.ts';
import type { McpRoute } from './mcp/route.ts';
import { operatePause, pauseOperation } from './pause-route.ts';
import type { HostMetrics } from './metrics.ts';
import { pageOperation, type ReportPages, reportPage } from './report-page.ts';
import { runSchedule } from './schedule.ts';
import { isFromElsewhere, LOOPBACK } from './web-page.ts';

/** A duty or a driver as the host serves it. */
export interface HostedFunction {
  readonly name: string;
  /** Cron and time zone of function.yaml; absent for one that has no schedule. */
  readonly schedule: { readonly cron: string; readonly timezone: string } | undefined;
  readonly lastRun: string | undefined;
  /** Everything under its path is answered without the host's token: it checks the sender itself. */
  readonly isPublic?: boolean;
  readonly answer: (incoming: Incoming) => Promise<Answer>;
}

export interface HostOptions {
  readonly functions: readonly HostedFunction[];
  readonly surroundings: Surroundings;
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: HostMetrics;
  /** Told to the runs, so that they begin nothing new. */
  readonly stopping: { stop(): void };
  /** Answers /mcp, with tokens of its own; absent where the policy grants it to nobody. */
  readonly mcp?: McpRoute | undefined;
  /** The scopes of the policy, which a pause must be of. */
  readonly scopes?: readonly JsonObject[];
  /** Reports that are shown as pages, by their duties. */
  readonly pages?: ReportPages;
  /** What listens until the host stops, beside its port. */
  readonly listeners?: readonly ((signal: AbortSignal) => Promise<void>)[];
  /** Work that went on after its answer: a stop waits for it. */
  readonly finished?: () => Promise<void>;
  /** False where somebody else delivers the outbox. */
  readonly drainsOutbox?: boolean;
}

export interface RunningHost {
  readonly url: string;
  /** Stops listening and scheduling, and resolves when the work in hand is finished. */
  stop(): Promise<void>;
}

const OUTBOX_MILLISECONDS = 5000;
/** For a request to arrive, whole: at most 1 MiB. Who sends slower than that holds a connection, and a stop, for nothing. */
const HEADERS_MILLISECONDS = 10_000;
const REQUEST_MILLISECONDS = 20_000;

export async function startHost(options: HostOptions): Promise<RunningHost> {
  if (!LOOPBACK.has(options.host) && options.token === undefined) {
    throw new ConfigurationError(
      `Listening on ${options.host} without a token would let anybody on that network act.`,
      {
        remedy: 'Set NIGHTSHIFT_TOKEN, or listen on 127.0.0.1 (NIGHTSHIFT_HOST).',
      },
    );
  }
  const inHand = new Set<Promise<unknown>>();
  const arriving = new Set<IncomingMessage>();
  const stop = new AbortController();
  const server = createServer(
    { headersTimeout: HEADERS_MILLISECONDS, requestTimeout: REQUEST_MILLISECONDS },
    (request, response) => {
      const work = respond(options, request, response);
      inHand.add(work);
      arriving.add(request);
      const arrived = (): void => {
        arriving.delete(request);
      };
      request.once('end', arrived).once('close', arrived);
      void work.finally(() => inHand.delete(work));
    },
  );
  await listen(server, options);
  const loops = [
    ...options.functions.flatMap((one) =>
      one.schedule === undefined ? [] : [scheduleOf(options, one, one.schedule, stop.signal)],
    ),
    ...(options.listeners ?? []).map((listen) => listen(stop.signal)),
    ...(options.drainsOutbox === false ? [] : [outboxLoop(options, stop.signal)]),
  ];
  const address = server.address() as AddressInfo;
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${String(address.port)}`,
    async stop() {
      options.stopping.stop();
      stop.abort();
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      await options.mcp?.close();
      server.closeIdleConnections();
      for (const request of arriving) {
        if (!request.complete) {
          request.destroy();
        }
      }
      await Promise.allSettled([...inHand, ...loops]);
      await options.finished?.();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: Server, options: HostOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new ConfigurationError(`Port ${String(options.port)} of ${options.host} is taken.`, {
              remedy: 'Set NIGHTSHIFT_PORT to a free one.',
            })
          : error,
      );
    });
    server.listen(options.port, options.host, resolve);
  });
}

async function scheduleOf(
  options: HostOptions,
  hosted: HostedFunction,
  schedule: { readonly cron: string; readonly timezone: string },
  signal: AbortSignal,
): Promise<void> {
  await runSchedule(
    {
      name: hosted.name,
      ...schedule,
      lastRun: hosted.lastRun,
      run: async (tick) => {
        // The same shape as Cloud Scheduler's request, so that a tick has one meaning on every host.
        const headers = {
          'x-cloudscheduler': 'true',
          'x-cloudscheduler-jobname': hosted.name,
          'x-cloudscheduler-scheduletime': tick,
        };
        await answered(options, hosted, { headers, body: '' });
      },
    },
    options.clock,
    options.log,
    signal,
  );
}

async function outboxLoop(options: HostOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await drainOutbox({ ...options.surroundings, log: options.log, isStopping: () => signal.aborted });
    } catch (error) {
      options.log.error({ error: describeError(error) }, 'the outbox could not be read');
    }
    await options.clock.sleep(OUTBOX_MILLISECONDS, signal).catch(() => undefined);
  }
}

async function answered(options: HostOptions, hosted: HostedFunction, incoming: Incoming): Promise<Answer> {
  const done = options.metrics.began(hosted.name);
  const result = await hosted.answer(incoming);
  done(result);
  return result;
}

async function respond(options: HostOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (options.mcp !== undefined && pathOf(request) === '/mcp') {
      await options.mcp.answer(request, response);
      return;
    }
    const reply = await route(options, request);
    const body = typeof reply.body === 'string' ? reply.body : `${JSON.stringify(reply.body)}\n`;
    response.writeHead(reply.status, { 'content-type': 'application/json; charset=utf-8', ...reply.headers });
    response.end(body);
  } catch (error) {
    if (request.destroyed && !request.complete) {
      options.log.info({ method: request.method }, 'a request ended before it had arrived');
      return;
    }
    options.log.error({ err: error }, 'a request failed');
    if (!response.headersSent) {
      response.writeHead(500, { 'content-type': 'application/json; charset=utf-8' });
    }
    response.end(`${JSON.stringify({ error: { kind: 'bug', message: 'The request failed; the log tells why.' } })}\n`);
  }
}

/** Not by `new URL`, which throws for some targets and takes the host out of others, such as `//rebalance`. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split(/[?#]/, 1)[0] ?? '/';
}

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object | string;
}

async function route(options: HostOptions, request: IncomingMessage): Promise<Reply> {
  const path = pathOf(request);
  if (path === '/healthz') {
    return { status: 200, body: { status: 'ok' } };
  }
  if (path === '/readyz') {
    return readiness(options);
  }
  const open = options.functions.find((one) => one.isPublic === true && path.startsWith(`/${one.name}/`));
  if (open !== undefined) {
    return posted(request, path, (incoming) => answered(options, open, incoming));
  }
  if (options.token === undefined && isFromElsewhere(request)) {
    return problem(
      403,
      'Without a token (NIGHTSHIFT_TOKEN) only programs on this machine are answered, not web pages.',
    );
  }
  if (!isAuthorised(options, request)) {
    return problem(401, 'A bearer token is needed: Authorization: Bearer <NIGHTSHIFT_TOKEN>.', {
      'www-authenticate': 'Bearer',
    });
  }
  if (path === '/metrics') {
    return {
      status: 200,
      headers: { 'content-type': options.metrics.contentType },
      body: await options.metrics.text(),
    };
  }
  const duty = pageOperation(path);
  if (duty !== undefined) {
    const { method, url } = request;
    return reportPage(options.surroundings, options.pages ?? new Map(), { duty, method, url });
  }
  const operation = operationOf(options, path);
  const hosted = options.functions.find((candidate) => `/${candidate.name}` === path);
  if (hosted === undefined && operation === undefined) {
    return problem(
      404,
      `Nothing is at ${path}. There are ${options.functions.map((one) => `/${one.name}`).join(', ')} /actions/<id>/approve, decline, undo, close, /pause and /resume.`,
    );
  }
  const handle = operation ?? ((incoming: Incoming) => answered(options, hosted as HostedFunction, incoming));
  return posted(request, path, handle);
}

/** What people do to actions and pauses. */
function operationOf(
  { surroundings, scopes = [] }: HostOptions,
  path: string,
): ((incoming: Incoming) => Promise<Answer>) | undefined {
  const action = actionOperation(path);
  const verb = pauseOperation(path);
  if (action !== undefined) {
    return ({ body }) => operate(surroundings, action, body);
  }
  return verb === undefined ? undefined : ({ body }) => operatePause(surroundings, verb, body, scopes);
}

/** Takes the whole request, if it is a POST and not too large. */
async function posted(
  request: IncomingMessage,
  path: string,
  handle: (incoming: Incoming) => Promise<Reply>,
): Promise<Reply> {
  if (request.method !== 'POST') {
    return problem(405, `${path} takes POST.`, { allow: 'POST' });
  }
  const body = await readBody(request);
  if (body === undefined) {
    return problem(413, `The body is larger than ${String(BODY_LIMIT_BYTES)} bytes.`, { connection: 'close' });
  }
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  );
  return handle({ headers, body, path });
}

function problem(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, body: { error: { kind: 'caller', message } } };
}

async function readiness(options: HostOptions): Promise<Reply> {
  try {
    await options.store.check();
    return { status: 200, body: { status: 'ready' } };
  } catch (error) {
    return { status: 503, body: { status: 'not ready', message: describeError(error) } };
  }
}

/** Compared as hashes of equal length in constant time, so that neither length nor content of the token leaks. */
function isAuthorised(options: HostOptions, request: IncomingMessage): boolean {
  if (options.token === undefined) {
    return true;
  }
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${options.token}`));
}

/** The body as text, or undefined when it is over the limit. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Not destroyed on return: the refusal still has to go out on the same connection.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_LIMIT_BYTES) {
      return undefined;
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
