// When:   nobody would keep the change, or nobody could make it: static pods, Jobs, owners that we do not know, sizes that
//         are set for the whole pod; in rollout mode also bare pods, OnDelete, and containers that the template does not hold
// Then:   a raise becomes one escalation, a trim a skip
// Unless: it is a bare pod, a Deployment, a StatefulSet or a DaemonSet and its server can resize pods in place
// Why:    a static pod's file is on its node; a Job ends before a change pays; an operator writes its own sizes back
import { evidenceOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Hold, Wish } from '../decide-finding.ts';

interface Unsupported {
  readonly label: string;
  readonly why: string;
  readonly advice: string;
}

export function holdUnsupportedOwner(view: ContainerView, wish: Wish): Hold | undefined {
  const unsupported = unsupportedFor(view);
  return unsupported === undefined
    ? undefined
    : {
        reason: reasonOf(
          'hold-unsupported-owner',
          unsupported.label,
          `${wish.reason.sentence} Not done: ${unsupported.why}`,
          evidenceOf(view, { owner: view.workloadKey }),
        ),
        advice: [unsupported.advice],
      };
}

function unsupportedFor(view: ContainerView): Unsupported | undefined {
  const { pod, workload, workloadKey, template, world } = view;
  if (pod.isStatic) {
    const why = 'it is a static pod, which only its file on the node can change.';
    return { label: 'static pod', why, advice: 'Change the manifest on the node.' };
  }
  if (pod.hasPodResources) {
    const why = 'its sizes are set for the pod as a whole (spec.resources).';
    return { label: 'pod-level resources', why, advice: 'Change spec.resources of the pod in its template.' };
  }
  if (pod.owner !== null && workload === undefined) {
    const [kind = 'owner'] = workloadKey.split('/');
    const why = `${workloadKey} is an owner that is not supported.`;
    return { label: `owned by a ${kind}`, why, advice: `Set the size in ${workloadKey}, or in what makes it.` };
  }
  if (world.apply === 'in-place') {
    return undefined;
  }
  const because = world.facts.server.podResize
    ? 'the policy applies changes by rollout'
    : 'the server cannot resize pods in place';
  if (workload === undefined) {
    const why = `it is a bare pod, and ${because}: there is no template to change.`;
    return { label: 'bare pod', why, advice: 'Make it anew with the new size, best by a Deployment.' };
  }
  if (template === undefined) {
    const why = `the template of ${workloadKey} does not hold this container, and ${because}.`;
    return { label: 'injected container', why, advice: 'Set the size where the container is injected from.' };
  }
  if (workload.strategy === 'OnDelete') {
    const why = `${workloadKey} updates its pods OnDelete, so that a change of the template reaches none of them.`;
    return { label: 'updated OnDelete', why, advice: 'Change the template and delete the pods one by one.' };
  }
  return undefined;
}
