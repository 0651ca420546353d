// gRPC over HTTP/2 for doubles: takes the requests of a protobuf service, hands them over decoded, and sends replies, failures, lost
// replies or silence. Knows no particular service.
import {
  createServer,
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type protobuf from 'protobufjs';

export class StatusError extends Error {
  readonly code: number;

  constructor(code: number, details: string) {
    super(details);
    this.code = code;
  }
}

export interface GrpcRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly message: Readonly<Record<string, unknown>>;
}

/** One way for a call to end; `reply` sends what `handle` gave. */
export type Ending = 'reply' | 'lose-reply' | 'hang';

export interface GrpcServerOptions {
  /** The service's description, and its full name in there. */
  readonly root: protobuf.Root;
  readonly service: string;
  /** Replies in their order (one for a unary call); throws a StatusError for a failure. */
  readonly handle: (request: GrpcRequest) => readonly object[];
  /** Runs before `handle`: what it throws is the answer. */
  readonly before?: (request: GrpcRequest) => Promise<Ending> | Ending;
}

export interface GrpcServer {
  readonly host: string;
  close(): Promise<void>;
}

const FRAME_BYTES = 5;

export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const service = options.root.lookupService(options.service);
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => undefined);
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    answer(stream, headers).catch((error: unknown) => {
      fail(stream, error);
    });
  });

  async function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const name = String(headers[':path']).slice(`/${options.service}/`.length);
    const method = service.methods[name];
    if (method === undefined) {
      throw new StatusError(12, `There is no method ${name}.`);
    }
    method.resolve();
    const { resolvedRequestType: requestType, resolvedResponseType: replyType } = method;
    if (requestType === null || replyType === null) {
      throw new StatusError(13, `The messages of ${name} are not described.`);
    }
    const body = await bodyOf(stream);
    const decoded = requestType.decode(body.subarray(FRAME_BYTES));
    const request: GrpcRequest = {
      method: name,
      headers,
      message: requestType.toObject(decoded, { longs: String, enums: String }),
    };
    const ending = (await options.before?.(request)) ?? 'reply';
    const replies = options.handle(request);
    if (ending === 'hang') {
      return;
    }
    if (ending === 'lose-reply') {
      stream.session?.destroy();
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': '0' });
    });
    for (const reply of replies) {
      stream.write(frame(replyType.encode(replyType.fromObject(reply)).finish()));
    }
    stream.end();
  }

  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    host: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    async close() {
      for (const session of sessions) {
        session.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function fail(stream: ServerHttp2Stream, error: unknown): void {
  if (stream.destroyed || stream.headersSent) {
    return;
  }
  const code = error instanceof StatusError ? error.code : constants.NGHTTP2_INTERNAL_ERROR;
  const details = error instanceof Error ? error.message : String(error);
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(code),
      'grpc-message': encodeURIComponent(details),
    },
    { endStream: true },
  );
}

async function bodyOf(stream: ServerHttp2Stream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) {
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}

function frame(message: Uint8Array): Buffer {
  const header = Buffer.alloc(FRAME_BYTES);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
