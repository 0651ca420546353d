// One HTTP request and its whole reply on a connection that is kept: deadline, size cap, gzip, and whether the request can
// have reached the server. It knows no vendor, and never tries twice. Not over fetch: loading its client is a fifth of a cold start,
// and each reply through its streams costs twice the time.
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http';
import type * as Https from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Body } from './body.ts';

export interface ExchangeRequest {
  readonly method: string;
  /** http or https, without user and password. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Connection and whole reply. */
  readonly deadlineMilliseconds: number;
  /** After decompression; 128 MiB when absent. */
  readonly maxReplyBytes?: number;
  /** Node's own when absent; it keeps idle connections for some seconds. */
  readonly agent?: Agent;
  /** user:password of basic authentication. */
  readonly auth?: string;
}

export interface Exchanged {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly body: Buffer;
}

/** As those of fetch: names in any case, `null` for what is not there. */
export interface ReplyHeaders {
  get(name: string): string | null;
}

/** The head of a reply, for messages about it. */
export interface ReplyHead {
  readonly status: number;
  readonly headers: ReplyHeaders;
}

/** No reply, or not all of it. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly reason: 'connection' | 'deadline' | 'too-large';
  /** Whether the server may have got the request. */
  readonly sent: boolean;
  /** Of the reply's head, when that had come. */
  readonly status: number | undefined;
  /** The system's code of a connection failure, e.g. ECONNREFUSED. */
  readonly code: string | undefined;

  constructor(
    reason: ExchangeError['reason'],
    fields: { readonly sent: boolean; readonly status: number | undefined; readonly cause?: unknown },
  ) {
    super(fields.cause instanceof Error ? fields.cause.message : reason, { cause: fields.cause });
    this.reason = reason;
    this.sent = fields.sent;
    this.status = fields.status;
    this.code = codeOf(fields.cause);
  }
}

/** A page of 500 pods is about 2 MB; objects are at most 1.5 MB each in etcd. */
export const MAX_REPLY_BYTES = 128 * 1024 * 1024;

/** Loaded at the first call that needs it: a start that calls nobody goes without. */
export function tls(): typeof Https {
  return process.getBuiltinModule('node:https');
}

const unzip = promisify(gunzip);

/** The reply with its body decompressed; fails with an ExchangeError. Redirects are replies like others. */
export async function exchange(request: ExchangeRequest): Promise<Exchanged> {
  const limit = request.maxReplyBytes ?? MAX_REPLY_BYTES;
  const reply = await send(request, limit);
  if (reply.headers.get('content-encoding') !== 'gzip') {
    return reply;
  }
  try {
    return { ...reply, body: await unzip(reply.body, { maxOutputLength: limit }) };
  } catch (error) {
    const reason = codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'connection';
    throw new ExchangeError(reason, { sent: true, status: reply.status, cause: error });
  }
}

function send(request: ExchangeRequest, limit: number): Promise<Exchanged> {
  const { method, url, headers, body, deadlineMilliseconds, agent, auth } = request;
  return new Promise((resolve, reject) => {
    let sent = false;
    let status: number | undefined;
    const outgoing = (url.protocol === 'http:' ? httpRequest : tls().request)(
      {
        method,
        protocol: url.protocol,
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        path: `${url.pathname}${url.search}`,
        headers: {
          // Over a network gzip saves most of the bytes; on loopback it only costs.
          ...(isLoopback(url.hostname) ? {} : { 'accept-encoding': 'gzip' }),
          ...headers,
          ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        },
        ...(agent === undefined ? {} : { agent }),
        ...(auth === undefined ? {} : { auth }),
      },
      (incoming) => {
        status = incoming.statusCode;
        collect(incoming, limit).then((collected) => {
          clearTimeout(timer);
          if (collected === undefined) {
            reject(new ExchangeError('too-large', { sent, status }));
            outgoing.destroy();
          } else {
            resolve({ status: incoming.statusCode ?? 0, headers: replyHeaders(incoming.headers), body: collected });
          }
        }, fail);
      },
    );
    const timer = setTimeout(() => {
      reject(new ExchangeError('deadline', { sent, status }));
      outgoing.destroy();
    }, deadlineMilliseconds);
    function fail(error: unknown): void {
      clearTimeout(timer);
      reject(new ExchangeError('connection', { sent, status, cause: error }));
    }
    outgoing.on('error', fail);
    outgoing.on('socket', (socket) => {
      if (socket.connecting) {
        // Until TLS stands, not a byte of the request has left.
        socket.once(url.protocol === 'http:' ? 'connect' : 'secureConnect', () => (sent = true));
      } else {
        sent = true;
      }
    });
    outgoing.end(body);
  });
}

function replyHeaders(headers: IncomingHttpHeaders): ReplyHeaders {
  return {
    get(name) {
      const value = headers[name.toLowerCase()];
      return value === undefined ? null : String(value);
    },
  };
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
}

/** The whole body, or undefined when it is over the cap. Fails when the reply ends before it is complete. */
function collect(incoming: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const declared = Number(incoming.headers['content-length'] ?? '0');
    if (declared > limit) {
      resolve(undefined);
      return;
    }
    const body = new Body(declared);
    incoming.on('data', (chunk: Buffer) => {
      if (body.size + chunk.length > limit) {
        resolve(undefined);
        return;
      }
      body.add(chunk);
    });
    incoming.on('end', () => {
      resolve(body.whole());
    });
    incoming.on('error', reject);
  });
}

/** Several addresses of one name fail together, as an AggregateError. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return error instanceof AggregateError ? error.errors.map(codeOf).find((code) => code !== undefined) : undefined;
}
