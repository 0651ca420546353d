// What is told when an action ends whose run has ended before: one that was approved, or that takes another one back, also when its
// process died in between. A note in the thread that told of it, and an issue when a person must look. It changes no action.
import type { ActionRecord } from '../core/action.ts';
import type { Escalation } from '../core/decision.ts';
import { code, paragraph, text } from '../core/document.ts';
import type { Write } from '../ports/store.ts';
import type { Ending, RunContext } from './context.ts';
import { issueWrites } from './issue-writes.ts';
import { noteWrites } from './note.ts';

/** For the commit that stores the end. A run that has not told yet has no thread: the next run of its scope tells this action. */
export async function endWrites(
  context: RunContext,
  action: ActionRecord,
  state: Ending,
  detail: string,
): Promise<readonly Write[]> {
  const original =
    action.undoes === undefined ? undefined : await context.ports.store.read<ActionRecord>('actions', action.undoes);
  const notes = await noteWrites(context, original?.data ?? action, saying(action, state, detail));
  if (state !== 'unknown') {
    return notes;
  }
  const change = context.kinds.get(action.kind)?.describe(action) ?? action.kind;
  const issues = await issueWrites(context, [unknownEnd({ ...action, outcome: detail }, change)]);
  return [...notes, ...issues.writes];
}

function saying(action: ActionRecord, state: Ending, detail: string): string {
  if (action.undoes === undefined) {
    // An intent that was approved still says by whom.
    return `${(action.outcome ?? 'Approved.').replace(/\.$/, '')}: ${state}. ${detail}`;
  }
  return state === 'applied'
    ? `Undone by ${action.by ?? 'settle'}: ${action.sentence}`
    : `Undo refused (${state}). ${detail} Set it back by hand if it must be.`;
}

/** Nobody knows whether the change was made: the issue that asks a person to look. */
export function unknownEnd(action: ActionRecord, change: string): Escalation {
  return {
    about: { duty: action.duty, rule: 'executor/unknown-end', scope: action.scope, workload: action.guard.workload },
    title: `A change has an unknown end: ${change}`,
    body: [
      paragraph(text('This change was cut off, and the target is neither as it was before nor as was wanted.')),
      paragraph(text('Change: '), code(change)),
      paragraph(text(action.outcome ?? '')),
      paragraph(
        text(
          'Look at the target and set it as it should be. Nothing touches it again for this until you say what you found: ',
        ),
        code(`nightshift actions close ${action.id.slice(0, 12)} --as applied|not-applied --why "…"`),
      ),
    ],
  };
}
