// The arithmetic of the request allowance: what is reserved, what may still be, and when more is free again. Pure.
import type { CiPriority } from '../../ports/ci.ts';

export interface AllowanceRules {
  /** Requests in any rolling hour. */
  readonly requestsPerHour: number;
  /** Share of them that background work never spends: it is there for urgent requests. */
  readonly urgentShare: number;
}

export interface Reservation {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly count: number;
  readonly priority: CiPriority;
}

export interface AllowanceState {
  readonly reservations: readonly Reservation[];
  /** Bitbucket's own limit for this token and when it told so. */
  readonly limit?: { readonly value: number; readonly at: number };
  /** Nobody asks before. */
  readonly closedUntil?: number;
  /** Only urgent requests before: less than a fifth of Bitbucket's limit is left, and it is not we who spent the rest. */
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

/** A reserved request is sent within this time, or handed back: a block of ten is spent within seconds, or lies idle. */
export const SPEND_WITHIN_MILLISECONDS = 10_000;
/** Clocks of two instances differ by less than this, and a request is under way for less. */
const TOLERANCE_MILLISECONDS = 15_000;
/** A request may be sent at the end of its time: only this much later is it surely out of the rolling hour. */
const COUNTS_MILLISECONDS = 3_600_000 + SPEND_WITHIN_MILLISECONDS + TOLERANCE_MILLISECONDS;
/** After a 429 without Retry-After: a minute frees a sixtieth of a rolling hour, and Bitbucket is asked once more then. */
const CLOSED_MILLISECONDS = 60_000;
/** Replies tell it again as long as it holds. */
const NEAR_LIMIT_MILLISECONDS = 60_000;
/** A limit that was not told for this long may be another by now. */
const LIMIT_HOLDS_MILLISECONDS = 3_600_000;
/** Of a limit that Bitbucket told. Every request of ours is counted before it is sent; the rest is for requests of a person. */
const LIMIT_SHARE = 0.99;
/** Bitbucket says that its limit is near when more than this share of it is spent. */
const NEAR_LIMIT_SHARE = 0.8;
/**
 * Share of the budget that work of each priority leaves free at any time. Background work: about what urgent work needs in a minute, so
 * that it never queues. What may as well come later: that and the lists of some minutes, so that it is put off before they are.
 */
const FREE_SHARES: Readonly<Record<CiPriority, number>> = { urgent: 0, background: 0.03, 'best-effort': 0.07 };

/** Without what no longer counts. A reservation from the future, of a clock that was ahead, counts. */
export function pruned(state: AllowanceState, now: number): AllowanceState {
  const { limit, closedUntil, nearLimitUntil } = state;
  return {
    reservations: state.reservations.filter((one) => counts(one, now)),
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
    ...(told.nearLimit && !isOwnDoing(state, told) ? { nearLimitUntil: told.at + NEAR_LIMIT_MILLISECONDS } : {}),
  };
}

/** What we spent ourselves within our budget explains that the limit is near; it is no sign of others. */
function isOwnDoing(state: AllowanceState, { at, limit = state.limit?.value }: Told): boolean {
  return limit !== undefined && reserved(state, at) >= limit * NEAR_LIMIT_SHARE;
}

/** Requests of an hour: the policy's, or less where Bitbucket grants less. */
export function budgetOf(state: AllowanceState, rules: AllowanceRules): number {
  const granted = state.limit === undefined ? Number.POSITIVE_INFINITY : Math.floor(state.limit.value * LIMIT_SHARE);
  return Math.min(rules.requestsPerHour, granted);
}

/** Requests that may be reserved now. */
export function freeFor(state: AllowanceState, rules: AllowanceRules, priority: CiPriority, now: number): number {
  if (now < opensAt(state, priority)) {
    return 0;
  }
  return Math.max(
    0,
    Math.min(...limitsOf(state, rules, priority).map(({ room, of }) => room - reserved(state, now, of))),
  );
}

/** When the next request is free, in milliseconds since 1970; `now` where one is. */
export function freeAt(state: AllowanceState, rules: AllowanceRules, priority: CiPriority, now: number): number {
  const times = limitsOf(state, rules, priority).map(({ room, of }) => {
    const ends = state.reservations
      .filter((one) => of(one) && counts(one, now))
      .map(({ at, count }) => ({ end: at + COUNTS_MILLISECONDS, count }))
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
    return free;
  });
  return Math.max(now, opensAt(state, priority), ...times);
}

function opensAt({ closedUntil = 0, nearLimitUntil = 0 }: AllowanceState, priority: CiPriority): number {
  return priority === 'urgent' ? closedUntil : Math.max(closedUntil, nearLimitUntil);
}

interface Limit {
  readonly room: number;
  /** What counts against it. */
  readonly of: (reservation: Reservation) => boolean;
}

/**
 * Urgent work may spend the whole budget. All other leaves a little free at any time, and spends together no more than what is not kept
 * for urgent work; what urgent work did spend is taken from nothing else, or lists would stand still in just the hours in which
 * builds fail.
 */
function limitsOf(state: AllowanceState, rules: AllowanceRules, priority: CiPriority): readonly Limit[] {
  const budget = budgetOf(state, rules);
  const all = { room: budget - Math.ceil(budget * FREE_SHARES[priority]), of: (): boolean => true };
  const notUrgent = {
    room: budget - Math.ceil(budget * rules.urgentShare),
    of: (one: Reservation): boolean => one.priority !== 'urgent',
  };
  return priority === 'urgent' ? [all] : [all, notUrgent];
}

function reserved({ reservations }: AllowanceState, now: number, of: Limit['of'] = () => true): number {
  return reservations.filter((one) => of(one) && counts(one, now)).reduce((sum, { count }) => sum + count, 0);
}

function counts({ at }: Reservation, now: number): boolean {
  return now < at + COUNTS_MILLISECONDS;
}
