// One container as the rules see it: its facts beside its pod, workload and past, with the numbers read once. Judges nothing.
import type { Evidence } from '../../shared/core/decision.ts';
import { durationSeconds } from '../../shared/core/policy.ts';
import type { Policy } from '../../shared/core/policy.ts';
import { cpuMillicores, memoryBytes } from '../../shared/core/quantity.ts';
import { activeWindow } from '../../shared/core/window.ts';
import type { RebalancePolicy } from './schema.ts';
import { SAMPLE_SECONDS } from './schema-facts.ts';
import type {
  ContainerFacts,
  PastChange,
  PodFacts,
  RebalanceFacts,
  Sizes,
  TemplateContainer,
  WorkloadFacts,
} from './schema-facts.ts';

/** Metrics lag behind the API server by a scrape and a step or two. */
export const SCRAPE_LAG_SECONDS = 300;

/** A resize reaches the metrics up to a scrape and a step later: kills this soon after it may be from before. */
const RESIZE_LAG_SECONDS = 60;

/** The facts with what many containers share. */
export interface World {
  readonly facts: RebalanceFacts;
  readonly policy: RebalancePolicy;
  readonly team: Policy<RebalancePolicy>['team'];
  /** Where changes go: the running pods or the owner's template. */
  readonly apply: 'in-place' | 'rollout';
  readonly nowSeconds: number;
  /** When the window that usage is read over began. */
  readonly windowStart: number;
  readonly activeWindow: string | undefined;
  readonly views: readonly ContainerView[];
  readonly podsOfWorkload: ReadonlyMap<string, readonly PodFacts[]>;
}

export interface ContainerView {
  readonly world: World;
  readonly pod: PodFacts;
  readonly container: ContainerFacts;
  readonly workload: WorkloadFacts | undefined;
  /** When the pod started, or was created where it has not. */
  readonly startSeconds: number;
  /** `Kind/name`, or `Pod/name` for a pod without a controller. */
  readonly workloadKey: string;
  readonly template: TemplateContainer | undefined;
  readonly memoryLimitBytes: number | undefined;
  readonly memoryRequestBytes: number | undefined;
  readonly cpuLimitCores: number | undefined;
  readonly cpuRequestCores: number | undefined;
  /** In the window and since the last resize; `null` when they are not known. */
  readonly oomKills: number | null;
  /** Some kill in the window, whatever was resized since. */
  readonly wasOomKilled: boolean;
  /** When the API server saw a kill of the window that the metrics have not seen at all. */
  readonly unseenOomKillAt: string | null;
  /** Changes of ours to this container or to its part of the template, oldest first. */
  readonly changes: readonly PastChange[];
  /** Changes of ours to any container of this workload, oldest first. */
  readonly workloadChanges: readonly PastChange[];
}

export function worldOf(facts: RebalanceFacts, policy: Policy<RebalancePolicy>): World {
  const workloads = new Map(facts.workloads.map((workload) => [`${workload.kind}/${workload.name}`, workload]));
  const podsOfWorkload = Map.groupBy(facts.pods, workloadKeyOf);
  const changesOfTarget = Map.groupBy(facts.history, (change) => `${change.targetUid}/${change.container}`);
  const changesOfWorkload = Map.groupBy(facts.history, (change) => change.workload);
  const views: ContainerView[] = [];
  const sizes: SizeReader = {
    memory: remembered(memoryBytes),
    cores: remembered((text) => cpuMillicores(text) / 1000),
  };
  const nowSeconds = secondsOf(facts.now);
  const world: World = {
    facts,
    policy: policy.duty,
    team: policy.team,
    apply: facts.server.podResize ? policy.duty.apply : 'rollout',
    nowSeconds,
    windowStart: nowSeconds - durationSeconds(policy.duty.window),
    activeWindow: activeWindow(
      policy.team.windows,
      { cluster: facts.cluster, namespace: facts.namespace },
      facts.now,
      policy.team.timezone,
    )?.name,
    views,
    podsOfWorkload,
  };
  for (const pod of facts.pods) {
    if (pod.phase === 'Succeeded' || pod.phase === 'Failed') {
      continue; // Nothing of it runs or will run again: the summary names it, there is nothing to judge.
    }
    const workloadKey = workloadKeyOf(pod);
    const workload = workloads.get(workloadKey);
    for (const container of pod.containers) {
      const changes = [pod.uid, ...(workload === undefined ? [] : [workload.uid])]
        .flatMap((uid) => changesOfTarget.get(`${uid}/${container.name}`) ?? [])
        .sort((a, b) => compareText(a.at, b.at));
      views.push(viewOf(world, sizes, pod, container, workload, changes, changesOfWorkload.get(workloadKey) ?? []));
    }
  }
  return world;
}

/** Thousands of containers share a few sizes: each text is read once a world. */
interface SizeReader {
  memory(text: string | undefined): number | undefined;
  cores(text: string | undefined): number | undefined;
}

function remembered(read: (text: string) => number): (text: string | undefined) => number | undefined {
  const known = new Map<string, number>();
  return (text) => {
    if (text === undefined) {
      return undefined;
    }
    const value = known.get(text) ?? read(text);
    known.set(text, value);
    return value;
  };
}

function viewOf(
  world: World,
  sizes: SizeReader,
  pod: PodFacts,
  container: ContainerFacts,
  workload: WorkloadFacts | undefined,
  changes: readonly PastChange[],
  workloadChanges: readonly PastChange[],
): ContainerView {
  const { windowStart } = world;
  const lastResize = Math.max(
    Number.NEGATIVE_INFINITY,
    ...[container.resizedAt, ...changes.map((change) => change.at)].map((at) =>
      at === null ? Number.NEGATIVE_INFINITY : secondsOf(at),
    ),
  );
  const kills = container.oomKills.filter(([at]) => at > windowStart);
  const counted = kills.filter(([at]) => at > lastResize + RESIZE_LAG_SECONDS);
  return {
    world,
    pod,
    container,
    workload,
    startSeconds: secondsOf(pod.startedAt ?? pod.createdAt),
    workloadKey: workloadKeyOf(pod),
    template: workload?.containers.find(({ name }) => name === container.name),
    memoryLimitBytes: sizes.memory(container.limits.memory),
    memoryRequestBytes: sizes.memory(container.requests.memory),
    cpuLimitCores: sizes.cores(container.limits.cpu),
    cpuRequestCores: sizes.cores(container.requests.cpu),
    oomKills: world.facts.metrics.oomKillsUnknown === null ? counted.reduce((sum, [, kill]) => sum + kill, 0) : null,
    wasOomKilled:
      kills.length > 0 || (container.lastOomKillAt !== null && secondsOf(container.lastOomKillAt) > windowStart),
    unseenOomKillAt:
      kills.length === 0 ? seenByServerOnly(container.lastOomKillAt, windowStart, world.nowSeconds) : null,
    changes,
    workloadChanges,
  };
}

function seenByServerOnly(at: string | null, windowStart: number, now: number): string | null {
  const isSettled =
    at !== null && secondsOf(at) > windowStart + SCRAPE_LAG_SECONDS && secondsOf(at) < now - SCRAPE_LAG_SECONDS;
  return isSettled ? at : null;
}

function workloadKeyOf(pod: PodFacts): string {
  return pod.owner === null ? `Pod/${pod.name}` : `${pod.owner.kind}/${pod.owner.name}`;
}

/** The sizes that a change starts from: the pod's own, or the template's where that is what is changed. */
export function sizesToChange(view: ContainerView): { readonly requests: Sizes; readonly limits: Sizes } | undefined {
  return view.world.apply === 'in-place' ? view.container : view.template;
}

export function isGuaranteed(view: ContainerView): boolean {
  return view.pod.qosClass === 'Guaranteed';
}

/** Average or p95 of memory as a share of its limit, or of its request where there is no limit. */
export function memoryShare(view: ContainerView, bytes: number | null): number | undefined {
  return shareOf(bytes, view.memoryLimitBytes ?? view.memoryRequestBytes);
}

/** Memory as a share of its request: what the idle rule looks at. */
export function memoryRequestShare(view: ContainerView, bytes: number | null): number | undefined {
  return shareOf(bytes, view.memoryRequestBytes);
}

/** CPU as a share of its request, or of its limit where there is no request. */
export function cpuShare(view: ContainerView, cores: number | null): number | undefined {
  return shareOf(cores, view.cpuRequestCores ?? view.cpuLimitCores);
}

function shareOf(value: number | null, whole: number | undefined): number | undefined {
  return value === null || whole === undefined || whole <= 0 ? undefined : value / whole;
}

export function expectedSamples(policy: RebalancePolicy): number {
  return Math.floor(durationSeconds(policy.window) / SAMPLE_SECONDS);
}

/**
 * Samples that can be of this pod: a pod that a StatefulSet made anew keeps its name, and with it the samples of the one
 * before, which say nothing of this one.
 */
export function ownSamples(view: ContainerView, samples: number | null): number | null {
  const age = ageSeconds(view);
  return samples === null ? null : Math.min(samples, Math.floor(age / SAMPLE_SECONDS) + 1);
}

export function ageSeconds(view: ContainerView): number {
  return Math.max(0, view.world.nowSeconds - view.startSeconds);
}

/** What the container looks like in numbers: the same keys under every verdict. */
export function evidenceOf(view: ContainerView, more: Evidence = {}): Evidence {
  const { memory, cpu, throttledRatio } = view.container;
  return {
    memoryLimitBytes: view.memoryLimitBytes ?? null,
    memoryRequestBytes: view.memoryRequestBytes ?? null,
    memoryAverageBytes: rounded(memory.averageBytes, 0),
    memoryP95Bytes: rounded(memory.p95Bytes, 0),
    memoryMaximumBytes: rounded(memory.maximumBytes, 0),
    memoryAverageRatio: rounded(memoryShare(view, memory.averageBytes), 4),
    cpuLimitCores: view.cpuLimitCores ?? null,
    cpuRequestCores: view.cpuRequestCores ?? null,
    cpuAverageCores: rounded(cpu.averageCores, 6),
    cpuP95Cores: rounded(cpu.p95Cores, 6),
    cpuMaximumCores: rounded(cpu.maximumCores, 6),
    cpuAverageRatio: rounded(cpuShare(view, cpu.averageCores), 4),
    throttledRatio: rounded(throttledRatio, 4),
    oomKills: view.oomKills,
    samples: memory.samples,
    ...more,
  };
}

export function rounded(value: number | null | undefined, digits: number): number | null {
  if (value === null || value === undefined) {
    return null;
  }
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}

/** Whether a change of ours gave more memory; everything else of ours takes requests back. */
export function isRaise(change: PastChange): boolean {
  const [from, to] = [readMemory(change.from.limits.memory), readMemory(change.to.limits.memory)];
  return from !== undefined && to !== undefined && to > from;
}

export function readMemory(text: string | undefined): number | undefined {
  return text === undefined ? undefined : memoryBytes(text);
}

/** Several sets of labels as one; where they disagree, a value that is not "false" wins, so that no protection is lost. */
export function mergedLabels(...sets: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  const merged: Record<string, string> = {};
  for (const [key, value] of sets.flatMap((labels) => Object.entries(labels))) {
    if (merged[key] === undefined || merged[key] === 'false') {
      merged[key] = value;
    }
  }
  return merged;
}

export function secondsOf(iso: string): number {
  return Date.parse(iso) / 1000;
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
