// The queries by what they answer, evaluated with Prometheus' semantics over series that tell right from wrong.
import { describe, expect, test } from 'vitest';
import { oomKillQuery, floorQueries, windowQueries } from '../../../functions/rebalance/queries.ts';
import { RebalancePolicy } from '../../../functions/rebalance/schema.ts';
import { doubleWith, NOW_SECONDS, type QueryReply, send } from '../../platform/victoriametrics/ask.ts';

const POLICY = RebalancePolicy.parse({});
const SOURCE = { namespace: 'shop', selector: '', clusterLabel: 'cluster' };
const QUERIES = windowQueries(SOURCE, POLICY);
const MEMORY = 'container_memory_working_set_bytes';
const CPU = 'container_cpu_usage_seconds_total';

type Series = Readonly<Record<string, string>>;

/** The one value of an instant query, or its values by pod/container. */
function ask(series: Series, query: string): Record<string, number> {
  const reply = send(doubleWith(series), '/api/v1/query', { query, time: String(NOW_SECONDS), nocache: '1' });
  expect(String(reply.body), query).toContain('"success"');
  const { data } = JSON.parse(String(reply.body)) as QueryReply;
  return Object.fromEntries(
    (data?.result ?? []).map(({ metric, value }) => [
      `${metric['pod'] ?? ''}/${metric['container'] ?? ''}`,
      Number(value?.[1]),
    ]),
  );
}

function labels(more = '', container = 'app'): string {
  return `namespace="shop",pod="web",container="${container}"${more}`;
}

const DAY = '100x1439';

describe('memory', () => {
  test('the average weighs the series of a restarted container by their length', () => {
    const series = {
      [`${MEMORY}{${labels(',id="a"')}}`]: '100x1079 _x359',
      [`${MEMORY}{${labels(',id="b"')}}`]: '_x1079 500x359',
    };
    expect(ask(series, QUERIES.memoryAverage)).toEqual({ 'web/app': 200 });
  });

  test('doubled scrapes change neither average nor samples', () => {
    const once = { [`${MEMORY}{${labels(',job="a"')}}`]: DAY };
    const twice = { ...once, [`${MEMORY}{${labels(',job="b"')}}`]: DAY };
    for (const query of [QUERIES.memoryAverage, QUERIES.memorySamples, QUERIES.memoryP95]) {
      expect(ask(twice, query)).toEqual(ask(once, query));
    }
    expect(ask(once, QUERIES.memorySamples)['web/app']).toBe(288);
  });

  test('one raw sample is enough for the maximum', () => {
    expect(ask({ [`${MEMORY}{${labels()}}`]: '100x700 9000 100x737' }, QUERIES.memoryMaximum)).toEqual({
      'web/app': 9000,
    });
  });

  test('aggregate rows and other namespaces do not count', () => {
    const series = {
      [`${MEMORY}{${labels()}}`]: DAY,
      [`${MEMORY}{${labels('', '')}}`]: DAY,
      [`${MEMORY}{${labels('', 'POD')}}`]: DAY,
      [`${MEMORY}{namespace="other",pod="web",container="app"}`]: DAY,
    };
    expect(Object.keys(ask(series, QUERIES.memoryMaximum))).toEqual(['web/app']);
  });

  test('a series that ended is not fresh after ten minutes', () => {
    expect(ask({ [`${MEMORY}{${labels()}}`]: '100x1428 _x10' }, QUERIES.memoryFresh)).toEqual({});
    expect(ask({ [`${MEMORY}{${labels()}}`]: '100x1429 _x9' }, QUERIES.memoryFresh)).toEqual({ 'web/app': 1 });
  });

  test('the selector of the policy picks the cluster', () => {
    const series = {
      [`${MEMORY}{${labels(',cluster="a"')}}`]: '100x1439',
      [`${MEMORY}{${labels(',cluster="b"')}}`]: '900x1439',
    };
    const mine = windowQueries({ ...SOURCE, selector: '{cluster="a"}' }, POLICY);
    expect(ask(series, mine.memoryMaximum)).toEqual({ 'web/app': 100 });
    const reply = send(doubleWith(series), '/api/v1/query', {
      query: QUERIES.clusters,
      time: String(NOW_SECONDS),
      nocache: '1',
    });
    expect((JSON.parse(String(reply.body)) as QueryReply).data?.result).toHaveLength(2);
  });
});

describe('CPU', () => {
  test('average, p95 and maximum are rates over five minutes', () => {
    // 0.1 cores all day, 1 core in one hour of it.
    const series = { [`${CPU}{${labels()}}`]: '0+6x1000 6060+60x59 9606+6x379' };
    expect(ask(series, QUERIES.cpuMaximum)['web/app']).toBeCloseTo(1, 1);
    expect(ask(series, QUERIES.cpuP95)['web/app']).toBeCloseTo(0.1, 2);
    expect(ask(series, QUERIES.cpuAverage)['web/app']).toBeCloseTo(0.1 + 0.9 / 24, 2);
  });

  test('throttling is the share of its periods', () => {
    const series = {
      [`container_cpu_cfs_throttled_periods_total{${labels()}}`]: '0+1x1439',
      [`container_cpu_cfs_periods_total{${labels()}}`]: '0+4x1439',
    };
    expect(ask(series, QUERIES.throttled)['web/app']).toBeCloseTo(0.25, 3);
  });
});

describe('floors', () => {
  test('look at the whole week', () => {
    const queries = floorQueries(SOURCE, POLICY);
    expect(ask({ [`${MEMORY}{${labels()}}`]: '900x10 100x9000' }, queries.memoryMaximum)).toEqual({ 'web/app': 900 });
    expect(ask({ [`${MEMORY}{${labels()}}`]: '900x10 100x9000' }, QUERIES.memoryMaximum)).toEqual({ 'web/app': 100 });
  });
});

describe('OOM kills', () => {
  const restarts = `kube_pod_container_status_restarts_total{${labels(',uid="u1"')}}`;
  const reason = (why: string) =>
    `kube_pod_container_status_last_terminated_reason{${labels(`,uid="u1",reason="${why}"`)}}`;

  function points(series: Series): (readonly [number, string])[] {
    const { query, windowSeconds, stepSeconds } = oomKillQuery(SOURCE, POLICY);
    const reply = send(doubleWith(series), '/api/v1/query_range', {
      query,
      start: String(NOW_SECONDS - windowSeconds + stepSeconds),
      end: String(NOW_SECONDS),
      step: String(stepSeconds),
      nocache: '1',
    });
    expect(String(reply.body)).toContain('"success"');
    return ((JSON.parse(String(reply.body)) as QueryReply).data?.result ?? []).flatMap(({ values }) => values ?? []);
  }

  test('each growth of the restart counter is one point with its size', () => {
    const series = { [restarts]: '0x599 1x599 4x239', [reason('OOMKilled')]: '_x599 1x839' };
    expect(points(series)).toEqual([
      [NOW_SECONDS - 839 * 60, '1'],
      [NOW_SECONDS - 239 * 60, '3'],
    ]);
  });

  test('a gauge that stays at 1 without a restart is no kill', () => {
    expect(points({ [restarts]: '1x1439', [reason('OOMKilled')]: '1x1439' })).toEqual([]);
  });

  test('restarts of another cause are no kills', () => {
    expect(points({ [restarts]: '0x700 1x738', [reason('Error')]: '_x700 1x738' })).toEqual([]);
  });

  test('a gap in the scrapes hides no kill, doubled scrapes make no second one', () => {
    const gap = '0x600 _x20 2x818';
    const gauge = '_x621 1x818';
    const one = { [restarts]: gap, [reason('OOMKilled')]: gauge };
    const other = {
      [restarts.replace('uid=', 'job="b",uid=')]: gap,
      [reason('OOMKilled').replace('uid=', 'job="b",uid=')]: gauge,
    };
    expect(points(one).map(([, value]) => value)).toEqual(['2']);
    expect(points({ ...one, ...other })).toEqual(points(one));
  });
});
