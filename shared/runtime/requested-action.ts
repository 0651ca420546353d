// One action that a caller asked for outside of a run: under the lease of its duty's scope, through the one executor, told in the
// commit that stores what became of it. It judges nothing: the caller's wish is the reason, guardrails and journal are as for any run.
import type { ActionProposal, ActionState } from '../core/action.ts';
import { code, type Message, paragraph, text } from '../core/document.ts';
import { masked } from '../core/mask.ts';
import type { Outcome } from '../core/report.ts';
import type { Subject } from '../core/subject.ts';
import type { Write } from '../ports/store.ts';
import type { JsonObject } from '../core/json.ts';
import { kindOf } from './carry-out.ts';
import type { RunContext, Surroundings } from './context.ts';
import { execute } from './executor.ts';
import { outboxWrite } from './outbox.ts';
import type { MessageEntry } from './outbox-entry.ts';
import { scopeKey } from './scope.ts';
import { withScope } from './stored-action.ts';

export interface ActionRequest {
  /** The duty whose scope it is: its runs see the change as one of ours, and are not at work at the same time. */
  readonly duty: string;
  readonly scope: JsonObject;
  /** Who asks, for the journal. */
  readonly by: string;
  /** `<system>/requested` */
  readonly rule: string;
  readonly subject: Subject;
  readonly action: ActionProposal;
  /** Whether the channel hears of it. */
  readonly tell: boolean;
}

export interface Requested {
  readonly runId: string;
  readonly outcome: Outcome;
}

/** `busy` while a run, an approval or an undo holds the scope. */
export async function requestAction(surroundings: Surroundings, request: ActionRequest): Promise<Requested | 'busy'> {
  const { duty, by, rule, subject, action } = request;
  const runId = surroundings.ports.ids.next();
  const place = { duty, scope: scopeKey(request.scope), runId, target: action.target };
  return withScope(surroundings, place, by, async (context) => {
    const change = kindOf(context, action).describe(action);
    const reason = {
      rule,
      label: `requested by ${by}`,
      sentence: `Requested by ${by}.`,
      evidence: { requestedBy: by },
    };
    const told = (state: ActionState, detail: string, id: string): readonly Write[] =>
      request.tell ? toldWrites(context, by, change, { state, detail, id }) : [];
    const hooks = {
      onEnd: (state: ActionState, detail: string, id: string) => Promise.resolve(told(state, detail, id)),
      onWaiting: (id: string) => told('waiting', '', id),
    };
    const [outcome] = await execute({ ...context, ...hooks }, [{ subject, verdict: 'act', reason, action }]);
    return { runId, outcome: outcome ?? { state: 'refused', detail: 'The executor gave no outcome.' } };
  });
}

/** The message of a change that no run reports. It has the id of a run's message, so that what follows is told in its thread. */
function toldWrites(
  context: RunContext,
  by: string,
  change: string,
  end: { readonly state: ActionState; readonly detail: string; readonly id: string },
): readonly Write[] {
  const channel = context.team.chat?.slack.channel;
  if (channel === undefined) {
    return [];
  }
  const isWaiting = end.state === 'waiting';
  const message: Message = {
    title: isWaiting ? '✋ A change waits for approval' : `🔧 A change was requested: ${end.state}`,
    blocks: [
      paragraph(code(change)),
      paragraph(text(`Requested by ${by}. ${isWaiting ? '' : end.detail}`)),
      ...(isWaiting
        ? [paragraph(text('Approve or decline it: '), code(`nightshift actions approve ${end.id.slice(0, 12)}`))]
        : []),
    ],
  };
  const at = context.ports.clock.now().toISOString();
  const entry: MessageEntry = {
    id: `${context.runId}-message`,
    kind: 'message',
    runId: context.runId,
    createdAt: at,
    state: 'pending',
    dueAt: at,
    attempts: 0,
    channel,
    message: masked(context.mask, message),
    issues: [],
    waitUntil: at,
  };
  return [outboxWrite(entry)];
}
