// Stands between an adapter and a real API server: forwards every request, notes it, and lets a test do something right before one
// goes on. So the moment of a second writer, or of an expired snapshot, is the test's and not chance's.
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { loadAccess } from '../../shared/adapters/kubernetes/kubeconfig.ts';

export interface ForwardedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface ForwarderOptions {
  /** Whose address and certificate authority are used, and whose credentials where the caller sends none. */
  readonly kubeconfig: string;
  /** Sent in place of what the caller asks for. */
  readonly accept?: string;
  /** Runs to its end before the request goes on; what it changes of the query goes on changed. */
  readonly before?: (request: ForwardedRequest) => Promise<void> | void;
}

export interface Forwarder extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly (ForwardedRequest & { readonly status: number })[];
}

export async function startForwarder(options: ForwarderOptions): Promise<Forwarder> {
  const access = await loadAccess({ kubeconfig: options.kubeconfig });
  const { agent, headers: own } = await access.admission();
  const requests: (ForwardedRequest & { status: number })[] = [];

  async function forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', access.server);
    const parts: Buffer[] = [];
    for await (const part of incoming) {
      parts.push(part as Buffer);
    }
    const query = new URLSearchParams(url.searchParams);
    const noted = { method: incoming.method ?? 'GET', path: url.pathname, query, status: 0 };
    requests.push(noted);
    await options.before?.(noted);
    url.search = noted.query.toString();
    const headers: IncomingHttpHeaders = { ...own, ...incoming.headers, host: url.host };
    if (options.accept !== undefined) {
      headers.accept = options.accept;
    }
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
    const onward = send(url, { method: noted.method, headers, agent }, (reply) => {
      noted.status = reply.statusCode ?? 0;
      outgoing.writeHead(noted.status, reply.headers);
      reply.pipe(outgoing);
    });
    onward.on('error', (error) => outgoing.destroy(error));
    onward.end(Buffer.concat(parts));
  }

  const server = createServer((incoming, outgoing) => {
    forward(incoming, outgoing).catch((error: unknown) => {
      outgoing.destroy(error instanceof Error ? error : undefined);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
