// cluster.resize-container: new CPU or memory for one container of a running pod, in place, through the `resize` subresource.
import type { ActionProposal, Inverse } from '../core/action.ts';
import type { Pod } from '../ports/cluster.ts';
import type { Ports } from '../ports/ports.ts';
import { z } from 'zod';
import type { ActionKind, Look } from './kind.ts';
import { type RecentUsage, recentUsage } from './recent-usage.ts';
import { describeSizes, growthOf, lookAt, Sizes, swapped } from './sizes.ts';
import { judgePod, type PodView } from './verify-sizes.ts';

const Target = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  pod: z.string(),
  uid: z.string(),
  container: z.string(),
  role: z.enum(['main', 'sidecar']),
});
type Target = z.infer<typeof Target>;

const NO_USAGE: RecentUsage = { throttledRatio: null, memoryBytes: null, cpuCores: null };

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

  async observe(ports, team, action, now) {
    const target = Target.parse(action.target);
    const pod = await ports.cluster(target.cluster).readPod(target.namespace, target.pod);
    const isSame = pod !== undefined && pod.meta.uid === target.uid;
    const there = isSame && pod.phase === 'Running' && pod.meta.deletedAt === null;
    const status = isSame ? pod.statuses.find((one) => one.name === target.container) : undefined;
    const last = status?.lastTermination;
    const view: PodView = {
      there,
      evicted: isSame && pod.phase === 'Failed',
      ready: isSame && pod.ready,
      restarts: status?.restartCount ?? 0,
      oomKilledAt: last?.reason === 'OOMKilled' ? (last.finishedAt ?? 'unknown') : null,
      resize: isSame ? (pod.resize?.state ?? null) : null,
      ...(there ? await recentUsage(ports, team, target, now) : NO_USAGE),
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
  if (pod === undefined) {
    return { at: 'gone', found: `Pod ${target.pod} is no longer there.` };
  }
  if (pod.meta.uid !== target.uid) {
    return { at: 'gone', found: `Pod ${target.pod} was replaced by another of the same name.` };
  }
  if (pod.meta.deletedAt !== null) {
    return { at: 'gone', found: `Pod ${target.pod} is being deleted.` };
  }
  const container = pod.containers.find((candidate) => candidate.name === target.container);
  return lookAt(container?.resources, action, `Container ${target.container} of pod ${target.pod}`);
}
