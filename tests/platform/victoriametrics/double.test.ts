// The HTTP API of the embedded VictoriaMetrics: its paths, parameters, forms of replies and refusals, as the real one has them.
import { describe, expect, it } from 'vitest';
import { scenarioClock } from '../../../fixtures/platform/clock.ts';
import { victoriaMetricsDouble } from '../../../fixtures/platform/victoriametrics/double.ts';
import { doubleWith, instant, json, NOW_SECONDS, send } from './ask.ts';

const NOW = String(NOW_SECONDS);

describe('query', () => {
  const double = doubleWith({ 'm{a="1"}': '1+1x9', 'm{a="2"}': '5x9' });

  it('answers in the form of the API', () => {
    const reply = send(double, '/api/v1/query', { query: 'm{a="1"}', time: NOW, nocache: '1' });
    expect(reply).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(json(reply)).toEqual({
      status: 'success',
      data: { resultType: 'vector', result: [{ metric: { __name__: 'm', a: '1' }, value: [NOW_SECONDS, '10'] }] },
    });
  });

  it('takes the parameters of a form too', () => {
    const reply = double.handle({
      method: 'POST',
      path: '/api/v1/query',
      query: new URLSearchParams('nocache=1'),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(new URLSearchParams({ query: 'count(m)', time: '2026-03-01T12:00:00Z' }).toString()),
    });
    expect(json(reply as Exclude<typeof reply, Promise<unknown>>).data?.result).toEqual([
      { metric: {}, value: [NOW_SECONDS, '2'] },
    ]);
  });

  it('shows the state of 30 s ago for a recent instant, unless caches are off', () => {
    const timed = { query: 'timestamp(m{a="1"})', time: NOW };
    expect(json(send(double, '/api/v1/query', timed)).data?.result[0]?.value).toEqual([
      NOW_SECONDS,
      String(NOW_SECONDS - 60),
    ]);
    expect(json(send(double, '/api/v1/query', { ...timed, nocache: '1' })).data?.result[0]?.value).toEqual([
      NOW_SECONDS,
      NOW,
    ]);
  });

  it('gives raw samples for a range selector, and the points of a subquery', () => {
    const raw = json(send(double, '/api/v1/query', { query: 'm{a="1"}[3m]', time: NOW }));
    expect(raw.data).toMatchObject({ resultType: 'matrix', result: [{ values: [[NOW_SECONDS - 120, '8'], [NOW_SECONDS - 60, '9'], [NOW_SECONDS, '10']] }] }); // prettier-ignore
    const points = json(send(double, '/api/v1/query', { query: 'sum(m)[4m:2m]', time: NOW }));
    expect(points.data?.result[0]?.values).toEqual([[NOW_SECONDS - 120, '13'], [NOW_SECONDS, '15']]); // prettier-ignore
  });

  it('adds the matchers of extra_label to every selector', () => {
    const found = json(send(double, '/api/v1/query', { query: 'm or m', time: NOW, extra_label: 'a=2' })).data?.result;
    expect(found?.map(({ metric }) => metric['a'])).toEqual(['2']);
  });

  it.each([
    [{}, 'missing `query` arg'],
    [{ query: 'sum(' }, 'parse error: unexpected end of input at char 5'],
    [{ query: 'm', time: 'yesterday' }, 'cannot parse time=yesterday'],
    [{ query: 'm', max_lookback: '1m' }, 'unsupported by this server: the parameter max_lookback'],
    [{ query: 'x'.repeat(17_000) }, 'too long query; got 17000 bytes'],
  ])('refuses %o', (parameters: Record<string, string>, why) => {
    const reply = send(double, '/api/v1/query', parameters);
    expect(reply.status).toBe(422);
    expect(json(reply)).toMatchObject({ status: 'error', errorType: '422' });
    expect(json(reply).error).toContain(why);
  });
});

describe('query_range', () => {
  const double = doubleWith({ m: '1+1x200' });
  const range = (changes: Record<string, string>): [number, string][] | undefined => {
    const parameters = { query: 'm', start: String(NOW_SECONDS - 7201), end: NOW, step: '60', ...changes };
    return json(send(double, '/api/v1/query_range', parameters)).data?.result[0]?.values;
  };

  it('has its points at the start and each step after it', () => {
    const values = range({ nocache: '1', step: '1m' });
    expect(values).toHaveLength(121);
    expect(values?.[0]).toEqual([NOW_SECONDS - 7201, '80']);
    expect(values?.at(-1)).toEqual([NOW_SECONDS - 1, '200']);
  });

  it('moves a long range to multiples of its step, unless caches are off', () => {
    expect(range({})?.[0]?.[0]).toBe(NOW_SECONDS - 7260);
    expect(range({ start: String(NOW_SECONDS - 601) })?.[0]?.[0]).toBe(NOW_SECONDS - 601);
  });

  it.each([
    [{ step: '0' }, '"step"=0 is out of allowed range'],
    [{ step: 'x' }, '"step"=x is out of allowed range'],
    [{ start: '0' }, 'too many points'],
    [{ query: 'm[5m]' }, 'must be scalar or instant vector'],
  ])('refuses %o', (changes, why) => {
    const parameters = { query: 'm', start: String(NOW_SECONDS - 60), end: NOW, step: '60', ...changes };
    const reply = send(double, '/api/v1/query_range', parameters);
    expect(reply.status).toBe(422);
    expect(json(reply).error).toContain(why);
  });
});

describe('import', () => {
  it('adds samples in the text format and leaves lines out that are none, with 204', () => {
    const double = doubleWith({ 'm{a="1"}': '1x2' });
    const text = [
      '# TYPE m gauge',
      `m{a="1"} 7 ${NOW}000`,
      `m{a="q\\"\\\\\\n",} 8`,
      `n 9 ${NOW_SECONDS - 60}000`,
      'broken{a= 3',
      'n{a="x"} no',
      '',
    ].join('\n');
    const reply = send(double, '/api/v1/import/prometheus', { extra_label: 'src=t' }, { method: 'POST', text });
    expect(reply.status).toBe(204);
    expect(instant(double, '{__name__=~"m|n"}')).toEqual({
      'm{a="1"}': 1,
      'm{a="1",src="t"}': 7,
      'm{a="q"\\\n",src="t"}': 8,
      'n{src="t"}': 9,
    });
  });

  it('keeps samples in order and lets the last one of a time win', () => {
    const double = doubleWith({});
    const times = [-60, -180, -120, -60, 0, -120];
    const text = times.map((seconds, index) => `m ${index} ${NOW_SECONDS + seconds}000`).join('\n');
    send(double, '/api/v1/import/prometheus', {}, { method: 'POST', text });
    expect(json(send(double, '/api/v1/query', { query: 'm[1h]', time: NOW })).data?.result[0]?.values).toEqual([
      [NOW_SECONDS - 180, '1'],
      [NOW_SECONDS - 120, '5'],
      [NOW_SECONDS - 60, '3'],
      [NOW_SECONDS, '4'],
    ]);
  });

  it('does so too for the points of a new series', () => {
    const double = doubleWith({});
    const points = ([20, 10, 30, 10] as const).map((before, index) => [NOW_SECONDS - before, index] as const);
    double.append([{ labels: { __name__: 'm' }, points }]);
    expect(json(send(double, '/api/v1/query', { query: 'm[1m]', time: NOW })).data?.result[0]?.values).toEqual([
      [NOW_SECONDS - 30, '2'],
      [NOW_SECONDS - 20, '0'],
      [NOW_SECONDS - 10, '3'],
    ]);
  });

  it('does not write into series that were scraped at the same times', () => {
    const double = doubleWith({ 'm{a="1"}': '1x5', 'm{a="2"}': '2x5' });
    double.append([{ labels: { __name__: 'm', a: '2' }, points: [[NOW_SECONDS - 30, 9]] }]);
    expect(instant(double, 'count_over_time(m[1h])')).toEqual({ '{a="1"}': 6, '{a="2"}': 7 });
    expect(instant(double, 'm', NOW_SECONDS - 20)).toEqual({ 'm{a="1"}': 1, 'm{a="2"}': 9 });
  });
});

describe('series, labels and values', () => {
  const double = doubleWith({ 'm{a="1",b="x"}': '1x9', 'm{a="2"}': '1x9', 'old{a="3"}': `1 _x${2 * 24 * 60}` });
  const data = (path: string, parameters: Record<string, string> = {}): unknown =>
    json(send(double, path, parameters)).data;

  it('list what has samples in the range', () => {
    expect(data('/api/v1/series', { 'match[]': 'm{a=~"1|2"}' })).toEqual([
      { __name__: 'm', a: '1', b: 'x' },
      { __name__: 'm', a: '2' },
    ]);
    expect(data('/api/v1/labels')).toEqual(['__name__', 'a', 'b']);
    expect(data('/api/v1/label/a/values')).toEqual(['1', '2']);
    expect(data('/api/v1/label/a/values', { 'match[]': '{b="x"}' })).toEqual(['1']);
    expect(data('/api/v1/label/a/values', { start: String(NOW_SECONDS - 3 * 86_400) })).toEqual(['1', '2', '3']);
  });

  it('want a selector for series', () => {
    expect(json(send(double, '/api/v1/series')).error).toBe('missing `match[]` arg');
    expect(json(send(double, '/api/v1/series', { 'match[]': 'sum(m)' })).error).toContain(
      'a series selector is expected',
    );
  });
});

describe('paths', () => {
  it('of a cluster keep tenants apart', () => {
    const double = doubleWith({ m: '1x5' });
    const found = (path: string): number | undefined =>
      json(send(double, path, { query: 'm', time: NOW, nocache: '1' })).data?.result.length;
    expect(found('/prometheus/api/v1/query')).toBe(1);
    expect(found('/select/0/prometheus/api/v1/query')).toBe(1);
    expect(found('/select/0:0/prometheus/api/v1/query')).toBe(1);
    expect(found('/select/7/prometheus/api/v1/query')).toBe(0);
    send(double, '/insert/7/prometheus/api/v1/import/prometheus', {}, { method: 'POST', text: 'm 3' });
    expect(found('/select/7/prometheus/api/v1/query')).toBe(1);
  });

  it('have names for faults', () => {
    const double = doubleWith({});
    const named = (path: string): string =>
      double.operationOf({ method: 'GET', path, query: new URLSearchParams(), headers: {}, body: Buffer.alloc(0) });
    expect(
      ['/api/v1/query', '/select/1/prometheus/api/v1/query_range', '/api/v1/import/prometheus'].map(named),
    ).toEqual(['query', 'query_range', 'import']);
    expect(['/api/v1/label/a/values', '/health', '/elsewhere'].map(named)).toEqual([
      'label values',
      'health',
      'unknown',
    ]);
  });

  it('answer health and buildinfo, and refuse what is not there with 400', () => {
    const double = doubleWith({});
    expect(send(double, '/health')).toMatchObject({ status: 200, body: 'OK' });
    expect(json(send(double, '/api/v1/status/buildinfo')).status).toBe('success');
    expect(send(double, '/api/v1/nothing').status).toBe(400);
  });

  it('want the credentials that the server was given', () => {
    const double = victoriaMetricsDouble([], scenarioClock('2026-03-01T12:00:00Z'), { authorization: 'Bearer a' });
    expect(send(double, '/api/v1/query', { query: '1' }).status).toBe(401);
    expect(send(double, '/health').status).toBe(200);
  });
});
