// Metrics through mcp-grafana, Grafana's own MCP server: PromQL by its tool query_prometheus.
// https://github.com/grafana/mcp-grafana
import { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import type { Metrics, Sample } from '../../ports/metrics.ts';
import type { McpConnection } from './connection.ts';

export const GRAFANA_QUERY_TOOL = 'query_prometheus';

const Metric = z.lazy(() => z.record(z.string(), z.string()));
const Point = z.lazy(() => z.tuple([z.number(), z.string()]));
const extras = { warnings: z.array(z.string()).nullish() };

/** Prometheus' own form of a vector, a scalar and a matrix; null when there is nothing. */
const Instant = z.lazy(() =>
  z.looseObject({
    data: z.union([z.null(), Point, z.array(z.looseObject({ metric: Metric, value: Point }))]),
    ...extras,
  }),
);
const Range = z.lazy(() =>
  z.looseObject({
    data: z.union([z.null(), z.array(z.looseObject({ metric: Metric, values: z.array(Point) }))]),
    ...extras,
  }),
);

export function grafanaMetrics(connection: McpConnection, datasource: string): Metrics {
  function checkWhole(warnings: readonly string[] | null | undefined): void {
    const [warning] = warnings ?? [];
    if (warning !== undefined) {
      throw new PlatformError(
        {
          system: `MCP server ${connection.label}`,
          operation: GRAFANA_QUERY_TOOL,
          target: `data source ${datasource}`,
          applied: 'no',
          code: 'PARTIAL',
        },
        `the answer comes with the warning "${warning.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').slice(0, 300)}"`,
        { remedy: 'Partial data is no data: mend the source.' },
      );
    }
  }

  return {
    async instant(query, at) {
      const { data, warnings } = await connection.call({
        tool: GRAFANA_QUERY_TOOL,
        arguments: { datasourceUid: datasource, expr: query, queryType: 'instant', startTime: at, endTime: at },
        target: `data source ${datasource}`,
        effect: 'read',
        reply: Instant,
      });
      checkWhole(warnings);
      return rowsOf(data).filter(({ value }) => Number.isFinite(value));
    },
    async range(query, from, to, stepSeconds) {
      const { data, warnings } = await connection.call({
        tool: GRAFANA_QUERY_TOOL,
        arguments: {
          datasourceUid: datasource,
          expr: query,
          queryType: 'range',
          startTime: from,
          endTime: to,
          stepSeconds,
        },
        target: `data source ${datasource}`,
        effect: 'read',
        reply: Range,
      });
      checkWhole(warnings);
      return (data ?? [])
        .map(({ metric, values }) => ({
          labels: metric,
          points: values
            .map(([at, value]) => [at, Number(value)] as const)
            .filter(([, value]) => Number.isFinite(value)),
        }))
        .filter(({ points }) => points.length > 0);
    },
    identity: () =>
      Promise.resolve({ server: `Grafana's data source ${datasource} by ${connection.label}`, now: null }),
  };
}

function rowsOf(data: z.infer<typeof Instant>['data']): readonly Sample[] {
  if (data === null || data.length === 0) {
    return [];
  }
  return isPoint(data)
    ? [{ labels: {}, value: Number(data[1]) }]
    : data.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
}

function isPoint(data: NonNullable<z.infer<typeof Instant>['data']>): data is [number, string] {
  return typeof data[0] === 'number';
}
