// cluster.resize-container: new CPU or memory for one container of a running pod, in place, through the `resize` subresource.
import type { ActionProposal, Inverse } from '../core/action.ts';
import type { TeamPolicy } from '../core/policy.ts';
import { cpuMillicores, sameQuantity } from '../core/quantity.ts';
import type { ContainerSpec, ContainerStatus, Pod, Resources } from '../ports/cluster.ts';
import type { Ports } from '../ports/ports.ts';
import { z } from 'zod';
import type { ActionKind, Look } from './kind.ts';
import { measuresOf, recentUsage, windowSince } from './recent-usage.ts';
import { changesOf, describeSizes, growthOf, lookAt, type SizeChange, Sizes, swapped } from './sizes.ts';
import { type ContainerView, judgePod, type PodView } from './verify-pod.ts';
import { CPU_ROUNDING_MILLICORES } from './verify-thresholds.ts';

const Target = z.lazy(() =>
  z.strictObject({
    cluster: z.string(),
    namespace: z.string(),
    pod: z.string(),
    uid: z.string(),
    container: z.string(),
    role: z.enum(['main', 'sidecar']),
  }),
);
type Target = z.infer<typeof Target>;

export const resizeContainer: ActionKind = {
  kind: 'cluster.resize-container',
  target: Target,
  change: Sizes,
  // The patch tests UID and sizes, so a second one after the first is refused.
  guardedByPlatform: true,

  async look(ports: Ports, action: ActionProposal): Promise<Look> {
    const target = Target.parse(action.target);
    const pod = await ports.cluster(target.cluster).readPod(target.namespace, target.pod);
    return lookAtPod(pod, target, action);
  },

  async apply(ports, action) {
    const { cluster, ...target } = Target.parse(action.target);
    const pod = await ports
      .cluster(cluster)
      .resizePod({ ...target, from: Sizes.parse(action.from), to: Sizes.parse(action.to) });
    const pending = pod.resize;
    return pending === null
      ? 'The API server accepted the resize.'
      : `The API server accepted the resize; the node says ${pending.state}: ${pending.message}`;
  },

  inverse(action): Inverse {
    return swapped(action);
  },

  growth: growthOf,

  async observe(ports, team, action, now, moment) {
    const target = Target.parse(action.target);
    const pod = await ports.cluster(target.cluster).readPod(target.namespace, target.pod);
    const there = presence(pod, target);
    const view: PodView = {
      observedAt: now,
      pod: there,
      container: pod === undefined || there !== 'there' ? null : await viewOf(ports, team, action, pod, now, moment),
    };
    return view;
  },

  judge: judgePod,

  describe(action) {
    const target = Target.parse(action.target);
    return `${target.namespace}/${target.pod}/${target.container}: ${describeSizes(action)}`;
  },
};

function lookAtPod(pod: Pod | undefined, target: Target, action: ActionProposal): Look {
  switch (presence(pod, target)) {
    case 'gone':
      return { at: 'gone', found: `Pod ${target.pod} is no longer there.` };
    case 'replaced':
      return { at: 'gone', found: `Pod ${target.pod} was replaced by another of the same name.` };
    case 'being-deleted':
      return { at: 'gone', found: `Pod ${target.pod} is being deleted.` };
    case 'there':
      return lookAt(specOf(pod, target)?.resources, action, `Container ${target.container} of pod ${target.pod}`);
  }
}

function presence(pod: Pod | undefined, target: Target): PodView['pod'] {
  if (pod === undefined) {
    return 'gone';
  }
  return pod.meta.uid !== target.uid ? 'replaced' : pod.meta.deletedAt !== null ? 'being-deleted' : 'there';
}

function specOf(pod: Pod | undefined, target: Target): ContainerSpec | undefined {
  return pod?.containers.find((candidate) => candidate.name === target.container);
}

async function viewOf(
  ports: Ports,
  team: TeamPolicy,
  action: ActionProposal,
  pod: Pod,
  now: string,
  moment: 'before' | 'after',
): Promise<ContainerView> {
  const target = Target.parse(action.target);
  const changes = changesOf(action);
  const spec = specOf(pod, target);
  const hasCpuLimit = spec?.resources.limits['cpu'] !== undefined;
  const status = pod.statuses.find((candidate) => candidate.name === target.container);
  const changedAt =
    pod.resizes
      .filter(({ container }) => container === target.container)
      .map(({ at }) => at)
      .sort()
      .at(-1) ?? null;
  const { cluster, namespace, pod: name, container } = target;
  const windowSeconds = windowSince(changedAt, now);
  const usage = await recentUsage(ports, team, {
    cluster,
    namespace,
    pod: name,
    container,
    measures: measuresOf(changes, hasCpuLimit, moment),
    windowSeconds,
    now,
  });
  return {
    phase: pod.phase,
    reason: pod.reason,
    podReady: pod.ready,
    podStartedAt: pod.startedAt,
    sizes: lookAtPod(pod, target, action).at,
    hasCpuLimit,
    restartsOnResize: changes.some(({ resource }) => spec?.resizePolicy[resource] === 'RestartContainer'),
    changedAt,
    resize: pod.resize,
    status: status === undefined || spec === undefined ? null : statusView(status, spec, changes),
    usage: usage.of(name),
    usageProblem: usage.problem,
  };
}

function statusView(
  { ready, state, restartCount, lastTermination, resources }: ContainerStatus,
  spec: ContainerSpec,
  changes: readonly SizeChange[],
): NonNullable<ContainerView['status']> {
  return {
    ready,
    isRunning: state === 'running',
    restarts: restartCount,
    lastTermination:
      lastTermination === null ? null : { reason: lastTermination.reason, finishedAt: lastTermination.finishedAt },
    isActuated: resources === null ? null : changes.every((change) => isSet(resources, spec.resources, change)),
  };
}

function isSet(actual: Resources, wanted: Resources, { list, resource }: SizeChange): boolean {
  const there = actual[list][resource];
  const want = wanted[list][resource];
  if (there === undefined || want === undefined) {
    return there === want;
  }
  return resource === 'cpu'
    ? Math.abs(cpuMillicores(there) - cpuMillicores(want)) <= CPU_ROUNDING_MILLICORES
    : sameQuantity(there, want);
}
