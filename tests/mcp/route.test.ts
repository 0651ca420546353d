// /mcp of the one-process host: tokens, web pages, sizes, both generations of the protocol, and a clean stop.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningHost } from '../../shared/local/host.ts';
import { mcpRoute } from '../../shared/local/mcp/route.ts';
import type { McpGrant } from '../../shared/core/policy-mcp.ts';
import { toolHost, toolRig, type ToolRig } from './rig.ts';

const TOKENS = { reader: 'reader-token-1234567890', actor: 'actor-token-1234567890' };

let rig: ToolRig;
let host: RunningHost;
let folder: string;
let url: string;

function grantsIn(files: Readonly<Record<string, string>>): McpGrant[] {
  return [
    { name: 'reader', grant: 'read', tell: true, tokenFile: files['reader'] },
    { name: 'actor', grant: 'act', tell: false, tokenFile: files['actor'] },
  ];
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-route-'));
  const files: Record<string, string> = {};
  for (const [name, token] of Object.entries(TOKENS)) {
    files[name] = path.join(folder, name);
    await writeFile(files[name] ?? '', `${token}\n`);
  }
  rig = await toolRig();
  host = await toolHost(rig, grantsIn(files));
  url = `${host.url}/mcp`;
});

afterAll(async () => {
  await host.stop();
  await rig.close();
  await rm(folder, { recursive: true, force: true });
});

const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };

function post(headers: Record<string, string>, body: string = JSON.stringify(LIST)): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body,
  });
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function clientOf(token: string, mode: 'legacy' | 'auto'): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: bearer(token) } }));
  return client;
}

test.each([
  ['no token', {}, 401],
  ['a wrong token', bearer('wrong-token-1234567890'), 401],
  ['a token without its scheme', { authorization: TOKENS.reader }, 401],
  ['a page of another site', { ...bearer(TOKENS.reader), origin: 'https://evil.example' }, 403],
  ['a page of another site without Origin', { ...bearer(TOKENS.reader), 'sec-fetch-site': 'cross-site' }, 403],
  [
    'a page whose own name leads here',
    { ...bearer(TOKENS.reader), origin: 'http://evil.example', host: 'evil.example' },
    403,
  ],
  ['an opaque origin', { ...bearer(TOKENS.reader), origin: 'null' }, 403],
  ['a program with its token', bearer(TOKENS.reader), 200],
])('%s is answered with its status', async (_name, headers, status) => {
  const response = await post(headers);
  expect(response.status).toBe(status);
  expect(await response.text()).not.toContain('-token-1234567890');
});

test('a body over the limit is refused, and one that is no JSON is told so', async () => {
  expect((await post(bearer(TOKENS.reader), `"${'x'.repeat(1024 * 1024)}"`)).status).toBe(413);
  expect((await post(bearer(TOKENS.reader), '{')).status).toBe(400);
});

describe.each(['legacy', 'auto'] as const)('a client that negotiates %s', (mode) => {
  test('gets the tools with dots in their names, and each token its own grant', async () => {
    const reader = await clientOf(TOKENS.reader, mode);
    const actor = await clientOf(TOKENS.actor, mode);
    try {
      const { tools } = await reader.listTools();
      expect(tools.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['k8s.metrics.query', 'k8s.update_resources']),
      );
      expect((await reader.callTool({ name: 'k8s.list_pods', arguments: {} })).structuredContent).toMatchObject({
        pods: { length: 4 },
      });
      const change = { name: 'k8s.update_resources', arguments: { pod: 'checkout-service', mem_limit: '1200Mi' } };
      expect(await reader.callTool(change)).toMatchObject({ isError: true });
      expect((await actor.callTool(change)).structuredContent).toMatchObject({ status: 'updated' });
    } finally {
      await reader.close();
      await actor.close();
    }
  });
});

test('two grants with one token, and a token that is missing, are refused at the start', async () => {
  const { surroundings } = rig.running.ready;
  const routeOf = (grants: McpGrant[]): Promise<unknown> =>
    mcpRoute({
      surroundings: {
        ...surroundings,
        team: { ...surroundings.team, mcp: { grants, toolNames: 'dotted', channels: [], projects: [] } },
      },
      duties: [],
    });
  const same = path.join(folder, 'reader');
  await expect(routeOf(grantsIn({ reader: same, actor: same }))).rejects.toThrow(/same token/);
  await expect(routeOf(grantsIn({ reader: same, actor: path.join(folder, 'nowhere') }))).rejects.toThrow(
    /mcp\.grants\[1\]\.tokenFile/,
  );
  await writeFile(path.join(folder, 'short'), 'short');
  await expect(routeOf(grantsIn({ reader: path.join(folder, 'short'), actor: same }))).rejects.toThrow(
    /at least 16 characters/,
  );
});
