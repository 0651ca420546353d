// When:   the workload is between two versions, or a pod of it is going away
// Then:   an act becomes a skip, for now
// Unless: pods are only unready: what is killed for want of memory is unready too, and that is no rollout
// Why:    the pods of a rollout are new or about to go: their metrics are of two versions, and a change is soon lost
import { evidenceOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Hold, Wish } from '../decide-finding.ts';

export function holdRollout(view: ContainerView, wish: Wish): Hold | undefined {
  const why = rolloutInProgress(view);
  return why === undefined
    ? undefined
    : {
        reason: reasonOf(
          'hold-rollout',
          'rollout in progress',
          `${wish.reason.sentence} Held: ${why}`,
          evidenceOf(view),
        ),
        advice: [],
      };
}

function rolloutInProgress(view: ContainerView): string | undefined {
  const { workload, workloadKey, world } = view;
  if (workload === undefined) {
    return undefined;
  }
  if (!workload.isObserved) {
    return `the last change of ${workloadKey} has not been taken up yet.`;
  }
  if (workload.updatedReplicas < workload.replicas || workload.revisionPending) {
    return `${workload.updatedReplicas} of ${workload.replicas} pods of ${workloadKey} are of the current version.`;
  }
  const siblings = world.podsOfWorkload.get(workloadKey) ?? [];
  const leaving = siblings.find((pod) => pod.terminating);
  if (leaving !== undefined) {
    return `pod ${leaving.name} of ${workloadKey} is terminating.`;
  }
  const revisions = new Set(siblings.filter(isAlive).map((pod) => pod.revision));
  if (revisions.size > 1) {
    return `pods of ${revisions.size} versions of ${workloadKey} run at once.`;
  }
  return world.apply === 'rollout' && workload.paused ? `rollouts of ${workloadKey} are paused.` : undefined;
}

function isAlive(pod: { readonly phase: string }): boolean {
  return pod.phase !== 'Succeeded' && pod.phase !== 'Failed';
}
