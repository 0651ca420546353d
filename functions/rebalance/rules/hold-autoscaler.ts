// When:   a HorizontalPodAutoscaler follows a resource that would change, a VerticalPodAutoscaler writes to the workload, or
//         the autoscalers cannot be read
// Then:   a raise becomes one escalation, a trim a skip
// Unless: the VPA only recommends (Off) or acts on new pods alone (Initial)
// Why:    utilisation is measured by the request: changing it changes the number of replicas; two that write the same size
//         undo each other for ever
import { evidenceOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Hold, Wish } from '../decide-finding.ts';

const RECOMMENDING_MODES: readonly string[] = ['Off', 'Initial'];

export function holdAutoscaler(view: ContainerView, wish: Wish): Hold | undefined {
  const { horizontalAutoscalers, verticalAutoscalers } = view.world.facts;
  const unreadable =
    'unreadable' in horizontalAutoscalers
      ? horizontalAutoscalers.unreadable
      : 'unreadable' in verticalAutoscalers
        ? verticalAutoscalers.unreadable
        : undefined;
  if (unreadable !== undefined) {
    const advice = [
      'Give the service account of Nightshift the permission that is missing; `nightshift doctor` names it.',
    ];
    return held(view, wish, 'autoscalers unknown', `its autoscalers cannot be read: ${unreadable}`, advice);
  }
  const isOurs = ({ target }: { target: { kind: string; name: string } }): boolean =>
    `${target.kind}/${target.name}` === view.workloadKey;
  const resources = changedResources(view, wish);
  const horizontal = ('items' in horizontalAutoscalers ? horizontalAutoscalers.items : [])
    .filter(isOurs)
    .find((autoscaler) => autoscaler.resources.some((resource) => resources.includes(resource)));
  if (horizontal !== undefined) {
    const followed = horizontal.resources.join(' and ');
    return held(
      view,
      wish,
      `HPA on ${followed}`,
      `HorizontalPodAutoscaler ${horizontal.name} follows its ${followed}.`,
      [`Set the size together with the target of HorizontalPodAutoscaler ${horizontal.name}.`],
    );
  }
  const vertical = ('items' in verticalAutoscalers ? verticalAutoscalers.items : [])
    .filter(isOurs)
    .find((autoscaler) => !RECOMMENDING_MODES.includes(autoscaler.updateMode));
  return vertical === undefined
    ? undefined
    : held(
        view,
        wish,
        'managed by a VPA',
        `VerticalPodAutoscaler ${vertical.name} (${vertical.updateMode}) writes its sizes.`,
        [`Look at maxAllowed of VerticalPodAutoscaler ${vertical.name}, or set its updateMode to Off.`],
      );
}

function held(view: ContainerView, wish: Wish, label: string, why: string, advice: readonly string[]): Hold {
  return {
    reason: reasonOf('hold-autoscaler', label, `${wish.reason.sentence} Not done: ${why}`, evidenceOf(view)),
    advice,
  };
}

/** A raise concerns memory, whether or not its request moves; a trim whose size is not known yet may touch both. */
function changedResources(view: ContainerView, wish: Wish): readonly string[] {
  if (wish.verdict === 'raise') {
    return ['memory'];
  }
  return Object.keys(wish.change?.to.requests ?? view.container.requests);
}
