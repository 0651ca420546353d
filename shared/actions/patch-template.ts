// cluster.patch-template: new CPU or memory in the pod template of a Deployment, StatefulSet or DaemonSet; its controller rolls it out.
import { z } from 'zod';
import type { ActionKind } from './kind.ts';
import { describeSizes, growthOf, lookAt, Sizes, swapped } from './sizes.ts';
import { judgeRollout, type WorkloadView } from './verify-sizes.ts';

const Target = z.strictObject({
  cluster: z.string(),
  kind: z.enum(['Deployment', 'StatefulSet', 'DaemonSet']),
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  container: z.string(),
  role: z.enum(['main', 'sidecar']),
});

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
    if (workload === undefined) {
      return { at: 'gone', found: `${what} is no longer there.` };
    }
    if (workload.meta.uid !== target.uid || workload.meta.deletedAt !== null) {
      return { at: 'gone', found: `${what} was replaced by another of the same name, or is being deleted.` };
    }
    const container = workload.containers.find((candidate) => candidate.name === target.container);
    return lookAt(container?.resources, action, `Container ${target.container} in the template of ${what}`);
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

  async observe(ports, _team, action) {
    const target = Target.parse(action.target);
    const workload = await ports.cluster(target.cluster).readWorkload(target.kind, target.namespace, target.name);
    const there = workload !== undefined && workload.meta.uid === target.uid;
    const view: WorkloadView = {
      there,
      observed: there && workload.observedGeneration >= workload.meta.generation,
      paused: there && workload.paused,
      replicas: there ? workload.replicas : 0,
      updated: there ? workload.updatedReplicas : 0,
      ready: there ? workload.readyReplicas : 0,
    };
    return view;
  },

  judge: (_action, before, after) => judgeRollout(before, after),

  describe(action) {
    const target = Target.parse(action.target);
    return `${target.kind} ${target.namespace}/${target.name}/${target.container}: ${describeSizes(action)}`;
  },
};
