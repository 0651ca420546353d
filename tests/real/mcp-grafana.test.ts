// Grafana's own MCP server as our client's counterpart: mcp-grafana before a real VictoriaMetrics, with the small part of Grafana that
// hands queries on played here. What rebalance decides must not depend on the way.
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { CanonicalReport } from '../../shared/core/report.ts';
import { openScenario } from '../../shared/local/scenario.ts';
import { binary } from './binaries.ts';
import { describeWith } from './suite.ts';
import { type RealMetrics, startVictoriaMetrics } from './victoriametrics.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/rebalance');
const UID = 'victoriametrics';
const GRAFANA_TOKEN = 'glsa_a_service_account_token';

let real: RealMetrics;
let grafana: Server;
let url: string;
const asked: string[] = [];

/** Grafana's API as far as it is asked: one data source, and the proxy to it. It wants the token. */
function playGrafana(): Promise<Server> {
  const server = createServer((request, response) => {
    const target = request.url ?? '/';
    asked.push(target);
    const json = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (target.startsWith('/api/frontend/settings')) {
      json(200, { buildInfo: { version: '12.0.0' } });
      return;
    }
    if (request.headers.authorization !== `Bearer ${GRAFANA_TOKEN}`) {
      json(401, { message: 'Unauthorized' });
      return;
    }
    if (target === `/api/datasources/uid/${UID}`) {
      json(200, {
        id: 1,
        uid: UID,
        name: 'VictoriaMetrics',
        type: 'prometheus',
        access: 'proxy',
        url: real.url,
        jsonData: {},
      });
      return;
    }
    const proxied = /^\/api\/datasources\/(?:proxy\/uid\/[^/]+|uid\/[^/]+\/resources)(\/.*)$/.exec(target)?.[1];
    if (proxied === undefined) {
      json(404, { message: `nothing at ${target}` });
      return;
    }
    const { host: _host, authorization: _authorization, ...headers } = request.headers;
    const forwarded = httpRequest(new URL(proxied, real.url), { method: request.method, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    request.pipe(forwarded);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(server);
    });
  });
}

async function decided(name: string, metrics: JsonObject): Promise<CanonicalReport> {
  const scenario = loadScenario(path.join(FOLDER, name));
  const policy = { ...scenario.policy, clusters: { test: { metrics } } };
  const running = await openScenario({ ...scenario, policy }, { duty: 'rebalance', deadlineSeconds: 60 });
  try {
    const result = await running.run({ dryRun: true });
    if (result.kind === 'busy') {
      throw new Error('busy');
    }
    return result.report;
  } finally {
    await running.close();
  }
}

describeWith(
  ['metrics', 'grafana'],
  'rebalance through mcp-grafana',
  () => real?.log(),
  () => {
    let command: string[];

    beforeAll(async () => {
      real = await startVictoriaMetrics();
      grafana = await playGrafana();
      url = `http://127.0.0.1:${String((grafana.address() as AddressInfo).port)}`;
      command = [await binary('mcp-grafana'), '--disable-write'];
      process.env['GRAFANA_URL'] = url;
      process.env['GRAFANA_SERVICE_ACCOUNT_TOKEN'] = GRAFANA_TOKEN;
    });

    afterAll(async () => {
      delete process.env['GRAFANA_URL'];
      delete process.env['GRAFANA_SERVICE_ACCOUNT_TOKEN'];
      grafana?.closeAllConnections();
      grafana?.close();
      await real?.[Symbol.asyncDispose]();
    });

    test.each(['challenge', 'quiet-weekend', 'oom-across-resize', 'no-metrics'])(
      '%s is decided as without it',
      async (name) => {
        const scenario = loadScenario(path.join(FOLDER, name));
        const selector = await real.importSeries(scenario.series);
        const direct = await decided(name, { url: real.url, selector });
        asked.length = 0;
        const env = ['GRAFANA_URL', 'GRAFANA_SERVICE_ACCOUNT_TOKEN'];
        const through = await decided(name, { mcp: { command, env, datasource: UID, startSeconds: 60 }, selector });
        expect(through.decisions).toEqual(direct.decisions);
        expect(through.summary).toEqual(direct.summary);
        expect(asked.some((target) => target.includes(UID))).toBe(true);
      },
    );

    test('a token that Grafana refuses is missing data: nothing is acted on, and it is told', async () => {
      const selector = await real.importSeries(loadScenario(path.join(FOLDER, 'challenge')).series);
      const mcp = { command, env: ['GRAFANA_URL'], datasource: UID, startSeconds: 60 };
      const { decisions, run } = await decided('challenge', { mcp, selector });
      expect(new Set(decisions.map(({ verdict }) => verdict))).toEqual(new Set(['skip']));
      expect(run.problems[0]?.message).toMatch(/MCP server .*mcp-grafana.*the tool answered with an error/);
    });
  },
);
