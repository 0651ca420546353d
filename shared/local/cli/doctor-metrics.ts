// What the doctor asks of a metrics store: does it answer, are its samples fresh and complete, and are they of this cluster.
// The number of queries grows with the metrics and namespaces of the policy, never with pods.
import type { MetricsSource } from '../../core/policy.ts';
import { labelValue, selectorWith } from '../../core/promql.ts';
import type { RequiredMetric } from '../../core/required-metric.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Cluster } from '../../ports/cluster.ts';
import type { Metrics } from '../../ports/metrics.ts';
import {
  type Check,
  clockResult,
  derived,
  failure,
  failureOf,
  listed,
  ok,
  once,
  type Result,
  skipped,
  type SystemChecks,
  warning,
} from './doctor-check.ts';

export interface MetricsToCheck {
  readonly metrics: Metrics;
  readonly source: MetricsSource;
  /** The cluster that the metrics must be of. */
  readonly cluster: Cluster;
  readonly namespaces: readonly string[];
  readonly required: readonly RequiredMetric[];
  readonly clock: Clock;
}

/** The one metric that every scrape of cAdvisor brings for every running container. */
const WITNESS = 'container_memory_working_set_bytes';
const FRESH_SECONDS = 300;
const LOOK_BACK_SECONDS = 86_400;
/** Pods come and go while both sides are asked, and one node may be between two scrapes. */
const KNOWN_PERCENT = 90;

export function metricsChecks(input: MetricsToCheck): SystemChecks {
  const { metrics, clock, cluster, namespaces, required } = input;
  const identity = once(async () => {
    const before = clock.now();
    const { server, now } = await metrics.identity();
    return { server, now, before, after: clock.now() };
  });
  const running = new Map(namespaces.map((namespace) => [namespace, once(() => oldPods(cluster, namespace, clock))]));
  const others: Check[] = [
    {
      name: 'clock',
      run: () => derived(identity, ({ now, before, after }) => [clockResult(now, before, after)]),
    },
    { name: 'one cluster', run: () => checkOneCluster(input) },
    ...(namespaces.length === 0 ? [] : [{ name: 'freshness', run: () => checkFreshness(input, running) }]),
    ...(namespaces.length === 0 || required.length === 0
      ? []
      : [{ name: 'completeness', run: () => checkCompleteness(input) }]),
    ...(namespaces.length === 0 ? [] : [{ name: 'pods known', run: () => checkPodsKnown(input, running) }]),
  ];
  return {
    system: `Metrics ${cluster.name}`,
    first: {
      name: 'server',
      async run() {
        const { server } = await identity();
        return [ok(`${server} at ${withoutCredentials(input.source.url ?? 'an MCP server')}`)];
      },
    },
    others,
  };
}

function withoutCredentials(address: string): string {
  const url = URL.parse(address);
  return url === null ? address : `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
}

/** Names of running pods that were there at the last few scrapes. */
type OldPods = () => Promise<readonly string[]>;

async function oldPods(cluster: Cluster, namespace: string, clock: Clock): Promise<readonly string[]> {
  const pods = await cluster.listPods(namespace);
  const since = clock.now().getTime() - FRESH_SECONDS * 1000;
  return pods
    .filter(({ phase, meta, startedAt }) => {
      const isOld = startedAt !== null && Date.parse(startedAt) < since;
      return phase === 'Running' && meta.deletedAt === null && isOld;
    })
    .map(({ meta }) => meta.name);
}

/** Matchers of the containers that the duties look at; rows of the pod ("") and its sandbox ("POD") are left out. */
function containers({ source }: MetricsToCheck, exact: Readonly<Record<string, string>> = {}): string {
  return `{${joined('container!="",container!="POD"', selectorWith(exact, source.selector))}}`;
}

function joined(...matchers: readonly string[]): string {
  return matchers.filter((text) => text !== '').join(',');
}

async function checkOneCluster(input: MetricsToCheck): Promise<readonly Result[]> {
  const { metrics, source, cluster, clock } = input;
  const label = source.clusterLabel;
  const samples = await metrics.instant(`count by (${label}) (${WITNESS}${containers(input)})`, nowOf(clock));
  const values = samples.map(({ labels }) => labels[label] ?? '').sort();
  const [only] = values;
  if (only === undefined) {
    return [
      failure(
        source.selector === ''
          ? `there is no series of ${WITNESS}`
          : `no series of ${WITNESS} matches the selector ${source.selector}`,
        `Check that clusters.${cluster.name}.metrics names the store and the selector of this cluster, and that cAdvisor (the kubelets' /metrics/cadvisor) is scraped.`,
      ),
    ];
  }
  if (values.length > 1) {
    const example = values.find((value) => value !== '') ?? only;
    return [
      failure(
        `the selector matches ${String(values.length)} values of the label ${label}: ${listed(values.map((value) => JSON.stringify(value)))}; runs refuse to act on a mixture`,
        `Set clusters.${cluster.name}.metrics.selector to the one of this cluster, such as ${label}=${labelValue(example)}; when another label tells your clusters apart, name it in clusterLabel.`,
      ),
    ];
  }
  return [ok(only === '' ? `the label ${label} is not used` : `${label}=${JSON.stringify(only)} alone`)];
}

async function checkFreshness(
  input: MetricsToCheck,
  running: ReadonlyMap<string, OldPods>,
): Promise<readonly Result[]> {
  const { metrics, namespaces, clock } = input;
  const at = nowOf(clock);
  const window = `[${String(FRESH_SECONDS)}s]`;
  const query = `sum by (namespace) (count_over_time(${WITNESS}${containers(input)}${window}))`;
  const seen = new Set((await metrics.instant(query, at)).map(({ labels }) => labels['namespace']));
  const fresh = namespaces.filter((namespace) => seen.has(namespace));
  const results = await Promise.all(
    namespaces
      .filter((namespace) => !seen.has(namespace))
      .map((namespace) => staleResult(input, namespace, running.get(namespace), at)),
  );
  return [
    ...(fresh.length === 0 ? [] : [ok(`${listed(fresh)}: samples of the last ${String(FRESH_SECONDS / 60)} minutes`)]),
    ...results,
  ];
}

async function staleResult(
  input: MetricsToCheck,
  namespace: string,
  running: OldPods | undefined,
  at: string,
): Promise<Result> {
  // A namespace that cannot be listed is told by the checks of the API server; here it counts as one with pods.
  const pods = await running?.().catch(() => undefined);
  if (pods?.length === 0) {
    return ok(
      `${namespace}: no pod has been running for ${String(FRESH_SECONDS / 60)} minutes, so there is nothing to measure`,
    );
  }
  const query = `count(count_over_time(${WITNESS}${containers(input, { namespace })}[${String(FRESH_SECONDS)}s]))`;
  const from = new Date(Date.parse(at) - LOOK_BACK_SECONDS * 1000).toISOString();
  const points = (await input.metrics.range(query, from, at, FRESH_SECONDS)).flatMap((series) => series.points);
  const last = Math.max(...points.map(([seconds]) => seconds));
  if (points.length === 0) {
    return failure(
      `${namespace}: no sample of ${WITNESS} in the last day`,
      `Check that clusters.${input.cluster.name}.metrics names the store and the selector of this cluster, and that cAdvisor is scraped there.`,
    );
  }
  const minutes = Math.round((Date.parse(at) / 1000 - last + FRESH_SECONDS) / 60);
  return failure(
    `${namespace}: the newest sample of ${WITNESS} is about ${String(minutes)} minutes old`,
    'Look at the scraper (vmagent, Prometheus): its targets page, its log, and its queue to the store. Without fresh samples nothing is acted on.',
  );
}

async function checkCompleteness(input: MetricsToCheck): Promise<readonly Result[]> {
  const { required, namespaces } = input;
  const readings = await Promise.all(
    required.map(async (need): Promise<Reading> => {
      try {
        return { need, counts: await seriesByNamespace(input, need) };
      } catch (error) {
        return { need, error };
      }
    }),
  );
  // A namespace that no metric knows is told by the freshness; here it would only repeat itself for each of them.
  const known = namespaces.filter((name) => readings.some((one) => 'counts' in one && one.counts.has(name)));
  const results = await Promise.all(readings.map((reading) => completenessResult(input, reading, known)));
  const wrong = results.filter((result) => result !== undefined);
  const there = required.filter((_, index) => results[index] === undefined).map(({ metric }) => metric);
  return [...(there.length === 0 ? [] : [ok(`there: ${listed(there, 20)}`)]), ...wrong];
}

type Reading =
  | { readonly need: RequiredMetric; readonly counts: ReadonlyMap<string, number> }
  | { readonly need: RequiredMetric; readonly error: unknown };

/** Number of series with all labels that are needed. One query for all namespaces. */
async function seriesByNamespace(input: MetricsToCheck, need: RequiredMetric): Promise<ReadonlyMap<string, number>> {
  const labelled = need.labels.map((label) => `${label}!=""`).join(',');
  const query = `count by (namespace) (${seriesOf(input, need, labelled)})`;
  const samples = await input.metrics.instant(query, nowOf(input.clock));
  return new Map(samples.map(({ labels, value }) => [labels['namespace'] ?? '', value]));
}

function seriesOf({ source }: MetricsToCheck, { metric }: RequiredMetric, matchers: string): string {
  return `${metric}{${joined(matchers, selectorWith({}, source.selector))}}`;
}

async function completenessResult(
  input: MetricsToCheck,
  reading: Reading,
  known: readonly string[],
): Promise<Result | undefined> {
  const { need } = reading;
  if ('error' in reading) {
    return failureOf(reading.error);
  }
  const { counts } = reading;
  const missing = known.filter((namespace) => !counts.has(namespace));
  if (counts.size > 0 && (missing.length === 0 || !need.isAlwaysThere)) {
    return undefined;
  }
  const where = counts.size === 0 ? '' : ` in ${listed(missing)}`;
  const what = `no series of ${need.metric} with the labels ${need.labels.join(', ')}${where}`;
  const cause = await causeOf(input, need, counts);
  if (cause !== undefined) {
    return failure(`${what}: ${cause.why}`, `${cause.remedy} ${need.without}`);
  }
  const remedy = `${scrapeRemedy(need)} ${need.without}`;
  return need.isAlwaysThere
    ? failure(what, remedy)
    : warning(`${what}: it may be that there was no occasion for one yet`, remedy);
}

function scrapeRemedy({ exporter, metric }: RequiredMetric): string {
  return exporter === 'cadvisor'
    ? `Check that the kubelets' /metrics/cadvisor is scraped and that no relabelling drops ${metric}.`
    : `Check that kube-state-metrics runs and is scraped, and that no allow list or relabelling drops ${metric}.`;
}

/** Why series that are there are not found: their labels were renamed, or taken away. */
async function causeOf(
  input: MetricsToCheck,
  need: RequiredMetric,
  counts: ReadonlyMap<string, number>,
): Promise<{ readonly why: string; readonly remedy: string } | undefined> {
  const { metrics, clock } = input;
  // cAdvisor's rows of pods and nodes have no labels of containers by nature.
  const all = seriesOf(input, need, need.exporter === 'cadvisor' ? 'container!=""' : '');
  const [renamed, found] = await Promise.all([
    metrics.instant(`count(${seriesOf(input, need, 'exported_namespace!=""')})`, nowOf(clock)),
    metrics.instant(`count(${all})`, nowOf(clock)),
  ]);
  if (renamed.length > 0) {
    return {
      why: 'its labels are called exported_namespace, exported_pod and so on',
      remedy: `Set honor_labels: true (honorLabels in a ServiceMonitor or VMServiceScrape) in the job that scrapes ${need.exporter}.`,
    };
  }
  const labelled = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return (found[0]?.value ?? 0) > labelled
    ? {
        why: 'series of it lack one of these labels',
        remedy: `Keep the labels ${need.labels.join(', ')} in relabelling and stream aggregation.`,
      }
    : undefined;
}

async function checkPodsKnown(
  input: MetricsToCheck,
  running: ReadonlyMap<string, OldPods>,
): Promise<readonly Result[]> {
  return Promise.all(
    input.namespaces.map(async (namespace) => {
      let pods: readonly string[] | undefined;
      try {
        pods = await running.get(namespace)?.();
      } catch {
        return skipped(`${namespace}: its pods cannot be listed, see the checks of the API server`);
      }
      try {
        return await podsKnownResult(input, namespace, pods ?? []);
      } catch (error) {
        return failureOf(error);
      }
    }),
  );
}

async function podsKnownResult(input: MetricsToCheck, namespace: string, pods: readonly string[]): Promise<Result> {
  const { metrics, cluster, source, clock } = input;
  if (pods.length === 0) {
    return ok(`${namespace}: no pod has been running long enough to be compared`);
  }
  const samples = await metrics.instant(`count by (pod) (${WITNESS}${containers(input, { namespace })})`, nowOf(clock));
  const measured = new Set(samples.map(({ labels }) => labels['pod'] ?? ''));
  if (measured.size === 0) {
    return skipped(`${namespace}: there are no series to compare its pods with`);
  }
  const unknown = pods.filter((pod) => !measured.has(pod));
  const count = `${String(pods.length - unknown.length)} of ${String(pods.length)} running pods`;
  if ((pods.length - unknown.length) * 100 >= pods.length * KNOWN_PERCENT) {
    return ok(`${namespace}: the metrics know ${count}`);
  }
  if (unknown.length === pods.length) {
    return failure(
      `${namespace}: the metrics know none of the ${String(pods.length)} running pods; they are of another cluster. They tell of ${listed([...measured].sort())}`,
      `Set clusters.${cluster.name}.metrics.url and selector to the store and the series of the cluster at ${cluster.server}, such as ${source.clusterLabel}=${labelValue(cluster.name)}.`,
    );
  }
  return failure(
    `${namespace}: the metrics know only ${count}; without ${listed(unknown)}`,
    'Check that every node is scraped: a node whose kubelet is not reached has no metrics. If these are pods of another cluster, correct the selector.',
  );
}

function nowOf(clock: Clock): string {
  return clock.now().toISOString();
}
