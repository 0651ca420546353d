// Ports → facts. Everything of the first round is read at once; what only some verdicts depend on, in a second one.
import { CallerError, PlatformError } from '../../shared/core/errors.ts';
import { durationSeconds } from '../../shared/core/policy.ts';
import type { MetricsSource } from '../../shared/core/policy.ts';
import type { Cluster, ClusterVersion, Pod, Readable, VerticalAutoscaler } from '../../shared/ports/cluster.ts';
import type { History, Ports } from '../../shared/ports/ports.ts';
import type { Policy } from '../../shared/core/policy.ts';
import { compareText, SCRAPE_LAG_SECONDS, secondsOf, worldOf } from './decide-view.ts';
import { needsOf } from './needs.ts';
import type { Needs } from './needs.ts';
import { readFloors, readUsage } from './observe-metrics.ts';
import type { MetricsPlace, UsageReading } from './observe-metrics.ts';
import { nodeRooms, pastChanges, podFacts, workloadFacts } from './observe-pods.ts';
import type { RebalancePolicy, RebalanceScope } from './schema.ts';
import type { RebalanceFacts } from './schema-facts.ts';

export interface ObserveInput {
  readonly scope: RebalanceScope;
  readonly policy: Policy<RebalancePolicy>;
  readonly now: string;
  readonly ports: Pick<Ports, 'cluster' | 'metrics'>;
  readonly history: History;
  readonly progress: (message: string) => void;
}

/**
 * The facts of one namespace. Fails with a PlatformError when the API server does, and with a CallerError when the
 * namespace is not there or may not be read; everything else that cannot be read becomes a fact.
 */
export async function observe(input: ObserveInput): Promise<RebalanceFacts> {
  const { scope, policy, now, ports, progress } = input;
  const cluster = ports.cluster(scope.cluster);
  const place: MetricsPlace = {
    metrics: ports.metrics(scope.cluster),
    source: sourceOf(policy, scope.cluster),
    cluster: scope.cluster,
    namespace: scope.namespace,
    now,
  };
  progress(`reading namespace ${scope.namespace} of cluster ${scope.cluster}`);
  const version = cluster.version();
  const [usage, server, pods, workloads, horizontal, vertical, quotas, limitRanges, history] = await Promise.all([
    readUsage(place, policy.duty),
    version,
    listPods(cluster, scope, progress),
    cluster.listWorkloads(scope.namespace),
    cluster.listHorizontalAutoscalers(scope.namespace),
    listVerticalAutoscalers(cluster, version, scope.namespace),
    cluster.listQuotas(scope.namespace),
    cluster.listLimitRanges(scope.namespace),
    input.history.actionsSince(new Date(Date.parse(now) - historySeconds(policy.duty) * 1000).toISOString()),
  ]);
  const names = new Set(workloads.map(({ kind, meta }) => `${kind}/${meta.name}`));
  const facts: RebalanceFacts = {
    schema: 1,
    now,
    cluster: scope.cluster,
    namespace: scope.namespace,
    server: { version: server.gitVersion, major: server.major, minor: server.minor, podResize: server.podResize },
    pods: pods.map((pod) => podFacts(pod, names, usage)).sort((a, b) => compareText(a.name, b.name)),
    workloads: workloads.map(workloadFacts).sort((a, b) => compareText(`${a.kind}/${a.name}`, `${b.kind}/${b.name}`)),
    horizontalAutoscalers: mapped(horizontal, ({ name, target, resources }) => ({
      name,
      target: { ...target },
      resources: [...resources],
    })),
    verticalAutoscalers: mapped(vertical, ({ name, target, updateMode }) => ({
      name,
      target: { ...target },
      updateMode,
    })),
    quotas: mapped(quotas, ({ name, hard, used, scopes }) => ({
      name,
      hard: { ...hard },
      used: { ...used },
      scopes: [...scopes],
    })),
    limitRanges: mapped(limitRanges, ({ name, items }) => ({
      name,
      items: items.map(({ type, max, min, maxLimitRequestRatio }) => ({
        type,
        max: { ...max },
        min: { ...min },
        maxLimitRequestRatio: { ...maxLimitRequestRatio },
      })),
    })),
    nodes: null,
    metrics: { unusable: usage.unusable, oomKillsUnknown: usage.oomKillsUnknown, problems: [...usage.problems] },
    history: [...pastChanges(history)],
  };
  const complete = await readNeeds({ cluster, place, pods, progress }, facts, policy);
  return {
    ...complete,
    metrics: { ...complete.metrics, problems: [...complete.metrics.problems, ...gapsOf(complete, policy, usage)] },
  };
}

function sourceOf(policy: Policy<RebalancePolicy>, cluster: string): MetricsSource {
  const source = policy.team.clusters[cluster]?.metrics;
  if (source === undefined) {
    throw new CallerError(`scope.cluster: the policy knows no cluster ${JSON.stringify(cluster)}.`, {
      field: 'scope.cluster',
      remedy: `Name one of: ${Object.keys(policy.team.clusters).join(', ') || 'none is configured'}.`,
    });
  }
  return source;
}

function historySeconds(policy: RebalancePolicy): number {
  const { raiseWindow, trimWindow, growthWindow, cooldown } = policy;
  return Math.max(...[raiseWindow, trimWindow, growthWindow, cooldown].map(durationSeconds));
}

async function listPods(
  cluster: Cluster,
  scope: RebalanceScope,
  progress: (message: string) => void,
): Promise<readonly Pod[]> {
  try {
    const pods = await cluster.listPods(scope.namespace, {
      progress: (count) => progress(`${count} pods`),
    });
    // A list of a namespace that is not there is empty, like that of an empty one: only then it pays to ask.
    if (pods.length === 0 && !(await namespaceExists(cluster, scope.namespace))) {
      throw notThere(scope, 'There is no such namespace.');
    }
    return pods;
  } catch (error) {
    if (error instanceof PlatformError && error.failure.code === 'NotFound') {
      throw notThere(scope, error.message);
    }
    if (error instanceof PlatformError && error.failure.code === 'Forbidden') {
      throw new CallerError(
        `scope.namespace: pods of namespace ${scope.namespace} of cluster ${scope.cluster} may not be read. ${error.message}`,
        {
          field: 'scope.namespace',
          cause: error,
          remedy:
            error.remedy ??
            'Grant list on pods in that namespace; `nightshift doctor` names every permission that is missing.',
        },
      );
    }
    throw error;
  }
}

function notThere(scope: RebalanceScope, why: string): CallerError {
  return new CallerError(
    `scope.namespace: namespace ${JSON.stringify(scope.namespace)} of cluster ${scope.cluster} was not found. ${why}`,
    {
      field: 'scope.namespace',
      remedy: 'Check its spelling, and that the kubeconfig context is the right one.',
    },
  );
}

/** Who may list pods of a namespace may often not read the namespace itself: then an empty list is believed. */
async function namespaceExists(cluster: Cluster, namespace: string): Promise<boolean> {
  try {
    return await cluster.namespaceExists(namespace);
  } catch (error) {
    if (error instanceof PlatformError && error.failure.code === 'Forbidden') {
      return true;
    }
    throw error;
  }
}

async function listVerticalAutoscalers(
  cluster: Cluster,
  version: Promise<ClusterVersion>,
  namespace: string,
): Promise<Readable<VerticalAutoscaler>> {
  return (await version).verticalAutoscalers ? cluster.listVerticalAutoscalers(namespace) : { items: [] };
}

function mapped<A, B>(list: Readable<A>, map: (item: A) => B): { items: B[] } | { unreadable: string } {
  return 'unreadable' in list ? { unreadable: list.unreadable } : { items: list.items.map(map) };
}

interface FirstRound {
  readonly cluster: Cluster;
  readonly place: MetricsPlace;
  readonly pods: readonly Pod[];
  readonly progress: (message: string) => void;
}

async function readNeeds(
  { cluster, place, pods, progress }: FirstRound,
  facts: RebalanceFacts,
  policy: Policy<RebalancePolicy>,
): Promise<RebalanceFacts> {
  const needs = needsOf(facts, policy);
  if (needs.floors || needs.nodes) {
    progress(
      [
        'reading',
        ...(needs.floors ? [`usage over ${policy.duty.floorWindow}`] : []),
        ...(needs.nodes ? ['room on nodes'] : []),
      ].join(' '),
    );
  }
  const [floors, nodes] = await Promise.all([
    needs.floors ? readFloors(place, policy.duty) : undefined,
    needs.nodes ? readRooms(cluster, needs, place.namespace, pods) : null,
  ]);
  if (floors === undefined) {
    return { ...facts, nodes };
  }
  return {
    ...facts,
    nodes,
    pods: facts.pods.map((pod) => ({
      ...pod,
      containers: pod.containers.map((container) => ({ ...container, floors: floors.of(pod.name, container.name) })),
    })),
    metrics: { ...facts.metrics, problems: [...facts.metrics.problems, ...floors.problems] },
  };
}

/**
 * Of the nodes that pods are to be raised on; where a raise changes templates, of all, since nobody knows where its pods will run.
 * The namespace's own pods are known already: a large one would be listed a second time.
 */
async function readRooms(
  cluster: Cluster,
  needs: Needs,
  namespace: string,
  own: readonly Pod[],
): Promise<RebalanceFacts['nodes']> {
  const { podsOnNodes } = needs;
  const [nodes, pods] = await Promise.all([
    podsOnNodes.length === 0 ? cluster.listNodes() : cluster.listNodes(podsOnNodes),
    podsOnNodes.length === 0 ? { items: [] } : cluster.listPodsOnNodes(podsOnNodes, namespace),
  ]);
  if ('unreadable' in nodes) {
    return { unreadable: nodes.unreadable };
  }
  return 'unreadable' in pods
    ? { unreadable: pods.unreadable }
    : { items: [...nodeRooms(nodes.items, new Set(podsOnNodes), [...own, ...pods.items])] };
}

/** What is missing though nothing failed: a permission, or a whole source of metrics. */
function gapsOf(
  facts: RebalanceFacts,
  policy: Policy<RebalancePolicy>,
  usage: UsageReading,
): RebalanceFacts['metrics']['problems'] {
  const messages: string[] = [];
  const held = 'what depends on it is held.';
  for (const [what, list] of [
    ['HorizontalPodAutoscalers', facts.horizontalAutoscalers],
    ['VerticalPodAutoscalers', facts.verticalAutoscalers],
    ['resource quotas', facts.quotas],
    ['limit ranges', facts.limitRanges],
    ['the room on nodes', facts.nodes],
  ] as const) {
    if (list !== null && 'unreadable' in list) {
      messages.push(
        `Cannot read ${what} of cluster ${facts.cluster} (namespace ${facts.namespace}): ${held} ${list.unreadable}`,
      );
    }
  }
  const running = facts.pods.filter(
    (pod) => pod.phase === 'Running' && !pod.terminating && pod.containers.some(({ state }) => state === 'running'),
  );
  const isOld = (at: string | null): boolean =>
    at !== null && secondsOf(at) < secondsOf(facts.now) - SCRAPE_LAG_SECONDS;
  if (usage.isEmpty && running.some((pod) => isOld(pod.startedAt))) {
    messages.push(
      `There are no container metrics of namespace ${facts.namespace}: check that clusters.${facts.cluster}.metrics names the store and the selector of this cluster, and that cAdvisor is scraped.`,
    );
  }
  const killed = facts.pods.filter((pod) => pod.containers.some(({ lastOomKillAt }) => lastOomKillAt !== null));
  const unseen = worldOf({ ...facts, pods: killed }, policy).views.filter((view) => view.unseenOomKillAt !== null);
  const [first] = unseen;
  if (first !== undefined && facts.metrics.unusable === null && facts.metrics.oomKillsUnknown === null) {
    messages.push(
      `The API server saw OOM kills that the metrics do not show (${unseen.length} containers, such as ${first.pod.name}/${first.container.name}): check that kube-state-metrics is scraped and that its series carry the selector's labels.`,
    );
  }
  return messages.map((message) => ({ kind: 'platform', message }));
}
