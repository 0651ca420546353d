// A click from end to end: a message with buttons, a signed request without a token, the change, and the message afterwards; on the
// one-process host, over Socket Mode, and as the two functions that are deployed.
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CREDENTIALS } from '../../fixtures/platform/platform.ts';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { signedRequest, type ClickInput, type SignedRequest } from '../../fixtures/platform/slack/click.ts';
import { buildBundles } from '../../shared/local/build.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { handedTo } from '../support/deployed-settings.ts';
import { ROOT, type Running, start } from './child.ts';

const TOKEN = 'a-token-that-is-long-enough';
const SCOPE = { cluster: 'test', namespace: 'default' };
const SECRET = CREDENTIALS.slackSigningSecret;

interface Place {
  readonly scenario: RunningScenario;
  readonly folder: string;
  readonly variables: Record<string, string>;
  close(): Promise<void>;
}

async function place(): Promise<Place> {
  const loaded = loadScenario(path.join(ROOT, 'fixtures/rebalance/challenge'), new Date());
  const policy = { ...loaded.policy, modes: [{ mode: 'approve' }], approvers: [{ users: ['U0ALICE'] }] };
  const scenario = await openScenario({ ...loaded, policy }, { duty: 'rebalance' });
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-ingress-'));
  return {
    scenario,
    folder,
    variables: { ...scenario.variables, NIGHTSHIFT_STORE: `sqlite:${path.join(folder, 'state.sqlite')}` },
    async close() {
      expect(scenario.platform.violations()).toEqual([]);
      await scenario.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function clickOn({ scenario }: Place, input: ClickInput, secret: string = SECRET, at = new Date()): SignedRequest {
  return signedRequest(secret, scenario.platform.doubles.slack.click(input), at);
}

async function post(url: string, { body, headers }: SignedRequest): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, { method: 'POST', body, headers });
  return { status: response.status, body: await response.json() };
}

function asked(body: unknown, token?: string): SignedRequest {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...authorization } };
}

const patches = (at: Place): number =>
  at.scenario.platform.calls.filter((call) => call.method === 'PATCH' && call.handledStatus === 200).length;
const slack = (at: Place) => at.scenario.platform.doubles.slack.state();
const message = (at: Place): string =>
  JSON.stringify(slack(at).messages.find(({ threadTs }) => threadTs === undefined)?.blocks ?? []);

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    expect(performance.now(), `it never came to this: ${what}`).toBeLessThan(deadline);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('npm start', () => {
  let at: Place;
  let host: Running;
  let url: string;

  beforeAll(async () => {
    at = await place();
    host = start(
      [path.join(ROOT, 'bin/nightshift.mjs'), 'start'],
      {
        ...at.variables,
        NIGHTSHIFT_PORT: '0',
        NIGHTSHIFT_TOKEN: TOKEN,
        SLACK_APP_TOKEN: CREDENTIALS.slackAppToken,
      },
      at.folder,
    );
    url = (await host.waitFor(/listens on (http:\/\/127\.0\.0\.1:\d+)/))[1] ?? '';
    await post(`${url}/rebalance`, asked({ scope: SCOPE }, TOKEN));
    await until('a message with buttons', () => message(at).includes('nightshift.approve'));
  }, 60_000);

  afterAll(async () => {
    host.child.kill('SIGKILL');
    await at.close();
  });

  test('what is not signed by Slack, or not now, is refused without a reason', async () => {
    const refused = { status: 401, body: { error: { kind: 'caller', message: 'The signature does not hold.' } } };
    const old = new Date(Date.now() - 301_000);
    for (const request of [
      clickOn(at, { label: 'Approve' }, 'f'.repeat(32)),
      clickOn(at, { label: 'Approve' }, SECRET, old),
      asked({ verb: 'approve' }),
      asked({ verb: 'approve' }, TOKEN),
    ]) {
      expect(await post(`${url}/ingress/slack`, request)).toEqual(refused);
    }
    expect(patches(at)).toBe(0);
  });

  test('only the ingress is open: neither another source nor another path needs no token', async () => {
    const request = clickOn(at, { label: 'Approve' });
    expect((await post(`${url}/ingress/elsewhere`, request)).status).toBe(404);
    for (const other of [
      '/ingress',
      '/rebalance',
      '/settle',
      '/actions/0123456789/approve',
      '/pause',
      '/resume',
      '/ingressX/slack',
    ]) {
      expect((await post(`${url}${other}`, request)).status, other).toBe(401);
    }
    expect(patches(at)).toBe(0);
  });

  test('who may not is told alone', async () => {
    const request = clickOn(at, { label: 'Approve', user: { id: 'U0MALLORY', name: 'mallory' } });
    expect((await post(`${url}/ingress/slack`, request)).status).toBe(200);
    await until('a word to mallory', () => slack(at).whispers.some(({ user }) => user === 'U0MALLORY'));
    expect(patches(at)).toBe(0);
  });

  test('a pause over HTTP holds the next approval back, and resuming lets it through', async () => {
    expect(await post(`${url}/pause`, asked({ scope: { cluster: 'tset' } }, TOKEN))).toMatchObject({ status: 400 });
    expect(await post(`${url}/pause`, asked({ for: '2h', why: 'freeze', by: 'bob' }, TOKEN))).toMatchObject({
      status: 200,
      body: { state: 'paused', scope: '*' },
    });
    await post(`${url}/ingress/slack`, clickOn(at, { label: 'Approve' }));
    await until('a word to alice', () => slack(at).whispers.some(({ text }) => text.includes('Still waiting')));
    expect(patches(at)).toBe(0);
    await until('a notice', () => slack(at).messages.some(({ text }) => text.includes('Paused')));
    expect((await post(`${url}/resume`, asked({}, TOKEN))).status).toBe(200);
    expect(await post(`${url}/resume`, asked({}, TOKEN))).toMatchObject({ status: 400 });
  });

  test('a click 50 times at once, and again later, changes once; the answer comes at once and the message says what happened', async () => {
    const request = clickOn(at, { label: 'Approve' });
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(`${url}/ingress/slack`, request)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(answers.filter(({ body }) => (body as { result: string }).result === 'taken')).toHaveLength(1);
    expect(performance.now() - began).toBeLessThan(15_000);
    await until('an edited message', () => message(at).includes('Approved by alice: applied.'));
    expect((await post(`${url}/ingress/slack`, request)).body).toEqual({ result: 'repeat' });
    expect(patches(at)).toBe(1);
    await until('a line in the thread', () => slack(at).messages.some(({ threadTs }) => threadTs !== undefined));
  });

  test('a click over the socket is the same as one over HTTP', async () => {
    const { doubles } = at.scenario.platform;
    await doubles.slack.sockets.opened();
    await doubles.slack.sockets.push('interactive', doubles.slack.click({ label: 'Undo' }));
    await until('an undo', () => message(at).includes('Undone by slack:U0ALICE (alice)'));
    expect(patches(at)).toBe(2);
  });

  test('it ends with 0 while its socket is open', async () => {
    host.child.kill('SIGTERM');
    expect((await host.finished).code).toBe(0);
  });
});

describe('the functions ingress and settle under the functions framework', () => {
  let at: Place;
  const served = new Map<string, Running>();
  const urls = new Map<string, string>();

  async function serve(name: string, folder: string): Promise<void> {
    const modules = path.join(folder, 'node_modules/@google-cloud');
    await mkdir(modules, { recursive: true });
    const framework = path.join(ROOT, 'node_modules/@google-cloud/functions-framework');
    await symlink(framework, path.join(modules, 'functions-framework'));
    const running = start(
      [
        '--import',
        path.join(ROOT, 'scripts/loopback.mjs'),
        path.join(framework, 'build/src/main.js'),
        `--source=${folder}`,
        `--target=${name}`,
        '--port=0',
      ],
      { ...(await handedTo(name, at.variables)), NODE_ENV: 'production' },
      at.folder,
    );
    served.set(name, running);
    urls.set(name, (await running.waitFor(/LISTENING (http:\/\/127\.0\.0\.1:\d+)/))[1] ?? '');
  }

  beforeAll(async () => {
    at = await place();
    const bundles = await buildBundles(['ingress', 'settle', 'rebalance'], path.join(at.folder, 'dist'));
    for (const { duty, folder } of bundles) {
      await serve(duty, folder);
    }
    await post(urls.get('rebalance') ?? '', asked({ scope: SCOPE }));
  }, 120_000);

  afterAll(async () => {
    for (const { child } of served.values()) {
      child.kill('SIGKILL');
    }
    await at.close();
  });

  test('ingress stores, settle does; a wrong signature reaches neither', async () => {
    const ingress = `${urls.get('ingress') ?? ''}/slack`;
    const settle = urls.get('settle') ?? '';
    expect((await post(ingress, clickOn(at, { label: 'Approve' }, 'f'.repeat(32)))).status).toBe(401);
    const request = clickOn(at, { label: 'Approve' });
    expect(await post(ingress, request)).toEqual({ status: 200, body: { result: 'taken' } });
    expect(await post(ingress, request)).toEqual({ status: 200, body: { result: 'repeat' } });
    expect(patches(at)).toBe(0);
    expect((await post(settle, asked({}))).status).toBe(200);
    expect(patches(at)).toBe(1);
    expect((await post(settle, asked({}))).status).toBe(200);
    expect(message(at)).toContain('Approved by alice: applied.');
    expect(patches(at)).toBe(1);
  });

  test('ingress knows no other source', async () => {
    expect((await post(`${urls.get('ingress') ?? ''}/alerts`, asked({}))).status).toBe(404);
  });
});
