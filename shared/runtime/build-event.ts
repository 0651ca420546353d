// A build has ended, as the CI system tells it: its failure is put before the duty that looks after failed builds, and a rerun of
// ours is judged at once. It decides nothing.
import { z } from 'zod';
import type { ActionRecord } from '../core/action.ts';
import { CallerError } from '../core/errors.ts';
import type { Store } from '../ports/store.ts';
import type { EventHandler } from './context.ts';
import { isTaken, receive } from './inbox.ts';
import { scopeKey } from './scope.ts';
import { startRun } from './start-run.ts';

/** `CiEvent` of the port, as it was stored. */
const BuildEnd = z.looseObject({
  repository: z.string(),
  commit: z.string(),
  buildNumber: z.int(),
  state: z.enum(['successful', 'failed', 'stopped']),
});
type BuildEnd = z.infer<typeof BuildEnd>;

const OPEN_ACTIONS = 200;

/** `duty` gets the failures of its workspace; actions of `kind` wait for the end of a build. */
export function buildHandler({ duty, kind }: { readonly duty: string; readonly kind: string }): EventHandler {
  return async (surroundings, { id, at, event }) => {
    const workspace = surroundings.team.ci?.bitbucket.workspace;
    const ended = BuildEnd.safeParse(event);
    if (!ended.success || workspace === undefined) {
      throw new CallerError('An event of a build cannot be worked on: the policy names no workspace.', {
        field: 'ci.bitbucket.workspace',
      });
    }
    const { store } = surroundings.ports;
    const scope = { workspace };
    const key = scopeKey(scope);
    await judgeSooner(store, { scope: key, kind, at }, ended.data);
    if (ended.data.state !== 'failed') {
      return;
    }
    const { repository, buildNumber, commit } = ended.data;
    await receive(store, { duty, scope: key, at, event: { repository, number: buildNumber, commit } }, id);
    // A run that was begun for another event may have taken this one with it.
    if (!(await isTaken(store, { duty, scope: key }, id))) {
      await startRun(surroundings, { duty, scope, deliveryId: id });
    }
  };
}

/** An applied action whose build has ended is due now: `settle` need not wait for its turn. One query, whatever the event. */
async function judgeSooner(
  store: Store,
  { scope, kind, at }: { readonly scope: string; readonly kind: string; readonly at: string },
  { repository, commit }: BuildEnd,
): Promise<void> {
  const open = await store.query<ActionRecord>('actions', {
    where: [
      { field: 'scope', op: '==', value: scope },
      { field: 'state', op: '==', value: 'applied' },
    ],
    limit: OPEN_ACTIONS,
  });
  for (const { id, data, version } of open) {
    const wanted = data.to['commit'];
    const isOfBuild =
      data.kind === kind &&
      data.target['repository'] === repository &&
      typeof wanted === 'string' &&
      (wanted.startsWith(commit) || commit.startsWith(wanted));
    if (isOfBuild && data.dueAt !== undefined && data.dueAt > at) {
      // Whoever changed it meanwhile knows more: then nothing is lost but a minute.
      await store.commit([{ op: 'replace', collection: 'actions', id, data: { ...data, dueAt: at }, version }]);
    }
  }
}
