import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { startPlatform } from '../../fixtures/platform/platform.ts';
import type { Platform } from '../../fixtures/platform/platform.ts';
import { parseScenario } from '../../fixtures/platform/scenario.ts';
import type { Scenario } from '../../fixtures/platform/scenario.ts';

let platform: Platform | undefined;

afterEach(async () => {
  await platform?.close();
  platform = undefined;
});

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'shop-1', namespace: 'default' },
  spec: { nodeName: 'node-1', containers: [{ name: 'shop', image: 'shop:1', resources: {} }] },
  status: { phase: 'Running', qosClass: 'BestEffort' },
};
const CASE = {
  why: 'One pod under all four systems.',
  now: '2026-03-04T10:00:00Z',
  expect: { 'shop-1/shop': 'rebalance/healthy' },
};
const CLUSTER = {
  version: 'v1.34.4',
  podResize: true,
  objects: [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } },
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node-1' },
      status: { allocatable: { cpu: '4', memory: '8Gi' } },
    },
    POD,
  ],
};
const METRICS = { series: [{ labels: { __name__: 'up', job: 'kubelet' }, values: '1x10' }] };
const POLICY = { chat: { slack: { channel: '#alerts' } }, tracker: { jira: { project: 'INF' } } };

function scenario(more: Record<string, unknown> = {}): Scenario {
  return parseScenario({ name: 'one', case: { ...CASE, ...more }, cluster: CLUSTER, metrics: METRICS, policy: POLICY });
}

function slackCall(running: Platform, method: string, values: Record<string, string>): Promise<Response> {
  return fetch(`${running.settings().env['SLACK_API_URL'] ?? ''}${method}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${running.settings().env['SLACK_BOT_TOKEN'] ?? ''}` },
    body: new URLSearchParams(values),
  });
}

function jiraCall(running: Platform, path: string): Promise<Response> {
  const { JIRA_EMAIL: email = '', JIRA_API_TOKEN: token = '' } = running.settings().env;
  const authorization = `Basic ${Buffer.from(`${email}:${token}`).toString('base64')}`;
  return fetch(`${running.urls.jira}/rest/api/3/${path}`, { headers: { authorization } });
}

function kubernetesCall(running: Platform, path: string): Promise<Response> {
  const kubeconfig = JSON.parse(running.settings().kubeconfig) as {
    clusters: { cluster: { server: string } }[];
    users: { user: { token: string } }[];
  };
  const server = kubeconfig.clusters[0]?.cluster.server ?? '';
  const token = kubeconfig.users[0]?.user.token ?? '';
  return fetch(`${server}${path}`, { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } });
}

test('all four systems answer over one scenario, by the settings that it gives', async () => {
  platform = await startPlatform({ scenario: scenario() });
  const pods = await kubernetesCall(platform, '/api/v1/namespaces/default/pods');
  expect(await pods.json()).toMatchObject({ items: [{ metadata: { name: 'shop-1' } }] });
  const time = String(Date.parse(CASE.now) / 1000);
  const query = await fetch(`${platform.urls.victoriametrics}/api/v1/query?query=up&time=${time}&nocache=1`);
  expect(await query.json()).toMatchObject({ data: { result: [{ metric: { job: 'kubelet' } }] } });
  expect(await (await slackCall(platform, 'chat.postMessage', { channel: '#alerts', text: 'x' })).json()).toMatchObject(
    { ok: true },
  );
  expect(await (await jiraCall(platform, 'project/INF')).json()).toMatchObject({ key: 'INF' });

  expect(platform.doubles.slack.state().messages).toHaveLength(1);
  expect(platform.calls.map(({ system }) => system)).toEqual(['kubernetes', 'victoriametrics', 'slack', 'jira']);
  expect(platform.violations()).toEqual([]);
});

test('time is one for all of them', async () => {
  platform = await startPlatform({ scenario: scenario() });
  platform.clock.advance(3_600_000);
  const dates = [await jiraCall(platform, 'myself'), await kubernetesCall(platform, '/version')].map(({ headers }) =>
    headers.get('date'),
  );
  expect(dates).toEqual(['Wed, 04 Mar 2026 11:00:00 GMT', 'Wed, 04 Mar 2026 11:00:00 GMT']);
});

test('faults come with the case or later, and the same fault can come twice', async () => {
  const once = { system: 'jira', operation: 'myself', kind: '500', call: 1 } as const;
  platform = await startPlatform({ scenario: scenario({ faults: [once] }) });
  const statuses = [(await jiraCall(platform, 'myself')).status, (await jiraCall(platform, 'myself')).status];
  platform.clearFaults();
  platform.inject(once);
  statuses.push((await jiraCall(platform, 'myself')).status);
  platform.clearFaults();
  platform.inject(once);
  statuses.push((await jiraCall(platform, 'myself')).status, (await jiraCall(platform, 'myself')).status);
  expect(statuses).toEqual([500, 200, 500, 500, 200]);
});

test('a call that does not fit its description is named', async () => {
  platform = await startPlatform({ scenario: scenario() });
  await jiraCall(platform, 'search?jql=project%3DINF');
  await kubernetesCall(platform, '/api/v1/namespaces/default/pods?selector=a');
  expect(platform.violations()).toEqual([
    'jira GET /rest/api/3/search: GET /rest/api/3/search is no operation of fixtures/specs/used.yaml for jira',
    expect.stringContaining('unknown query parameter selector'),
  ]);
});

test('a case can change Slack and Jira', async () => {
  const changed = scenario({
    slack: { scopes: ['chat:write'], channels: [{ id: 'C0000000ABC', name: 'elsewhere' }] },
    jira: { missingPermissions: ['CREATE_ISSUES'] },
  });
  platform = await startPlatform({ scenario: changed });
  expect(await (await slackCall(platform, 'conversations.list', {})).json()).toMatchObject({ error: 'missing_scope' });
  expect(await (await slackCall(platform, 'chat.postMessage', { channel: '#alerts', text: 'x' })).json()).toMatchObject(
    {
      error: 'channel_not_found',
    },
  );
  const permissions = await jiraCall(platform, 'mypermissions?permissions=CREATE_ISSUES');
  expect(await permissions.json()).toMatchObject({ permissions: { CREATE_ISSUES: { havePermission: false } } });
});

test('reads a scenario folder itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-platform-test-'));
  try {
    mkdirSync(join(folder, 'observed'));
    writeFileSync(join(folder, 'case.yaml'), JSON.stringify(CASE));
    writeFileSync(join(folder, 'observed', 'cluster.json'), JSON.stringify(CLUSTER));
    platform = await startPlatform({ folder });
    expect((await kubernetesCall(platform, '/api/v1/nodes/node-1')).status).toBe(200);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Holds a port until it is let go. */
async function holdPort(): Promise<{ port: number; release: () => Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    release: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
}

test('a port that is taken stops the start, and leaves nothing listening', async () => {
  const free = await holdPort();
  const taken = await holdPort();
  await free.release();
  const ports = { slack: free.port, jira: taken.port };
  await expect(startPlatform({ scenario: scenario() }, ports)).rejects.toThrow(/EADDRINUSE/);
  await taken.release();
  platform = await startPlatform({ scenario: scenario() }, ports);
  expect(platform.urls.slack).toBe(`http://127.0.0.1:${String(free.port)}`);
  expect(platform.urls.jira).toBe(`http://127.0.0.1:${String(taken.port)}`);
});
