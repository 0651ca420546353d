// Our MCP server before clients that others wrote: the official conformance suite, the first generation of the official SDK, and the
// official Python SDK, over stdio and over HTTP.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { TOOLS } from '../../shared/local/mcp/server.ts';
import type { RunningHost } from '../../shared/local/host.ts';
import { CHALLENGE, toolHost, toolRig, type ToolRig } from '../mcp/rig.ts';
import { ROOT } from '../processes/child.ts';
import { UnbuildableError } from './binaries.ts';
import { npmPackage, pythonPackage } from './packages.ts';

const CONFORMANCE = '0.1.16';
const FIRST_GENERATION = '1.32.2';
const PYTHON = '2.3.0';
const TOKEN = 'a-token-for-the-foreign-client';

let rig: ToolRig;
let host: RunningHost;
let url: string;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-foreign-'));
  const tokenFile = path.join(folder, 'token');
  await writeFile(tokenFile, TOKEN);
  rig = await toolRig({ mode: 'auto' });
  host = await toolHost(rig, [{ name: 'foreign', grant: 'act', tell: false, tokenFile }]);
  url = `${host.url}/mcp`;
});

afterAll(async () => {
  await host.stop();
  await rig.close();
  await rm(folder, { recursive: true, force: true });
});

/** What cannot be installed here is skipped with the reason; in CI it fails. */
async function counterpart(context: TestContext, install: () => Promise<string>): Promise<string> {
  try {
    return await install();
  } catch (error) {
    if (error instanceof UnbuildableError && process.env['CI'] !== 'true') {
      return context.skip(error.message);
    }
    throw error;
  }
}

function run(command: string, args: readonly string[], input = ''): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      { cwd: ROOT, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : (child.exitCode ?? 1), output: stdout === '' ? stderr : stdout });
      },
    );
    child.stdin?.end(input);
  });
}

const CALLS = [
  ['k8s.list_pods', { namespace: 'default' }],
  ['k8s.metrics.query', { pod: 'auth-service', metric: 'memory', window: '24h' }],
  ['k8s.update_resources', { pod: 'checkout-service', mem_limit: '1280Mi' }],
  ['k8s.describe', { pod: 'checkout-service' }],
  ['slack.post_message', { channel: '#ops', text: 'hello' }],
  ['jira.create_issue', { project: 'OPS', title: 'A title', body: 'A body' }],
  ['k8s.describe', { pod: 'no such pod' }],
] as const;

function expectAnswers(said: string): void {
  const { tools, answers } = JSON.parse(said) as { tools: string[]; answers: [unknown, boolean][] };
  expect(tools).toEqual(TOOLS.map(({ name }) => name));
  expect(answers).toEqual([
    [
      {
        pods: ['auth-service', 'cart-service', 'checkout-service', 'recommendation-service'].map((name) => ({ name })),
      },
      false,
    ],
    [{ avg: 50, p95: 50 }, false],
    [expect.objectContaining({ status: 'updated' }), false],
    [{ cpu_request: '300m', cpu_limit: '600m', mem_request: '512Mi', mem_limit: '1280Mi' }, false],
    [{ ts: expect.any(String) as unknown, url: expect.any(String) as unknown }, false],
    [{ issue_id: 'OPS-1', url: expect.stringMatching(/\/browse\/OPS-1$/) as unknown }, false],
    [null, true],
  ]);
}

const STDIO = [
  'stdio',
  process.execPath,
  path.join(ROOT, 'bin/nightshift.mjs'),
  'mcp',
  '--scenario',
  CHALLENGE,
  '--grant',
  'act',
];

describe.each(['stdio', 'http'] as const)('over %s', (how) => {
  const place = (): readonly string[] => (how === 'stdio' ? STDIO : ['http', url, TOKEN]);

  test('the first generation of the official SDK gets every shape', async (context) => {
    const at = await counterpart(context, () => npmPackage('@modelcontextprotocol/sdk', FIRST_GENERATION));
    const client = path.join(import.meta.dirname, 'mcp-client.mjs');
    const { output } = await run(process.execPath, [client, at, ...place()], JSON.stringify(CALLS));
    expectAnswers(output);
  });

  test('the official Python SDK gets every shape', async (context) => {
    const at = await counterpart(context, () => pythonPackage('mcp', PYTHON));
    const client = path.join(import.meta.dirname, 'mcp-client.py');
    const { output } = await run(path.join(at, 'bin/python'), [client, ...place()], JSON.stringify(CALLS));
    expectAnswers(output);
  });
});

describe('the official conformance suite', () => {
  let proxy: Server;
  let open: string;

  /** The suite knows no tokens: what stands before us adds ours and leaves the rest as it is. */
  beforeAll(async () => {
    proxy = createServer((request, response) => {
      const forwarded = httpRequest(
        new URL('/mcp', url),
        { method: request.method, headers: { ...request.headers, authorization: `Bearer ${TOKEN}` } },
        (reply) => {
          response.writeHead(reply.statusCode ?? 500, reply.headers);
          reply.pipe(response);
        },
      );
      forwarded.on('error', () => response.destroy());
      request.pipe(forwarded);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    open = `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}/mcp`;
  });

  afterAll(() => {
    proxy.closeAllConnections();
    proxy.close();
  });

  // The others are about what we do not offer (prompts, resources, sampling), or call tools of the suite's own example server.
  test.each(['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection'])('%s', async (scenario) => {
    const at = await npmPackage('@modelcontextprotocol/conformance', CONFORMANCE);
    const program = path.join(at, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
    const { code, output } = await run(process.execPath, [program, 'server', '--url', open, '--scenario', scenario]);
    expect(code, output.slice(-3000)).toBe(0);
  });
});
