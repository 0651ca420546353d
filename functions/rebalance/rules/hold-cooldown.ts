// When:   a change of ours to this container (in rollout mode: to its workload) is younger than policy.cooldown, after undone ones
//         twice as long each time; for a trim also when its workload was trimmed within policy.trimWindow
// Then:   an act becomes a skip, for now
// Unless: the trim of the workload is still reaching its pods (policy.trimWave) and this pod has not had it
// Why:    a second step before the first one shows in the window would be a step in the dark
import { durationSeconds } from '../../../shared/core/policy.ts';
import { evidenceOf, isRaise, secondsOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Hold, Wish } from '../decide-finding.ts';
import { changeInWords } from '../decide-wording.ts';
import type { PastChange } from '../schema-facts.ts';

export function holdCooldown(view: ContainerView, wish: Wish): Hold | undefined {
  const { policy, apply, nowSeconds } = view.world;
  const age = (change: PastChange): number => nowSeconds - secondsOf(change.at);
  const changes = apply === 'rollout' ? view.workloadChanges : view.changes;
  const undone = changes.filter((change) => !change.stands).length;
  // What did harm is tried again later each time, up to the longest time that our past is read.
  const cooldownSeconds = (change: PastChange): number =>
    Math.min(
      durationSeconds(policy.cooldown) * (change.stands ? 1 : 2 ** (undone - 1)),
      durationSeconds(policy.growthWindow),
    );
  const recent = changes.findLast((change) => age(change) < cooldownSeconds(change));
  if (recent !== undefined) {
    const ends = new Date((secondsOf(recent.at) + cooldownSeconds(recent)) * 1000).toISOString();
    return held(
      view,
      wish,
      recent,
      'cooldown',
      `${recent.stands ? 'changed by us' : 'our change was undone'} at ${recent.at} (${changeInWords(recent)}), left alone until ${ends}.`,
    );
  }
  const trims = view.workloadChanges.filter(
    (change) => change.stands && !isRaise(change) && age(change) < durationSeconds(policy.trimWindow),
  );
  const first = trims[0];
  if (wish.verdict === 'raise' || first === undefined) {
    return undefined;
  }
  const isOwn = trims.some((change) => view.changes.includes(change));
  const isWaveOver = age(first) >= durationSeconds(policy.trimWave);
  return isOwn || isWaveOver
    ? held(
        view,
        wish,
        first,
        'trimmed recently',
        `its workload was trimmed at ${first.at}, at most once in ${policy.trimWindow}.`,
      )
    : undefined;
}

function held(view: ContainerView, wish: Wish, change: PastChange, label: string, why: string): Hold {
  const evidence = evidenceOf(view, { changedAt: change.at });
  return { reason: reasonOf('hold-cooldown', label, `${wish.reason.sentence} Held: ${why}`, evidence), advice: [] };
}
