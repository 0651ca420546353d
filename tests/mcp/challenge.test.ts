// The original challenge over the Model Context Protocol: our server over the four pods in a process of its own, and the duty on the
// client's side, with cluster, metrics, chat and tracker behind the tools.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { readEnvironment } from '../../shared/config/environment.ts';
import { hashOf } from '../../shared/core/fingerprint.ts';
import type { CanonicalReport } from '../../shared/core/report.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { TeamPolicy } from '../../shared/core/policy.ts';
import type { Store } from '../../shared/ports/store.ts';
import { findDuties, findDuty } from '../../shared/local/duties.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { mcpPorts } from '../../shared/wiring/mcp.ts';
import { memoryStore } from '../../shared/wiring/ports.ts';
import { createSystem, policyOf } from '../../shared/wiring/system.ts';
import { ROOT, type Running, start } from '../processes/child.ts';
import { testClock } from '../support/runtime.ts';

const FOLDER = path.join(ROOT, 'fixtures/rebalance/challenge');
/** Processes are started in them: a limit against hanging alone. */
const HOOK_MILLISECONDS = 60_000;
const TOKEN = 'the-token-of-the-other-nightshift';

/** A duty whose whole platform is an MCP server, with a store and a clock of its own. */
async function openClient(
  platform: JsonObject,
  now: string,
): Promise<{
  store: Store;
  team: TeamPolicy;
  run(): Promise<CanonicalReport>;
  dryRun(): Promise<CanonicalReport>;
  close(): Promise<void>;
}> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-mcp-'));
  const file = path.join(folder, 'policy.yaml');
  const policy = {
    version: 1,
    platform: { mcp: platform },
    clusters: { test: { metrics: {} } },
    chat: { slack: { channel: '#ops' } },
    tracker: { jira: { url: 'https://never.example', project: 'OPS' } },
    modes: [{ action: '*', mode: 'auto' }],
    duties: { rebalance: { scopes: [{ cluster: 'test', namespaces: ['default'] }] } },
  };
  await writeFile(file, stringify(policy));
  const found = await findDuties();
  const clock = testClock();
  clock.advance(Date.parse(now) - clock.now().getTime());
  const store = memoryStore(clock);
  const system = createSystem({
    environment: readEnvironment({ NIGHTSHIFT_POLICY: file, NIGHTSHIFT_LOG_LEVEL: 'silent' }),
    policy: await policyOf(
      file,
      found.map(({ duty }) => duty),
    ),
    store,
    clock,
    ids: { next: () => 'run-0001' },
    random: () => 0.5,
    write: () => undefined,
  });
  const { duty, policy: parts, surroundings } = system.ready(findDuty(found, 'rebalance'));
  async function runOnce(dryRun: boolean): Promise<CanonicalReport> {
    const scope = { cluster: 'test', namespace: 'default' };
    const request = { scope, dryRun, trigger: 'manual', timeoutSeconds: 300 } as const;
    const result = await runDuty(surroundings, duty, parts, request);
    if (result.kind === 'busy') {
      throw new Error('busy');
    }
    return result.report;
  }

  return {
    store,
    team: surroundings.team,
    run: () => runOnce(false),
    dryRun: () => runOnce(true),
    async close() {
      await system.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The same run without MCP. */
async function direct(): Promise<{ report: CanonicalReport; platform: RunningScenario }> {
  const platform = await openScenario(loadScenario(FOLDER), { duty: 'rebalance' });
  const result = await platform.run();
  if (result.kind === 'busy') {
    throw new Error('busy');
  }
  return { report: result.report, platform };
}

describe('rebalance behind our MCP server', () => {
  let expected: Awaited<ReturnType<typeof direct>>;

  beforeAll(async () => {
    expected = await direct();
  }, HOOK_MILLISECONDS);

  afterAll(async () => {
    await expected.platform.close();
  });

  test('over stdio: the summary is that of the direct run, byte for byte', async () => {
    const client = await openClient(
      {
        command: [
          process.execPath,
          path.join(ROOT, 'bin/nightshift.mjs'),
          'mcp',
          '--scenario',
          FOLDER,
          '--grant',
          'act',
          '--no-tell',
        ],
        startSeconds: 60,
      },
      expected.platform.scenario.case.now,
    );
    try {
      const report = await client.run();
      expect(report.run.problems).toEqual([]);
      expect(JSON.stringify(report.summary)).toBe(JSON.stringify(expected.report.summary));
      expect(report.actions.map(({ outcome }) => outcome)).toEqual(['applied', 'applied']);
      expect(report.decisions).toEqual(expected.report.decisions);
      expect(report.deliveries.map(({ state }) => state)).toEqual(['delivered', 'delivered']);
      expect(report.deliveries.every(({ url }) => url !== null)).toBe(true);
    } finally {
      await client.close();
    }
  });

  describe('over HTTP', () => {
    let server: RunningScenario;
    let host: Running;
    let folder: string;
    let url: string;

    beforeAll(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'nightshift-mcp-host-'));
      server = await openScenario(loadScenario(FOLDER, new Date()), { duty: 'rebalance' });
      const file = path.join(folder, 'policy.yaml');
      const grants = [{ name: 'other', grant: 'act', tell: false, tokenEnv: 'OTHER_TOKEN' }];
      const policy = JSON.parse(
        JSON.stringify(server.scenario.policy)
          .replaceAll('${METRICS_URL}', server.platform.urls.victoriametrics)
          .replaceAll('${JIRA_URL}', server.platform.urls.jira),
      ) as JsonObject;
      await writeFile(file, stringify({ ...policy, mcp: { grants } }));
      host = start(
        [path.join(ROOT, 'bin/nightshift.mjs'), 'start', '--policy', file],
        {
          ...server.variables,
          NIGHTSHIFT_STORE: `sqlite:${path.join(folder, 'state.sqlite')}`,
          NIGHTSHIFT_PORT: '0',
          OTHER_TOKEN: TOKEN,
        },
        folder,
      );
      url = `${(await host.waitFor(/listens on (http:\/\/127\.0\.0\.1:\d+)/))[1] ?? ''}/mcp`;
      process.env['NIGHTSHIFT_TEST_MCP_TOKEN'] = TOKEN;
    }, HOOK_MILLISECONDS);

    afterAll(async () => {
      delete process.env['NIGHTSHIFT_TEST_MCP_TOKEN'];
      host.child.kill('SIGKILL');
      await server.close();
      await rm(folder, { recursive: true, force: true });
    });

    const CLIENT = { tokenEnv: 'NIGHTSHIFT_TEST_MCP_TOKEN' };

    test('without metrics nothing is acted on, and a tool that changed since it was first seen is told', async () => {
      const tools = ['k8s.snapshot', 'k8s.update_resources', 'slack.post_message', 'jira.create_issue'];
      const client = await openClient({ url, tools, ...CLIENT }, server.scenario.case.now);
      try {
        const seen = { server: url, tools: { 'k8s.snapshot': 'as it was once' } };
        await client.store.commit([{ op: 'create', collection: 'mcp-tools', id: hashOf(url), data: seen }]);
        const report = await client.dryRun();
        expect(new Set(report.decisions.map(({ verdict }) => verdict))).toEqual(new Set(['skip']));
        expect(report.actions).toEqual([]);
        const problems = report.run.problems.map(({ message }) => message).join('\n');
        expect(problems).toMatch(/the tool is not in the list of tools that may be called/);
        expect(problems).toMatch(/The tool k8s\.snapshot of MCP server .* describes itself otherwise/);
      } finally {
        await client.close();
      }
    });

    test('the doctor finds each tool there and as it was, or tells which is not', async () => {
      const inspect = async (platform: JsonObject, seen: Readonly<Record<string, string>> = {}): Promise<unknown> => {
        const client = await openClient({ url, ...platform, ...CLIENT }, server.scenario.case.now);
        const ports = mcpPorts({ team: client.team, store: client.store, clock: testClock(), random: () => 0.5 });
        try {
          const data = { server: url, tools: seen };
          await client.store.commit([{ op: 'create', collection: 'mcp-tools', id: hashOf(url), data }]);
          const found = await ports.inspectPlatform(client.store);
          return Object.fromEntries(found.flatMap(({ tool, why }) => (why === undefined ? [] : [[tool, why]])));
        } finally {
          await ports.close();
          await client.close();
        }
      };

      expect(await inspect({})).toEqual({});
      expect(await inspect({}, { 'k8s.snapshot': 'as it was once' })).toEqual({
        'k8s.snapshot': 'it describes itself otherwise than when it was first used',
      });
      expect(await inspect({ tools: ['k8s.snapshot'] })).toMatchObject({
        'slack.post_message': 'it is not in platform.mcp.tools, and so is never called',
      });
      expect(await inspect({ toolNames: 'underscore' })).toMatchObject({
        k8s_snapshot: 'that server has no such tool',
      });
    });

    test('Slack shows the same JSON with the link of the Jira issue, and the cluster has the same sizes', async () => {
      const client = await openClient({ url, ...CLIENT }, server.scenario.case.now);
      try {
        const report = await client.run();
        expect(JSON.stringify(report.summary)).toBe(JSON.stringify(expected.report.summary));
      } finally {
        await client.close();
      }
      const slack = server.platform.doubles.slack.state().messages;
      const wanted = expected.platform.platform.doubles.slack.state().messages;
      const atOurs = (value: unknown): string =>
        JSON.stringify(value).replaceAll(expected.platform.platform.urls.jira, server.platform.urls.jira);
      expect(slack.map(({ blocks }) => JSON.stringify(blocks))).toEqual(wanted.map(({ blocks }) => atOurs(blocks)));
      expect(JSON.stringify(slack[0]?.blocks)).toContain(
        `<${server.platform.urls.jira}/browse/OPS-1|inconsistent metrics OPS-1>`,
      );
      const issues = server.platform.doubles.jira.state().issues;
      expect(issues.map(({ key, summary }) => [key, summary])).toEqual(
        expected.platform.platform.doubles.jira.state().issues.map(({ key, summary }) => [key, summary]),
      );
      const patched = server.platform.calls.filter(
        ({ method, handledStatus }) => method === 'PATCH' && handledStatus === 200,
      );
      expect(patched.map(({ path: at }) => at.split('/').at(-2))).toEqual(['cart-service', 'checkout-service']);
      expect(server.platform.violations()).toEqual([]);
    });
  });
});
