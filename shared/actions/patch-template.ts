// cluster.patch-template: new CPU or memory in the pod template of a Deployment, StatefulSet or DaemonSet; its controller rolls it out.
import { z } from 'zod';
import type { ActionProposal } from '../core/action.ts';
import type { TeamPolicy } from '../core/policy.ts';
import type { Workload } from '../ports/cluster.ts';
import type { Ports } from '../ports/ports.ts';
import type { ActionKind, Look } from './kind.ts';
import { measuresOf, recentUsage } from './recent-usage.ts';
import { changesOf, describeSizes, growthOf, lookAt, Sizes, swapped } from './sizes.ts';
import { podsOfTemplate, podsView, usageOfPods } from './template-pods.ts';
import { judgeRollout, type Rollout, type WorkloadView } from './verify-rollout.ts';
import { USAGE_WINDOW_SECONDS } from './verify-thresholds.ts';

const Target = z.lazy(() =>
  z.strictObject({
    cluster: z.string(),
    kind: z.enum(['Deployment', 'StatefulSet', 'DaemonSet']),
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    container: z.string(),
    role: z.enum(['main', 'sidecar']),
  }),
);
type Target = z.infer<typeof Target>;

export const patchTemplate: ActionKind = {
  kind: 'cluster.patch-template',
  target: Target,
  change: Sizes,
  // The patch tests UID and sizes, so a second one after the first is refused.
  guardedByPlatform: true,

  async look(ports, action) {
    const target = Target.parse(action.target);
    const what = `${target.kind} ${target.name}`;
    const workload = await ports.cluster(target.cluster).readWorkload(target.kind, target.namespace, target.name);
    switch (presence(workload, target)) {
      case 'gone':
        return { at: 'gone', found: `${what} is no longer there.` };
      case 'replaced':
      case 'being-deleted':
        return { at: 'gone', found: `${what} was replaced by another of the same name, or is being deleted.` };
      case 'there':
        return lookAtTemplate(workload, target, action);
    }
  },

  async apply(ports, action) {
    const { cluster, ...target } = Target.parse(action.target);
    await ports
      .cluster(cluster)
      .patchTemplate({ ...target, from: Sizes.parse(action.from), to: Sizes.parse(action.to) });
    return `The template was changed; the ${target.kind} rolls it out.`;
  },

  inverse: swapped,

  growth: growthOf,

  async observe(ports, team, action, now, moment) {
    const target = Target.parse(action.target);
    const workload = await ports.cluster(target.cluster).readWorkload(target.kind, target.namespace, target.name);
    const there = presence(workload, target);
    const view: WorkloadView = {
      observedAt: now,
      workload: there,
      rollout:
        workload === undefined || there !== 'there'
          ? null
          : await rolloutOf(ports, team, action, workload, now, moment),
    };
    return view;
  },

  judge: judgeRollout,

  describe(action) {
    const target = Target.parse(action.target);
    return `${target.kind} ${target.namespace}/${target.name}/${target.container}: ${describeSizes(action)}`;
  },
};

function presence(workload: Workload | undefined, target: Target): WorkloadView['workload'] {
  if (workload === undefined) {
    return 'gone';
  }
  return workload.meta.uid !== target.uid ? 'replaced' : workload.meta.deletedAt !== null ? 'being-deleted' : 'there';
}

function lookAtTemplate(workload: Workload | undefined, target: Target, action: ActionProposal): Look {
  const container = workload?.containers.find((candidate) => candidate.name === target.container);
  const what = `Container ${target.container} in the template of ${target.kind} ${target.name}`;
  return lookAt(container?.resources, action, what);
}

async function rolloutOf(
  ports: Ports,
  team: TeamPolicy,
  action: ActionProposal,
  workload: Workload,
  now: string,
  moment: 'before' | 'after',
): Promise<Rollout> {
  const target = Target.parse(action.target);
  const { cluster, namespace, container } = target;
  const template = workload.containers.find((candidate) => candidate.name === container);
  const hasCpuLimit = template?.resources.limits['cpu'] !== undefined;
  const measures = measuresOf(changesOf(action), hasCpuLimit, moment);
  const question = { cluster, namespace, container, measures, windowSeconds: USAGE_WINDOW_SECONDS, now };
  const [listed, usage] = await Promise.all([
    ports.cluster(cluster).listPods(namespace, { labels: workload.templateLabels }),
    recentUsage(ports, team, question),
  ]);
  const pods = podsOfTemplate(listed, workload, container, action);
  return {
    isObserved: workload.observedGeneration >= workload.meta.generation,
    paused: workload.paused,
    strategy: workload.strategy,
    revisionPending: workload.revisionPending,
    replicas: workload.replicas,
    updated: workload.updatedReplicas,
    ready: workload.readyReplicas,
    available: workload.availableReplicas,
    sizes: lookAtTemplate(workload, target, action).at,
    hasCpuLimit,
    pods: podsView(pods, container, now),
    usage: usageOfPods(pods, usage, now),
    usageProblem: usage.problem,
  };
}
