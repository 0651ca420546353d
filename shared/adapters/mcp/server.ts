// Our side of the Model Context Protocol on the official SDK: lists tools and hands calls on, over stdio or HTTP. What the tools
// mean, who may call them and what they answer belongs to whoever hands them in.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import type { Server } from '@modelcontextprotocol/server';
import { describeError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { MARKER } from './marker.ts';
import type * as SdkModule from './sdk-server.ts';

/** What a tool says of itself. The annotations are hints by which clients ask their user or do not. */
export interface McpToolSheet {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** JSON Schemas of objects. */
  readonly inputSchema: JsonObject;
  readonly outputSchema: JsonObject;
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly idempotentHint: boolean;
    readonly openWorldHint: boolean;
  };
  /** A repeat of a call with the same marker is answered as the first one was. */
  readonly takesMarker: boolean;
}

export interface McpToolCall {
  readonly name: string;
  readonly arguments: unknown;
  /** The caller's own name of this effect, when it sent one. */
  readonly marker: string | undefined;
}

export type McpToolAnswer = { readonly result: JsonObject } | { readonly error: string };

export interface McpToolServer {
  readonly name: string;
  readonly version: string;
  /** For the model that uses the tools. */
  readonly instructions: string;
  readonly tools: readonly McpToolSheet[];
  call(call: McpToolCall): Promise<McpToolAnswer>;
}

const MOST_REQUEST_BYTES = 1024 * 1024;
/** Nothing of ours changes while it is served, so that hardly anybody listens; each listener holds a connection. */
const MOST_SUBSCRIPTIONS = 8;

/** Serves one client over the streams until it closes its end. Nothing else may be written to `output`. */
export async function serveMcpStdio(
  tools: McpToolServer,
  streams: { readonly input: Readable; readonly output: Writable },
  onError: (message: string) => void,
): Promise<{ readonly closed: Promise<void>; close(): Promise<void> }> {
  const sdk = await import('./sdk-server.ts');
  const transport = new sdk.StdioServerTransport(streams.input, streams.output, { maxBufferSize: MOST_REQUEST_BYTES });
  const handle = sdk.serveStdio(() => serverOf(sdk, tools), {
    transport,
    onerror: (error) => {
      onError(describeError(error));
    },
  });
  const closed = new Promise<void>((resolve) => {
    streams.input
      .once('end', resolve)
      .once('close', resolve)
      .once('error', () => {
        resolve();
      });
  });
  return { closed, close: () => handle.close() };
}

export interface McpHttp {
  /** Answers one request whole. Who sent it has been checked; `tools` are what the sender may use. */
  answer(tools: McpToolServer, request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Ends what is still open. */
  close(): Promise<void>;
}

/** Streamable HTTP without sessions: each request stands for itself, so that no number of clients fills the memory. */
export async function mcpHttp(onError: (message: string) => void): Promise<McpHttp> {
  const sdk = await import('./sdk-server.ts');
  const callers = new Map<string, McpToolServer>();
  const told = (error: unknown): void => {
    onError(describeError(error));
  };
  const handler = sdk.createMcpHandler(
    ({ authInfo }) => {
      const tools = callers.get(authInfo?.clientId ?? '');
      if (tools === undefined) {
        throw new Error('A request without a caller reached the MCP handler.');
      }
      return serverOf(sdk, tools);
    },
    { maxSubscriptions: MOST_SUBSCRIPTIONS, maxRequestBodySize: MOST_REQUEST_BYTES, onerror: told },
  );
  const toNode = sdk.toNodeHandler(handler, { maxRequestBodySize: MOST_REQUEST_BYTES, onerror: told });
  let count = 0;
  return {
    async answer(tools, request, response) {
      count += 1;
      const clientId = String(count);
      callers.set(clientId, tools);
      try {
        // The SDK wants a token; it checks none, and ours has done its work.
        const asked = Object.assign(request, { auth: { token: '', clientId, scopes: [] } });
        await toNode(asked as unknown as Parameters<typeof toNode>[0], response);
      } finally {
        callers.delete(clientId);
      }
    },
    close: () => handler.close(),
  };
}

function serverOf(sdk: typeof SdkModule, tools: McpToolServer): Server {
  const { name, version, instructions } = tools;
  const server = new sdk.Server({ name, version }, { capabilities: { tools: {} }, instructions });
  server.setRequestHandler('tools/list', () => ({
    tools: tools.tools.map(({ takesMarker, inputSchema, outputSchema, annotations, ...sheet }) => ({
      ...sheet,
      inputSchema: { ...inputSchema, type: 'object' as const },
      outputSchema: { ...outputSchema, type: 'object' as const },
      annotations: { ...annotations },
      ...(takesMarker ? { _meta: { [MARKER]: true } } : {}),
    })),
  }));
  server.setRequestHandler('tools/call', async ({ params }) => {
    const marker = params._meta?.[MARKER];
    const answer = await tools.call({
      name: params.name,
      arguments: params.arguments ?? {},
      marker: typeof marker === 'string' ? marker : undefined,
    });
    return 'error' in answer
      ? { content: [{ type: 'text' as const, text: answer.error }], isError: true }
      : {
          // Clients that know no structured content read the same as text.
          content: [{ type: 'text' as const, text: JSON.stringify(answer.result) }],
          structuredContent: { ...answer.result },
        };
  });
  return server;
}
