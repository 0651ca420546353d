// k8s.metrics.query: one container's use in percent, as the rebalance rules see it. metrics.query and metrics.query_range: PromQL as it
// is, for callers that bring rules of their own.
import { z } from 'zod';
import { windowQueries, oomKillQuery } from '../../../functions/rebalance/queries.ts';
import { RebalancePolicy } from '../../../functions/rebalance/schema.ts';
import { CallerError } from '../../core/errors.ts';
import { Duration, durationSeconds, type MetricsSource } from '../../core/policy.ts';
import { checkSelector, selectorWith } from '../../core/promql.ts';
import { cpuMillicores, memoryBytes } from '../../core/quantity.ts';
import type { Sample } from '../../ports/metrics.ts';
import { clusterOf, findContainer, type FoundContainer, PodReference } from './pods.ts';
import { defineTool, type ToolContext } from './tool.ts';

const LONGEST_WINDOW_SECONDS = 30 * 86_400;
const MOST_POINTS = 11_000;

const Time = z.iso.datetime({ offset: true });
const Query = z.string().min(1).max(10_000).describe('PromQL');
const Labels = z.record(z.string(), z.string());

const containerUse = defineTool({
  name: 'k8s.metrics.query',
  title: 'Use of a container',
  description:
    'Average and 95th percentile of what a container uses, in percent: memory of its limit (of its request without one), CPU of its request (of its limit without one). oom_kills is a count, the same in both fields. An error means that there is no data, which is not 0.',
  input: z.strictObject({
    pod: PodReference,
    metric: z.enum(['cpu', 'memory', 'oom_kills']),
    window: Duration.refine((text) => durationSeconds(text) <= LONGEST_WINDOW_SECONDS, 'at most 30d').describe(
      'What it is taken over, such as 24h',
    ),
  }),
  output: z.object({ avg: z.number(), p95: z.number() }),
  async run(context, { pod, metric, window }) {
    const found = await findContainer(context, pod);
    const asked = questionOf(context, found, window);
    if (metric === 'oom_kills') {
      const kills = await oomKills(context, found, asked);
      return { avg: kills, p95: kills };
    }
    const queries = windowQueries(asked.source, asked.policy);
    const [average, p95] = await Promise.all(
      (metric === 'cpu' ? [queries.cpuAverage, queries.cpuP95] : [queries.memoryAverage, queries.memoryP95]).map(
        (query) => context.surroundings.ports.metrics(found.cluster).instant(query, asked.now),
      ),
    );
    const whole = metric === 'cpu' ? cpuSize(found) : memorySize(found);
    return {
      avg: percentOf(valueOf(average, found, metric, window), whole),
      p95: percentOf(valueOf(p95, found, metric, window), whole),
    };
  },
});

interface Question {
  readonly source: { readonly namespace: string; readonly selector: string; readonly clusterLabel: string };
  readonly policy: RebalancePolicy;
  readonly now: string;
}

function questionOf(context: ToolContext, found: FoundContainer, window: string): Question {
  const { selector, clusterLabel } = sourceOf(context, found.cluster);
  const wrong = checkSelector(selector);
  if (wrong !== undefined) {
    throw new CallerError(`The metrics selector of cluster ${found.cluster} is wrong: ${wrong}`, { field: 'pod' });
  }
  return {
    source: {
      namespace: found.namespace,
      selector: selectorWith({ pod: found.pod.meta.name, container: found.container.name }, selector),
      clusterLabel,
    },
    policy: RebalancePolicy.parse({ window }),
    now: context.surroundings.ports.clock.now().toISOString(),
  };
}

function sourceOf({ surroundings }: ToolContext, cluster: string): MetricsSource {
  const { clusters } = surroundings.team;
  const source = Object.hasOwn(clusters, cluster) ? clusters[cluster]?.metrics : undefined;
  if (source === undefined) {
    throw new CallerError(`The policy knows no cluster ${JSON.stringify(cluster)}.`, {
      field: 'cluster',
      remedy: `Clusters: ${Object.keys(clusters).join(', ') || 'none'}.`,
    });
  }
  return source;
}

/** A series without a point is one that was never killed; a container without any series at all is no data. */
async function oomKills(context: ToolContext, found: FoundContainer, asked: Question): Promise<number> {
  const metrics = context.surroundings.ports.metrics(found.cluster);
  const { query, windowSeconds, stepSeconds } = oomKillQuery(asked.source, asked.policy);
  const from = new Date(Date.parse(asked.now) - (windowSeconds - stepSeconds) * 1000).toISOString();
  const [series, known] = await Promise.all([
    metrics.range(query, from, asked.now, stepSeconds),
    metrics.instant(windowQueries(asked.source, asked.policy).memorySamples, asked.now),
  ]);
  valueOf(known, found, 'oom_kills', asked.policy.window);
  return series
    .filter(({ labels }) => labels['uid'] === found.pod.meta.uid)
    .flatMap(({ points }) => points)
    .reduce((sum, [, value]) => sum + value, 0);
}

function valueOf(rows: readonly Sample[] | undefined, found: FoundContainer, metric: string, window: string): number {
  const [row, another] = rows ?? [];
  if (row === undefined || another !== undefined) {
    const { namespace, pod, container } = found;
    const what = `${metric} of ${namespace}/${pod.meta.name}/${container.name} over ${window}`;
    throw new CallerError(`There ${row === undefined ? 'is no' : 'is ambiguous'} data for ${what}.`, {
      field: 'pod',
      remedy: 'No data is no reason to act. `nightshift doctor` tells which metrics are missing.',
    });
  }
  return row.value;
}

function memorySize({ container: { resources } }: FoundContainer): number | undefined {
  const size = resources.limits['memory'] ?? resources.requests['memory'];
  return size === undefined ? undefined : memoryBytes(size);
}

function cpuSize({ container: { resources } }: FoundContainer): number | undefined {
  const size = resources.requests['cpu'] ?? resources.limits['cpu'];
  return size === undefined ? undefined : cpuMillicores(size) / 1000;
}

function percentOf(value: number, whole: number | undefined): number {
  if (whole === undefined || whole <= 0) {
    throw new CallerError(
      'The container has neither a request nor a limit: there is nothing to take a percentage of.',
      {
        field: 'metric',
        remedy: 'Ask metrics.query for bytes or cores.',
      },
    );
  }
  return Number(((value / whole) * 100).toFixed(2));
}

const query = defineTool({
  name: 'metrics.query',
  title: 'PromQL at one time',
  description: 'Answers a PromQL query from the metrics store of a cluster, at one time.',
  input: z.strictObject({
    query: Query,
    at: Time.optional().describe('Now when absent'),
    cluster: z.string().max(253).optional(),
  }),
  output: z.object({ samples: z.array(z.object({ labels: Labels, value: z.number() })) }),
  async run(context, input) {
    const { metrics, clock } = context.surroundings.ports;
    const cluster = clusterOf(context, input.cluster);
    const rows = await metrics(cluster).instant(input.query, input.at ?? clock.now().toISOString());
    return { samples: rows.map(({ labels, value }) => ({ labels: { ...labels }, value })) };
  },
});

const queryRange = defineTool({
  name: 'metrics.query_range',
  title: 'PromQL over a time',
  description:
    'Answers a PromQL query from the metrics store of a cluster: points at multiples of step_seconds from `from` to `to`.',
  input: z.strictObject({
    query: Query,
    from: Time,
    to: Time,
    step_seconds: z.int().min(1).max(86_400),
    cluster: z.string().max(253).optional(),
  }),
  output: z.object({
    series: z.array(z.object({ labels: Labels, points: z.array(z.tuple([z.number(), z.number()])) })),
  }),
  async run(context, { query: promql, from, to, step_seconds: step, cluster }) {
    if ((Date.parse(to) - Date.parse(from)) / 1000 / step > MOST_POINTS) {
      throw new CallerError(`That is more than ${String(MOST_POINTS)} points for each series.`, {
        field: 'step_seconds',
        remedy: 'Take a longer step or a shorter time.',
      });
    }
    const series = await context.surroundings.ports.metrics(clusterOf(context, cluster)).range(promql, from, to, step);
    return {
      series: series.map(({ labels, points }) => ({
        labels: { ...labels },
        points: points.map(([at, value]): [number, number] => [at, value]),
      })),
    };
  },
});

export const metricsTools = [containerUse, query, queryRange];
