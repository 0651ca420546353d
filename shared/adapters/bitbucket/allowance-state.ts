// The arithmetic of the request allowance: what is reserved, what may still be, and when more is free again. Pure.
import type { CiPriority } from '../../ports/ci.ts';

export interface AllowanceRules {
  /** Requests in any rolling hour. */
  readonly requestsPerHour: number;
  /** Share of them that background work leaves to urgent requests. */
  readonly urgentShare: number;
}

export interface Reservation {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly count: number;
}

export interface AllowanceState {
  readonly reservations: readonly Reservation[];
  /** Bitbucket's own limit for this token and when it told so. */
  readonly limit?: { readonly value: number; readonly at: number };
  /** Nobody asks before. */
  readonly closedUntil?: number;
  /** Only urgent requests before: less than a fifth of Bitbucket's limit is left, whoever spent the rest. */
  readonly nearLimitUntil?: number;
}

/** What Bitbucket told with a reply. */
export interface Told {
  /** When it did, in milliseconds since 1970. */
  readonly at: number;
  /** 429. */
  readonly refused: boolean;
  readonly retryAfterSeconds: number | undefined;
  /** X-RateLimit-NearLimit. */
  readonly nearLimit: boolean;
  /** X-RateLimit-Limit. */
  readonly limit: number | undefined;
}

export const EMPTY: AllowanceState = { reservations: [] };

/** A reserved request is sent within this time, or handed back. */
export const SPEND_WITHIN_MILLISECONDS = 60_000;
/** Clocks of two instances differ by less than this, and a request is under way for less. */
const TOLERANCE_MILLISECONDS = 60_000;
/** A request may be sent at the end of its time: only this much later is it surely out of the rolling hour. */
const COUNTS_MILLISECONDS = 3_600_000 + SPEND_WITHIN_MILLISECONDS + TOLERANCE_MILLISECONDS;
/** After a 429 without Retry-After: a minute frees a sixtieth of a rolling hour, and Bitbucket is asked once more then. */
const CLOSED_MILLISECONDS = 60_000;
/** Replies tell it again as long as it holds. */
const NEAR_LIMIT_MILLISECONDS = 60_000;
/** A limit that was not told for this long may be another by now. */
const LIMIT_HOLDS_MILLISECONDS = 3_600_000;
/** Of a limit that Bitbucket told: the rest is for requests that are under way. */
const LIMIT_SHARE = 0.9;

/** Without what no longer counts. A reservation from the future, of a clock that was ahead, counts. */
export function pruned(state: AllowanceState, now: number): AllowanceState {
  const { limit, closedUntil, nearLimitUntil } = state;
  return {
    reservations: state.reservations.filter(({ at }) => now < at + COUNTS_MILLISECONDS),
    ...(limit !== undefined && now < limit.at + LIMIT_HOLDS_MILLISECONDS ? { limit } : {}),
    ...(closedUntil !== undefined && now < closedUntil ? { closedUntil } : {}),
    ...(nearLimitUntil !== undefined && now < nearLimitUntil ? { nearLimitUntil } : {}),
  };
}

/** The state after news. It only ever becomes tighter, but for a limit that Bitbucket raised. */
export function tightened(state: AllowanceState, told: Told): AllowanceState {
  const wait = told.retryAfterSeconds === undefined ? CLOSED_MILLISECONDS : told.retryAfterSeconds * 1000;
  return {
    ...state,
    ...(told.limit === undefined ? {} : { limit: { value: told.limit, at: told.at } }),
    ...(told.refused ? { closedUntil: Math.max(state.closedUntil ?? 0, told.at + wait) } : {}),
    ...(told.nearLimit ? { nearLimitUntil: told.at + NEAR_LIMIT_MILLISECONDS } : {}),
  };
}

/** Requests of an hour: the policy's, or less where Bitbucket grants less. */
export function budgetOf(state: AllowanceState, rules: AllowanceRules): number {
  const granted = state.limit === undefined ? Number.POSITIVE_INFINITY : Math.floor(state.limit.value * LIMIT_SHARE);
  return Math.min(rules.requestsPerHour, granted);
}

/** Requests that may be reserved now. */
export function freeFor(state: AllowanceState, rules: AllowanceRules, priority: CiPriority, now: number): number {
  if (now < (state.closedUntil ?? 0) || (priority === 'background' && now < (state.nearLimitUntil ?? 0))) {
    return 0;
  }
  return Math.max(0, roomOf(state, rules, priority) - reserved(state, now));
}

/** When the next request is free, in milliseconds since 1970; `now` where one is. */
export function freeAt(state: AllowanceState, rules: AllowanceRules, priority: CiPriority, now: number): number {
  const open = Math.max(now, state.closedUntil ?? 0, priority === 'background' ? (state.nearLimitUntil ?? 0) : 0);
  const room = roomOf(state, rules, priority);
  const ends = state.reservations
    .map(({ at, count }) => ({ end: at + COUNTS_MILLISECONDS, count }))
    .filter(({ end }) => end > now)
    .sort((a, b) => a.end - b.end);
  let held = ends.reduce((sum, { count }) => sum + count, 0);
  let free = now;
  for (const { end, count } of ends) {
    if (held < room) {
      break;
    }
    held -= count;
    free = end;
  }
  return Math.max(open, free);
}

function roomOf(state: AllowanceState, rules: AllowanceRules, priority: CiPriority): number {
  const budget = budgetOf(state, rules);
  return priority === 'urgent' ? budget : budget - Math.ceil(budget * rules.urgentShare);
}

function reserved(state: AllowanceState, now: number): number {
  return state.reservations
    .filter(({ at }) => now < at + COUNTS_MILLISECONDS)
    .reduce((sum, { count }) => sum + count, 0);
}
