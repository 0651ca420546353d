// Runs as they are stored: their records, the reports of the finished ones, and which delivery each of them answered.
import { hashOf } from '../core/fingerprint.ts';
import { durationSeconds, type TeamPolicy } from '../core/policy.ts';
import type { CanonicalReport } from '../core/report.ts';
import type { Ports } from '../ports/ports.ts';
import type { Store, StoredDocument, Write } from '../ports/store.ts';
import { type LargeReference, readLarge } from './large-document.ts';
import type { OutboxEntry } from './outbox-entry.ts';
import type { RecordingFields } from './recording.ts';
import { reportedDelivery } from './reporting.ts';

export type TriggerKind = 'manual' | 'schedule' | 'push' | 'event';

/** A run as it is stored, for `nightshift runs` and `show`. */
export interface RunRecord extends RecordingFields {
  readonly id: string;
  readonly duty: string;
  readonly scope: string;
  readonly trigger: TriggerKind;
  readonly startedAt: string;
  /** `running` without a lease: it was cut off, and the next run of the scope tells what it did. */
  readonly state: 'running' | 'done' | 'refused' | 'failed';
  readonly finishedAt?: string;
  readonly counts?: Readonly<Record<'act' | 'escalate' | 'skip', number>>;
  readonly error?: string;
  readonly report?: LargeReference;
  readonly waiting?: boolean;
}

/** More runs of one scope than this cannot have died since the last one that ended: each is looked after by the next. */
const CUT_OFF_LIMIT = 20;

/** Until when policy keeps what belongs to a run; the journal has its own retention. */
export function runExpiry({ retention }: Pick<TeamPolicy, 'retention'>, from: Date): string {
  return new Date(from.getTime() + durationSeconds(retention.runs) * 1000).toISOString();
}

export function recordWrite(team: TeamPolicy, before: StoredDocument<RunRecord>, after: RunRecord): Write {
  const expiresAt = runExpiry(team, new Date(after.startedAt));
  return { op: 'replace', collection: 'runs', id: after.id, data: after, version: before.version, expiresAt };
}

/** Runs of a scope that never ended. To be asked by the holder of its lease: nobody else is at work then. */
export async function runsCutOff(
  store: Store,
  own: Pick<RunRecord, 'id' | 'duty' | 'scope'>,
): Promise<readonly StoredDocument<RunRecord>[]> {
  const running = await store.query<RunRecord>('runs', {
    where: [
      { field: 'duty', op: '==', value: own.duty },
      { field: 'scope', op: '==', value: own.scope },
      { field: 'state', op: '==', value: 'running' },
    ],
    limit: CUT_OFF_LIMIT,
  });
  return running.filter((document) => document.id !== own.id);
}

/** A stored run with its report and the state of its deliveries now. */
export async function readRun(
  { ports }: { readonly ports: Pick<Ports, 'store'> },
  runId: string,
): Promise<{ readonly record: RunRecord; readonly report: CanonicalReport | undefined } | undefined> {
  const { store } = ports;
  const record = (await store.read<RunRecord>('runs', runId))?.data;
  if (record?.report === undefined) {
    return record && { record, report: undefined };
  }
  const report = await readLarge<CanonicalReport>(store, record.report);
  const entries = await store.query<OutboxEntry>('outbox', {
    where: [{ field: 'runId', op: '==', value: runId }],
    limit: 100,
  });
  const { words, analysis } = record;
  const run = {
    ...report.run,
    ...(words && { words: { by: words.by, why: words.why } }),
    ...(analysis && { analysis: { by: analysis.by, why: analysis.why } }),
  };
  return { record, report: { ...report, run, deliveries: entries.map((entry) => reportedDelivery(entry.data)) } };
}

interface DeliveryRecord {
  readonly runId: string;
}

function deliveryKey(duty: string, deliveryId: string): string {
  // Hashed: senders may choose any text.
  return `${duty}:${hashOf(deliveryId)}`;
}

/** Remembers which run answered a delivery. */
export function deliveryWrites(
  team: TeamPolicy,
  duty: string,
  deliveryId: string | undefined,
  runId: string,
  now: Date,
): readonly Write[] {
  if (deliveryId === undefined) {
    return [];
  }
  const data: DeliveryRecord = { runId };
  const id = deliveryKey(duty, deliveryId);
  return [{ op: 'create', collection: 'deliveries', id, data, expiresAt: runExpiry(team, now) }];
}

/** At-least-once senders repeat themselves: the same delivery is answered with what its run said. */
export async function answeredBefore(
  ports: Pick<Ports, 'store'>,
  duty: string,
  deliveryId: string | undefined,
): Promise<{ readonly report: CanonicalReport; readonly waiting: boolean } | undefined> {
  if (deliveryId === undefined) {
    return undefined;
  }
  const delivered = await ports.store.read<DeliveryRecord>('deliveries', deliveryKey(duty, deliveryId));
  const stored = delivered === undefined ? undefined : await readRun({ ports }, delivered.data.runId);
  return stored?.report === undefined ? undefined : { report: stored.report, waiting: stored.record.waiting === true };
}
