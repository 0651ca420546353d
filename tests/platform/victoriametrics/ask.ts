// Asks the embedded VictoriaMetrics directly, without HTTP, in the words that the tests of its PromQL need.
import { scenarioClock } from '../../../fixtures/platform/clock.ts';
import type { DoubleReply } from '../../../fixtures/platform/kit.ts';
import { pointsOf } from '../../../fixtures/platform/series-notation.ts';
import {
  victoriaMetricsDouble,
  type VictoriaMetricsDouble,
} from '../../../fixtures/platform/victoriametrics/double.ts';

export const NOW_SECONDS = Date.parse('2026-03-01T12:00:00Z') / 1000;

/** Series by their PromQL name, `m{a="b"}`, in promtool's notation: one sample a minute, the last one now. */
export function doubleWith(series: Readonly<Record<string, string>>): VictoriaMetricsDouble {
  return victoriaMetricsDouble(
    Object.entries(series).map(([name, values]) => ({
      labels: labelsOf(name),
      points: pointsOf(values, 60, NOW_SECONDS),
    })),
    scenarioClock('2026-03-01T12:00:00Z'),
  );
}

function labelsOf(name: string): Record<string, string> {
  const [metric = '', labels = ''] = name.split('{');
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value] as const);
  return { ...(metric === '' ? {} : { __name__: metric }), ...Object.fromEntries(pairs) };
}

export function send(
  double: VictoriaMetricsDouble,
  path: string,
  parameters: Readonly<Record<string, string>> = {},
  body: { readonly method?: string; readonly text?: string } = {},
): DoubleReply {
  const reply = double.handle({
    method: body.method ?? 'GET',
    path,
    query: new URLSearchParams(parameters),
    headers: {},
    body: Buffer.from(body.text ?? ''),
  });
  if (reply instanceof Promise) {
    throw new TypeError('The double answers at once.');
  }
  return reply;
}

export interface QueryReply {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly resultType: string;
    readonly result: readonly {
      readonly metric: Record<string, string>;
      readonly value?: [number, string];
      readonly values?: [number, string][];
    }[];
  };
}

export function json(reply: DoubleReply): QueryReply {
  return JSON.parse(reply.body.toString()) as QueryReply;
}

/** Values of an instant query by the text of their labels: `{pod="a"}`. */
export function instant(double: VictoriaMetricsDouble, query: string, atSeconds = NOW_SECONDS): Record<string, number> {
  const reply = json(send(double, '/api/v1/query', { query, time: String(atSeconds), nocache: '1' }));
  if (reply.data === undefined) {
    throw new Error(reply.error);
  }
  return Object.fromEntries(
    reply.data.result.map(({ metric, value }) => [nameOf(metric), Number(value?.[1].replace('Inf', 'Infinity'))]),
  );
}

/** Values of a range query over the minutes before now, `null` where there is none. */
export function lastMinutes(
  double: VictoriaMetricsDouble,
  query: string,
  minutes: number,
): Record<string, (number | null)[]> {
  const start = NOW_SECONDS - (minutes - 1) * 60;
  const parameters = { query, start: String(start), end: String(NOW_SECONDS), step: '60', nocache: '1' };
  const reply = json(send(double, '/api/v1/query_range', parameters));
  if (reply.data === undefined) {
    throw new Error(reply.error);
  }
  return Object.fromEntries(
    reply.data.result.map(({ metric, values = [] }) => {
      const byTime = new Map(values);
      return [
        nameOf(metric),
        Array.from({ length: minutes }, (_, index) => {
          const value = byTime.get(start + index * 60);
          return value === undefined ? null : Number(value);
        }),
      ];
    }),
  );
}

function nameOf(metric: Readonly<Record<string, string>>): string {
  const { __name__: name = '', ...labels } = metric;
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return pairs.length === 0 ? name || '{}' : `${name}{${pairs.sort().join(',')}}`;
}
