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

/** Clocks of two instances differ by less than this. */
const CLOCK_TOLERANCE_MILLISECONDS = 60_000;

/**
 * Takes the lease, in one commit with `also`, or tells who holds it. An expired lease counts as absent.
 * `holder.until` is the latest time until which a run that begins now may hold one: a lease that ends later was taken while the
 * clock was ahead, and would block its scope until the clock is there again. It is taken over; its version fences its holder off.
 */
export async function takeLease(
  store: Store,
  id: string,
  holder: LeaseHolder,
  also: readonly Write[],
): Promise<{ readonly lease: Lease } | { readonly holder: LeaseHolder | undefined }> {
  const lease = { collection: 'leases', id, data: holder, expiresAt: holder.until };
  const taken = await store.commit([{ op: 'create', ...lease }, ...also]);
  if (taken.committed) {
    return { lease: { id, version: taken.versions[0] as Version } };
  }
  const there = await store.read<LeaseHolder>('leases', id);
  if (there === undefined || Date.parse(there.data.until) <= Date.parse(holder.until) + CLOCK_TOLERANCE_MILLISECONDS) {
    return { holder: there?.data };
  }
  const over = await store.commit([{ op: 'replace', ...lease, version: there.version }, ...also]);
  return over.committed ? { lease: { id, version: over.versions[0] as Version } } : { holder: there.data };
}

/** A precondition for every write of the run that holds the lease. */
export function leaseCheck(lease: Lease): Write {
  return { op: 'check', collection: 'leases', id: lease.id, version: lease.version };
}

/** Gives the lease back, in the same commit as the run's last write. */
export function leaseRelease(lease: Lease): Write {
  return { op: 'remove', collection: 'leases', id: lease.id, version: lease.version };
}
