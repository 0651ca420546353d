// Closes an action whose end is unknown, by the word of a person who looked. It touches no platform.
import type { ActionRecord } from '../core/action.ts';
import { CallerError } from '../core/errors.ts';
import { dueOf } from './carry-out.ts';
import type { Surroundings } from './context.ts';
import { transition } from './journal.ts';
import { noteWrites } from './note.ts';
import { contextOf, findAction, type OperationResult } from './stored-action.ts';

/** What a person found: the change is there, or it is not. */
export const FINDINGS = ['applied', 'not-applied'] as const;
export type Finding = (typeof FINDINGS)[number];

/**
 * `applied`: from now on it counts as made, and `settle` judges it after its settle time like any other (an undo is finished).
 * `not-applied`: it failed, and the change may be proposed again in the target's next epoch.
 * A CallerError when the action's end is not unknown, or nobody says why.
 */
export async function closeAction(
  surroundings: Surroundings,
  id: string,
  { by, as, why }: { readonly by: string; readonly as: Finding; readonly why: string },
): Promise<OperationResult> {
  const { ports, mask } = surroundings;
  const document = await findAction(ports.store, id);
  const { data } = document;
  const name = document.id.slice(0, 12);
  if (data.state !== 'unknown') {
    throw new CallerError(`Action ${name} is ${data.state}: only one whose end is unknown is closed by hand.`, {
      field: 'id',
      remedy: '`nightshift actions list --state unknown` shows those.',
    });
  }
  if (why.trim() === '') {
    throw new CallerError('Why is it known now?', {
      field: 'why',
      remedy: 'Say what you looked at and what you found; the journal keeps it.',
    });
  }
  const detail = mask(`Closed by ${by} as ${as}: ${why}`);
  const context = contextOf(surroundings, data, by);
  const state = as === 'applied' ? 'applied' : 'failed';
  const next = { state, ...dueOf(context, data, state) } as const;
  const told = await noteWrites(context, await toldOf(surroundings, data), detail);
  const closed = await transition(ports, document, { ...next, detail, by }, told);
  if (closed === undefined) {
    throw new CallerError(`Action ${name} was closed by somebody else in this moment.`, { field: 'id' });
  }
  return { action: closed.data, outcome: { actionId: document.id, state: next.state, detail } };
}

/** An undo is told in the thread of what it takes back. */
async function toldOf({ ports }: Surroundings, action: ActionRecord): Promise<ActionRecord> {
  const { undoes } = action;
  return (undoes === undefined ? undefined : (await ports.store.read<ActionRecord>('actions', undoes))?.data) ?? action;
}
