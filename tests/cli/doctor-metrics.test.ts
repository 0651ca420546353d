// The doctor's checks of a metrics store, through the real adapter against the embedded VictoriaMetrics.
import { afterEach, describe, expect, it } from 'vitest';
import { scenarioClock } from '../../fixtures/platform/clock.ts';
import { type Fault, serve, type RecordedCall, type RunningDouble } from '../../fixtures/platform/kit.ts';
import type { MetricSeries } from '../../fixtures/platform/scenario.ts';
import { victoriaMetricsDouble } from '../../fixtures/platform/victoriametrics/double.ts';
import { REQUIRED_METRICS } from '../../functions/rebalance/queries.ts';
import { victoriaMetrics } from '../../shared/adapters/victoria/metrics.ts';
import { PlatformError } from '../../shared/core/errors.ts';
import { MetricsSource } from '../../shared/core/policy.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { type Finding, runChecks } from '../../shared/local/cli/doctor-check.ts';
import { metricsChecks } from '../../shared/local/cli/doctor-metrics.ts';
import { pod, scriptedCluster } from './doctor-cluster-double.ts';

const NOW = '2026-03-04T10:00:00.000Z';
const NOW_SECONDS = Date.parse(NOW) / 1000;

const running: RunningDouble[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((double) => double.close()));
});

function series(name: string, labels: Readonly<Record<string, string>>, minutesAgo = 0): MetricSeries {
  return {
    labels: { __name__: name, ...labels },
    points: Array.from(
      { length: 30 },
      (_, index) => [NOW_SECONDS - (minutesAgo + 29 - index) * 60, 5 + index] as const,
    ),
  };
}

/** Everything that rebalance reads of one pod, as cAdvisor and kube-state-metrics expose it. */
function measured(
  pod: string,
  changes: { minutesAgo?: number; namespace?: string; cluster?: string } = {},
): MetricSeries[] {
  const { minutesAgo = 0, namespace = 'shop', cluster = 'prod' } = changes;
  const labels = { namespace, pod, container: 'app', cluster };
  return REQUIRED_METRICS.map(({ metric, labels: names }) =>
    series(
      metric,
      {
        ...labels,
        ...(names.includes('uid') ? { uid: `uid-${pod}` } : {}),
        ...(names.includes('reason') ? { reason: 'OOMKilled' } : {}),
      },
      minutesAgo,
    ),
  );
}

interface Setting {
  readonly series: readonly MetricSeries[];
  readonly cluster?: Cluster;
  readonly selector?: string;
  readonly namespaces?: readonly string[];
  readonly faults?: readonly Fault[];
  readonly serverNow?: string;
}

async function examine(setting: Setting): Promise<readonly Finding[]> {
  const { namespaces = ['shop'], cluster = scriptedCluster({ pods: ['api-1', 'api-2'] }) } = setting;
  const clock = scenarioClock(setting.serverNow ?? NOW);
  const calls: RecordedCall[] = [];
  const double = await serve(victoriaMetricsDouble(setting.series, clock), {
    clock,
    faults: setting.faults ?? [],
    calls,
  });
  running.push(double);
  const ours = { now: () => new Date(NOW), sleep: () => Promise.resolve() };
  return runChecks([
    metricsChecks({
      metrics: victoriaMetrics({ url: double.url, clock: ours, random: () => 0, deadlineSeconds: 2 }),
      source: MetricsSource.parse({ url: double.url, selector: setting.selector ?? '' }),
      cluster,
      namespaces,
      required: REQUIRED_METRICS,
      clock: ours,
    }),
  ]);
}

function of(findings: readonly Finding[], check: string): readonly Finding[] {
  return findings.filter((finding) => finding.check === check);
}

function only(findings: readonly Finding[], check: string): Finding {
  const [found, ...more] = of(findings, check);
  if (found === undefined || more.length > 0) {
    throw new Error(`expected one finding of ${check}: ${JSON.stringify(findings)}`);
  }
  return found;
}

const HEALTHY = [...measured('api-1'), ...measured('api-2')];

describe('a healthy store', () => {
  it('passes every check', async () => {
    const findings = await examine({ series: HEALTHY });
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual([
      'server',
      'clock',
      'one cluster',
      'freshness',
      'completeness',
      'pods known',
    ]);
    expect(only(findings, 'one cluster').detail).toBe('cluster="prod" alone');
    expect(only(findings, 'pods known').detail).toBe('shop: the metrics know 2 of 2 running pods');
  });
});

describe('a store that does not answer', () => {
  it('is one failure, and the rest is not asked', async () => {
    const findings = await examine({
      series: HEALTHY,
      faults: [{ system: 'victoriametrics', operation: '*', kind: 'cut' }],
    });
    expect(findings.map(({ check, level }) => [check, level])).toEqual([
      ['server', 'failure'],
      ['the rest', 'skipped'],
    ]);
    expect(findings[0]?.remedy).toBeTruthy();
  });

  it('keeps its other checks when only one query fails', async () => {
    const findings = await examine({
      series: HEALTHY,
      faults: [{ system: 'victoriametrics', operation: 'query', kind: '500' }],
    });
    expect(only(findings, 'server').level).toBe('ok');
    expect(only(findings, 'clock').level).toBe('ok');
    expect(only(findings, 'freshness').level).toBe('failure');
  });
});

describe('the clock of the store', () => {
  it('warns when it is off', async () => {
    const findings = await examine({ series: HEALTHY, serverNow: '2026-03-04T10:02:00.000Z' });
    expect(only(findings, 'clock').level).toBe('warning');
    expect(only(findings, 'clock').detail).toContain('120 s ahead');
  });
});

describe('whose metrics they are', () => {
  it('fails when several clusters match, and names a selector', async () => {
    const findings = await examine({ series: [...HEALTHY, ...measured('api-9', { cluster: 'stage' })] });
    const found = only(findings, 'one cluster');
    expect(found.level).toBe('failure');
    expect(found.detail).toContain('"prod", "stage"');
    expect(found.remedy).toContain('clusters.prod.metrics.selector');
    expect(found.remedy).toContain('cluster="prod"');
  });

  it('passes when the selector picks one of them', async () => {
    const findings = await examine({
      series: [...HEALTHY, ...measured('api-9', { cluster: 'stage' })],
      selector: 'cluster="prod"',
    });
    expect(only(findings, 'one cluster').level).toBe('ok');
  });

  it('fails when the selector matches nothing', async () => {
    const findings = await examine({ series: HEALTHY, selector: 'cluster="production"' });
    expect(only(findings, 'one cluster').level).toBe('failure');
    expect(only(findings, 'one cluster').detail).toContain('cluster="production"');
    expect(only(findings, 'freshness').level).toBe('failure');
  });

  it('fails when the pods of the API server are not those of the metrics', async () => {
    const findings = await examine({ series: [...measured('web-1'), ...measured('web-2')] });
    const found = only(findings, 'pods known');
    expect(found.level).toBe('failure');
    expect(found.detail).toContain('none of the 2 running pods');
    expect(found.detail).toContain('web-1');
    expect(found.remedy).toContain('selector');
  });

  it('fails under nine tenths, passes at nine tenths', async () => {
    const pods = Array.from({ length: 10 }, (_, index) => `api-${String(index)}`);
    const cluster = scriptedCluster({ pods });
    const nine = await examine({ series: pods.slice(1).flatMap((pod) => measured(pod)), cluster });
    expect(only(nine, 'pods known').level).toBe('ok');
    const eight = await examine({ series: pods.slice(2).flatMap((pod) => measured(pod)), cluster });
    expect(only(eight, 'pods known').level).toBe('failure');
    expect(only(eight, 'pods known').detail).toContain('api-0, api-1');
  });

  it('does not expect metrics of pods that are young, ending or finished', async () => {
    const cluster = scriptedCluster({
      pods: [
        'api-1',
        pod('young', { startedAt: '2026-03-04T09:58:00Z' }),
        pod('ending', { deletedAt: '2026-03-04T09:59:00Z' }),
        pod('finished', { phase: 'Succeeded' }),
      ],
    });
    const findings = await examine({ series: measured('api-1'), cluster });
    expect(only(findings, 'pods known').detail).toBe('shop: the metrics know 1 of 1 running pods');
  });

  it('does not know when the pods cannot be listed', async () => {
    const cluster = scriptedCluster({
      pods: [],
      listPods: () =>
        Promise.reject(
          new PlatformError(
            { system: 'Kubernetes API', operation: 'list pods', target: 'shop', applied: 'no', status: 403 },
            'it is not permitted',
          ),
        ),
    });
    expect(only(await examine({ series: HEALTHY, cluster }), 'pods known').level).toBe('skipped');
  });
});

describe('freshness', () => {
  it('fails with the age of the newest sample', async () => {
    const findings = await examine({
      series: [...measured('api-1', { minutesAgo: 42 }), ...measured('api-2', { minutesAgo: 42 })],
    });
    const found = only(findings, 'freshness');
    expect(found.level).toBe('failure');
    const minutes = Number(/about (\d+) minutes old/.exec(found.detail)?.[1]);
    expect(minutes).toBeGreaterThanOrEqual(40);
    expect(minutes).toBeLessThanOrEqual(50);
  });

  it('tells fresh and stale namespaces apart', async () => {
    const findings = await examine({
      series: [...HEALTHY, ...measured('pay-1', { namespace: 'pay', minutesAgo: 42 })],
      namespaces: ['shop', 'pay'],
    });
    expect(of(findings, 'freshness').map(({ level, detail }) => [level, detail.split(':')[0]])).toEqual([
      ['ok', 'shop'],
      ['failure', 'pay'],
    ]);
  });

  it('expects nothing of a namespace without running pods', async () => {
    const findings = await examine({ series: HEALTHY, namespaces: ['empty'], cluster: scriptedCluster({ pods: [] }) });
    expect(only(findings, 'freshness').level).toBe('ok');
    expect(only(findings, 'pods known').level).toBe('ok');
  });
});

describe('completeness', () => {
  const without = (metric: string): MetricSeries[] => HEALTHY.filter(({ labels }) => labels['__name__'] !== metric);

  const always = REQUIRED_METRICS.filter(({ isAlwaysThere }) => isAlwaysThere).map(({ metric }) => metric);

  it.each(always)('fails without %s', async (metric) => {
    const found = of(await examine({ series: without(metric) }), 'completeness').filter(({ level }) => level !== 'ok');
    expect(found).toHaveLength(1);
    expect(found[0]?.level).toBe('failure');
    expect(found[0]?.detail).toContain(metric);
  });

  it('warns without a metric that is there only on occasion', async () => {
    const metric = 'kube_pod_container_status_last_terminated_reason';
    const found = of(await examine({ series: without(metric) }), 'completeness').filter(({ level }) => level !== 'ok');
    expect(found.map(({ level }) => level)).toEqual(['warning']);
    expect(found[0]?.detail).toContain(metric);
  });

  it('sees that kube-state-metrics was scraped without honor_labels', async () => {
    const metric = 'kube_pod_container_status_restarts_total';
    const moved = series(metric, {
      namespace: 'monitoring',
      pod: 'kube-state-metrics-1',
      container: 'kube-state-metrics',
      uid: 'uid-1',
      exported_namespace: 'shop',
      exported_pod: 'api-1',
      exported_container: 'app',
    });
    const found = of(await examine({ series: [...without(metric), moved] }), 'completeness').find(
      ({ level }) => level === 'failure',
    );
    expect(found?.detail).toContain('exported_namespace');
    expect(found?.remedy).toContain('honor_labels: true');
  });

  it('sees that a label was taken away', async () => {
    const metric = 'kube_pod_container_status_restarts_total';
    const bare = series(metric, { namespace: 'shop', pod: 'api-1', container: 'app' });
    const found = of(await examine({ series: [...without(metric), bare] }), 'completeness').find(
      ({ level }) => level === 'failure',
    );
    expect(found?.detail).toContain('series of it lack one of these labels');
    expect(found?.remedy).toContain('uid');
  });

  it('does not blame labels when the metric is only missing in one namespace', async () => {
    const findings = await examine({
      series: [
        ...HEALTHY,
        ...measured('pay-1', { namespace: 'pay' }).filter(
          ({ labels }) => labels['__name__'] !== 'kube_pod_container_status_restarts_total',
        ),
      ],
      namespaces: ['shop', 'pay'],
    });
    const found = of(findings, 'completeness').find(({ level }) => level === 'failure');
    expect(found?.detail).toContain(' in pay');
    expect(found?.detail).not.toContain('lack');
  });
});
