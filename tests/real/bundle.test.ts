// What Terraform uploads, as Google's builder treats it: unpacked into an empty folder, its own package.json installed and nothing else,
// started under the functions framework, and called as its three senders call it.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { buildBundles } from '../../shared/local/build.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { removeFolder, temporaryFolder } from './server.ts';
import { describeWith } from './suite.ts';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '../..');
const SCOPE = { cluster: 'test', namespace: 'default' };

let scenario: RunningScenario;
let folder = '';
let output = '';
let url = '';
let child: ReturnType<typeof spawn>;

describeWith(
  ['registry'],
  'the uploaded bundle',
  () => output,
  () => {
    beforeAll(async () => {
      folder = temporaryFolder('bundle');
      scenario = await openScenario(loadScenario(path.join(ROOT, 'fixtures/rebalance/challenge'), new Date()), {
        duty: 'rebalance',
      });
      await buildBundles(['rebalance'], path.join(folder, 'dist'));
      const app = path.join(folder, 'app');
      for (const [name, content] of Object.entries(
        unzipSync(await readFile(path.join(folder, 'dist/rebalance.zip'))),
      )) {
        await mkdir(path.dirname(path.join(app, name)), { recursive: true });
        await writeFile(path.join(app, name), content);
      }
      await run('npm', ['install', '--omit=dev', '--no-audit', '--no-fund'], { cwd: app });
      // The builder's image sets nothing but these.
      child = spawn(process.execPath, ['node_modules/.bin/functions-framework'], {
        cwd: app,
        env: {
          PATH: process.env['PATH'],
          NODE_OPTIONS: `--import=${path.join(ROOT, 'scripts/loopback.mjs')}`,
          FUNCTION_TARGET: 'rebalance',
          PORT: '0',
          ...scenario.variables,
        },
      });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          output += text;
        });
      }
      url = await listening();
    });
    afterAll(async () => {
      child?.kill('SIGKILL');
      await scenario?.close();
      await removeFolder(folder);
    });

    test('holds the bundle, its package.json and nothing of ours beside them', async () => {
      const names = (await readdir(path.join(folder, 'app'))).filter(
        (name) => !/^(node_modules|package-lock\.json)$/.test(name),
      );
      expect(names.sort()).toEqual(['chunks', 'index.cjs', 'package.json', 'rebalance.cjs', 'rebalance.cjs.cache']);
    });

    test('answers the first call with a report', async () => {
      const response = await post({ scope: SCOPE });
      expect(response.status, output).toBe(200);
      expect(await response.json()).toMatchObject({ run: { duty: 'rebalance', scope: SCOPE } });
    });

    test('takes a Pub/Sub push, and its repeat is the same run', async () => {
      const data = Buffer.from(JSON.stringify({ scope: SCOPE })).toString('base64');
      const body = {
        message: { data, messageId: '42', attributes: { id: 'tick-1' } },
        subscription: 'projects/p/subscriptions/s',
      };
      const ids = [await idOf(await post(body)), await idOf(await post(body))];
      expect(ids[0]).toBeTruthy();
      expect(ids[1]).toBe(ids[0]);
    });

    test('takes a tick of Cloud Scheduler as the job of terraform/ sends it', async () => {
      const response = await post(
        {},
        {
          'x-cloudscheduler': 'true',
          'x-cloudscheduler-jobname': 'nightshift-rebalance',
          'x-cloudscheduler-scheduletime': '2026-03-04T10:15:00+00:00',
        },
      );
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ run: { trigger: 'schedule' } });
    });
  },
);

function post(body: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function idOf(response: Response): Promise<string | undefined> {
  const { run: record } = (await response.json()) as { readonly run?: { readonly id: string } };
  return record?.id;
}

async function listening(): Promise<string> {
  for (;;) {
    const found = /LISTENING (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1];
    if (found !== undefined) {
      return found;
    }
    if (child.exitCode !== null) {
      throw new Error(`The function ended:\n${output}`);
    }
    const { stdout, stderr } = child;
    await Promise.race(
      [stdout, stderr]
        .flatMap((stream) => (stream === null ? [] : [once(stream, 'data')]))
        .concat([once(child, 'exit')]),
    );
  }
}
