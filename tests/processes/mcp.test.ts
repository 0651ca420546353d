// `nightshift mcp` as a process: nothing but the protocol on stdout, an end with its client's, wrong use, and taking tools as they are.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHALLENGE } from '../mcp/rig.ts';
import { nightshift, ROOT } from './child.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-mcp-process-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function served(
  args: readonly string[],
  input: string,
): Promise<{ code: number | null; lines: string[]; stderr: string }> {
  const child = spawn(
    process.execPath,
    [path.join(ROOT, 'bin/nightshift.mjs'), 'mcp', '--scenario', CHALLENGE, ...args],
    {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1' },
    },
  );
  let [stdout, stderr] = ['', ''];
  const wanted = input.split('\n').filter((line) => line.includes('"id"')).length;
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
    // The client leaves once it has its answers.
    if (stdout.split('\n').length > wanted) {
      child.stdin.end();
    }
  });
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  child.stdin.write(input);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ code, lines: stdout.trim().split('\n'), stderr });
    });
  });
}

const line = (message: object): string => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`;
const OPENING =
  line({
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  }) + line({ method: 'notifications/initialized' });

test('stdout carries the protocol alone, and the process ends when its client leaves', async () => {
  const call = line({
    id: 2,
    method: 'tools/call',
    params: { name: 'k8s.describe', arguments: { pod: 'auth-service' } },
  });
  const { code, lines, stderr } = await served([], OPENING + call);
  expect(code).toBe(0);
  const replies = lines.map((one) => JSON.parse(one) as { id: number; result: Record<string, unknown> });
  expect(replies.map(({ id }) => id)).toEqual([1, 2]);
  expect(replies[1]?.result['structuredContent']).toEqual({
    cpu_request: '200m',
    cpu_limit: '400m',
    mem_request: '256Mi',
    mem_limit: '512Mi',
  });
  expect(stderr).toContain('a tool was called');
});

test('underscore names are served on request', async () => {
  const { lines } = await served(
    ['--tool-names', 'underscore'],
    OPENING + line({ id: 2, method: 'tools/list', params: {} }),
  );
  expect(lines.join('\n')).toContain('"k8s_update_resources"');
  expect(lines.join('\n')).not.toContain('"k8s.update_resources"');
});

test.each([
  [['--grant', 'all'], /--grant all is none of read, propose, act/],
  [['--tool-names', 'camel'], /--tool-names camel is neither/],
])('%j is wrong use', async (args, words) => {
  const { code, stderr, stdout } = await nightshift(['mcp', '--scenario', CHALLENGE, ...args], {});
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(words);
});

test('accept forgets how the tools of a server were seen first', async () => {
  const command = [process.execPath, path.join(ROOT, 'tests/adapters/mcp/scripted-server.ts'), 'works'];
  const policy = path.join(folder, 'policy.yaml');
  await writeFile(
    policy,
    `version: 1\nplatform: {mcp: {command: ${JSON.stringify(command)}, startSeconds: 60}}\nclusters: {test: {metrics: {}}}\n`,
  );
  const variables = { NIGHTSHIFT_STORE: `sqlite:${path.join(folder, 'state.sqlite')}` };
  const run = ['run', 'rebalance', '--policy', policy, '--namespace', 'default'];
  // It answers nothing that a run can use: the run fails, and the tools have been seen.
  expect((await nightshift(run, variables)).stderr).toMatch(/k8s\.snapshot/);
  const accept = async (): Promise<string> =>
    (await nightshift(['mcp', 'accept', '--policy', policy], variables)).stdout;
  expect(await accept()).toContain('Accepted as they are at the next run');
  expect(await accept()).toContain('No tools were seen yet');
});
