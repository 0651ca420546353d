// Rollout mode: the template is what changes, so that all pods of a workload share one verdict on each container of it.
import type { ContainerView } from './decide-view.ts';
import { evidenceOf } from './decide-view.ts';
import { reasonOf } from './decide-finding.ts';
import { isWish } from './decide-finding.ts';
import type { Concern, Finding, Skip, Wish } from './decide-finding.ts';
import { judge, settle } from './decide-judge.ts';
import type { Act, Settled } from './decide-judge.ts';
import type { RoomLedger } from './rules/escalate-cannot-fit.ts';
import { holdProtected } from './rules/hold-protected.ts';
import { lowerRequestsTogether } from './rules/lower-requests-when-idle.ts';

interface Member {
  readonly view: ContainerView;
  readonly finding: Finding;
}

/** The same container in all pods of the workload. */
type Group = readonly Member[];

/** Verdicts on all containers of one workload's pods: any raise wins over any trim. */
export function settleWorkload(
  views: readonly ContainerView[],
  ledger: RoomLedger,
): ReadonlyMap<ContainerView, Settled> {
  const groups = [
    ...Map.groupBy(
      views.map((view) => ({ view, finding: judge(view) })),
      ({ view }) => view.container.name,
    ).values(),
  ];
  const isRaised = groups.some((group) => group.some(({ finding }) => finding.verdict === 'raise'));
  return new Map(groups.flatMap((group) => [...settleGroup(group, isRaised, ledger)]));
}

function settleGroup(
  group: Group,
  isRaised: boolean,
  ledger: RoomLedger,
): readonly (readonly [ContainerView, Settled])[] {
  const raises = group.filter(({ finding }) => finding.verdict === 'raise');
  const worst = raises.reduce<Member | undefined>(
    (a, b) => (a !== undefined && kills(a) >= kills(b) ? a : b),
    undefined,
  );
  if (worst !== undefined) {
    const wish = worst.finding as Wish;
    // The template is changed for all of them, so that the protection of one pod holds for all.
    const spokesman = group.find(({ view }) => holdProtected(view, wish) !== undefined) ?? worst;
    const settled = settle(spokesman.view, wish, ledger);
    return group.map((member) => [member.view, sharedRaise(member, worst, settled)]);
  }
  if (group.every(({ finding }) => finding.verdict !== 'trim')) {
    return group.map(({ view, finding }) => [view, finding as Skip | Concern]);
  }
  return settleTrims(group, isRaised, ledger);
}

function kills({ view }: Member): number {
  return view.oomKills ?? 0;
}

function sharedRaise(member: Member, worst: Member, settled: Settled): Settled {
  const { finding, view } = member;
  const keepsItsOwn = finding.verdict === 'escalate' || isLeftAlone(finding) || settled.verdict !== 'act';
  if (keepsItsOwn && !isWish(finding)) {
    return finding;
  }
  const said = settled.verdict === 'act' ? settled.wish.reason : settled.reason;
  const reason = {
    ...said,
    sentence: member === worst ? said.sentence : `Pod ${worst.view.pod.name}: ${said.sentence}`,
    evidence: evidenceOf(view),
  };
  const shared = member === worst ? said : reason;
  switch (settled.verdict) {
    case 'act':
      return { verdict: 'act', wish: { ...settled.wish, reason: shared } };
    case 'escalate':
      return finding.verdict === 'raise' ? { ...settled, reason: shared } : heldByRaise(view, finding);
    case 'skip':
      return { verdict: 'skip', reason: shared };
  }
}

function settleTrims(
  group: Group,
  isRaised: boolean,
  ledger: RoomLedger,
): readonly (readonly [ContainerView, Settled])[] {
  const idle = group.filter(({ finding }) => finding.verdict === 'trim');
  const [first] = idle;
  const together = lowerRequestsTogether(idle.map(({ view }) => view));
  const isIdleThroughout = group.every(({ view, finding }) => finding.verdict === 'trim' || view.pod.terminating);
  return group.map((member): readonly [ContainerView, Settled] => {
    const { view, finding } = member;
    if (finding.verdict !== 'trim') {
      return [view, finding as Skip | Concern];
    }
    if (isRaised) {
      return [view, heldByRaise(view, finding)];
    }
    if (!isIdleThroughout || first === undefined) {
      return [view, notIdleThroughout(view)];
    }
    if (together === undefined) {
      return [view, atFloorTogether(view)];
    }
    const spokesman = idle.find((other) => holdProtected(other.view, together) !== undefined) ?? first;
    return [view, shareTrim(member, settle(spokesman.view, together, ledger))];
  });
}

function shareTrim({ view, finding }: Member, settled: Settled): Settled {
  return settled.verdict === 'act'
    ? ({
        verdict: 'act',
        wish: { ...settled.wish, reason: { ...settled.wish.reason, evidence: finding.reason.evidence } },
      } satisfies Act)
    : { ...settled, reason: { ...settled.reason, evidence: evidenceOf(view) } };
}

function isLeftAlone(finding: Finding): boolean {
  return finding.verdict === 'skip' && finding.reason.rule !== 'rebalance/healthy';
}

function heldByRaise(view: ContainerView, trim: Finding): Skip {
  const sentence = `${trim.reason.sentence} Held: ${view.workloadKey} needs more memory elsewhere, which goes first.`;
  return { verdict: 'skip', reason: reasonOf('hold-rollout', 'a raise goes first', sentence, evidenceOf(view)) };
}

function notIdleThroughout(view: ContainerView): Skip {
  const sentence = `Idle, but not all pods of ${view.workloadKey} are known to be, and they share one template.`;
  return { verdict: 'skip', reason: reasonOf('healthy', 'healthy', sentence, evidenceOf(view)) };
}

function atFloorTogether(view: ContainerView): Skip {
  const sentence = `Idle, but the busiest pod of ${view.workloadKey} needs the requests as they are.`;
  return { verdict: 'skip', reason: reasonOf('healthy', 'healthy', sentence, evidenceOf(view)) };
}
