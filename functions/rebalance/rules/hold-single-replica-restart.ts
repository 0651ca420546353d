// When:   the container's resizePolicy restarts it for what would change, and its workload has one replica
// Then:   a raise becomes one escalation, a trim a skip
// Unless: the template is changed, where the rollout brings up the new pod first
// Why:    a restart of the only replica is an outage, and it is for a person to choose its time
import { evidenceOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Hold, Wish } from '../decide-finding.ts';

export function holdSingleReplicaRestart(view: ContainerView, wish: Wish): Hold | undefined {
  const replicas = view.workload?.replicas ?? 1;
  if (view.world.apply === 'rollout' || replicas > 1 || !restartsContainer(view, wish)) {
    return undefined;
  }
  return {
    reason: reasonOf(
      'hold-single-replica-restart',
      'would restart the only replica',
      `${wish.reason.sentence} Not done: it would restart the only replica of ${view.workloadKey}.`,
      evidenceOf(view, { replicas }),
    ),
    advice: ['Run a second replica, or make the change by hand at a quiet time.'],
  };
}

/** Whether making the change in place restarts the container, by its resizePolicy. */
function restartsContainer(view: ContainerView, wish: Wish): boolean {
  const resources =
    wish.change === null
      ? Object.keys(view.container.requests)
      : [...Object.keys(wish.change.to.requests), ...Object.keys(wish.change.to.limits)];
  return view.container.restartsFor.some((resource) => resources.includes(resource));
}
