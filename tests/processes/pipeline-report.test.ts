// The built function as a process: what a bundle alone can lack is the catalogue of signatures, the renderer and its font.
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseScenario } from '../../fixtures/platform/scenario.ts';
import { buildBundles } from '../../shared/local/build.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { ROOT, type Running, start } from './child.ts';

const LOG = 'FAIL tests/cart.test.ts > total of a cart > adds prices\nTest Files  1 failed | 2 passed (3)\n';

/** One that passed two days before now and one that failed on the day before, whatever the day is. */
const scenario = parseScenario({
  name: 'bundle',
  case: {
    why: 'A build that broke yesterday',
    now: new Date().toISOString(),
    scope: { workspace: 'example' },
    expect: {},
  },
  policy: {
    version: 1,
    timezone: 'UTC',
    chat: { slack: { channel: '#ops' } },
    ci: { bitbucket: { workspace: 'example' } },
  },
  bitbucket: {
    repositories: [
      {
        slug: 'shop',
        commits: [
          { hash: 'bbbbbbb', parent: 'aaaaaaa', files: ['tests/cart.test.ts'], at: '-25h' },
          { hash: 'aaaaaaa', at: '-49h' },
        ],
        pipelines: [
          { number: 1, commit: 'aaaaaaa', createdAt: '-48h', steps: [{ name: 'Test' }] },
          { number: 2, commit: 'bbbbbbb', createdAt: '-24h', steps: [{ name: 'Test', result: 'FAILED', log: LOG }] },
        ],
      },
    ],
  },
});

let platform: RunningScenario;
let served: Running;
let folder: string;
let url: string;

beforeAll(async () => {
  platform = await openScenario(scenario, { duty: 'pipeline-report' });
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-report-'));
  const [bundle] = await buildBundles(['pipeline-report'], path.join(folder, 'dist'));
  const modules = path.join(bundle?.folder ?? '', 'node_modules/@google-cloud');
  await mkdir(modules, { recursive: true });
  await symlink(
    path.join(ROOT, 'node_modules/@google-cloud/functions-framework'),
    path.join(modules, 'functions-framework'),
  );
  served = start(
    [
      '--import',
      path.join(ROOT, 'scripts/loopback.mjs'),
      path.join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js'),
      `--source=${bundle?.folder ?? ''}`,
      '--target=pipeline-report',
      '--port=0',
    ],
    {
      ...platform.variables,
      NIGHTSHIFT_STORE: `sqlite:${path.join(folder, 'state.sqlite')}`,
      NODE_ENV: 'production',
    },
    folder,
  );
  url = (await served.waitFor(/LISTENING (http:\/\/127\.0\.0\.1:\d+)/))[1] ?? '';
}, 120_000);

afterAll(async () => {
  served.child.kill('SIGKILL');
  await platform.close();
  await rm(folder, { recursive: true, force: true });
});

test('explains a failure by the shipped signatures, and shares its picture', async () => {
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ scope: { workspace: 'example' } }),
  });
  expect(reply.status).toBe(200);
  const report = (await reply.json()) as { summary: unknown; deliveries: unknown };
  expect(report.summary).toMatchObject({
    total: { runs: 1, failed: 1 },
    branches_broken: [{ repository: 'shop', cause: { verdict: 'suspects', suspects: [{ confidence: 'HIGH' }] } }],
    failures: [{ category: 'test', count: 1 }],
  });
  expect(report.deliveries).toMatchObject([{ kind: 'chat.message', state: 'delivered' }]);
  const [picture] = platform.platform.doubles.slack.state().files;
  expect([...(picture?.content.subarray(1, 4) ?? [])]).toEqual([...Buffer.from('PNG')]);
}, 60_000);
