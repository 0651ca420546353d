// How many requests of the hour are left to one access token, over all instances: blocks are reserved in the store by
// compare-and-set before they are spent, so that no interleaving of instances spends more than the budget in any rolling hour.
// It makes no request itself.
import { createHash } from 'node:crypto';
import { PlatformError } from '../../core/errors.ts';
import type { CiAllowance, CiPriority } from '../../ports/ci.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Store, Version, Write } from '../../ports/store.ts';
import {
  type AllowanceRules,
  type AllowanceState,
  budgetOf,
  EMPTY,
  freeFor,
  freeAt,
  pruned,
  SPEND_WITHIN_MILLISECONDS,
  tightened,
  type Told,
  type Reservation,
} from './allowance-state.ts';

export interface AllowanceOptions extends AllowanceRules {
  /** Whose allowance it is; only a hash of it is stored. */
  readonly token: string;
  /** What this process calls itself among the instances: unique. */
  readonly instance: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface Allowance {
  /** Takes one request; fails at once, with when to come again, where none is left. */
  take(priority: CiPriority, operation: string, target: string): Promise<void>;
  /** Notes what the system told with a reply; it is stored with the next request, or by `publish`. */
  note(told: Omit<Told, 'at'>): void;
  /** Stores what was noted, for the other instances. */
  publish(): Promise<void>;
  remaining(): Promise<CiAllowance>;
}

/** A hundredth of the usual budget: few commits, and little lies idle in an instance that went away. */
const BLOCK = 10;
const COLLECTION = 'allowances';
/** Instances that meet here have each made progress by one commit: with 20 of them the last one is through. */
const MOST_CONFLICTS = 20;
const CONFLICT_WAIT_MILLISECONDS = 50;
/** The document says nothing any more when its last request is this old. */
const KEPT_MILLISECONDS = 2 * 3_600_000;
/** Every reply tells it; the store is told again before it would forget. */
const TELL_AGAIN_MILLISECONDS = 30_000;
const LIMIT_AGAIN_MILLISECONDS = 1_800_000;

interface Block {
  readonly id: string;
  readonly at: number;
  readonly priority: CiPriority;
  readonly granted: number;
  used: number;
  /** Bitbucket asked for less: what is left of it is handed back. */
  closed: boolean;
}

export function requestAllowance(options: AllowanceOptions): Allowance {
  const { store, clock } = options;
  const id = createHash('sha256').update(`bitbucket:${options.token}`).digest('hex').slice(0, 32);
  let blocks: Block[] = [];
  let told: Told | undefined;
  let nearLimitTold = Number.NEGATIVE_INFINITY;
  let limitTold: { readonly value: number | undefined; readonly again: number } = { value: undefined, again: 0 };
  let counter = 0;
  let queue: Promise<unknown> = Promise.resolve();

  /** One after another: two calls of one instance must not both reserve a block. */
  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = queue.then(work, work);
    queue = mine.catch(() => undefined);
    return mine;
  }

  function fromBlock(priority: CiPriority): boolean {
    const now = clock.now().getTime();
    // Of its own kind: what urgent work took of a block for lists would be missing for lists.
    const block = blocks.find((one) => !isOver(one, now) && one.priority === priority);
    if (block !== undefined) {
      block.used += 1;
    }
    return block !== undefined;
  }

  async function read(): Promise<{ readonly state: AllowanceState; readonly version: Version | null }> {
    const document = await store.read<AllowanceState>(COLLECTION, id);
    return { state: pruned(document?.data ?? EMPTY, clock.now().getTime()), version: document?.version ?? null };
  }

  /** The state with what this instance knows better: unused parts of its blocks that may no longer be spent, and news. */
  function corrected(state: AllowanceState, now: number): AllowanceState {
    const own = new Map(blocks.filter((one) => isOver(one, now)).map((one) => [one.id, one.used]));
    const reservations = state.reservations.flatMap((one): Reservation[] => {
      const used = own.get(one.id);
      const count = used ?? one.count;
      return count === 0 ? [] : [{ ...one, count }];
    });
    return told === undefined ? { ...state, reservations } : tightened({ ...state, reservations }, told);
  }

  async function update(change: (state: AllowanceState, now: number) => AllowanceState | undefined): Promise<boolean> {
    for (let attempt = 1; attempt <= MOST_CONFLICTS; attempt += 1) {
      const { state, version } = await read();
      const now = clock.now().getTime();
      const noted = told;
      const changed = change(corrected(state, now), now);
      if (changed === undefined) {
        return false;
      }
      const result = await store.commit([writeOf(changed, version, now)]);
      if (result.committed) {
        blocks = blocks.filter((one) => !isOver(one, now));
        told = told === noted ? undefined : told;
        return true;
      }
      await clock.sleep(Math.floor(options.random() * CONFLICT_WAIT_MILLISECONDS));
    }
    throw new PlatformError(
      {
        system: 'store',
        operation: 'reserve requests',
        target: 'the request allowance of Bitbucket',
        code: 'CONFLICT',
        applied: 'no',
      },
      `other instances changed it ${String(MOST_CONFLICTS)} times in between`,
      { remedy: 'Try again; if it stays, run fewer instances at once.' },
    );
  }

  function writeOf(state: AllowanceState, version: Version | null, now: number): Write {
    const document = { collection: COLLECTION, id, data: state, expiresAt: iso(now + KEPT_MILLISECONDS) };
    return version === null ? { op: 'create', ...document } : { op: 'replace', ...document, version };
  }

  async function reserve(priority: CiPriority): Promise<boolean> {
    let fresh: Block | undefined;
    const done = await update((state, now) => {
      const granted = Math.min(BLOCK, freeFor(state, options, priority, now));
      if (granted <= 0) {
        // What was noted is told to the others even though nothing is left.
        return told === undefined ? undefined : state;
      }
      counter += 1;
      fresh = { id: `${options.instance}-${String(counter)}`, at: now, priority, granted, used: 0, closed: false };
      return { ...state, reservations: [...state.reservations, { id: fresh.id, at: now, count: granted, priority }] };
    });
    if (done && fresh !== undefined) {
      blocks.push(fresh);
      return true;
    }
    return false;
  }

  async function nothingLeft(priority: CiPriority, operation: string, target: string): Promise<PlatformError> {
    const { state } = await read();
    const now = clock.now().getTime();
    const seconds = Math.max(1, Math.ceil((freeAt(state, options, priority, now) - now) / 1000));
    return new PlatformError(
      { system: 'Bitbucket', operation, target, code: 'ALLOWANCE_SPENT', retryAfterSeconds: seconds, applied: 'no' },
      now < (state.closedUntil ?? 0)
        ? 'it has just refused a request for too many of them'
        : `the ${String(budgetOf(state, options))} requests of this hour are spent`,
      {
        remedy: `Try again after ${String(seconds)} s, watch fewer repositories, or raise ci.bitbucket.requestsPerHour if Bitbucket grants more.`,
      },
    );
  }

  return {
    take: (priority, operation, target) =>
      inTurn(async () => {
        if (fromBlock(priority) || ((await reserve(priority)) && fromBlock(priority))) {
          return;
        }
        throw await nothingLeft(priority, operation, target);
      }),
    note(news) {
      const now = clock.now().getTime();
      const isNear = news.nearLimit && now >= nearLimitTold + TELL_AGAIN_MILLISECONDS;
      const isLimit = news.limit !== undefined && (news.limit !== limitTold.value || now >= limitTold.again);
      if (!news.refused && !isNear && !isLimit) {
        return;
      }
      told = merged(told, { ...news, at: now });
      nearLimitTold = news.nearLimit ? now : nearLimitTold;
      limitTold = isLimit ? { value: news.limit, again: now + LIMIT_AGAIN_MILLISECONDS } : limitTold;
      if (news.refused || isNear) {
        blocks = blocks.map((one) => ({ ...one, closed: true }));
      }
    },
    publish: () =>
      inTurn(async () => {
        if (told !== undefined) {
          await update((state) => state);
        }
      }),
    remaining: () =>
      inTurn(async () => {
        const { state } = await read();
        const now = clock.now().getTime();
        const known = corrected(state, now);
        const idle = (priority: CiPriority): number =>
          blocks
            .filter((one) => !isOver(one, now) && one.priority === priority)
            .reduce((sum, one) => sum + one.granted - one.used, 0);
        const left = (priority: CiPriority): number => freeFor(known, options, priority, now) + idle(priority);
        const background = left('background');
        return {
          urgent: left('urgent'),
          background,
          nextAt: background > 0 ? null : iso(freeAt(known, options, 'background', now)),
        };
      }),
  };
}

function isOver(block: Block, now: number): boolean {
  return now < block.at || now >= block.at + SPEND_WITHIN_MILLISECONDS || block.closed || block.used >= block.granted;
}

function merged(old: Told | undefined, news: Told): Told {
  return old === undefined
    ? news
    : {
        at: news.at,
        refused: old.refused || news.refused,
        nearLimit: old.nearLimit || news.nearLimit,
        limit: news.limit ?? old.limit,
        retryAfterSeconds: Math.max(old.retryAfterSeconds ?? 0, news.retryAfterSeconds ?? 0) || undefined,
      };
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
