// The order in which the rules speak on one container, and what room and holds then make of a wish.
import { BugError } from '../../shared/core/errors.ts';
import type { ContainerView } from './decide-view.ts';
import type { Concern, Finding, Hold, SizedWish, Skip, Wish } from './decide-finding.ts';
import { escalateCannotFit, reserveRoom } from './rules/escalate-cannot-fit.ts';
import type { RoomLedger } from './rules/escalate-cannot-fit.ts';
import { escalateGrowthCap } from './rules/escalate-growth-cap.ts';
import { escalateInconsistentMetrics } from './rules/escalate-inconsistent-metrics.ts';
import { escalateResizeInfeasible } from './rules/escalate-resize-infeasible.ts';
import { healthy } from './rules/healthy.ts';
import { holdAutoscaler } from './rules/hold-autoscaler.ts';
import { holdCooldown } from './rules/hold-cooldown.ts';
import { holdNoMemoryLimit } from './rules/hold-no-memory-limit.ts';
import { holdProtected } from './rules/hold-protected.ts';
import { holdResizePending } from './rules/hold-resize-pending.ts';
import { holdRollout } from './rules/hold-rollout.ts';
import { holdSingleReplicaRestart } from './rules/hold-single-replica-restart.ts';
import { holdUnsupportedOwner } from './rules/hold-unsupported-owner.ts';
import { holdWindow } from './rules/hold-window.ts';
import { knownIssue } from './rules/known-issue.ts';
import { lowerRequestsWhenIdle } from './rules/lower-requests-when-idle.ts';
import { noData, noDataBesidesMemory, noDataForTrim } from './rules/no-data.ts';
import { hasOomPattern, raiseMemoryAfterOom } from './rules/raise-memory-after-oom.ts';
import { raiseMemoryNearLimit } from './rules/raise-memory-near-limit.ts';

type HoldRule = (view: ContainerView, wish: Wish) => Hold | undefined;

const TEMPORARY_HOLDS: readonly HoldRule[] = [holdWindow, holdResizePending, holdCooldown, holdRollout];
const STANDING_HOLDS: readonly HoldRule[] = [
  holdProtected,
  holdUnsupportedOwner,
  holdNoMemoryLimit,
  holdAutoscaler,
  holdSingleReplicaRestart,
];

/** A wish that nothing stands against. */
export interface Act {
  readonly verdict: 'act';
  readonly wish: SizedWish;
}

export type Settled = Skip | Concern | Act;

/** What the rules say of one container, looked at by itself. */
export function judge(view: ContainerView): Finding {
  return findingOf(view) ?? healthy(view);
}

/** What they find to say of it, if anything. */
export function findingOf(view: ContainerView): Finding | undefined {
  return (
    noData(view, hasOomPattern(view)) ??
    knownIssue(view) ??
    escalateResizeInfeasible(view) ??
    raiseMemoryAfterOom(view) ??
    raiseMemoryNearLimit(view) ??
    noDataBesidesMemory(view) ??
    escalateInconsistentMetrics(view) ??
    lowerRequestsWhenIdle(view)
  );
}

/** What becomes of a wish. Takes the room of a raise off the ledger when it may be made. */
export function settle(view: ContainerView, wish: Wish, ledger: RoomLedger): Settled {
  return wish.verdict === 'raise' ? settleRaise(view, wish, ledger) : settleTrim(view, wish);
}

function settleRaise(view: ContainerView, raise: Wish, ledger: RoomLedger): Settled {
  if (isSized(raise)) {
    const concern = escalateGrowthCap(view, raise) ?? escalateCannotFit(view, raise, ledger);
    if (concern !== undefined) {
      return concern;
    }
  }
  const pause = firstHold(TEMPORARY_HOLDS, view, raise);
  if (pause !== undefined) {
    return { verdict: 'skip', reason: pause.reason };
  }
  const hold = firstHold(STANDING_HOLDS, view, raise);
  if (hold !== undefined) {
    return { verdict: 'escalate', reason: hold.reason, advice: hold.advice };
  }
  if (!isSized(raise)) {
    throw new BugError(`No size could be named for ${view.pod.name}/${view.container.name}, and no hold says why.`);
  }
  reserveRoom(view, raise, ledger);
  return { verdict: 'act', wish: raise };
}

function settleTrim(view: ContainerView, trim: Wish): Settled {
  const hold = holdOfTrim(view, trim);
  if (hold !== undefined) {
    return { verdict: 'skip', reason: hold.reason };
  }
  const gap = noDataForTrim(view, trim);
  if (gap !== undefined) {
    return gap;
  }
  if (!isSized(trim)) {
    throw new BugError(
      `No size could be named for ${view.pod.name}/${view.container.name}, though its floors are known.`,
    );
  }
  return { verdict: 'act', wish: trim };
}

/** What keeps a trim from being made, whatever its floors are. */
export function holdOfTrim(view: ContainerView, trim: Wish): Hold | undefined {
  return firstHold(TEMPORARY_HOLDS, view, trim) ?? firstHold(STANDING_HOLDS, view, trim);
}

export function isSized(wish: Wish): wish is SizedWish {
  return wish.change !== null;
}

function firstHold(rules: readonly HoldRule[], view: ContainerView, wish: Wish): Hold | undefined {
  for (const rule of rules) {
    const hold = rule(view, wish);
    if (hold !== undefined) {
      return hold;
    }
  }
  return undefined;
}
