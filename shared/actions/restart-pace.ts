// Whether a container was restarted as often before a change as after it: then the change is not to blame. Pure.
import { SAME_PACE_SHARE } from './verify-thresholds.ts';

export const OOM_KILLED = 'OOMKilled';

export interface Pace {
  readonly restarts: number;
  /** Over what they were counted: seconds, or pods. */
  readonly over: number;
}

/** Whether the pace before lets expect a fair share of the restarts after. */
export function isSamePace(before: Pace, after: Pace): boolean {
  return before.restarts > 0 && before.restarts * after.over >= SAME_PACE_SHARE * after.restarts * before.over;
}
