// The namespace that the benchmarks look at: any number of pods in 20 Deployments with a day of samples each, as a scenario of
// the embedded platform. A share of them is to be raised, trimmed, escalated or left for lack of data, so that no part of a run is idle.
import { parseScenario } from '../../fixtures/platform/scenario.ts';
import type { MetricSeries, Scenario } from '../../fixtures/platform/scenario.ts';
import type { Point } from '../../fixtures/platform/series-notation.ts';

const DEPLOYMENTS = 20;
const PODS_PER_NODE = 100;
const SAMPLES = 24 * 60;
const STEP_SECONDS = 60;
/** Pods of one kind share so many shapes of load. The platform copies samples for each series; only its making is spared. */
const SHAPES = 4;
const MIB = 1024 * 1024;
/** The last kill lies so long back, the one before twice as long. */
const KILL_EVERY_SAMPLES = 60;
const WEEK_MS = 7 * 86_400_000;

const CPU_REQUEST_CORES = 0.5;
const MEMORY_REQUEST_MIB = 512;
const MEMORY_LIMIT_MIB = 1024;

interface Load {
  readonly name: string;
  /** Average memory in MiB and average CPU in cores; `spikeCores` is CPU for 18 minutes of each 100. */
  readonly memoryMib: number;
  readonly cores: number;
  readonly spikeCores?: number;
  readonly oomKills?: number;
  readonly isCrashing?: true;
  readonly isUnseen?: true;
}

/** Has no factor in common with 100: neighbours get different loads, so that few pods already reach many Deployments. */
const SPREAD = 37;

const STEADY: Load = { name: 'steady', memoryMib: 400, cores: 0.25 };

/** The pods of each hundred that are not steady, spread over all Deployments: each verdict and each action occurs. */
const LOADS: readonly Load[] = [
  { name: 'near-limit', memoryMib: 960, cores: 0.25 },
  { name: 'near-limit', memoryMib: 960, cores: 0.25 },
  { name: 'oom-killed', memoryMib: 700, cores: 0.25, oomKills: 3 },
  { name: 'oom-killed', memoryMib: 700, cores: 0.25, oomKills: 3 },
  { name: 'idle', memoryMib: 60, cores: 0.04 },
  { name: 'idle', memoryMib: 60, cores: 0.04 },
  { name: 'spiky', memoryMib: 60, cores: 0.02, spikeCores: 0.35 },
  { name: 'spiky', memoryMib: 60, cores: 0.02, spikeCores: 0.35 },
  { name: 'crashing', memoryMib: 100, cores: 0.1, isCrashing: true },
  { name: 'unseen', memoryMib: 0, cores: 0, isUnseen: true },
];

export interface NamespaceOptions {
  readonly pods: number;
  /** ISO, whole seconds. */
  readonly now: string;
  /** Nothing is to be changed or told. */
  readonly isSteady: boolean;
}

/** The scenario of a namespace `default` of a cluster `test`. */
export function namespaceScenario({ pods, now, isSteady }: NamespaceOptions): Scenario {
  const plans = Array.from({ length: pods }, (_, index) => {
    const load = isSteady ? STEADY : (LOADS[(index * SPREAD) % 100] ?? STEADY);
    return planOf(index, load, Math.ceil(pods / DEPLOYMENTS), now);
  });
  const scenario = parseScenario({
    name: `bench-${String(pods)}`,
    case: { why: 'A namespace for the benchmarks, made of 20 Deployments.', now, expect: {} },
    policy: policy(),
    cluster: {
      version: 'v1.34.4',
      podResize: true,
      objects: [
        ...Array.from({ length: Math.ceil(pods / PODS_PER_NODE) }, (_, index) => node(index)),
        ...Array.from({ length: DEPLOYMENTS }, (_, index) => deployment(index, Math.ceil(pods / DEPLOYMENTS))),
        ...plans.map(pod),
      ],
    },
  });
  // As notation the samples would be text of some hundred MB and a pair of numbers each: they are made here in their place.
  return { ...scenario, series: seriesOf(plans, Date.parse(now) / 1000) };
}

interface Plan {
  readonly load: Load;
  readonly shape: number;
  readonly deployment: string;
  readonly name: string;
  readonly uid: string;
  readonly containerId: string;
  readonly node: string;
  readonly startedAt: string;
  /** When the last of its OOM kills was, where there are any. */
  readonly killedAt: string;
}

function planOf(index: number, load: Load, replicas: number, now: string): Plan {
  const group = Math.floor(index / replicas);
  const digits = index.toString(16).padStart(12, '0');
  return {
    load,
    shape: index % SHAPES,
    deployment: deploymentName(group),
    name: `${deploymentName(group)}-${hashOf(group)}-${suffixOf(index)}`,
    uid: `6f1c2d3e-0000-4000-8000-${digits}`,
    containerId: `${digits}4be1c7a90d5f`.repeat(3).slice(0, 64).padEnd(64, '0'),
    node: nodeName(Math.floor(index / PODS_PER_NODE)),
    startedAt: isoOf(Date.parse(now) - WEEK_MS - (index % 3600) * 1000),
    killedAt: isoOf(Date.parse(now) - KILL_EVERY_SAMPLES * STEP_SECONDS * 1000),
  };
}

function isoOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('.000', '');
}

function deploymentName(group: number): string {
  return `shop-service-${String(group).padStart(2, '0')}`;
}

function hashOf(group: number): string {
  return `7d9c5b8f${group.toString(16).padStart(2, '0')}`;
}

function suffixOf(index: number): string {
  return index.toString(36).padStart(5, 'x');
}

function nodeName(index: number): string {
  return `node-${String(index).padStart(3, '0')}`;
}

function policy(): Record<string, unknown> {
  return {
    version: 1,
    clusters: { test: { metrics: { url: '${METRICS_URL}' } } },
    chat: { slack: { channel: '#ops' } },
    tracker: { jira: { url: '${JIRA_URL}', project: 'OPS' } },
    modes: [{ mode: 'auto' }],
    duties: { rebalance: { scopes: [{ cluster: 'test', namespaces: ['default'] }] } },
  };
}

function node(index: number): object {
  const size = { cpu: '128', memory: '1Ti', pods: '110' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName(index), labels: { 'kubernetes.io/hostname': nodeName(index) } },
    status: { capacity: size, allocatable: size, conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

const SIZES = {
  requests: { cpu: `${String(CPU_REQUEST_CORES * 1000)}m`, memory: `${String(MEMORY_REQUEST_MIB)}Mi` },
  limits: { cpu: '1', memory: `${String(MEMORY_LIMIT_MIB)}Mi` },
};

function deployment(group: number, replicas: number): object {
  const name = deploymentName(group);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image: imageOf(name), resources: SIZES }] },
      },
    },
  };
}

function imageOf(name: string): string {
  return `registry.example.com/shop/${name}:2.14.3`;
}

/** As full as a usual pod of a Deployment: environment, probes, mounted token, tolerations, conditions. */
function pod(plan: Plan): object {
  const { deployment: app, load, startedAt } = plan;
  const hash = plan.name.slice(app.length + 1, -6);
  const probe = { httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' }, timeoutSeconds: 1, periodSeconds: 10 };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: plan.name,
      namespace: 'default',
      uid: plan.uid,
      creationTimestamp: startedAt,
      generateName: `${app}-${hash}-`,
      labels: { app, 'pod-template-hash': hash, 'app.kubernetes.io/part-of': 'shop', version: '2.14.3' },
      annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${app}-${hash}`,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      nodeName: plan.node,
      serviceAccountName: 'default',
      containers: [
        {
          name: 'app',
          image: imageOf(app),
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
          env: ['DATABASE_URL', 'CACHE_URL', 'QUEUE_URL', 'LOG_LEVEL'].map((name) => ({
            name,
            value: `${name.toLowerCase()}.shop.svc.cluster.local`,
          })),
          resources: SIZES,
          livenessProbe: probe,
          readinessProbe: probe,
          volumeMounts: [
            { name: 'kube-api-access', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
          ],
        },
      ],
      tolerations: ['not-ready', 'unreachable'].map((condition) => ({
        key: `node.kubernetes.io/${condition}`,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      })),
      volumes: [{ name: 'kube-api-access', emptyDir: {} }],
    },
    status: {
      phase: 'Running',
      startTime: startedAt,
      hostIP: '10.0.0.1',
      podIP: '10.1.0.1',
      conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
        (type) => ({
          type,
          status: load.isCrashing === true && type.endsWith('Ready') ? 'False' : 'True',
          lastTransitionTime: startedAt,
        }),
      ),
      containerStatuses: [containerStatus(plan)],
    },
  };
}

function containerStatus({ load, deployment: app, startedAt, killedAt }: Plan): object {
  const common = {
    name: 'app',
    image: imageOf(app),
    imageID: `registry.example.com/shop/${app}@sha256:${'3f'.repeat(32)}`,
    restartCount: load.oomKills ?? 0,
  };
  if (load.isCrashing === true) {
    return {
      ...common,
      ready: false,
      started: false,
      restartCount: 40,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s restarting failed container' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error', startedAt, finishedAt: startedAt } },
    };
  }
  const isKilled = (load.oomKills ?? 0) > 0;
  return {
    ...common,
    ready: true,
    started: true,
    state: { running: { startedAt: isKilled ? killedAt : startedAt } },
    ...(isKilled && {
      lastState: { terminated: { exitCode: 137, reason: 'OOMKilled', startedAt, finishedAt: killedAt } },
    }),
  };
}

function seriesOf(plans: readonly Plan[], endSeconds: number): MetricSeries[] {
  const made = new Map<string, readonly Point[]>();
  const shared = (plan: Plan, metric: string, values: (sample: number) => number): readonly Point[] => {
    const key = `${plan.load.name}/${String(plan.shape)}/${metric}`;
    const points = made.get(key) ?? pointsOf(endSeconds, values);
    made.set(key, points);
    return points;
  };
  return plans.flatMap((plan) => {
    const { load, shape } = plan;
    if (load.isUnseen === true) {
      return [];
    }
    const usage = {
      namespace: 'default',
      pod: plan.name,
      container: 'app',
      id: `/kubepods/burstable/pod${plan.uid}/${plan.containerId}`,
      name: plan.containerId,
      image: imageOf(plan.deployment),
      instance: plan.node,
      job: 'kubelet',
    };
    const state = {
      namespace: 'default',
      pod: plan.name,
      uid: plan.uid,
      container: 'app',
      instance: 'kube-state-metrics:8080',
      job: 'kube-state-metrics',
    };
    const kills = load.oomKills ?? 0;
    return [
      series('container_memory_working_set_bytes', usage, shared(plan, 'memory', memoryOf(load, shape))),
      series('container_cpu_usage_seconds_total', usage, shared(plan, 'cpu', cpuOf(load, shape))),
      series('kube_pod_container_status_restarts_total', state, shared(plan, 'restarts', restartsOf(kills))),
      ...(kills === 0
        ? []
        : [
            series(
              'kube_pod_container_status_last_terminated_reason',
              { ...state, reason: 'OOMKilled' },
              shared(plan, 'reason', () => 1),
            ),
          ]),
    ];
  });
}

function series(name: string, labels: Readonly<Record<string, string>>, points: readonly Point[]): MetricSeries {
  return { labels: { __name__: name, ...labels }, points };
}

function pointsOf(endSeconds: number, valueAt: (sample: number) => number): readonly Point[] {
  return Array.from({ length: SAMPLES }, (_, sample): Point => [
    endSeconds - (SAMPLES - 1 - sample) * STEP_SECONDS,
    valueAt(sample),
  ]);
}

/** Within 4% of the average. */
function memoryOf({ memoryMib }: Load, shape: number): (sample: number) => number {
  return (sample) => Math.round(memoryMib * MIB * (1 + wave(sample, shape) * 0.04));
}

/** The counter of seconds: each minute adds what the container used in it. */
function cpuOf({ cores, spikeCores }: Load, shape: number): (sample: number) => number {
  let total = 0;
  return (sample) => {
    const isSpike = spikeCores !== undefined && sample % 100 >= 82;
    total += (isSpike ? spikeCores : cores * (1 + wave(sample, shape) * 0.1)) * STEP_SECONDS;
    return Math.round(total * 1e6) / 1e6;
  };
}

/** Kills are spread over the last hours of the day. */
function restartsOf(kills: number): (sample: number) => number {
  return (sample) =>
    Array.from({ length: kills }, (_, kill) => SAMPLES - KILL_EVERY_SAMPLES * (kill + 1)).filter((at) => sample >= at)
      .length;
}

/** From -1 to 1: a daily cycle and a ripple that make no two samples alike. */
function wave(sample: number, shape: number): number {
  return 0.7 * Math.sin((sample / SAMPLES) * 2 * Math.PI + shape) + 0.3 * Math.sin(sample * (1.7 + shape * 0.1));
}
