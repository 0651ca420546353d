// A small HTTP server whose replies a test scripts one by one, and a clock that does not wait.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../../shared/ports/clock.ts';

export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers one request; a server given several answers uses each once, the last one for all that follow. */
export type Answer = (response: ServerResponse) => void;

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly received: readonly ReceivedRequest[];
}

export async function scriptedServer(...answers: readonly Answer[]): Promise<ScriptedServer> {
  const received: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const answer = answers[Math.min(received.length, answers.length - 1)];
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') });
      answer?.(response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(value));
  };
}

export function plain(body: string, status: number, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'text/plain', ...headers });
    response.end(body);
  };
}

/** Closes the connection without a reply. */
export const lost: Answer = (response) => {
  response.destroy();
};

/** Sends the head and a part of the body, then closes the connection. */
export const cut: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
  response.write('{"value":', () => {
    response.destroy();
  });
};

export const silent: Answer = () => undefined;

/** Time passes only by sleeping, and sleeping takes no time. */
export class TestClock implements Clock {
  readonly slept: number[] = [];
  #milliseconds = Date.parse('2026-03-01T12:00:00Z');

  now(): Date {
    return new Date(this.#milliseconds);
  }

  sleep(milliseconds: number): Promise<void> {
    this.slept.push(milliseconds);
    this.#milliseconds += milliseconds;
    return Promise.resolve();
  }
}
