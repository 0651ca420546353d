// When:   the node says that the last resize of ours cannot be done, or has put it off for longer than resizePatience
// Then:   escalate, and correct the message that told of the change, in its thread
// Unless: the pending resize is not of this container, or not ours
// Why:    the server accepts a resize long before the node has made it (before 1.36 an infeasible one too)
import { durationSeconds } from '../../../shared/core/policy.ts';
import { evidenceOf, secondsOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Concern } from '../decide-finding.ts';
import { changeInWords, durationInWords, shortened } from '../decide-wording.ts';

export function escalateResizeInfeasible(view: ContainerView): Concern | undefined {
  const { pod, world } = view;
  if (pod.resize === null) {
    return undefined;
  }
  const last = world.facts.history
    .filter((change) => change.stands && change.targetUid === pod.uid)
    .reduce<(typeof world.facts.history)[number] | undefined>(
      (a, b) => (a !== undefined && a.at > b.at ? a : b),
      undefined,
    );
  if (last === undefined || last.container !== view.container.name) {
    return undefined;
  }
  const waitedSeconds = world.nowSeconds - secondsOf(pod.resize.since ?? last.at);
  const isRefused = pod.resize.state === 'infeasible' || pod.resize.state === 'error';
  if (!isRefused && waitedSeconds <= durationSeconds(world.policy.resizePatience)) {
    return undefined;
  }
  const said = pod.resize.message === '' ? '' : `: ${shortened(pod.resize.message, 300)}`;
  const words = {
    infeasible: 'cannot be done on its node',
    error: 'failed on its node',
    deferred: `has been put off for ${durationInWords(waitedSeconds)}`,
    'in-progress': `has been under way for ${durationInWords(waitedSeconds)}`,
  }[pod.resize.state];
  return {
    verdict: 'escalate',
    reason: reasonOf(
      'escalate-resize-infeasible',
      `resize ${pod.resize.state}`,
      `Our change of ${last.at} (${changeInWords(last)}) was accepted by the server, but ${words}${said}.`,
      evidenceOf(view, {
        resizeState: pod.resize.state,
        resizeWaitedSeconds: Math.round(waitedSeconds),
        changedAt: last.at,
        actionId: last.id,
      }),
    ),
    advice: [
      'Move the pod to a node with room: delete it after setting the new size in its template.',
      'Or set its sizes back through the resize subresource.',
    ],
  };
}
