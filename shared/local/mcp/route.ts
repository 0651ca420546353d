// /mcp of the one-process host: who sends is known by a token of its own, and no web page is answered. The rest is the server's.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import packageJson from '../../../package.json' with { type: 'json' };
import { mcpHttp, type McpToolServer } from '../../adapters/mcp/server.ts';
import { tokenOf } from '../../config/policy-secrets.ts';
import { ConfigurationError } from '../../core/errors.ts';
import type { ReadyDuty } from '../../runtime/http.ts';
import type { Surroundings } from '../../runtime/context.ts';
import { isFromElsewhere, isFromPage } from '../web-page.ts';
import { usualPlace } from './place.ts';
import { toolServer } from './server.ts';

export interface McpRoute {
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
  close(): Promise<void>;
}

interface Grantee {
  readonly digest: Buffer;
  readonly tools: McpToolServer;
}

/** Requests that are answered at the same time; more are told to come back. */
const MOST_AT_ONCE = 32;
const RETRY_SECONDS = 2;

/** The route for the policy's grants; undefined where there are none. A ConfigurationError names a token that is missing. */
export async function mcpRoute(system: {
  readonly surroundings: Surroundings;
  readonly duties: readonly ReadyDuty[];
}): Promise<McpRoute | undefined> {
  const { surroundings, duties } = system;
  const { team, log } = surroundings;
  const { grants, toolNames } = team.mcp ?? { grants: [], toolNames: 'dotted' };
  if (grants.length === 0) {
    return undefined;
  }
  const place = usualPlace(team, duties);
  const grantees = grants.map(({ name, grant, tell, ...reference }, index): Grantee => {
    const token = tokenOf(reference, `mcp.grants[${String(index)}]`) ?? '';
    const caller = { by: `mcp:${name}`, grant, tell };
    const context = { surroundings, duties, ...place, caller };
    return {
      digest: digestOf(`Bearer ${token}`),
      tools: toolServer(context, { version: packageJson.version, toolNames }),
    };
  });
  if (new Set(grantees.map(({ digest }) => digest.toString('hex'))).size < grantees.length) {
    throw new ConfigurationError('Two grants of mcp.grants have the same token: nobody could tell who calls.', {
      remedy: 'Give each a token of its own.',
    });
  }
  const server = await mcpHttp((error) => {
    log.warn({ error: surroundings.mask(error).slice(0, 500) }, 'an MCP request was not as it should be');
  });
  let inHand = 0;
  return {
    async answer(request, response) {
      if (isRefusedPage(request)) {
        refuse(response, 403, 'Web pages of other sites are not answered.');
        return;
      }
      const grantee = granteeOf(grantees, request);
      if (grantee === undefined) {
        refuse(response, 401, 'A bearer token of mcp.grants is needed: Authorization: Bearer <token>.', {
          'www-authenticate': 'Bearer',
        });
        return;
      }
      if (inHand >= MOST_AT_ONCE) {
        refuse(response, 503, 'Too many requests at once.', { 'retry-after': String(RETRY_SECONDS) });
        return;
      }
      inHand += 1;
      try {
        await server.answer(grantee.tools, request, response);
      } finally {
        inHand -= 1;
      }
    },
    close: () => server.close(),
  };
}

/** Programs elsewhere may call us by any name; a page may not, or a name of its own that leads here would do. */
function isRefusedPage(request: IncomingMessage): boolean {
  return request.headers.origin === undefined ? isFromPage(request) : isFromElsewhere(request);
}

/** Every token is compared, in constant time, so that neither their number nor their content leaks. */
function granteeOf(grantees: readonly Grantee[], { headers }: IncomingMessage): Grantee | undefined {
  const given = digestOf(headers.authorization ?? '');
  return grantees.filter(({ digest }) => timingSafeEqual(digest, given))[0];
}

function digestOf(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

function refuse(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  // Closed, since the body was not read.
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', connection: 'close', ...headers });
  response.end(`${JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message } })}\n`);
}
