// The shapes of the Prometheus query API as VictoriaMetrics and Prometheus answer it, and how they become samples and
// series. A partial or ambiguous reply never passes: partial data is no data.
import { z } from 'zod';
import type { Sample, Series } from '../../ports/metrics.ts';
import type { ErrorText } from '../http/failure.ts';

const Labels = z.record(z.string(), z.string());
const Point = z.tuple([z.number(), z.string()]);

const VectorData = z.object({
  resultType: z.literal('vector'),
  result: z.array(z.object({ metric: Labels, value: Point })),
});
const ScalarData = z.object({ resultType: z.literal('scalar'), result: Point });
const MatrixData = z.object({
  resultType: z.literal('matrix'),
  result: z.array(z.object({ metric: Labels, values: z.array(Point) })),
});

const envelope = {
  status: z.literal('success'),
  /** A VictoriaMetrics cluster with a storage node missing says so here, with status 200. */
  isPartial: z.boolean().optional(),
  /** Prometheus and what speaks its API (Thanos) report missing sources here, with status 200. */
  warnings: z.array(z.string()).nullish(),
};

export const InstantReply = z.object({
  ...envelope,
  data: z.discriminatedUnion('resultType', [VectorData, ScalarData]),
});
export type InstantReply = z.infer<typeof InstantReply>;

export const RangeReply = z.object({ ...envelope, data: MatrixData });
export type RangeReply = z.infer<typeof RangeReply>;

/** VictoriaMetrics gives an empty object, or a made-up Prometheus version that tells Grafana what it may use. */
export const BuildInfoReply = z.object({
  status: z.literal('success'),
  data: z.object({ version: z.string().optional() }),
});

const ErrorReply = z.object({ error: z.string(), errorType: z.string().optional() });

/** The words of an error reply; `errorType` is Prometheus' short code (VictoriaMetrics repeats the status there). */
export function queryErrorText(body: unknown): ErrorText | undefined {
  const reply = ErrorReply.safeParse(body);
  if (!reply.success) {
    return undefined;
  }
  const { error, errorType } = reply.data;
  return { text: error, ...(errorType === undefined ? {} : { code: errorType }) };
}

/** Why the reply must not be used, as part of a sentence; `undefined` when it may. */
export function incompleteness(reply: InstantReply | RangeReply): string | undefined {
  if (reply.isPartial === true) {
    return 'the answer is partial: a storage node of the VictoriaMetrics cluster did not take part';
  }
  const [warning] = reply.warnings ?? [];
  return warning === undefined
    ? undefined
    : `the answer comes with the warning "${warning.slice(0, 300).replace(/[\p{Cc}\s]+/gu, ' ')}"`;
}

/** Samples of an instant query. NaN and the infinities say nothing that may be acted on: they count as absent. */
export function samplesOf(reply: InstantReply): readonly Sample[] {
  const { data } = reply;
  const found = data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : data.result;
  return found
    .map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
    .filter(({ value }) => Number.isFinite(value));
}

/** Series of a range query, without points that are no finite numbers and without series that have no point left. */
export function seriesOf(reply: RangeReply): readonly Series[] {
  return reply.data.result
    .map(({ metric, values }) => ({
      labels: metric,
      points: values
        .map(([seconds, value]) => [seconds, Number(value)] as const)
        .filter(([, value]) => Number.isFinite(value)),
    }))
    .filter(({ points }) => points.length > 0);
}

/** The first label set that stands there twice, as text; `undefined` when each is unique. */
export function duplicateLabels(
  found: readonly { readonly labels: Readonly<Record<string, string>> }[],
): string | undefined {
  const seen = new Set<string>();
  for (const { labels } of found) {
    const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (seen.has(key)) {
      return JSON.stringify(labels);
    }
    seen.add(key);
  }
  return undefined;
}

/** Times ascend strictly in every series. */
export function isAscending(series: readonly Series[]): boolean {
  return series.every(({ points }) =>
    points.every(([seconds], index) => index === 0 || seconds > (points[index - 1]?.[0] ?? 0)),
  );
}
