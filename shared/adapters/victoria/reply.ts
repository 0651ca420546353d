// The shapes of the Prometheus query API as VictoriaMetrics and Prometheus answer it, and how they become samples and
// series. A partial or ambiguous reply never passes: partial data is no data.
import { z } from 'zod';
import type { Sample, Series } from '../../ports/metrics.ts';
import type { ErrorText } from '../http/failure.ts';

type Labels = Readonly<Record<string, string>>;
type Point = readonly [seconds: number, value: string];

interface VectorRow {
  readonly metric: Labels;
  readonly value: Point;
}

interface MatrixRow {
  readonly metric: Labels;
  readonly values: readonly Point[];
}

/**
 * Rows are checked where they are: a description of each of their parts would copy them part by part, and a run reads a dozen
 * replies of thousands of rows at once.
 */
function rows<Row>(fieldThatIsWrong: (row: unknown) => keyof typeof EXPECTED | undefined) {
  return z.custom<readonly Row[]>(Array.isArray, 'expected a list').superRefine((list, context) => {
    for (const [index, row] of list.entries()) {
      const field = fieldThatIsWrong(row);
      if (field !== undefined) {
        context.addIssue({ code: 'custom', path: [index, field], message: `expected ${EXPECTED[field]}` });
        return;
      }
    }
  });
}

const EXPECTED = {
  metric: 'labels with texts as values',
  value: '[seconds, text]',
  values: 'a list of [seconds, text]',
} as const;

function wrongInVectorRow(row: unknown): 'metric' | 'value' | undefined {
  const { metric, value } = (row ?? {}) as Partial<Record<'metric' | 'value', unknown>>;
  return isLabels(metric) ? (isPoint(value) ? undefined : 'value') : 'metric';
}

function wrongInMatrixRow(row: unknown): 'metric' | 'values' | undefined {
  const { metric, values } = (row ?? {}) as Partial<Record<'metric' | 'values', unknown>>;
  return isLabels(metric) ? (Array.isArray(values) && values.every(isPoint) ? undefined : 'values') : 'metric';
}

function isLabels(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return false;
  }
  for (const name in value) {
    if (typeof (value as Record<string, unknown>)[name] !== 'string') {
      return false;
    }
  }
  return true;
}

function isPoint(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'number' && typeof value[1] === 'string';
}

const envelope = () => ({
  status: z.literal('success'),
  /** A VictoriaMetrics cluster with a storage node missing says so here, with status 200. */
  isPartial: z.boolean().optional(),
  /** Prometheus and what speaks its API (Thanos) report missing sources here, with status 200. */
  warnings: z.array(z.string()).nullish(),
});

export const InstantReply = z.lazy(() =>
  z.object({
    ...envelope(),
    data: z.discriminatedUnion('resultType', [
      z.object({ resultType: z.literal('vector'), result: rows<VectorRow>(wrongInVectorRow) }),
      z.object({ resultType: z.literal('scalar'), result: z.tuple([z.number(), z.string()]) }),
    ]),
  }),
);
export type InstantReply = z.infer<typeof InstantReply>;

export const RangeReply = z.lazy(() =>
  z.object({
    ...envelope(),
    data: z.object({ resultType: z.literal('matrix'), result: rows<MatrixRow>(wrongInMatrixRow) }),
  }),
);
export type RangeReply = z.infer<typeof RangeReply>;

/** VictoriaMetrics gives an empty object, or a made-up Prometheus version that tells Grafana what it may use. */
export const BuildInfoReply = z.lazy(() =>
  z.object({
    status: z.literal('success'),
    data: z.object({ version: z.string().optional() }),
  }),
);

const ErrorReply = z.lazy(() => z.object({ error: z.string(), errorType: z.string().optional() }));

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
  const found: readonly VectorRow[] = data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : data.result;
  const samples: Sample[] = [];
  for (const { metric, value } of found) {
    const number = Number(value[1]);
    if (Number.isFinite(number)) {
      samples.push({ labels: metric, value: number });
    }
  }
  return samples;
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
export function duplicateLabels(found: readonly { readonly labels: Labels }[]): string | undefined {
  // By the names, then by one value after the other: a text made of all of them costs three times as much.
  const seen: Seen = new Map();
  let names: readonly string[] | undefined;
  let upper: readonly string[] = [];
  let lowest: string | undefined;
  let ofNames: Seen = seen;
  for (const { labels } of found) {
    // The rows of one answer nearly always have the same names in the same order.
    if (names === undefined || !hasNames(labels, names)) {
      names = Object.keys(labels);
      const inOrder = names.toSorted();
      upper = inOrder.slice(0, -1);
      lowest = inOrder.at(-1);
      ofNames = seenBelow(seen, JSON.stringify(inOrder));
    }
    let above = ofNames;
    for (const name of upper) {
      above = seenBelow(above, labels[name] ?? '');
    }
    const last = lowest === undefined ? '' : (labels[lowest] ?? '');
    if (above.has(last)) {
      return JSON.stringify(labels);
    }
    above.set(last, END);
  }
  return undefined;
}

type Seen = Map<string, Seen>;

/** What stands below the last value of a label set. */
const END: Seen = new Map();

function seenBelow(above: Seen, value: string): Seen {
  let below = above.get(value);
  if (below === undefined) {
    below = new Map();
    above.set(value, below);
  }
  return below;
}

function hasNames(labels: Labels, names: readonly string[]): boolean {
  let count = 0;
  for (const name in labels) {
    if (name !== names[count]) {
      return false;
    }
    count += 1;
  }
  return count === names.length;
}

/** Times ascend strictly in every series. */
export function isAscending(series: readonly Series[]): boolean {
  return series.every(({ points }) =>
    points.every(([seconds], index) => index === 0 || seconds > (points[index - 1]?.[0] ?? 0)),
  );
}
