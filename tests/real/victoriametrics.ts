// A real VictoriaMetrics for tests, and the way of a scenario's series into it. Or whatever NIGHTSHIFT_REAL_METRICS_URL names: every
// import carries a label of its own, so that nothing mixes with what is there.
import { randomUUID } from 'node:crypto';
import type { MetricSeries } from '../../fixtures/platform/scenario.ts';
import { binary } from './binaries.ts';
import { type Server, startServer } from './server.ts';

/** The label that keeps the imports of one store apart. */
export const IMPORT_LABEL = 'nightshift_import';

export interface ImportOptions {
  /** The matcher that an earlier import gave, to add to it. */
  readonly beside?: string;
  /** Moves all samples: the distance from the scenario's now to the now that is asked at. */
  readonly shiftSeconds?: number;
}

export interface RealMetrics extends AsyncDisposable {
  readonly url: string;
  /** Imports and makes the samples visible. Gives the matcher that picks exactly them, for a policy's `selector`. */
  importSeries(series: readonly MetricSeries[], options?: ImportOptions): Promise<string>;
  /** What the server wrote, for a failure's message; empty for one that we did not start. */
  log(): string;
}

/** One request's share of an import, in bytes: the server takes any size, a string does not. */
const CHUNK_BYTES = 8 * 1024 * 1024;

export async function startVictoriaMetrics(): Promise<RealMetrics> {
  const given = process.env['NIGHTSHIFT_REAL_METRICS_URL'];
  if (given !== undefined && given !== '') {
    return metricsAt(given.replace(/\/$/, ''), undefined);
  }
  const command = await binary('victoria-metrics');
  const server = await startServer({
    name: 'victoria-metrics',
    command,
    portCount: 1,
    args: ({ ports, folder }) => [
      `-httpListenAddr=127.0.0.1:${String(ports[0])}`,
      `-storageDataPath=${folder}/data`,
      // Scenarios lie months away from the machine's clock, and a fresh sample must be seen at once.
      '-retentionPeriod=100y',
      '-search.latencyOffset=0s',
      '-memory.allowedPercent=20',
      '-search.maxQueryDuration=2m',
    ],
    ready: async ([port]) => (await fetch(`http://127.0.0.1:${String(port)}/health`)).ok,
  });
  return metricsAt(`http://127.0.0.1:${String(server.ports[0])}`, server);
}

function metricsAt(url: string, server: Server | undefined): RealMetrics {
  return {
    url,
    async importSeries(series, options = {}) {
      const id = options.beside === undefined ? randomUUID() : options.beside.slice(`${IMPORT_LABEL}="`.length, -1);
      for (const chunk of chunksOf(series, options.shiftSeconds ?? 0)) {
        await post(`${url}/api/v1/import?extra_label=${IMPORT_LABEL}=${id}`, chunk);
      }
      await post(`${url}/internal/force_flush`, '');
      return `${IMPORT_LABEL}="${id}"`;
    },
    log: () => server?.log() ?? '',
    async [Symbol.asyncDispose]() {
      await server?.close();
    },
  };
}

async function post(url: string, body: string): Promise<void> {
  const reply = await fetch(url, { method: 'POST', body });
  if (!reply.ok) {
    throw new Error(`POST ${url} was answered by ${String(reply.status)}: ${(await reply.text()).slice(0, 500)}`);
  }
}

/** One JSON object a line for each series: https://docs.victoriametrics.com/#json-line-format */
function* chunksOf(series: readonly MetricSeries[], shiftSeconds: number): Iterable<string> {
  let chunk = '';
  for (const { labels, points } of series) {
    if (points.length === 0) {
      continue;
    }
    const line = {
      metric: labels,
      values: points.map(([, value]) => (Number.isFinite(value) ? value : infinityText(value))),
      timestamps: points.map(([seconds]) => Math.round((seconds + shiftSeconds) * 1000)),
    };
    chunk += `${JSON.stringify(line)}\n`;
    if (chunk.length > CHUNK_BYTES) {
      yield chunk;
      chunk = '';
    }
  }
  if (chunk !== '') {
    yield chunk;
  }
}

/** JSON has no infinities: the server reads these words. */
function infinityText(value: number): string {
  return value > 0 ? 'Infinity' : value < 0 ? '-Infinity' : 'NaN';
}
