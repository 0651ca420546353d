// What goes wrong with a call over MCP as a PlatformError: what, on what, why, what to do, and whether a write may have happened.
import type { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import { causeOf, printable } from '../http/failure.ts';
import type * as SdkModule from './sdk-client.ts';

export interface McpContext {
  /** Which server, for messages: `MCP server http://…` */
  readonly system: string;
  readonly operation: string;
  readonly target: string;
  readonly effect: 'read' | 'write';
  readonly deadlineSeconds: number;
  readonly secrets: readonly string[];
}

interface Details {
  readonly code: string;
  readonly status?: number | undefined;
  /** Whether the server may have acted. */
  readonly reached: boolean;
  readonly remedy: string;
  readonly cause?: unknown;
}

export function mcpFailure(context: McpContext, why: string, details: Details): PlatformError {
  const { code, status, reached, remedy, cause } = details;
  const { system, operation, target, effect } = context;
  const applied = effect === 'write' && reached ? 'unknown' : 'no';
  return new PlatformError(
    { system, operation, target, applied, code, ...(status === undefined ? {} : { status }) },
    why,
    { remedy, ...(cause === undefined ? {} : { cause }) },
  );
}

/** A server that does not have the tool, or whose tool is not in the allowlist: nothing was asked. */
export function notOffered(context: McpContext, why: string): PlatformError {
  return mcpFailure(context, why, {
    code: 'NOT_OFFERED',
    reached: false,
    remedy: 'What cannot be had over MCP is no data: nothing is acted on. Read that system directly, or add the tool.',
  });
}

/** The tool answered that it failed. Its words are foreign text; nobody can tell what happened before it failed. */
export function toolFailure(context: McpContext, text: string): PlatformError {
  return mcpFailure(
    context,
    `the tool answered with an error: ${printable(text, context.secrets) || 'without words'}`,
    {
      code: 'TOOL_ERROR',
      reached: true,
      remedy: 'Look at the log of that server.',
    },
  );
}

export function wrongReply(context: McpContext, error: z.ZodError | string): PlatformError {
  const issue = typeof error === 'string' ? undefined : error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? 'the whole reply' : issue.path.map(String).join('.');
  const why =
    typeof error === 'string' ? error : `${printable(where, [])}: ${printable(issue?.message ?? 'invalid', [])}`;
  return mcpFailure(context, `the reply has an unexpected shape (${why})`, {
    code: 'WRONG_SHAPE',
    reached: true,
    remedy: 'Check that the server is the one that is meant, and its version.',
  });
}

export function tooLarge(context: McpContext, limitBytes: number): PlatformError {
  return mcpFailure(context, `the answer is larger than ${String(Math.floor(limitBytes / 1024 / 1024))} MiB`, {
    code: 'TOO_LARGE',
    reached: true,
    remedy: 'It is not read: check what that server sends.',
  });
}

type Sdk = typeof SdkModule;

/** JSON-RPC codes by which a server says that it did not even begin: not JSON, no request, no such method, wrong arguments. */
const NOT_BEGUN: ReadonlySet<number> = new Set([-32_700, -32_600, -32_601, -32_602]);

const UNREACHED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'EACCES',
]);

/** What the SDK throws. `said` is what the server wrote to its stderr last. */
export function sdkFailure(sdk: Sdk, context: McpContext, error: unknown, said: string): PlatformError {
  if (error instanceof PlatformError) {
    return error;
  }
  const last = printable(said, context.secrets);
  const words = last === '' ? '' : `; it said last: ${last}`;
  if (error instanceof sdk.ProtocolError) {
    return mcpFailure(
      context,
      `it refused the request (${String(error.code)}): ${printable(error.message, context.secrets)}`,
      {
        code: `RPC_${String(error.code)}`,
        reached: !NOT_BEGUN.has(error.code),
        remedy: 'Check the name of the tool, and the version of that server.',
      },
    );
  }
  if (error instanceof sdk.SdkHttpError) {
    return statusFailure(context, error.status, printable(error.message, context.secrets));
  }
  // The SDK's own errors carry a code of its own; what the system said is behind them.
  const { code, text } = causeOf(error instanceof sdk.SdkError ? (error.cause ?? error) : error);
  const isUnreached = code !== undefined && UNREACHED.has(code);
  if (error instanceof sdk.SdkError && !isUnreached) {
    return localFailure(sdk, context, error, words);
  }
  return mcpFailure(context, `it cannot be reached or did not answer: ${printable(text, context.secrets)}${words}`, {
    code: code ?? 'NO_ANSWER',
    reached: !isUnreached,
    remedy: 'Check the address or the command, and that the server runs.',
    cause: error,
  });
}

function localFailure(
  sdk: Sdk,
  context: McpContext,
  error: InstanceType<Sdk['SdkError']>,
  words: string,
): PlatformError {
  const { RequestTimeout, ConnectionClosed, InvalidResult, UnsupportedResultType } = sdk.SdkErrorCode;
  if (error.code === RequestTimeout) {
    return mcpFailure(context, `no answer within the deadline of ${String(context.deadlineSeconds)} s${words}`, {
      code: 'TIMEOUT',
      reached: true,
      remedy: 'Check that the server is not overloaded, or raise its deadlineSeconds.',
    });
  }
  if (error.code === ConnectionClosed) {
    return mcpFailure(context, `the server ended or closed the connection${words}`, {
      code: 'CLOSED',
      reached: true,
      remedy: 'Look at its log; it is started or reached anew by the next call.',
    });
  }
  const said = printable(error.message, context.secrets);
  return error.code === InvalidResult || error.code === UnsupportedResultType
    ? wrongReply(context, said)
    : mcpFailure(context, `${said} (${error.code})${words}`, {
        code: error.code,
        reached: true,
        remedy: 'Check the address or the command, and that it is an MCP server.',
        cause: error,
      });
}

function statusFailure(context: McpContext, status: number, words: string): PlatformError {
  const isCredentials = status === 401 || status === 403;
  return mcpFailure(context, `it answered ${String(status)}: ${words}`, {
    code: `HTTP_${String(status)}`,
    status,
    reached: status >= 500,
    remedy: isCredentials
      ? 'Check the token (tokenEnv or tokenFile) and the grant that it has there.'
      : 'Check the address with its path, such as /mcp.',
  });
}
