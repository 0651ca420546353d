// What Terraform uploads, as Google's builder treats it: each bundle unpacked into an empty folder, its own package.json installed and
// nothing else, started under the functions framework with the settings of its capabilities alone, and called as its senders call it.
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CREDENTIALS } from '../../fixtures/platform/platform.ts';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { signedClickOnNothing, type SignedRequest } from '../../fixtures/platform/slack/click.ts';
import { type FunctionManifest, readManifests } from '../../shared/config/manifest.ts';
import { buildBundles, PROCESS_VARIABLES } from '../../shared/local/build.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { handedTo } from '../support/deployed-settings.ts';
import { removeFolder, temporaryFolder } from './server.ts';
import { describeWith } from './suite.ts';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '../..');
/** What each duty is run over; a driver finds the platform of the first. */
const SCENARIOS: Readonly<Record<string, string>> = {
  rebalance: 'challenge',
  'pipeline-retry': 'transient',
  'pipeline-report': 'broken-branch',
};
const manifests = await readManifests(path.join(ROOT, 'functions'));

interface Served {
  readonly app: string;
  readonly scenario: RunningScenario;
  readonly url: string;
  output(): string;
  close(): Promise<void>;
}

let folder = '';
let shown: Served | undefined;

describeWith(
  ['registry'],
  'the uploaded bundle',
  () => shown?.output(),
  () => {
    beforeAll(async () => {
      folder = temporaryFolder('bundle');
      await buildBundles([], path.join(folder, 'dist'));
    });
    afterAll(async () => {
      await removeFolder(folder);
    });

    test('is tried for every duty', () => {
      const duties = manifests.filter(({ kind }) => kind === 'duty').map(({ name }) => name);
      expect(Object.keys(SCENARIOS).sort()).toEqual(duties);
    });

    describe.each(manifests)('$name', (manifest) => {
      const { name, kind, triggers } = manifest;
      let at: Served;
      beforeAll(async () => {
        at = await serve(manifest);
        shown = at;
      });
      afterAll(async () => {
        await at?.close();
      });

      test('holds the bundle, its package.json and nothing of ours beside them', async () => {
        const names = (await readdir(at.app)).filter((one) => !/^(node_modules|package-lock\.json)$/.test(one));
        const plain = names.map((one) => one.replace(/-[A-Z0-9]{8}(?=\.(ttf|wasm)$)/, ''));
        // The renderer of pictures and its font lie beside the code that draws.
        const drawing = manifest.capabilities.includes('chat.pictures') ? ['DejaVuSans.ttf', 'index_bg.wasm'] : [];
        expect(plain.sort()).toEqual(
          ['chunks', 'index.cjs', 'package.json', `${name}.cjs`, `${name}.cjs.cache`, ...drawing].sort(),
        );
      });

      test('holds no code of systems that none of its capabilities is for', async () => {
        const files = (await readdir(at.app, { recursive: true })).filter((one) =>
          /^(chunks\/.*|[a-z-]+)\.cjs$/.test(one),
        );
        const code = await Promise.all(files.map((file) => readFile(path.join(at.app, file), 'utf8')));
        const isThere = (text: string): boolean => code.some((one) => one.includes(text));
        const uses = (system: string): boolean => manifest.capabilities.some((one) => one.startsWith(`${system}.`));
        expect({
          bitbucket: isThere('Check the workspace under ci.bitbucket in the policy.'),
          signatures: isThere('conclusive: the CI system itself says so'),
          senders: isThere('x-slack-signature'),
          deployments: isThere('roles/cloudfunctions.viewer'),
        }).toEqual({ bitbucket: uses('ci'), signatures: uses('ci'), senders: uses('events'), deployments: false });
      });

      test('answers the first call with 200', async () => {
        const { scope } = at.scenario.scenario.case;
        const response = manifest.public
          ? await sent(`${at.url}/slack`, signedClickOnNothing(CREDENTIALS.slackSigningSecret, new Date()))
          : await post(at.url, kind === 'duty' ? { scope } : {});
        const body: unknown = await response.json();
        expect(response.status, at.output()).toBe(200);
        expect(body).toMatchObject(
          manifest.public ? { result: 'taken' } : kind === 'duty' ? { run: { duty: name, scope } } : { problems: [] },
        );
        expect(at.scenario.platform.violations()).toEqual([]);
        expect(at.output()).not.toContain('compiled code'); // It is for a Node that is started like this one.
      });

      if (triggers.topic) {
        test('takes a Pub/Sub push, and its repeat does not work twice', async () => {
          const { scope } = at.scenario.scenario.case;
          const data = Buffer.from(JSON.stringify(kind === 'duty' ? { scope } : {})).toString('base64');
          const body = {
            message: { data, messageId: '42', attributes: { id: 'tick-1' } },
            subscription: 'projects/p/subscriptions/s',
          };
          const answers = [await post(at.url, body), await post(at.url, body)];
          expect(
            answers.map(({ status }) => status),
            at.output(),
          ).toEqual([200, 200]);
          const ids = await Promise.all(answers.map(idOf));
          expect(ids[0] === undefined).toBe(kind === 'driver');
          expect(ids[1]).toBe(ids[0]);
        });
      }

      if (triggers.schedule !== undefined) {
        test('takes a tick of Cloud Scheduler as its job sends it', async () => {
          const response = await post(
            at.url,
            {},
            {
              'x-cloudscheduler': 'true',
              'x-cloudscheduler-jobname': `nightshift-${name}`,
              'x-cloudscheduler-scheduletime': '2026-03-04T10:15:00+00:00',
            },
          );
          const body: unknown = await response.json();
          expect(response.status, at.output()).toBe(200);
          expect(body).toMatchObject(kind === 'duty' ? { run: { trigger: 'schedule' } } : { problems: [] });
        });
      }
    });
  },
);

async function serve({ name, kind }: FunctionManifest): Promise<Served> {
  const duty = kind === 'duty' ? name : 'rebalance';
  const scenario = await openScenario(
    loadScenario(path.join(ROOT, 'fixtures', duty, SCENARIOS[duty] ?? ''), new Date()),
    { duty },
  );
  const app = path.join(folder, name);
  for (const [file, content] of Object.entries(unzipSync(await readFile(path.join(folder, `dist/${name}.zip`))))) {
    await mkdir(path.dirname(path.join(app, file)), { recursive: true });
    await writeFile(path.join(app, file), content);
  }
  await run('npm', ['install', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: app });
  // The builder's image sets nothing but the first of these.
  const child = spawn(process.execPath, ['node_modules/.bin/functions-framework'], {
    cwd: app,
    env: {
      PATH: process.env['PATH'],
      ...PROCESS_VARIABLES,
      NODE_OPTIONS: `${PROCESS_VARIABLES.NODE_OPTIONS} --import=${path.join(ROOT, 'scripts/loopback.mjs')}`,
      FUNCTION_TARGET: name,
      PORT: '0',
      ...(await handedTo(name, scenario.variables)),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return {
    app,
    scenario,
    url: await listening(child, () => output),
    output: () => output,
    async close() {
      child.kill('SIGKILL');
      await scenario.close();
    },
  };
}

function post(url: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return sent(url, { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
}

function sent(url: string, { body, headers }: Pick<SignedRequest, 'body' | 'headers'>): Promise<Response> {
  return fetch(url, { method: 'POST', body, headers });
}

async function idOf(response: Response): Promise<string | undefined> {
  const { run: record } = (await response.json()) as { readonly run?: { readonly id: string } };
  return record?.id;
}

async function listening(child: ChildProcessWithoutNullStreams, output: () => string): Promise<string> {
  for (;;) {
    const found = /LISTENING (http:\/\/127\.0\.0\.1:\d+)/.exec(output())?.[1];
    if (found !== undefined) {
      return found;
    }
    if (child.exitCode !== null) {
      throw new Error(`The function ended:\n${output()}`);
    }
    await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), once(child, 'exit')]);
  }
}
