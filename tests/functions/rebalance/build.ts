// Facts and policies to test with: a healthy container of a Deployment on a roomy node, and what a test changes of it.
import { decide } from '../../../functions/rebalance/decide.ts';
import { RebalancePolicy } from '../../../functions/rebalance/schema.ts';
import { RebalanceFacts } from '../../../functions/rebalance/schema-facts.ts';
import type {
  ContainerFacts,
  PastChange,
  PodFacts,
  TemplateContainer,
  WorkloadFacts,
} from '../../../functions/rebalance/schema-facts.ts';
import type { Decision } from '../../../shared/core/decision.ts';
import { TeamPolicy } from '../../../shared/core/policy.ts';
import type { Policy } from '../../../shared/core/policy.ts';

export const NOW = '2026-11-20T12:00:00.000Z';
const NOW_SECONDS = Date.parse(NOW) / 1000;
export const MI = 1024 ** 2;
export const GI = 1024 ** 3;

export function ago(hours: number): string {
  return new Date((NOW_SECONDS - hours * 3600) * 1000).toISOString();
}

/** One kill in each of the given hours before now. */
export function kills(...hours: readonly number[]): [number, number][] {
  return [...hours].sort((a, b) => b - a).map((hour) => [NOW_SECONDS - hour * 3600, 1]);
}

/** Half of 1 core and half of 1Gi in use: neither idle nor short of anything. */
export function container(changes: Partial<ContainerFacts> = {}): ContainerFacts {
  return {
    name: 'app',
    role: 'main',
    requests: { cpu: '1', memory: '512Mi' },
    limits: { cpu: '2', memory: '1Gi' },
    restartsFor: [],
    state: 'running',
    stateReason: null,
    restartCount: 0,
    lastOomKillAt: null,
    resizedAt: null,
    memory: { averageBytes: 512 * MI, p95Bytes: 600 * MI, maximumBytes: 700 * MI, samples: 288, fresh: true },
    cpu: { averageCores: 0.5, p95Cores: 0.6, maximumCores: 0.9, samples: 288, fresh: true },
    throttledRatio: 0,
    oomKills: [],
    floors: null,
    ...changes,
  };
}

/** Uses a tenth of its requests, and used little more in the week. */
export function idleContainer(changes: Partial<ContainerFacts> = {}): ContainerFacts {
  return container({
    memory: { averageBytes: 50 * MI, p95Bytes: 60 * MI, maximumBytes: 70 * MI, samples: 288, fresh: true },
    cpu: { averageCores: 0.1, p95Cores: 0.15, maximumCores: 0.2, samples: 288, fresh: true },
    floors: { memoryMaximumBytes: 80 * MI, cpuP95Cores: 0.2 },
    ...changes,
  });
}

export function oomContainer(changes: Partial<ContainerFacts> = {}): ContainerFacts {
  return container({ oomKills: kills(1, 3, 5), restartCount: 3, ...changes });
}

export function pod(name: string, containers: readonly ContainerFacts[], changes: Partial<PodFacts> = {}): PodFacts {
  return {
    name,
    uid: `uid-${name}`,
    createdAt: ago(24 * 7),
    startedAt: ago(24 * 7),
    terminating: false,
    phase: 'Running',
    qosClass: 'Burstable',
    node: 'node-1',
    isStatic: false,
    hasPodResources: false,
    owner: { kind: 'Deployment', name: 'shop' },
    revision: 'a1',
    labels: { app: 'shop' },
    resize: null,
    containers: [...containers],
    ...changes,
  };
}

export function workload(
  changes: Partial<WorkloadFacts> = {},
  containers: readonly Partial<TemplateContainer>[] = [{}],
): WorkloadFacts {
  return {
    kind: 'Deployment',
    name: 'shop',
    uid: 'uid-shop',
    replicas: 2,
    updatedReplicas: 2,
    isObserved: true,
    paused: false,
    strategy: 'RollingUpdate',
    revisionPending: false,
    labels: { team: 'checkout' },
    containers: containers.map((one) => ({
      name: 'app',
      role: 'main',
      requests: { cpu: '1', memory: '512Mi' },
      limits: { cpu: '2', memory: '1Gi' },
      ...one,
    })),
    ...changes,
  };
}

export function facts(pods: readonly PodFacts[], changes: Partial<RebalanceFacts> = {}): RebalanceFacts {
  return {
    schema: 1,
    now: NOW,
    cluster: 'test',
    namespace: 'default',
    server: { version: 'v1.34.4', major: 1, minor: 34, podResize: true },
    pods: [...pods],
    workloads: [workload()],
    horizontalAutoscalers: { items: [] },
    verticalAutoscalers: { items: [] },
    quotas: { items: [] },
    limitRanges: { items: [] },
    nodes: {
      items: [{ name: 'node-1', allocatableMemoryBytes: 16 * GI, unschedulable: false, requestedMemoryBytes: 4 * GI }],
    },
    metrics: { unusable: null, oomKillsUnknown: null, problems: [] },
    history: [],
    ...changes,
  };
}

let changeNumber = 0;

/** A change of ours to `app` of a pod; `hours` before now. */
export function pastChange(hours: number, changes: Partial<PastChange> = {}): PastChange {
  changeNumber += 1;
  return {
    id: `change-${changeNumber}`,
    kind: 'cluster.resize-container',
    targetUid: 'uid-shop-1',
    container: 'app',
    workload: 'Deployment/shop',
    at: ago(hours),
    stands: true,
    from: { requests: {}, limits: { memory: '820Mi' } },
    to: { requests: {}, limits: { memory: '1Gi' } },
    ...changes,
  };
}

export const TRIM = {
  from: { requests: { cpu: '1250m' }, limits: {} },
  to: { requests: { cpu: '1' }, limits: {} },
} as const;

export function policy(duty: object = {}, team: object = {}): Policy<RebalancePolicy> {
  return {
    team: TeamPolicy.parse({
      version: 1,
      clusters: { test: { metrics: { url: 'http://metrics' } } },
      modes: [{ mode: 'auto' }],
      ...team,
    }),
    duty: RebalancePolicy.parse(duty),
  };
}

/** Decides on facts that were checked against their schema, as stored ones are. */
export function decideOn(what: RebalanceFacts, by: Policy<RebalancePolicy> = policy()): readonly Decision[] {
  return decide(RebalanceFacts.parse(JSON.parse(JSON.stringify(what))), by);
}

/** The decision on one container of one pod of the Deployment `shop`. */
export function decideOne(
  one: ContainerFacts,
  changes: Partial<RebalanceFacts> = {},
  by: Policy<RebalancePolicy> = policy(),
  podChanges: Partial<PodFacts> = {},
): Decision {
  const [decision] = decideOn(facts([pod('shop-1', [one], podChanges)], changes), by);
  if (decision === undefined) {
    throw new Error('nothing was decided');
  }
  return decision;
}

/** `verdict rule` in short, e.g. `act raise-memory-after-oom`. */
export function short(decision: Decision): string {
  return `${decision.verdict} ${decision.reason.rule.replace('rebalance/', '')}`;
}

export function shorts(decisions: readonly Decision[]): Record<string, string> {
  return Object.fromEntries(
    decisions.map((decision) => [
      `${decision.subject['pod'] ?? ''}/${decision.subject['container'] ?? ''}`,
      short(decision),
    ]),
  );
}
