// One MCP server as our client sees it: started or reached at the first call, each call with a deadline, the tools by an allowlist,
// replies of bounded size and checked shape. What a tool's answer means belongs to the ports built on it.
import { z } from 'zod';
import { hashOf } from '../../core/fingerprint.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Clock } from '../../ports/clock.ts';
import { withAttempts } from '../http/attempts.ts';
import { printable } from '../http/failure.ts';
import { type McpContext, mcpFailure, notOffered, sdkFailure, tooLarge, toolFailure, wrongReply } from './failure.ts';
import { MARKER } from './marker.ts';
import type * as SdkModule from './sdk-client.ts';

type Sdk = typeof SdkModule;

export interface McpConnectionOptions {
  /** Either an address or a command; neither with credentials. */
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The only tools that are ever called, as the server spells them. */
  readonly tools: readonly string[];
  readonly startSeconds: number;
  readonly deadlineSeconds: number;
  /** Compares tools with how they were seen first; gives the names of those that are different now. */
  readonly compare: (server: string, tools: Readonly<Record<string, string>>) => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface McpCall<T> {
  readonly tool: string;
  readonly arguments: JsonObject;
  readonly target: string;
  readonly effect: 'read' | 'write';
  readonly reply: z.ZodType<T>;
  /** Travels beside the arguments: a server that knows it makes one effect of two calls. */
  readonly marker?: string;
}

export interface DescribedTool {
  /** Of description and arguments: another one is another tool. */
  readonly hash: string;
  readonly takesMarker: boolean;
  /** Arguments that it cannot do without, and those that it takes; `undefined` where it takes any. */
  readonly required: readonly string[];
  readonly taken: readonly string[] | undefined;
}

export interface McpConnection {
  /** Address or program, for messages. */
  readonly label: string;
  call<T>(call: McpCall<T>): Promise<T>;
  /** Whether the server says of the tool that it keeps to markers. */
  takesMarker(tool: string): Promise<boolean>;
  /** How the server describes tools that may be called; absent are those that it does not have. */
  described(): Promise<ReadonlyMap<string, DescribedTool>>;
  /** What people should know of this server, each a sentence. */
  problems(): readonly string[];
  /** Ends the server that was started, and whatever is open. */
  close(): Promise<void>;
}

export const MOST_REPLY_BYTES = 10 * 1024 * 1024;
const MOST_STDERR_CHARACTERS = 2000;
/** Its process died under a read: a new one is started for the next attempt. */
const TRANSIENT: ReadonlySet<string> = new Set(['CLOSED']);

const ToolResult = z.lazy(() =>
  z.looseObject({
    content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).default([]),
    structuredContent: z.unknown().optional(),
    isError: z.boolean().optional(),
  }),
);

const ArgumentSchema = z.lazy(() =>
  z.looseObject({
    properties: z.record(z.string(), z.unknown()).catch({}).default({}),
    required: z.array(z.string()).catch([]).default([]),
    additionalProperties: z.unknown().optional(),
  }),
);

interface Started {
  readonly sdk: Sdk;
  readonly client: InstanceType<Sdk['Client']>;
  readonly tools: ReadonlyMap<string, DescribedTool>;
  readonly said: () => string;
  /** Rejects when the connection must not be used any more; never resolves. */
  readonly broken: Promise<never>;
}

/** The server as messages and the store name it. */
export function serverLabel({ url, command }: Pick<McpConnectionOptions, 'url' | 'command'>): string {
  return url ?? command?.join(' ') ?? '';
}

export function mcpConnection(options: McpConnectionOptions): McpConnection {
  const label = serverLabel(options);
  const system = `MCP server ${printable(label, [])}`;
  const secrets = options.token === undefined ? [] : [options.token];
  let starting: Promise<Started> | undefined;
  let problems: readonly string[] = [];

  function contextOf(
    call: Pick<McpCall<unknown>, 'tool' | 'target' | 'effect'>,
    deadlineSeconds = options.deadlineSeconds,
  ): McpContext {
    return { system, operation: call.tool, target: call.target, effect: call.effect, deadlineSeconds, secrets };
  }

  async function started(): Promise<Started> {
    starting ??= start();
    const mine = starting;
    try {
      return await mine;
    } catch (error) {
      if (starting === mine) {
        starting = undefined;
      }
      throw error;
    }
  }

  async function start(): Promise<Started> {
    const sdk = await import('./sdk-client.ts');
    const context = contextOf({ tool: 'start', target: label, effect: 'read' }, options.startSeconds);
    const { promise: broken, reject } = Promise.withResolvers<never>();
    // Whoever calls races against it; nobody may be calling.
    broken.catch(() => undefined);
    const transport = transportOf(sdk, options, () => {
      reject(tooLarge(context, MOST_REPLY_BYTES));
    });
    // A started server would be started twice to find out what it speaks; the older handshake is known to all.
    const mode = options.url === undefined ? 'legacy' : 'auto';
    const client = new sdk.Client({ name: 'nightshift', version: '1' }, { versionNegotiation: { mode } });
    let lastError = '';
    client.onerror = (error) => {
      lastError = error.message;
      // The SDK has no code of its own for it, and ends the process at its leisure.
      if (error.message.includes('exceeded maximum size')) {
        reject(tooLarge(context, MOST_REPLY_BYTES));
      }
    };
    const timeout = options.startSeconds * 1000;
    const said = (): string => transport.said() || lastError;
    try {
      await Promise.race([client.connect(transport.transport, { timeout }), broken]);
      const listed = await Promise.race([client.listTools(undefined, { timeout }), broken]);
      const allowed = listed.tools.filter(({ name }) => options.tools.includes(name));
      const tools = new Map(allowed.map((tool) => [tool.name, describedTool(tool)]));
      const changed = await options.compare(
        label,
        Object.fromEntries([...tools].map(([name, { hash }]) => [name, hash])),
      );
      problems = changed.map(
        (name) =>
          `The tool ${printable(name, [])} of ${system} describes itself otherwise than when it was first used: find out why, then accept it with \`nightshift mcp accept\`.`,
      );
      client.onclose = () => {
        starting = undefined;
      };
      return { sdk, client, tools, said, broken };
    } catch (error) {
      await client.close().catch(() => undefined);
      await transport.transport.close().catch(() => undefined);
      throw sdkFailure(sdk, context, error, said());
    }
  }

  async function callOnce<T>(call: McpCall<T>): Promise<T> {
    const context = contextOf(call);
    if (!options.tools.includes(call.tool)) {
      throw notOffered(context, 'the tool is not in the list of tools that may be called');
    }
    const { sdk, client, tools, said, broken } = await started();
    if (!tools.has(call.tool)) {
      throw notOffered(context, 'that server has no such tool');
    }
    let result: unknown;
    try {
      const timeout = options.deadlineSeconds * 1000;
      const params = {
        name: call.tool,
        arguments: { ...call.arguments },
        ...(call.marker === undefined ? {} : { _meta: { [MARKER]: call.marker } }),
      };
      result = await Promise.race([client.callTool(params, { timeout, maxTotalTimeout: timeout }), broken]);
    } catch (error) {
      const failure = sdkFailure(sdk, context, error, said());
      if (failure.failure.code === 'TIMEOUT' || failure.failure.code === 'TOO_LARGE') {
        // What comes late or without end must not be taken for the answer to something else.
        await closeNow();
      }
      throw failure.failure.code === 'TOO_LARGE' ? tooLarge(context, MOST_REPLY_BYTES) : failure;
    }
    return valueOf(context, call, result);
  }

  async function closeNow(): Promise<void> {
    const open = starting;
    starting = undefined;
    const there = await open?.catch(() => undefined);
    await there?.client.close().catch(() => undefined);
  }

  return {
    label,
    call: (call) =>
      withAttempts(
        { effect: call.effect, transientCodes: TRANSIENT, clock: options.clock, random: options.random },
        () => callOnce(call),
      ),
    takesMarker: async (tool) => (await started()).tools.get(tool)?.takesMarker === true,
    described: async () => (await started()).tools,
    problems: () => problems,
    close: closeNow,
  };
}

type ListedTool = Awaited<ReturnType<InstanceType<Sdk['Client']>['listTools']>>['tools'][number];

function describedTool({ description, inputSchema, _meta }: ListedTool): DescribedTool {
  const { properties, required, additionalProperties } = ArgumentSchema.parse(inputSchema);
  return {
    hash: hashOf({ description, inputSchema }),
    takesMarker: _meta?.[MARKER] === true,
    required,
    taken: additionalProperties === false ? Object.keys(properties) : undefined,
  };
}

interface Transport {
  readonly transport: InstanceType<Sdk['StdioClientTransport']> | InstanceType<Sdk['StreamableHTTPClientTransport']>;
  /** The end of what the server wrote to its stderr. */
  readonly said: () => string;
}

function transportOf(sdk: Sdk, options: McpConnectionOptions, onTooLarge: () => void): Transport {
  if (options.url !== undefined) {
    const { token } = options;
    const transport = new sdk.StreamableHTTPClientTransport(new URL(options.url), {
      fetch: limitedFetch(onTooLarge),
      ...(token === undefined ? {} : { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
    });
    return { transport, said: () => '' };
  }
  const [command = '', ...args] = options.command ?? [];
  const transport = new sdk.StdioClientTransport({
    command,
    args,
    env: { ...sdk.getDefaultEnvironment(), ...options.env },
    stderr: 'pipe',
    maxBufferSize: MOST_REPLY_BYTES,
  });
  let tail = '';
  // Read to the end whoever cares: a server whose stderr nobody reads stands still.
  transport.stderr?.on('data', (chunk: Buffer) => {
    tail = `${tail}${chunk.toString('utf8')}`.slice(-MOST_STDERR_CHARACTERS);
  });
  return { transport, said: () => tail };
}

/** `fetch` whose replies end with an error past the limit, whether they come at once or as a stream of events. */
function limitedFetch(onTooLarge: () => void): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.body === null) {
      return response;
    }
    let bytes = 0;
    const limited = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          bytes += chunk.byteLength;
          if (bytes > MOST_REPLY_BYTES) {
            onTooLarge();
            controller.error(new Error('The reply is too large.'));
            return;
          }
          controller.enqueue(chunk);
        },
      }),
    );
    return new Response(limited, {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
    });
  };
}

function valueOf<T>(context: McpContext, call: McpCall<T>, result: unknown): T {
  const outer = ToolResult.safeParse(result);
  if (!outer.success) {
    throw wrongReply(context, outer.error);
  }
  const { content, structuredContent, isError } = outer.data;
  const text = content.find(({ type }) => type === 'text')?.text;
  if (isError === true) {
    throw toolFailure(context, text ?? '');
  }
  const parsed = call.reply.safeParse(structuredContent ?? jsonOf(context, text));
  if (!parsed.success) {
    throw wrongReply(context, parsed.error);
  }
  return parsed.data;
}

/** Older servers answer with JSON as text. */
function jsonOf(context: McpContext, text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    throw mcpFailure(context, 'the answer is no JSON', {
      code: 'NOT_JSON',
      reached: true,
      remedy: 'Check that the server is the one that is meant, and its version.',
    });
  }
}
