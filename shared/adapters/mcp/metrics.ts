// Metrics behind an MCP server: PromQL by metrics.query and metrics.query_range of a server like ours.
import { z } from 'zod';
import type { Metrics, Sample, Series } from '../../ports/metrics.ts';
import type { McpConnection } from './connection.ts';

export interface McpMetricsOptions {
  readonly connection: McpConnection;
  /** What the server calls the cluster; absent where it has one alone. */
  readonly remoteName: string | undefined;
  readonly spelled: (tool: string) => string;
}

const Labels = z.lazy(() => z.record(z.string(), z.string()));
const Instant: z.ZodType<{ samples: Sample[] }> = z.lazy(() =>
  z.looseObject({
    samples: z.array(z.object({ labels: Labels, value: z.number() })),
  }),
);
const Range: z.ZodType<{ series: Series[] }> = z.lazy(() =>
  z.looseObject({
    series: z.array(z.object({ labels: Labels, points: z.array(z.tuple([z.number(), z.number()])) })),
  }),
);

export function mcpMetrics({ connection, remoteName, spelled }: McpMetricsOptions): Metrics {
  const cluster = remoteName === undefined ? {} : { cluster: remoteName };
  return {
    async instant(query, at) {
      const reply = await connection.call({
        tool: spelled('metrics.query'),
        arguments: { query, at, ...cluster },
        target: 'an instant query',
        effect: 'read',
        reply: Instant,
      });
      return reply.samples;
    },
    async range(query, from, to, stepSeconds) {
      const reply = await connection.call({
        tool: spelled('metrics.query_range'),
        arguments: { query, from, to, step_seconds: stepSeconds, ...cluster },
        target: 'a range query',
        effect: 'read',
        reply: Range,
      });
      return reply.series;
    },
    identity: () => Promise.resolve({ server: `MCP server ${connection.label}`, now: null }),
  };
}
