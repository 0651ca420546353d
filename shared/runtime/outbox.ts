// The outbox: what is told to people, stored in the same commit as the run's end and delivered afterwards, once.
// An entry is claimed before it is sent; a claim that was left behind means that the message may be out: it is looked for first.
import type { Logger } from 'pino';
import { describeError, PlatformError } from '../core/errors.ts';
import type { Ports } from '../ports/ports.ts';
import type { StoredDocument, Version, Write } from '../ports/store.ts';
import type { Step } from './context.ts';
import { deliverIssue } from './deliver-issue.ts';
import { deliverMessage } from './deliver-message.ts';
import { type DeliveryContext, type OutboxEntry, secondsAfter } from './outbox-entry.ts';

class LostClaim extends Error {}

const CLAIM_SECONDS = 90;
const GIVE_UP_SECONDS = 7 * 86_400;
const FIRST_RETRY_SECONDS = 15;
const LONGEST_RETRY_SECONDS = 3600;
const BATCH = 50;

export function outboxWrite(entry: OutboxEntry): Write {
  return { op: 'create', collection: 'outbox', id: entry.id, data: entry };
}

export interface DrainInput {
  readonly ports: Ports;
  readonly log: Logger;
  readonly onStep?: ((step: Step) => void | Promise<void>) | undefined;
  /** Only the entries of this run; all that are due otherwise. */
  readonly runId?: string;
}

/**
 * Delivers what is due, issues before the messages that link to them. Failures are stored with the time of the next try.
 * Gives the entries as they stand afterwards.
 */
export async function drainOutbox(input: DrainInput): Promise<readonly OutboxEntry[]> {
  const { store, clock } = input.ports;
  const now = clock.now().toISOString();
  const documents = await store.query<OutboxEntry>('outbox', {
    where:
      input.runId === undefined
        ? [
            { field: 'state', op: '==', value: 'pending' },
            { field: 'dueAt', op: '<=', value: now },
          ]
        : [{ field: 'runId', op: '==', value: input.runId }],
    limit: BATCH,
  });
  const inOrder = [...documents].sort((a, b) => Number(a.data.kind === 'message') - Number(b.data.kind === 'message'));
  const after: OutboxEntry[] = [];
  for (const document of inOrder) {
    const due = document.data.state === 'pending' && document.data.dueAt <= now;
    after.push(due ? await deliver(input, document) : document.data);
  }
  return after;
}

async function deliver(input: DrainInput, document: StoredDocument<OutboxEntry>): Promise<OutboxEntry> {
  const { ports, log } = input;
  const { store, clock } = ports;
  const onStep = async (name: Step): Promise<void> => {
    await input.onStep?.(name);
  };
  const now = (): string => clock.now().toISOString();
  if (document.data.claimedUntil !== undefined && document.data.claimedUntil > now()) {
    return document.data;
  }
  let version: Version = document.version;
  let entry: OutboxEntry = document.data;
  const save = async (next: OutboxEntry): Promise<void> => {
    const result = await store.commit([{ op: 'replace', collection: 'outbox', id: next.id, data: next, version }]);
    if (!result.committed) {
      throw new LostClaim();
    }
    version = result.versions[0] as Version;
    entry = next;
  };
  try {
    await save({ ...entry, claimedUntil: secondsAfter(now(), CLAIM_SECONDS), attempts: entry.attempts + 1 });
    await onStep('delivery-claimed');
    const context: DeliveryContext = { ports, log, now, save, onStep };
    const next = entry.kind === 'issue' ? await deliverIssue(context, entry) : await deliverMessage(context, entry);
    await save(unclaimed(next));
    await onStep('delivery-stored');
    return entry;
  } catch (error) {
    if (error instanceof LostClaim) {
      return entry;
    }
    const failed = afterFailure(entry, error, now());
    log.warn(
      { outboxId: entry.id, attempts: entry.attempts, dueAt: failed.dueAt, error: failed.lastError },
      'a delivery failed',
    );
    await save(failed).catch((lost: unknown) => {
      if (!(lost instanceof LostClaim)) {
        throw lost;
      }
    });
    return entry;
  }
}

function unclaimed(entry: OutboxEntry): OutboxEntry {
  const { claimedUntil: _claim, lastError: _error, ...rest } = entry;
  return rest;
}

/**
 * Keeps the entry for another try, our own bugs included: an upgrade may cure them. After a week it is given up, which is logged
 * and shown with its run.
 */
function afterFailure(entry: OutboxEntry, error: unknown, now: string): OutboxEntry {
  const { claimedUntil: _claim, ...rest } = entry;
  const asked = error instanceof PlatformError ? (error.failure.retryAfterSeconds ?? 0) : 0;
  const waitSeconds = Math.max(asked, Math.min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (entry.attempts - 1)));
  return {
    ...rest,
    state: secondsAfter(entry.createdAt, GIVE_UP_SECONDS) < now ? 'failed' : 'pending',
    dueAt: secondsAfter(now, waitSeconds),
    lastError: describeError(error),
  };
}

/**
 * Delivers the entries of one run and stays with those that wait for another (a message for its issue's link) until `patienceSeconds`
 * are over; what is still open then goes out with a later run or with `settle`.
 */
export async function deliverRun(
  input: DrainInput & { readonly runId: string; readonly patienceSeconds: number },
): Promise<readonly OutboxEntry[]> {
  const { clock } = input.ports;
  const until = clock.now().getTime() + input.patienceSeconds * 1000;
  for (;;) {
    const entries = await drainOutbox(input);
    const waiting = entries.filter(
      (entry) => entry.kind === 'message' && entry.state === 'pending' && entry.posted === undefined,
    );
    const next = Math.min(
      ...entries.filter((entry) => entry.state === 'pending').map((entry) => Date.parse(entry.dueAt)),
    );
    const now = clock.now().getTime();
    if (waiting.length === 0 || waiting.some((entry) => entry.lastError !== undefined) || next > until) {
      return entries;
    }
    await clock.sleep(Math.max(100, next - now));
  }
}
