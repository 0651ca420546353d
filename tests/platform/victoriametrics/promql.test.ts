// What the embedded VictoriaMetrics makes of PromQL. Expected values are Prometheus' own, by its documentation and, for
// the forms that duties use, compared with a real server once.
import { describe, expect, it } from 'vitest';
import { doubleWith, instant, lastMinutes, NOW_SECONDS } from './ask.ts';

describe('selectors', () => {
  const double = doubleWith({
    'm{pod="a",env="live"}': '1x10',
    'm{pod="b"}': '2x10',
    'm{pod="b-2"}': '3x10',
    'n{pod="a"}': '4x10',
  });

  it.each([
    ['m{pod="b"}', ['m{pod="b"}']],
    ['m{pod!="b",pod!="a"}', ['m{pod="b-2"}']],
    ['m{pod=~"b"}', ['m{pod="b"}']],
    ['m{pod=~"b.*"}', ['m{pod="b"}', 'm{pod="b-2"}']],
    ['m{pod!~"a|b"}', ['m{pod="b-2"}']],
    ['m{env=""}', ['m{pod="b"}', 'm{pod="b-2"}']],
    ['m{env!=""}', ['m{env="live",pod="a"}']],
    ['m{env=~".*",pod="a"}', ['m{env="live",pod="a"}']],
    ['{__name__=~"m|n",pod="a"}', ['m{env="live",pod="a"}', 'n{pod="a"}']],
    ['{"n", pod="a"}', ['n{pod="a"}']],
    ['m{pod="\\u0062"}', ['m{pod="b"}']],
    ['nothing', []],
  ])('%s', (query, names) => {
    expect(Object.keys(instant(double, query)).sort()).toEqual(names);
  });

  it('look back less than five minutes, and see nothing of the future', () => {
    const gone = doubleWith({ m: '1 2 3 _x5' });
    expect(instant(gone, 'm', NOW_SECONDS - 1)).toEqual({ m: 3 });
    expect(instant(gone, 'm', NOW_SECONDS)).toEqual({});
    expect(instant(gone, 'm', NOW_SECONDS - 361)).toEqual({ m: 1 });
    expect(instant(gone, 'm offset -1m', NOW_SECONDS - 360)).toEqual({ m: 3 });
    expect(instant(gone, 'm offset 1m', NOW_SECONDS - 300)).toEqual({ m: 2 });
  });
});

describe('windows', () => {
  const double = doubleWith({ 'm{a="1"}': '4 1 3 2 5', c: '10 20 5 15 25' });

  it.each([
    // Left-open: of the samples 0, 1, 2 and 3 minutes old the last is out.
    ['count_over_time(m[3m])', { '{a="1"}': 3 }],
    ['sum_over_time(m[3m])', { '{a="1"}': 10 }],
    ['avg_over_time(m[2m])', { '{a="1"}': 3.5 }],
    ['min_over_time(m[4m])', { '{a="1"}': 1 }],
    ['max_over_time(m[1h])', { '{a="1"}': 5 }],
    ['last_over_time(m[1h])', { 'm{a="1"}': 5 }],
    ['first_over_time(m[1h])', { 'm{a="1"}': 4 }],
    ['present_over_time(m[1h])', { '{a="1"}': 1 }],
    ['changes(m[1h])', { '{a="1"}': 4 }],
    ['resets(c[1h])', { '{}': 1 }],
    ['quantile_over_time(0.5, m[1h])', { '{a="1"}': 3 }],
    ['quantile_over_time(0.9, m[1h])', { '{a="1"}': 4.6 }],
    ['quantile_over_time(2, m[1h])', { '{a="1"}': Infinity }],
    ['sum_over_time(m[2m] offset 1m)', { '{a="1"}': 5 }],
  ])('%s', (query, expected) => {
    expect(instant(double, query)).toEqual(expected);
  });

  it('has no rate of a single sample', () => {
    expect(instant(double, 'rate(c[1m])')).toEqual({});
  });

  it('adds compensated sums', () => {
    const tiny = doubleWith({ m: '1e100 1 -1e100' });
    expect(instant(tiny, 'sum_over_time(m[10m])')).toEqual({ '{}': 1 });
  });

  it('lets NaN give way to any number', () => {
    const odd = doubleWith({ m: 'NaN 2 NaN' });
    expect(instant(odd, 'max_over_time(m[10m])')).toEqual({ '{}': 2 });
    expect(instant(odd, 'min_over_time(m[10m])')).toEqual({ '{}': 2 });
  });
});

describe('rate, increase and delta', () => {
  it('stretch a steady counter to the whole window', () => {
    const double = doubleWith({ c: '100+6x20' });
    // Samples 0 to 4 minutes old: 24 in four minutes; the window starts one minute before the first.
    expect(instant(double, 'increase(c[5m])')).toEqual({ '{}': 30 });
    expect(instant(double, 'rate(c[5m])')).toEqual({ '{}': 0.1 });
    expect(instant(double, 'delta(c[5m])')).toEqual({ '{}': 30 });
  });

  it('add what a reset hides', () => {
    const double = doubleWith({ c: '100 110 5 15' });
    // 10, then 5 after the reset, then 10: 25 in three minutes, over four of them to the start of the window.
    expect(instant(double, 'increase(c[4m])')['{}']).toBeCloseTo((25 * 4) / 3, 9);
    expect(instant(double, 'delta(c[4m])')['{}']).toBeCloseTo((-85 * 4) / 3, 9);
  });

  it('stretch by half an interval where the series began or ended in the window', () => {
    const double = doubleWith({ c: '_x9 100 110 120 _x2' });
    // 20 in two minutes, half a minute more on either side: both ends of the window are over 1.1 intervals away.
    expect(instant(double, 'increase(c[10m])')['{}']).toBeCloseTo(30, 9);
  });

  it('take a gap of up to 1.1 intervals for the distance to the next sample', () => {
    const double = doubleWith({ m: '10 20 30' });
    expect(instant(double, 'delta(m[185s])')['{}']).toBeCloseTo((20 * (120 + 65)) / 120, 9);
    expect(instant(double, 'delta(m[187s])')['{}']).toBeCloseTo((20 * (120 + 30)) / 120, 9);
  });

  it('stretch no counter below zero', () => {
    const double = doubleWith({ c: '_x5 1 11 21' });
    // At 10 a minute the counter was zero a tenth of a minute before its first sample.
    expect(instant(double, 'increase(c[10m])')['{}']).toBeCloseTo(21, 9);
    expect(instant(double, 'delta(c[10m])')['{}']).toBeCloseTo(25, 9);
  });
});

describe('subqueries', () => {
  const double = doubleWith({ m: '0+1x60' });

  it('have their steps at multiples of the resolution, whenever they are asked', () => {
    // Now is 12:00: steps at 11:50, :55, 12:00; the one at 11:45 lies on the open end.
    expect(instant(double, 'count_over_time(m[15m:5m])')).toEqual({ '{}': 3 });
    expect(instant(double, 'sum_over_time(m[15m:5m])')).toEqual({ '{}': 50 + 55 + 60 });
    // At 11:59:01 the window reaches back to 11:44:01: 11:45, :50, :55.
    expect(instant(double, 'sum_over_time(m[15m:5m])', NOW_SECONDS - 59)).toEqual({ '{}': 45 + 50 + 55 });
  });

  it('step once a minute when nothing is said, and may lie back', () => {
    expect(instant(double, 'count_over_time(m[15m:])')).toEqual({ '{}': 15 });
    expect(instant(double, 'max_over_time(m[15m:] offset 10m)')).toEqual({ '{}': 50 });
    expect(instant(double, 'max_over_time(m[15m:1m] offset 10m)')).toEqual({ '{}': 50 });
  });

  it('skip the steps at which there is nothing', () => {
    const gaps = doubleWith({ m: '1x9 _x19 1x9' });
    // 10 samples up to 29 minutes ago, 10 up to now; each is seen for five minutes less one instant.
    expect(instant(gaps, 'count_over_time(m[1h:1m])')).toEqual({ '{}': 10 + 4 + 10 });
  });

  it('give the same for every step of a range as asked one by one', () => {
    const query = 'quantile_over_time(0.75, (rate(m[5m]))[20m:3m])';
    const range = lastMinutes(double, query, 20)['{}'] ?? [];
    const single = range.map((_, index) => instant(double, query, NOW_SECONDS - (19 - index) * 60)['{}'] ?? null);
    expect(range).toEqual(single);
    expect(range).not.toContain(null);
  });
});

describe('aggregations', () => {
  const double = doubleWith({
    'm{pod="a",c="x"}': '1x5',
    'm{pod="a",c="y"}': '4x5',
    'm{pod="b",c="x"}': '7x5',
    'm{c="x"}': '9x5',
  });

  it.each([
    ['sum(m)', { '{}': 21 }],
    ['sum by (pod) (m)', { '{pod="a"}': 5, '{pod="b"}': 7, '{}': 9 }],
    ['sum(m) by (pod)', { '{pod="a"}': 5, '{pod="b"}': 7, '{}': 9 }],
    ['max without (c) (m)', { '{pod="a"}': 4, '{pod="b"}': 7, '{}': 9 }],
    ['min by (c) (m)', { '{c="x"}': 1, '{c="y"}': 4 }],
    ['avg by (c) (m)', { '{c="x"}': 17 / 3, '{c="y"}': 4 }],
    ['count by (c) (m)', { '{c="x"}': 3, '{c="y"}': 1 }],
    ['group by (c) (m)', { '{c="x"}': 1, '{c="y"}': 1 }],
    ['quantile(0.5, m)', { '{}': 5.5 }],
    ['sum(nothing)', {}],
  ])('%s', (query, expected) => {
    expect(instant(double, query)).toEqual(expected);
  });
});

describe('operators', () => {
  const double = doubleWith({
    'm{pod="a"}': '6x5',
    'm{pod="b"}': '8x5',
    'n{pod="a"}': '2x5',
    'n{pod="c"}': '3x5',
    'k{pod="a",c="x"}': '10x5',
    'k{pod="a",c="y"}': '20x5',
    'info{pod="a",node="n1"}': '1x5',
  });

  it.each([
    ['1 + 2 * 3 ^ 2', { '{}': 19 }],
    ['-2 ^ 2', { '{}': -4 }],
    ['7 % 4 - 10 / 4', { '{}': 0.5 }],
    ['3 > bool 2', { '{}': 1 }],
    ['m * 2', { '{pod="a"}': 12, '{pod="b"}': 16 }],
    ['-m', { '{pod="a"}': -6, '{pod="b"}': -8 }],
    ['m > 7', { 'm{pod="b"}': 8 }],
    ['7 < m', { 'm{pod="b"}': 8 }],
    ['m > bool 7', { '{pod="a"}': 0, '{pod="b"}': 1 }],
    ['m / n', { '{pod="a"}': 3 }],
    ['m > n', { 'm{pod="a"}': 6 }],
    ['k / on (pod) group_left () m', { '{c="x",pod="a"}': 10 / 6, '{c="y",pod="a"}': 20 / 6 }],
    ['m / ignoring (c) group_right () k', { '{c="x",pod="a"}': 0.6, '{c="y",pod="a"}': 0.3 }],
    ['k * on (pod) group_left (node) info', { '{c="x",node="n1",pod="a"}': 10, '{c="y",node="n1",pod="a"}': 20 }],
    ['m and n', { 'm{pod="a"}': 6 }],
    ['m unless n', { 'm{pod="b"}': 8 }],
    ['m or n', { 'm{pod="a"}': 6, 'm{pod="b"}': 8, 'n{pod="c"}': 3 }],
    ['k and on (pod) n', { 'k{c="x",pod="a"}': 10, 'k{c="y",pod="a"}': 20 }],
    ['m / 0', { '{pod="a"}': Infinity, '{pod="b"}': Infinity }],
    ['0 / 0', {}],
  ])('%s', (query, expected) => {
    expect(instant(double, query)).toEqual(expected);
  });

  it.each([
    ['n / on (pod) k', 'found duplicate series for the match group on the right side'],
    ['k / on (pod) m', 'many-to-one matching must be explicit'],
    ['{__name__=~"m|n"} * 2', 'vector cannot contain metrics with the same labelset'],
    ['last_over_time(m[5m]) or on (x) label_replace(m, "pod", "z", "", "")', 'the same labelset'],
  ])('refuses %s', (query, why) => {
    expect(() => instant(double, query)).toThrow(why);
  });

  it('joins partners that follow each other in time', () => {
    const moved = doubleWith({
      m: '1x9',
      'on_node{node="a"}': '1 1 1 1 1 _ _ _ _ _',
      'on_node{node="b"}': '_ _ _ _ _ 1 1 1 1 1',
    });
    expect(() => lastMinutes(moved, 'm * on () group_left (node) on_node', 10)).toThrow('found duplicate series');
    // Without the five minutes of lookback each minute has one partner.
    expect(lastMinutes(moved, 'm * on () group_left (node) last_over_time(on_node[1m])', 10)).toEqual({
      '{node="a"}': [1, 1, 1, 1, 1, null, null, null, null, null],
      '{node="b"}': [null, null, null, null, null, 1, 1, 1, 1, 1],
    });
  });
});

describe('functions', () => {
  const double = doubleWith({ 'm{pod="a-1"}': '1 2', 'm{pod="b"}': '-1.5x5' });

  it.each([
    ['time()', { '{}': NOW_SECONDS }],
    ['timestamp(m offset 30s)', { '{pod="a-1"}': NOW_SECONDS - 60, '{pod="b"}': NOW_SECONDS - 60 }],
    ['timestamp(m + 0)', { '{pod="a-1"}': NOW_SECONDS, '{pod="b"}': NOW_SECONDS }],
    ['scalar(m{pod="b"}) + 1', { '{}': -0.5 }],
    ['vector(scalar(m))', {}],
    ['vector(3)', { '{}': 3 }],
    ['absent(m{pod="x",env=~"y"})', { '{pod="x"}': 1 }],
    ['absent(m)', {}],
    ['abs(m{pod="b"})', { '{pod="b"}': 1.5 }],
    ['ceil(m{pod="b"})', { '{pod="b"}': -1 }],
    ['floor(m{pod="b"})', { '{pod="b"}': -2 }],
    ['clamp_min(m, 0)', { '{pod="a-1"}': 2, '{pod="b"}': 0 }],
    ['clamp_max(m, 1)', { '{pod="a-1"}': 1, '{pod="b"}': -1.5 }],
    ['label_replace(m, "app", "$1", "pod", "(.*)-.*")', { 'm{app="a",pod="a-1"}': 2, 'm{pod="b"}': -1.5 }],
    ['label_replace(m{pod="b"}, "pod", "", "pod", ".*")', { m: -1.5 }],
  ])('%s', (query, expected) => {
    expect(instant(double, query)).toEqual(expected);
  });
});

describe('the queries that OOM kills come from', () => {
  it('give an instant for each restart of a container whose last reason is OOMKilled', () => {
    const labels = (pod: string): string => `{namespace="x",pod="${pod}",uid="u-${pod}",container="app"}`;
    const double = doubleWith({
      [`kube_pod_container_status_restarts_total${labels('oom')}`]: '0x9 1x9 2x10',
      [`kube_pod_container_status_restarts_total${labels('crash')}`]: '0x9 1x20',
      [`kube_pod_container_status_last_terminated_reason${labels('oom').replace('}', ',reason="OOMKilled"}')}`]:
        '_x10 1x20',
      [`kube_pod_container_status_last_terminated_reason${labels('crash').replace('}', ',reason="Error"}')}`]:
        '_x10 1x20',
    });
    const on = '(namespace,pod,uid,container)';
    const restarts = 'kube_pod_container_status_restarts_total{namespace="x"}';
    const kills = lastMinutes(
      double,
      `max by ${on} (${restarts} - last_over_time(${restarts}[1h] offset 1m)) > 0 and on ${on} ` +
        `max by ${on} (kube_pod_container_status_last_terminated_reason{reason="OOMKilled",namespace="x"}) == 1`,
      31,
    );
    const minutes = Array.from({ length: 31 }, (_, index) => (index === 10 || index === 20 ? 1 : null));
    expect(kills).toEqual({ '{container="app",namespace="x",pod="oom",uid="u-oom"}': minutes });
  });
});

describe('what is refused', () => {
  const double = doubleWith({ m: '1x5' });

  it.each([
    ['sum(', 'parse error: unexpected end of input'],
    ['m{a="b', 'parse error'],
    ['m{a="b\\d"}', 'unknown escape sequence \\d'],
    ['m{a=~"("}', 'error parsing regexp'],
    ['m{a=~"(?=b)"}', 'unsupported by this server: the group "(?=b"'],
    ['{a=""}', 'at least one non-empty matcher'],
    ['rate(m)', 'expected type matrix in call to function "rate", got vector'],
    ['sum(m[5m])', 'expected type vector in aggregation expression, got matrix'],
    ['1 > 2', 'comparisons between scalars must use BOOL modifier'],
    ['m + bool m', 'bool modifier can only be used on comparison operators'],
    ['m and 1', 'set operator "and" not allowed in binary scalar expression'],
    ['sum(m)[5m]', 'ranges only allowed for vector selectors'],
    ['m[0s]', 'duration must be greater than 0'],
    ['m[1h+5m]', 'unsupported by this server: the duration expression "1h+5m"'],
    ['m @ 5', 'unsupported by this server: StepInvariantExpr'],
    ['topk(1, m)', 'unsupported by this server: the aggregation topk'],
    ['irate(m[5m])', 'unsupported by this server: the function irate()'],
    ['histogram_quantile(0.9, m)', 'unsupported by this server: the function histogram_quantile()'],
  ])('%s', (query, why) => {
    expect(() => instant(double, query)).toThrow(why);
  });
});
