// The one-process host and the built function, as processes: routes, envelopes, tokens, limits, a clean stop.
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { buildBundles } from '../../shared/local/build.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { ROOT, type Running, start } from './child.ts';

const SCOPE = { cluster: 'test', namespace: 'default' };
const TOKEN = 'a-token-that-is-long-enough';

interface Place {
  readonly scenario: RunningScenario;
  readonly folder: string;
  readonly variables: Record<string, string>;
  close(): Promise<void>;
}

async function place(): Promise<Place> {
  const scenario = await openScenario(loadScenario(path.join(ROOT, 'fixtures/rebalance/challenge'), new Date()), {
    duty: 'rebalance',
  });
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-host-'));
  return {
    scenario,
    folder,
    variables: { ...scenario.variables, NIGHTSHIFT_STORE: `sqlite:${path.join(folder, 'state.sqlite')}` },
    async close() {
      await scenario.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

interface Reply {
  readonly summary?: { readonly pods_scanned: number };
  readonly run?: { readonly id: string };
  readonly error?: { readonly field: string; readonly message: string };
}

const patches = (at: Place): number =>
  at.scenario.platform.calls.filter((call) => call.method === 'PATCH' && call.handledStatus === 200).length;

describe('npm start', () => {
  let at: Place;
  let host: Running;
  let url: string;

  beforeAll(async () => {
    at = await place();
    host = start(
      [path.join(ROOT, 'bin/nightshift.mjs'), 'start'],
      { ...at.variables, NIGHTSHIFT_PORT: '0', NIGHTSHIFT_TOKEN: TOKEN },
      at.folder,
    );
    url = (await host.waitFor(/listens on (http:\/\/127\.0\.0\.1:\d+)/))[1] ?? '';
  });

  afterAll(async () => {
    host.child.kill('SIGKILL');
    await at.close();
  });

  const authorised = { authorization: `Bearer ${TOKEN}` };

  test('health and readiness need no token, everything else does', async () => {
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: TOKEN }]) {
      expect((await fetch(`${url}/metrics`, { headers })).status).toBe(401);
      expect((await post(`${url}/rebalance`, {}, headers)).status).toBe(401);
    }
    expect(patches(at)).toBe(0);
  });

  test.each([
    ['not JSON', '{', 400, 'body'],
    ['an unknown field', { scop: SCOPE }, 400, 'scop'],
    ['a wrong type', { dry_run: 1 }, 400, 'dry_run'],
    ['an unknown cluster', { scope: { cluster: 'prod', namespace: 'default' } }, 400, 'scope.cluster'],
    ['an unknown namespace', { scope: { cluster: 'test', namespace: 'nowhere' } }, 400, 'scope.namespace'],
    ['a scope with a field too many', { scope: { ...SCOPE, pod: 'x' } }, 400, 'scope'],
  ])('%s is refused with field and reason', async (_name, body, status, field) => {
    const response = await post(`${url}/rebalance`, body, authorised);
    expect([response.status, ((await response.json()) as Reply).error?.field]).toEqual([status, field]);
  });

  test('a body over the limit is refused, an unknown path and a wrong method too', async () => {
    expect((await post(`${url}/rebalance`, `"${'x'.repeat(1024 * 1024)}"`, authorised)).status).toBe(413);
    expect((await post(`${url}/rebalanse`, {}, authorised)).status).toBe(404);
    expect((await fetch(`${url}/rebalance`, { headers: authorised })).status).toBe(405);
  });

  test('the report comes back, a second call changes nothing more, and the numbers count them', async () => {
    const dry = (await (await post(`${url}/rebalance`, { dry_run: true }, authorised)).json()) as Reply;
    expect(dry.summary?.pods_scanned).toBe(4);
    expect(patches(at)).toBe(0);
    expect((await post(`${url}/rebalance`, { scope: SCOPE }, authorised)).status).toBe(200);
    expect((await post(`${url}/rebalance`, {}, authorised)).status).toBe(200);
    expect(patches(at)).toBe(2);
    const metrics = await (await fetch(`${url}/metrics`, { headers: authorised })).text();
    expect(metrics).toContain('nightshift_actions_total{kind="cluster.resize-container",outcome="applied"} 2');
  });

  test('the same Pub/Sub message twice is one run', async () => {
    const message = { data: Buffer.from(JSON.stringify({ scope: SCOPE })).toString('base64'), messageId: '4711' };
    const body = { message, subscription: 'projects/p/subscriptions/s' };
    const first = (await (await post(`${url}/rebalance`, body, authorised)).json()) as Reply;
    const second = (await (await post(`${url}/rebalance`, body, authorised)).json()) as Reply;
    expect(second.run?.id).toBe(first.run?.id);
  });

  test('many at once: one works, the others are told that it does', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 12 }, async () => (await post(`${url}/rebalance`, { scope: SCOPE }, authorised)).status),
    );
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(1);
    expect(statuses.every((status) => status === 200 || status === 409)).toBe(true);
    expect(patches(at)).toBe(2);
  });

  test('garbage on the wire does not end it', async () => {
    const port = Number(new URL(url).port);
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end('\u0000\u0001GET nonsense\r\n\r\n'));
      socket.on('close', () => {
        resolve();
      });
      socket.resume();
    });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('SIGTERM lets the work in hand finish and ends with 0', async () => {
    const work = post(`${url}/rebalance`, { scope: SCOPE }, authorised);
    await host.waitFor(/rebalance/);
    host.child.kill('SIGTERM');
    const status = await work.then(
      (response) => response.status,
      () => 'refused',
    );
    expect([200, 'refused']).toContain(status);
    expect((await host.finished).code).toBe(0);
  });
});

describe('what the host refuses to start with', () => {
  test.each([
    ['another address without a token', { NIGHTSHIFT_HOST: '0.0.0.0' }, 'NIGHTSHIFT_TOKEN'],
    ['no policy', { NIGHTSHIFT_POLICY: '' }, 'nightshift init'],
    ['a chat without its token', { SLACK_BOT_TOKEN: '' }, 'SLACK_BOT_TOKEN'],
  ])('%s', async (_name, env, word) => {
    const at = await place();
    try {
      const done = await start(
        [path.join(ROOT, 'bin/nightshift.mjs'), 'start'],
        { ...at.variables, NIGHTSHIFT_PORT: '0', ...env },
        at.folder,
      ).finished;
      expect(done.stderr).toContain(word);
      expect(done.code).toBe(1);
    } finally {
      await at.close();
    }
  });

  test('a port that is taken', async () => {
    const at = await place();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    try {
      const port = String((taken.address() as { port: number }).port);
      const done = await start(
        [path.join(ROOT, 'bin/nightshift.mjs'), 'start'],
        { ...at.variables, NIGHTSHIFT_PORT: port },
        at.folder,
      ).finished;
      expect(done.stderr).toContain(`Port ${port}`);
      expect(done.code).toBe(1);
    } finally {
      taken.close();
      await at.close();
    }
  });
});

describe('the built function under the functions framework', () => {
  let at: Place;
  let served: Running;
  let url: string;

  beforeAll(async () => {
    at = await place();
    const [bundle] = await buildBundles(['rebalance'], path.join(at.folder, 'dist'));
    // Beside the bundle lies only the framework, as its package.json says.
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
        '--target=rebalance',
        '--port=0',
      ],
      { ...at.variables, NODE_ENV: 'production' },
      at.folder,
    );
    url = (await served.waitFor(/LISTENING (http:\/\/127\.0\.0\.1:\d+)/))[1] ?? '';
  });

  afterAll(async () => {
    served.child.kill('SIGKILL');
    await at.close();
  });

  test('answers plain JSON, a push and a CloudEvent, each with the report', async () => {
    const push = {
      message: {
        data: Buffer.from(JSON.stringify({ scope: SCOPE, dry_run: true })).toString('base64'),
        messageId: '1',
      },
      subscription: 's',
    };
    const event = {
      specversion: '1.0',
      id: '2',
      type: 'nightshift.tick',
      source: 'test',
      data: { scope: SCOPE, dry_run: true },
    };
    for (const [body, headers] of [
      [{ scope: SCOPE, dry_run: true }, {}],
      [push, {}],
      [event, { 'content-type': 'application/cloudevents+json' }],
      [
        { scope: SCOPE, dry_run: true },
        { 'ce-specversion': '1.0', 'ce-id': '3', 'ce-type': 't', 'ce-source': 's' },
      ],
    ] as const) {
      const response = await post(url, body, headers);
      expect([response.status, ((await response.json()) as Reply).summary?.pods_scanned]).toEqual([200, 4]);
    }
    expect(patches(at)).toBe(0);
  });

  test('starts with the compiled code that the build put beside it', async () => {
    const parts = await readdir(path.join(at.folder, 'dist/rebalance'), { recursive: true });
    const compiled = parts.filter((name) => name.endsWith('.cjs.cache'));
    expect(compiled).toContain('rebalance.cjs.cache');
    expect(compiled).toHaveLength(parts.filter((name) => name.endsWith('.cjs')).length - 1); // All but index.cjs.
    expect(served.output()).not.toContain('The compiled code of');
  });

  test('changes what is to be changed, once', async () => {
    const first = await post(url, { scope: SCOPE });
    expect(first.status).toBe(200);
    // Every client is there in the bundle: what one of them could not send would wait in the outbox.
    const { deliveries } = (await first.json()) as { deliveries: readonly { kind: string; state: string }[] };
    expect(new Set(deliveries.map(({ kind, state }) => `${kind} ${state}`))).toEqual(
      new Set(['chat.message delivered', 'tracker.issue delivered']),
    );
    expect((await post(url, { scope: SCOPE })).status).toBe(200);
    expect(patches(at)).toBe(2);
  });

  test('names the field of a bad request', async () => {
    const response = await post(url, { dry_run: 'yes' });
    expect([response.status, ((await response.json()) as Reply).error?.field]).toEqual([400, 'dry_run']);
  });
});
