// The outbox: what is told to people, stored in the same commit as the run's end, and events that came in; delivered afterwards, once.
// An entry is claimed before it is sent; a claim that was left behind means that the message may be out: it is looked for first.
import { describeError, PlatformError } from '../core/errors.ts';
import type { StoredDocument, Version, Write } from '../ports/store.ts';
import type { Step, Surroundings } from './context.ts';
import { deliverEvent } from './deliver-event.ts';
import { deliverIssue } from './deliver-issue.ts';
import { deliverInThread } from './deliver-note.ts';
import { deliverNotice } from './deliver-notice.ts';
import { type DeliveryContext, isOld, type OutboxEntry, secondsAfter } from './outbox-entry.ts';

class LostClaim extends Error {}

type Deliver<E extends OutboxEntry> = (
  context: DeliveryContext,
  entry: E,
  surroundings: Surroundings,
) => Promise<OutboxEntry>;

/** The way of each kind of entry; the fault tests find the kinds here. */
export const DELIVERIES: { readonly [K in OutboxEntry['kind']]: Deliver<Extract<OutboxEntry, { kind: K }>> } = {
  issue: deliverIssue,
  message: deliverInThread,
  notice: deliverNotice,
  event: (context, entry, surroundings) => deliverEvent(surroundings, context, entry),
};

/** Longer than any single effect with all its attempts; each effect begins by renewing the claim. */
const CLAIM_SECONDS = 150;
/** An event may change the platform: as long as the lease under which that is done, and some more. */
const EVENT_CLAIM_SECONDS = 240;
/** A claim that ends later than this was made while the clock was ahead. */
const LATEST_CLAIM_SECONDS = 2 * CLAIM_SECONDS;
const FIRST_RETRY_SECONDS = 15;
const LONGEST_RETRY_SECONDS = 3600;
/** A system that asks for a longer pause is asked again after this all the same. */
const LONGEST_ASKED_SECONDS = 86_400;
const BATCH = 50;
/** What is over is kept as long as the run that it belongs to. */
const KEPT_SECONDS = 30 * 86_400;

export function outboxWrite(entry: OutboxEntry): Write {
  return { op: 'create', collection: 'outbox', id: entry.id, data: entry };
}

/** Without `handlers` events are left to who has them. */
export interface DrainInput extends Surroundings {
  /** No delivery is begun after this time (milliseconds since 1970). */
  readonly until?: number;
}

/** Delivers what is due, issues before the messages that link to them. Failures are stored with the time of the next try. */
export async function drainOutbox(input: DrainInput): Promise<void> {
  const documents = await input.ports.store.query<OutboxEntry>('outbox', {
    where: [
      { field: 'state', op: '==', value: 'pending' },
      { field: 'dueAt', op: '<=', value: input.ports.clock.now().toISOString() },
    ],
    limit: BATCH,
  });
  await deliverEach({ ...input, isStopping: input.isStopping ?? (() => false) }, documents);
}

/**
 * Delivers the entries of one run and stays with those that wait for another (a message for its issue's link) until `patienceSeconds`
 * are over; what is still open then goes out with a later run or with `settle`. Gives the entries as they stand afterwards.
 */
export async function deliverRun(
  input: DrainInput,
  runId: string,
  patienceSeconds: number,
): Promise<readonly OutboxEntry[]> {
  const { clock, store } = input.ports;
  let patience = patienceSeconds * 1000;
  for (;;) {
    const documents = await store.query<OutboxEntry>('outbox', {
      where: [{ field: 'runId', op: '==', value: runId }],
      limit: BATCH,
    });
    // Also while the process is stopping: what the run has done is told once if it can be.
    const entries = await deliverEach({ ...input, isStopping: () => false }, documents);
    const waiting = entries.filter(
      (entry) => entry.kind === 'message' && entry.state === 'pending' && entry.posted === undefined,
    );
    const dueAt = entries.filter((entry) => entry.state === 'pending').map((entry) => Date.parse(entry.dueAt));
    const pause = Math.max(SHORTEST_PAUSE_MILLISECONDS, Math.min(...dueAt) - clock.now().getTime());
    const isHopeless = waiting.length === 0 || waiting.some((entry) => entry.lastError !== undefined);
    if (isHopeless || pause > patience || input.isStopping?.() === true) {
      return entries;
    }
    // Counted by what was waited and not by the clock, which may be set meanwhile.
    patience -= pause;
    await clock.sleep(pause);
  }
}

const SHORTEST_PAUSE_MILLISECONDS = 500;
/** Somebody waits for what an event does, and messages wait for their issues. */
const ORDER: readonly OutboxEntry['kind'][] = ['event', 'issue', 'message', 'notice'];

async function deliverEach(
  input: DrainInput & { readonly isStopping: () => boolean },
  documents: readonly StoredDocument<OutboxEntry>[],
): Promise<readonly OutboxEntry[]> {
  const { clock } = input.ports;
  const inOrder = [...documents].sort((a, b) => ORDER.indexOf(a.data.kind) - ORDER.indexOf(b.data.kind));
  const after: OutboxEntry[] = [];
  const down = new Set<OutboxEntry['kind']>();
  for (const document of inOrder) {
    const { data } = document;
    const now = clock.now();
    const isDue = data.state === 'pending' && data.dueAt <= now.toISOString();
    const isTime = input.until === undefined || now.getTime() < input.until;
    const isOurs = data.kind !== 'event' || input.handlers !== undefined;
    if (!isDue || !isTime || !isOurs || input.isStopping() || down.has(data.kind)) {
      after.push(data);
      continue;
    }
    const delivered = await deliver(input, document);
    after.push(delivered.entry);
    // Each of the others would wait for the same deadline in vain.
    if (delivered.systemIsDown && data.kind !== 'event') {
      down.add(data.kind);
    }
  }
  return after;
}

interface Delivered {
  readonly entry: OutboxEntry;
  readonly systemIsDown: boolean;
}

async function deliver(input: DrainInput, document: StoredDocument<OutboxEntry>): Promise<Delivered> {
  const { ports, log } = input;
  const { store, clock } = ports;
  const onStep = async (name: Step): Promise<void> => {
    await input.onStep?.(name);
  };
  const now = (): string => clock.now().toISOString();
  if (isClaimed(document.data, now())) {
    return { entry: document.data, systemIsDown: false };
  }
  let version: Version = document.version;
  let entry: OutboxEntry = document.data;
  const put = async (next: OutboxEntry): Promise<void> => {
    const over = next.state === 'pending' ? {} : { expiresAt: secondsAfter(now(), KEPT_SECONDS) };
    const write = { op: 'replace', collection: 'outbox', id: next.id, data: next, version, ...over } as const;
    const result = await store.commit([write]);
    if (!result.committed) {
      throw new LostClaim();
    }
    version = result.versions[0] as Version;
    entry = next;
  };
  const claimSeconds = entry.kind === 'event' ? EVENT_CLAIM_SECONDS : CLAIM_SECONDS;
  const save = (next: OutboxEntry): Promise<void> => put({ ...next, claimedUntil: secondsAfter(now(), claimSeconds) });
  try {
    await save({ ...entry, attempts: entry.attempts + 1 });
    await onStep('delivery-claimed');
    const context: DeliveryContext = { ports, log, now, save, onStep };
    const next = await (DELIVERIES[entry.kind] as Deliver<OutboxEntry>)(context, entry, input);
    await put(unclaimed(next));
    await onStep('delivery-stored');
    return { entry, systemIsDown: false };
  } catch (error) {
    if (error instanceof LostClaim) {
      return { entry, systemIsDown: false };
    }
    const failed = afterFailure(entry, input.mask(describeError(error)), error, now());
    log.warn(
      { outboxId: entry.id, attempts: entry.attempts, dueAt: failed.dueAt, error: failed.lastError },
      'a delivery failed',
    );
    await put(failed).catch((second: unknown) => {
      if (!(second instanceof LostClaim)) {
        // The claim ends by itself. The other entries are not to wait for this one.
        log.error({ outboxId: entry.id, error: describeError(second) }, 'a delivery that failed could not be stored');
      }
    });
    return { entry, systemIsDown: isDown(error) };
  }
}

function isClaimed(entry: OutboxEntry, now: string): boolean {
  const { claimedUntil } = entry;
  return claimedUntil !== undefined && claimedUntil > now && claimedUntil <= secondsAfter(now, LATEST_CLAIM_SECONDS);
}

/** Not this entry's fault: no answer at all, too many requests, or the system's own failure. */
function isDown(error: unknown): boolean {
  if (!(error instanceof PlatformError) || error.failure.system === 'store') {
    return false;
  }
  const { status } = error.failure;
  return status === undefined ? error.failure.code !== undefined : status === 429 || status >= 500;
}

function askedSeconds(error: unknown): number {
  const asked = error instanceof PlatformError ? error.failure.retryAfterSeconds : undefined;
  return asked !== undefined && asked > 0 ? Math.min(asked, LONGEST_ASKED_SECONDS) : 0;
}

/** Whether it is out cannot be found out, now or later: sending it again might say it twice, so that a person must look. */
function cannotLook(error: unknown): boolean {
  return error instanceof PlatformError && error.failure.code === 'CANNOT_LOOK';
}

/** The tries are counted from the last one that did not fail. */
function unclaimed(entry: OutboxEntry): OutboxEntry {
  const { claimedUntil: _claim, lastError: _error, ...rest } = entry;
  return rest.state === 'pending' ? { ...rest, attempts: 0 } : rest;
}

/** Stores an entry, unless it is there already, and delivers it; gives it as it stands when it is out, or patience is. */
export async function deliverOne(input: DrainInput, entry: OutboxEntry, patienceSeconds: number): Promise<OutboxEntry> {
  const { store, clock } = input.ports;
  await store.commit([outboxWrite(entry)]);
  let current = entry;
  for (let waited = 0; waited <= patienceSeconds * 1000; waited += SHORTEST_PAUSE_MILLISECONDS) {
    [current = entry] = await deliverRun(input, entry.runId, 0);
    if (current.state !== 'pending' || current.url !== undefined || current.lastError !== undefined) {
      break;
    }
    // Another instance is at it.
    await clock.sleep(SHORTEST_PAUSE_MILLISECONDS);
  }
  return current;
}

/**
 * Keeps the entry for another try, our own bugs included: an upgrade may cure them. After a week it is given up, which is logged
 * and shown with its run.
 */
function afterFailure(entry: OutboxEntry, lastError: string, error: unknown, now: string): OutboxEntry {
  const { claimedUntil: _claim, ...rest } = entry;
  const backoff = Math.min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** Math.max(0, entry.attempts - 1));
  return {
    ...rest,
    state: isOld(entry, now) || cannotLook(error) ? 'failed' : 'pending',
    dueAt: secondsAfter(now, Math.max(askedSeconds(error), backoff)),
    lastError: lastError.slice(0, LONGEST_ERROR),
  };
}

/** An entry must stay small enough to be stored whatever a system answers. */
const LONGEST_ERROR = 2000;
