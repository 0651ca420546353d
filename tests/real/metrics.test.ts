// The queries of rebalance on a real VictoriaMetrics: every scenario's series, asked of the real server and of its double. What the
// double works out must be what the server works out, and what the duty decides must not depend on which of them it asked.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scenarioClock } from '../../fixtures/platform/clock.ts';
import { serve } from '../../fixtures/platform/kit.ts';
import { loadScenario, mergeDeep, type Scenario } from '../../fixtures/platform/scenario.ts';
import { pointsOf } from '../../fixtures/platform/series-notation.ts';
import { victoriaMetricsDouble } from '../../fixtures/platform/victoriametrics/double.ts';
import { floorQueries, oomKillQuery, type QuerySource, windowQueries } from '../../functions/rebalance/queries.ts';
import { RebalancePolicy } from '../../functions/rebalance/schema.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { victoriaMetrics } from '../../shared/adapters/victoria/metrics.ts';
import type { Json, JsonObject } from '../../shared/core/json.ts';
import type { ReportedDecision } from '../../shared/core/report.ts';
import { isRecordedCase } from '../../shared/local/recorded-case.ts';
import { openScenario } from '../../shared/local/scenario.ts';
import type { Metrics, Sample, Series } from '../../shared/ports/metrics.ts';
import { describeWith } from './suite.ts';
import { type RealMetrics, startVictoriaMetrics } from './victoriametrics.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/rebalance');

const NAMES = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  // A recorded run holds its facts, and no samples.
  .filter((name) => !isRecordedCase(path.join(FOLDER, name)));

/** Less is a rounding of floating point sums in another order. */
const EXACT = 1e-9;

/**
 * Prometheus and its double extrapolate `rate` where a series begins and after a gap, VictoriaMetrics takes the sample before the
 * window in. Where enough was measured to judge a container at all, that moves its average by less than this share.
 */
const RATE_SHARE = 0.01;
const RATE_QUERIES: readonly string[] = ['cpuAverage', 'cpuP95', 'cpuMaximum', 'cpuSamples', 'floorCpuP95'];

/**
 * One restart that was no kill, right after the gauge of an older kill ended: Prometheus' lookback of five minutes still shows the
 * gauge, VictoriaMetrics' of about one scrape no longer does. A scraper marks the end of a series, which hides it from both;
 * a scenario's notation cannot.
 */
const KILLS_SHOWN_BY_LOOKBACK: readonly string[] = ['sticky-oom-gauge'];

let real: RealMetrics;

describeWith(
  ['metrics'],
  'rebalance on a real VictoriaMetrics',
  () => real?.log(),
  () => {
    beforeAll(async () => {
      real = await startVictoriaMetrics();
    });
    afterAll(async () => {
      await real?.[Symbol.asyncDispose]();
    });

    describe('what the queries give', () => {
      test.each(NAMES)('%s: as the double', async (name) => {
        const scenario = loadScenario(path.join(FOLDER, name));
        await using sides = await bothSides(scenario);
        const answers = await answersOf(sides, scenario.case.now);
        for (const [query, values] of answers) {
          compare(query, values, isJudged(answers, sides.minimumSamples));
        }
        const [double, server] = await Promise.all([sides.killsOf('double'), sides.killsOf('server')]);
        if (KILLS_SHOWN_BY_LOOKBACK.includes(name)) {
          expect(server.length).toBeLessThan(double.length);
        } else {
          expect(server).toEqual(double);
        }
      });
    });

    describe('what is decided', () => {
      // A source that fails or hangs is the double's part alone.
      test.each(NAMES.filter((name) => name !== 'metrics-down'))('%s: as a person wrote down', async (name) => {
        const scenario = loadScenario(path.join(FOLDER, name));
        const matcher = await real.importSeries(scenario.series);
        const running = await openScenario(onRealMetrics(scenario, matcher), { duty: 'rebalance' });
        try {
          const result = await running.run();
          if (result.kind === 'busy') {
            throw new Error('The scope is busy.');
          }
          expect(rulesOf(result.report.decisions)).toEqual(scenario.case.expect);
          expect(running.platform.calls.filter(({ system }) => system === 'victoriametrics')).toEqual([]);
        } finally {
          await running.close();
        }
      });
    });

    describe('OOM kills are counted', () => {
      const pod = { namespace: 'default', pod: 'app-0', uid: 'u-1', container: 'app' };
      const restarts = { __name__: 'kube_pod_container_status_restarts_total', ...pod };
      const reason = { __name__: 'kube_pod_container_status_last_terminated_reason', reason: 'OOMKilled', ...pod };

      test.each<[string, readonly HandMade[], readonly number[]]>([
        [
          'one for a gauge that stays at 1',
          [
            [restarts, '0x60 1x180'],
            [reason, '_x60 1x180'],
          ],
          [1],
        ],
        [
          'none for a gauge that was at 1 all along',
          [
            [restarts, '3x240'],
            [reason, '1x240'],
          ],
          [],
        ],
        [
          'three between two scrapes',
          [
            [restarts, '0x120 3x120'],
            [reason, '_x120 1x120'],
          ],
          [3],
        ],
        [
          'over a gap of the scrapes',
          [
            [restarts, '0x60 _x20 2x160'],
            [reason, '_x80 1x160'],
          ],
          [2],
        ],
        [
          'none when the counter falls back',
          [
            [restarts, '5x120 0x120'],
            [reason, '1x240'],
          ],
          [],
        ],
        [
          'none for restarts of another cause',
          [
            [restarts, '0x60 1x180'],
            [{ ...reason, reason: 'Error' }, '_x60 1x180'],
          ],
          [],
        ],
        [
          'those of a pod under the same name apart',
          [
            [restarts, '0x40 1x80 _x121'],
            [reason, '_x40 1x80 _x121'],
            [{ ...restarts, uid: 'u-2' }, '_x140 0x40 2x60'],
            [{ ...reason, uid: 'u-2' }, '_x180 1x60'],
          ],
          [1, 2],
        ],
        [
          'once when two instances are scraped',
          [
            [{ ...restarts, instance: 'a' }, '0x60 1x180'],
            [{ ...restarts, instance: 'b' }, '0x61 1x179'],
            [{ ...reason, instance: 'a' }, '_x60 1x180'],
            [{ ...reason, instance: 'b' }, '_x61 1x179'],
          ],
          [1],
        ],
      ])('%s', async (_name, series, wanted) => {
        const now = '2026-03-04T10:00:00Z';
        const matcher = await real.importSeries(
          series.map(([labels, values]) => ({ labels, points: pointsOf(values, 60, Date.parse(now) / 1000 - 17) })),
        );
        const { query, windowSeconds, stepSeconds } = oomKillQuery(
          sourceOf('default', matcher),
          RebalancePolicy.parse({}),
        );
        const from = new Date(Date.parse(now) - (windowSeconds - stepSeconds) * 1000).toISOString();
        const kills = await metricsAt(real.url).range(query, from, now, stepSeconds);
        const byPod = kills
          .toSorted((a, b) => (a.labels['uid'] ?? '').localeCompare(b.labels['uid'] ?? ''))
          .map(({ points }) => points.reduce((sum, [, value]) => sum + value, 0));
        expect(byPod).toEqual(wanted);
      });
    });
  },
);

type HandMade = readonly [Readonly<Record<string, string>>, string];

interface Sides extends AsyncDisposable {
  readonly double: Metrics;
  readonly server: Metrics;
  /** Query name to its text for the double and for the server. */
  readonly instants: Readonly<Record<string, readonly [string, string]>>;
  readonly minimumSamples: number;
  killsOf(side: 'double' | 'server'): Promise<readonly string[]>;
}

async function bothSides(scenario: Scenario): Promise<Sides> {
  const clock = scenarioClock(scenario.case.now);
  const calls = { clock, faults: [], calls: [] };
  const [running, matcher] = await Promise.all([
    serve(victoriaMetricsDouble(scenario.series, clock), calls),
    real.importSeries(scenario.series),
  ]);
  const { namespace = '' } = scenario.case.scope;
  const own = selectorOf(scenario);
  const policy = RebalancePolicy.parse(dutyPolicyOf(scenario));
  const sources = { double: sourceOf(namespace, own), server: sourceOf(namespace, joined(own, matcher)) };
  const metrics = { double: metricsAt(running.url), server: metricsAt(real.url) };
  const [ours, theirs] = [instantQueries(sources.double, policy), instantQueries(sources.server, policy)];
  return {
    ...metrics,
    instants: Object.fromEntries(Object.entries(ours).map(([name, query]) => [name, [query, theirs[name] ?? '']])),
    minimumSamples: policy.minimumSamplesRatio * 1440,
    async killsOf(side) {
      const { query, windowSeconds, stepSeconds } = oomKillQuery(sources[side], policy);
      const from = new Date(Date.parse(scenario.case.now) - (windowSeconds - stepSeconds) * 1000).toISOString();
      return linesOf(await metrics[side].range(query, from, scenario.case.now, stepSeconds));
    },
    async [Symbol.asyncDispose]() {
      await running.close();
    },
  };
}

function instantQueries(source: QuerySource, policy: RebalancePolicy): Readonly<Record<string, string>> {
  const floors = floorQueries(source, policy);
  return { ...windowQueries(source, policy), floorMemoryMaximum: floors.memoryMaximum, floorCpuP95: floors.cpuP95 };
}

interface Values {
  readonly double: ReadonlyMap<string, number>;
  readonly server: ReadonlyMap<string, number>;
}
type Answers = ReadonlyMap<string, Values>;

async function answersOf(sides: Sides, now: string): Promise<Answers> {
  const entries = Object.entries(sides.instants).map(async ([query, [ours, theirs]]): Promise<[string, Values]> => {
    const [double, server] = await Promise.all([sides.double.instant(ours, now), sides.server.instant(theirs, now)]);
    return [query, { double: valuesOf(double), server: valuesOf(server) }];
  });
  return new Map(await Promise.all(entries));
}

/** Whether there are enough samples of a container for a rule to look at its CPU at all. */
function isJudged(answers: Answers, minimumSamples: number): (labels: string) => boolean {
  return (labels) => (answers.get('cpuSamples')?.double.get(labels) ?? 0) >= minimumSamples;
}

function compare(query: string, { double, server }: Values, isJudgedOn: (labels: string) => boolean): void {
  expect([...server.keys()].sort(), `${query}: which containers there are`).toEqual([...double.keys()].sort());
  const isRate = RATE_QUERIES.includes(query);
  for (const [labels, expected] of double) {
    const found = server.get(labels) ?? Number.NaN;
    const difference = Math.abs(found - expected) / Math.max(Math.abs(found), Math.abs(expected), Number.MIN_VALUE);
    if (!isRate || isJudgedOn(labels)) {
      const message = `${query} of ${labels}: ${String(found)}, and the double says ${String(expected)}`;
      expect(difference, message).toBeLessThan(isRate ? RATE_SHARE : EXACT);
    }
  }
}

function valuesOf(samples: readonly Sample[]): ReadonlyMap<string, number> {
  return new Map(samples.map(({ labels, value }) => [JSON.stringify(Object.entries(labels).sort()), value]));
}

function linesOf(series: readonly Series[]): readonly string[] {
  return series
    .flatMap(({ labels, points }) =>
      points.map(
        ([time, value]) => `${String(time)} ${String(value)} ${JSON.stringify(Object.entries(labels).sort())}`,
      ),
    )
    .sort();
}

function metricsAt(url: string): Metrics {
  return victoriaMetrics({ url, clock: systemClock, random: () => 0.5, deadlineSeconds: 120 });
}

function sourceOf(namespace: string, selector: string): QuerySource {
  return { namespace, selector, clusterLabel: 'cluster' };
}

function selectorOf(scenario: Scenario): string {
  const selector = memberOf(metricsPolicyOf(scenario), 'selector');
  return typeof selector === 'string' ? selector : '';
}

function dutyPolicyOf(scenario: Scenario): Json {
  return memberOf(memberOf(scenario.policy, 'duties'), 'rebalance') ?? {};
}

function metricsPolicyOf(scenario: Scenario): Json {
  return (
    memberOf(memberOf(memberOf(scenario.policy, 'clusters'), scenario.case.scope['cluster'] ?? ''), 'metrics') ?? {}
  );
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)[name]
    : undefined;
}

function joined(selector: string, matcher: string): string {
  return selector === '' ? matcher : `${selector},${matcher}`;
}

/** The scenario with the real server in place of the double, and no samples in the double at all. */
function onRealMetrics(scenario: Scenario, matcher: string): Scenario {
  const metrics = { url: real.url, selector: joined(selectorOf(scenario), matcher) };
  const policy = mergeDeep(scenario.policy, { clusters: { [scenario.case.scope['cluster'] ?? '']: { metrics } } });
  return { ...scenario, policy: policy as JsonObject, series: [] };
}

function rulesOf(decisions: readonly ReportedDecision[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    decisions.map(({ subject, rule }) => [`${subject['pod'] ?? ''}/${subject['container'] ?? ''}`, rule]),
  );
}
