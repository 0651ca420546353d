// A store in whose way the tests of this folder stand, and the one run that all of them make.
import type { CommitResult, Store, Write } from '../../shared/ports/store.ts';
import { PlatformError } from '../../shared/core/errors.ts';
import { runDuty, type RunRequest, type RunResult } from '../../shared/runtime/run.ts';
import type { Duty } from '../../shared/runtime/duty.ts';
import { sizeDuty, type TestRuntime } from '../support/runtime.ts';

export const SCOPE = { cluster: 'prod', namespace: 'shop' };
export const SCOPE_KEY = 'cluster=prod,namespace=shop';

/** `before` sees each commit first: it may change the store, or throw in the commit's place. */
export function watchedStore(store: Store, before: (writes: readonly Write[]) => void | Promise<void>): Store {
  return {
    read: (collection, id) => store.read(collection, id),
    query: (collection, query) => store.query(collection, query),
    prune: (limit) => store.prune(limit),
    check: () => store.check(),
    close: () => store.close(),
    async commit(writes): Promise<CommitResult> {
      await before(writes);
      return store.commit(writes);
    },
  };
}

export function storeDown(): PlatformError {
  return new PlatformError(
    { system: 'store', operation: 'commit', target: 'file', code: 'locked', applied: 'no' },
    'another process held the lock',
  );
}

/** Whether a commit stores an action in that state. */
export function storesAction(writes: readonly Write[], state: string): boolean {
  return writes.some(
    (write) => write.collection === 'actions' && 'data' in write && (write.data as { state?: string }).state === state,
  );
}

/** Whether it is the last commit of a run, or the one of a run that gives up. */
export function endsRun(writes: readonly Write[]): boolean {
  return writes.some((write) => write.collection === 'leases' && write.op === 'remove');
}

export function run(
  runtime: TestRuntime,
  want: Record<string, number>,
  request: Partial<RunRequest> = {},
  change: Partial<Duty> = {},
): Promise<RunResult> {
  return runDuty(runtime.surroundings, { ...sizeDuty(runtime.things, want), ...change }, runtime.policy, {
    scope: SCOPE,
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
    ...request,
  });
}
