// The commit that ends a run. It decides nothing of what is in it.
import { BugError } from '../core/errors.ts';
import type { Write } from '../ports/store.ts';
import type { RunContext } from './context.ts';
import { type Lease, leaseRelease } from './lease.ts';
import { recordWrite, type RunRecord } from './run-record.ts';

const CLOSE_ATTEMPTS = 8;

/**
 * The run's last commit: record, lease, report, messages. All of it or nothing, and nothing when the lease was lost. The outbox
 * may touch an issue's state at the same time: then `writes` are made anew.
 */
export async function closeRun(
  context: RunContext,
  lease: Lease,
  record: RunRecord,
  writes: () => Promise<readonly Write[]>,
): Promise<void> {
  const { store } = context.ports;
  let conflict = { collection: '', id: '' };
  for (let attempt = 0; attempt < CLOSE_ATTEMPTS; attempt += 1) {
    const running = await store.read<RunRecord>('runs', record.id);
    const result = await store.commit([
      leaseRelease(lease),
      ...(running === undefined ? [] : [recordWrite(context.team, running, record)]),
      ...(await writes()),
    ]);
    if (result.committed) {
      return;
    }
    conflict = result.conflict;
    if (conflict.collection === 'leases') {
      break;
    }
  }
  throw new BugError(
    `Run ${record.id} could not be finished: ${conflict.collection}/${conflict.id} was changed by another run. What it did is in the journal.`,
  );
}
