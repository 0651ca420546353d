// The adapter for time series: against the embedded VictoriaMetrics, and against scripted replies that it must not trust.
import { afterEach, describe, expect, it } from 'vitest';
import { scenarioClock } from '../../../fixtures/platform/clock.ts';
import { serve, type Fault, type RecordedCall, type RunningDouble } from '../../../fixtures/platform/kit.ts';
import { validate } from '../../../fixtures/platform/spec-check.ts';
import {
  victoriaMetricsDouble,
  type VictoriaMetricsDoubleOptions,
} from '../../../fixtures/platform/victoriametrics/double.ts';
import { victoriaMetrics, type VictoriaMetricsOptions } from '../../../shared/adapters/victoria/metrics.ts';
import { ConfigurationError, describeError, PlatformError } from '../../../shared/core/errors.ts';
import type { Metrics } from '../../../shared/ports/metrics.ts';
import { json, plain, scriptedServer, TestClock } from '../http/scripted-server.ts';

const NOW = '2026-03-01T12:00:00Z';
const NOW_SECONDS = Date.parse(NOW) / 1000;

const SERIES = [
  { labels: { __name__: 'up', pod: 'a', cluster: 'prod' }, points: lastMinutes(10, (index) => index) },
  { labels: { __name__: 'up', pod: 'b', cluster: 'test' }, points: lastMinutes(10, () => 7) },
];

function lastMinutes(count: number, valueAt: (index: number) => number): (readonly [number, number])[] {
  return Array.from({ length: count }, (_, index) => [NOW_SECONDS - (count - 1 - index) * 60, valueAt(index)] as const);
}

const running: RunningDouble[] = [];
const recorded: RecordedCall[][] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((double) => double.close()));
  expect(recorded.splice(0).flatMap((calls) => calls.flatMap(({ violations }) => violations))).toEqual([]);
});

interface Started {
  readonly url: string;
  readonly calls: RecordedCall[];
  readonly faults: Fault[];
}

async function startDouble(options: VictoriaMetricsDoubleOptions = {}): Promise<Started> {
  const clock = scenarioClock(NOW);
  const calls: RecordedCall[] = [];
  const faults: Fault[] = [];
  const double = await serve(victoriaMetricsDouble(SERIES, clock, options), {
    clock,
    faults,
    calls,
    validate: (request, reply) => validate('victoriametrics', request, reply),
  });
  running.push(double);
  recorded.push(calls);
  return { url: double.url, calls, faults };
}

function adapter(url: string, changes: Partial<VictoriaMetricsOptions> = {}): Metrics {
  return victoriaMetrics({ url, clock: new TestClock(), random: () => 0, ...changes });
}

async function failureOf(asked: Promise<unknown>): Promise<PlatformError> {
  const error: unknown = await asked.then(
    (given) => given,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PlatformError)) {
    throw new Error(`expected a PlatformError, got ${JSON.stringify(error) ?? describeError(error)}`);
  }
  return error;
}

function vector(...result: readonly { readonly metric: object; readonly value: readonly [number, string] }[]): object {
  return { status: 'success', data: { resultType: 'vector', result } };
}

describe('queries', () => {
  it('gives the samples of an instant', async () => {
    const { url } = await startDouble();
    expect(await adapter(url).instant('sum by (pod) (up)', NOW)).toEqual([
      { labels: { pod: 'a' }, value: 9 },
      { labels: { pod: 'b' }, value: 7 },
    ]);
  });

  it('shows the very instant that was asked for, although VictoriaMetrics would show one of 30 s ago', async () => {
    const { url } = await startDouble();
    expect(await adapter(url).instant('timestamp(up{pod="a"})', NOW)).toMatchObject([{ value: NOW_SECONDS }]);
  });

  it('gives the points of a range at multiples of the step from its start, although VictoriaMetrics would move it', async () => {
    const { url } = await startDouble();
    const from = new Date((NOW_SECONDS - 493) * 1000).toISOString();
    const [series] = await adapter(url).range('up{pod="a"}', from, NOW, 7);
    expect(series?.labels).toEqual({ __name__: 'up', pod: 'a', cluster: 'prod' });
    expect(series?.points).toHaveLength(71);
    expect(series?.points.slice(0, 2)).toEqual([
      [NOW_SECONDS - 493, 0],
      [NOW_SECONDS - 486, 0],
    ]);
  });

  it('takes a query that is longer than a URL may be', async () => {
    const { url, calls } = await startDouble();
    const query = `up{pod=~"a|${'x'.repeat(12_000)}"}`;
    expect(await adapter(url).instant(query, NOW)).toHaveLength(1);
    expect(calls).toMatchObject([{ method: 'POST', path: '/api/v1/query', query: '' }]);
  });

  it('says what the server says about a wrong query', async () => {
    const { url } = await startDouble();
    const failure = await failureOf(adapter(url).instant('sum(', NOW));
    expect(failure.message).toContain('VictoriaMetrics: instant query');
    expect(failure.message).toContain('it answered 422: parse error');
    expect(failure.failure).toMatchObject({ status: 422, applied: 'no' });
  });

  it('tells label sets apart that share names, values or texts', async () => {
    const sets: Record<string, string>[] = [
      { a: '1', b: '2' },
      { a: '2', b: '2' },
      { a: '1', b: '1' },
      { a: '1' },
      { b: '1' },
      { a: '12', b: '' },
      {},
    ];
    await using server = await scriptedServer(
      json(vector(...sets.map((metric) => ({ metric, value: [1, '1'] as const })))),
    );
    expect((await adapter(server.url).instant('q', NOW)).map(({ labels }) => labels)).toEqual(sets);
  });

  it('gives a scalar as one sample without labels', async () => {
    await using server = await scriptedServer(
      json({ status: 'success', data: { resultType: 'scalar', result: [1, '4.5'] } }),
    );
    expect(await adapter(server.url).instant('4.5', NOW)).toEqual([{ labels: {}, value: 4.5 }]);
  });

  it('leaves values out that are no finite numbers', async () => {
    await using instant = await scriptedServer(
      json(
        vector(
          { metric: { pod: 'a' }, value: [1, 'NaN'] },
          { metric: { pod: 'b' }, value: [1, '+Inf'] },
          { metric: { pod: 'c' }, value: [1, '-Inf'] },
          { metric: { pod: 'd' }, value: [1, '1e3'] },
        ),
      ),
    );
    const result = [
      { metric: { pod: 'a' }, values: [[1, 'NaN'], [2, '5'], [3, '+Inf']] }, // prettier-ignore
      { metric: { pod: 'b' }, values: [[1, 'NaN']] },
    ];
    await using range = await scriptedServer(json({ status: 'success', data: { resultType: 'matrix', result } }));
    expect(await adapter(instant.url).instant('q', NOW)).toEqual([{ labels: { pod: 'd' }, value: 1000 }]);
    expect(await adapter(range.url).range('q', NOW, NOW, 60)).toEqual([{ labels: { pod: 'a' }, points: [[2, 5]] }]);
  });
});

describe('replies that are refused', () => {
  const twice = vector(
    { metric: { a: '1', b: '2' }, value: [1, '1'] },
    { metric: { b: '2', a: '1' }, value: [1, '2'] },
  );
  const other = { metric: { a: '1' }, value: [1, '1'] as const };

  it.each([
    ['a partial answer of a cluster', { ...vector(other), isPartial: true }, 'the answer is partial'],
    ['an answer with a warning', { ...vector(other), warnings: ['store-2 is\ngone'] }, 'warning "store-2 is gone"'],
    ['a label set that stands there twice', twice, 'the label set {"b":"2","a":"1"} stands in the answer twice'],
    [
      'raw samples',
      { status: 'success', data: { resultType: 'matrix', result: [] } },
      'unexpected shape at data.resultType',
    ],
    [
      'a value that is no text',
      vector({ metric: {}, value: [1, 2 as never] }),
      'unexpected shape at data.result.0.value: expected [seconds, text]',
    ],
    ['an error with status 200', { status: 'error', error: 'no' }, 'unexpected shape at status'],
  ])('%s', async (_, reply, why) => {
    await using server = await scriptedServer(json(reply));
    const failure = await failureOf(adapter(server.url).instant('up', NOW));
    expect(failure.message).toContain(why);
    expect(failure.remedy).toBeDefined();
  });

  it('more series than are taken', async () => {
    const { url } = await startDouble();
    const failure = await failureOf(adapter(url, { maxSeries: 1 }).instant('up', NOW));
    expect(failure.message).toContain('2 series are more than the 1 that are taken');
    expect(await adapter(url, { maxSeries: 2 }).instant('up', NOW)).toHaveLength(2);
  });

  it('points that go back in time', async () => {
    const result = [{ metric: {}, values: [[2, '1'], [1, '1']] }]; // prettier-ignore
    await using server = await scriptedServer(json({ status: 'success', data: { resultType: 'matrix', result } }));
    const failure = await failureOf(adapter(server.url).range('up', NOW, NOW, 60));
    expect(failure.message).toContain('not in the order of their times');
  });

  it('an answer that has infos of Prometheus only is taken', async () => {
    await using server = await scriptedServer(
      json({ ...vector(other), infos: ['metric might not be a counter'], warnings: [] }),
    );
    expect(await adapter(server.url).instant('up', NOW)).toHaveLength(1);
  });
});

describe('where and as whom', () => {
  it.each([
    ['', '/api/v1/query'],
    ['/', '/api/v1/query'],
    ['/vm/prefix/', '/vm/prefix/api/v1/query'],
    ['/prometheus/api/v1', '/prometheus/api/v1/query'],
  ])('asks under the path %j of the address', async (path, asked) => {
    await using server = await scriptedServer(json(vector()));
    await adapter(`${server.url}${path}`).instant('up', NOW);
    expect(server.received[0]?.url).toBe(asked);
  });

  it('keeps query parameters of the address', async () => {
    const { url, calls } = await startDouble();
    expect(await adapter(`${url}/?extra_label=cluster=test`).instant('up', NOW)).toMatchObject([{ value: 7 }]);
    expect(calls[0]?.query).toBe('extra_label=cluster=test');
  });

  it('asks a cluster for its tenant', async () => {
    const { url, calls } = await startDouble({ tenant: '42:7' });
    expect(await adapter(url, { tenant: '42:7' }).instant('up', NOW)).toHaveLength(2);
    expect(await adapter(url, { tenant: '42' }).instant('up', NOW)).toHaveLength(0);
    expect(calls.map(({ path }) => path)).toEqual([
      '/select/42:7/prometheus/api/v1/query',
      '/select/42/prometheus/api/v1/query',
    ]);
  });

  it('sends a bearer token, or user and password', async () => {
    const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    const withToken = await startDouble({ authorization: 'Bearer t0ken' });
    const withBasic = await startDouble({ authorization: basic });
    expect(await adapter(withToken.url, { bearerToken: 't0ken' }).instant('up', NOW)).toHaveLength(2);
    expect(await adapter(withBasic.url, { username: 'me', password: 'secret' }).instant('up', NOW)).toHaveLength(2);
    expect(await adapter(withBasic.url.replace('//', '//me:secret@')).instant('up', NOW)).toHaveLength(2);
  });

  it('says what to do about refused credentials without showing them', async () => {
    const { url } = await startDouble({ authorization: 'Bearer right' });
    const failure = await failureOf(adapter(url, { bearerToken: 'wrong-token' }).instant('up', NOW));
    expect(failure.failure.status).toBe(401);
    expect(failure.full).toContain('Check the user and password or the bearer token');
    expect(failure.full).not.toContain('wrong-token');
  });

  it.each([
    { url: 'metrics:8428' },
    { url: 'http://m', tenant: '1/../2' },
    { url: 'http://m', bearerToken: 't', username: 'u' },
  ])('refuses the settings %j', (settings) => {
    expect(() => adapter(settings.url, settings)).toThrow(ConfigurationError);
  });

  it('shows neither user and password nor parameters of the address', async () => {
    await using server = await scriptedServer(plain('', 500));
    const url = `${server.url.replace('//', '//me:secret@')}/vm?token=hidden`;
    const { full } = await failureOf(adapter(url).instant('up', NOW));
    expect(full).toContain(`${server.host}/vm`);
    expect(full).not.toMatch(/secret|hidden/);
  });
});

describe('faults of the server', () => {
  it.each(['refuse', 'cut', 'lost-reply', '500', '429'] as const)('%s: the query is asked again', async (kind) => {
    const { url, faults, calls } = await startDouble();
    faults.push({ system: 'victoriametrics', operation: 'query', call: 1, kind });
    expect(await adapter(url).instant('up', NOW)).toHaveLength(2);
    expect(calls).toHaveLength(2);
  });

  it.each([
    ['refuse', 'the connection was lost before an answer came'],
    ['cut', 'the connection was lost in the middle of the answer'],
    ['garbage', 'the reply has an unexpected shape at status'],
    ['429', 'too many requests (429)'],
    ['500', 'it answered 500: cannot read data from the storage'],
    ['expired-token', 'the credentials are missing or refused (401)'],
  ] as const)('%s that stays: the query fails and says so', async (kind, why) => {
    const { url, faults } = await startDouble();
    faults.push({ system: 'victoriametrics', operation: '*', kind });
    const failure = await failureOf(adapter(url).range('up', NOW, NOW, 60));
    expect(failure.message).toContain(`VictoriaMetrics: range query (${new URL(url).host}, up) failed: ${why}`);
  });

  it('hang: the query ends at its deadline', async () => {
    const { url, faults, calls } = await startDouble();
    faults.push({ system: 'victoriametrics', operation: '*', kind: 'hang' });
    const failure = await failureOf(adapter(url, { deadlineSeconds: 0.1 }).instant('up', NOW));
    expect(failure.message).toContain('no answer within the deadline of 0.1 s');
    expect(calls).toHaveLength(1);
  });
});

describe('identity', () => {
  it('names VictoriaMetrics and tells its clock', async () => {
    const { url } = await startDouble();
    expect(await adapter(url).identity()).toEqual({ server: 'VictoriaMetrics', now: '2026-03-01T12:00:00.000Z' });
  });

  it('names Prometheus with its version', async () => {
    await using server = await scriptedServer(json({ status: 'success', data: { version: '3.5.0' } }));
    expect((await adapter(server.url).identity()).server).toBe('Prometheus 3.5.0');
  });

  it('falls back to a query where a proxy lets nothing else through', async () => {
    const route = plain('missing route', 400);
    await using server = await scriptedServer(route, json(vector({ metric: {}, value: [1, '1'] }), 200, { date: 'x' }));
    expect(await adapter(server.url).identity()).toEqual({
      server: 'a server with the Prometheus query API',
      now: null,
    });
    expect(server.received.map(({ url }) => url)).toEqual(['/api/v1/status/buildinfo', '/api/v1/query']);
  });

  it('fails when nobody may come in', async () => {
    const { url } = await startDouble({ authorization: 'Bearer right' });
    expect((await failureOf(adapter(url).identity())).failure.status).toBe(401);
  });
});
