// One run at a time for each duty and scope. The lease is also the fence: every later write of a run checks its version,
// so an instance that was paused and wakes up after another took over can write nothing.
import type { Store, Version, Write } from '../ports/store.ts';

export interface Lease {
  readonly id: string;
  readonly version: Version;
}

export interface LeaseHolder {
  readonly runId: string;
  readonly until: string;
}

/** The write that takes a lease; it fails while another run holds it. An expired lease counts as absent. */
export function leaseWrite(id: string, holder: LeaseHolder): Write {
  return { op: 'create', collection: 'leases', id, data: holder, expiresAt: holder.until };
}

export async function leaseHolder(store: Store, id: string): Promise<LeaseHolder | undefined> {
  return (await store.read<LeaseHolder>('leases', id))?.data;
}

/** A precondition for every write of the run that holds the lease. */
export function leaseCheck(lease: Lease): Write {
  return { op: 'check', collection: 'leases', id: lease.id, version: lease.version };
}

/** Gives the lease back, in the same commit as the run's last write. */
export function leaseRelease(lease: Lease): Write {
  return { op: 'remove', collection: 'leases', id: lease.id, version: lease.version };
}
