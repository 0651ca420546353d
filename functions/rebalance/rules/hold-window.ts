// When:   a maintenance or freeze window of the policy is open for the namespace
// Then:   an act becomes a skip, for now
// Unless: never
// Why:    in such a window people change things themselves, or nothing may change at all
import { evidenceOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Hold, Wish } from '../decide-finding.ts';
import { shortened } from '../decide-wording.ts';

export function holdWindow(view: ContainerView, wish: Wish): Hold | undefined {
  const name = view.world.activeWindow;
  if (name === undefined) {
    return undefined;
  }
  const sentence = `${wish.reason.sentence} Held: window ${name} is open.`;
  return {
    reason: reasonOf('hold-window', `window ${shortened(name, 60)}`, sentence, evidenceOf(view, { window: name })),
    advice: [],
  };
}
