// What a click on a button does: who may? then what the command line would do, in that person's name. Whoever may not, or comes
// too late, is told so alone. The same click comes again after a crash: what it began is remembered with what it began.
import { approversOf, PAUSE } from '../core/approver.ts';
import { Click } from '../core/click.ts';
import { text } from '../core/document.ts';
import { CallerError, ConfigurationError, describeError, PlatformError } from '../core/errors.ts';
import { type GuardrailScope, placeOf } from '../core/guardrail.ts';
import type { Outcome } from '../core/report.ts';
import type { StoredDocument, Write } from '../ports/store.ts';
import type { ActionRecord } from '../core/action.ts';
import type { ReceivedEvent, Surroundings } from './context.ts';
import { EVERYTHING, pause, resume } from './pause.ts';
import { chatPerson } from './person.ts';
import { type DecisionAbout, decisionScope, refusedWrites } from './refused-decision.ts';
import { runExpiry } from './run-record.ts';
import { scopeOfKey } from './scope.ts';
import { approveAction, declineAction, findAction } from './stored-action.ts';
import { undoAction } from './undo.ts';

/** A click that was held up for longer is not what the person wants any more. */
const LATEST_MILLISECONDS = 3_600_000;
const COMMIT_ATTEMPTS = 8;

/** That a click was begun, and what the person is to be told of it. */
interface Begun {
  readonly runId: string;
  readonly say?: string;
}

interface ClickContext {
  readonly surroundings: Surroundings;
  readonly received: ReceivedEvent;
  readonly click: Click;
  readonly by: string;
}

export async function handleClick(surroundings: Surroundings, received: ReceivedEvent): Promise<void> {
  const click = Click.parse(received.event);
  const by = surroundings.mask(chatPerson(received.source, click.user));
  const context: ClickContext = { surroundings, received, click, by };
  const say = await toSay(context);
  if (say !== undefined) {
    await tell(context, say);
  }
}

/** Does what was clicked; gives what the person must be told alone, nothing where the message tells it to all. */
async function toSay(context: ClickContext): Promise<string | undefined> {
  const { surroundings, received, click } = context;
  const { store, clock } = surroundings.ports;
  const begun = await store.read<Begun>('deliveries', received.id);
  if (begun !== undefined) {
    return begun.data.say;
  }
  if (clock.now().getTime() - Date.parse(received.at) > LATEST_MILLISECONDS) {
    return 'Your click arrived too late to be carried out. Click again if you still want it.';
  }
  try {
    return click.button.verb === 'pause' || click.button.verb === 'resume'
      ? await switchPause(context, click.button.verb)
      : await decide(context, click.button.verb);
  } catch (error) {
    if (error instanceof CallerError || error instanceof ConfigurationError) {
      // Another instance may have carried this very click out in the meantime: then it is no mistake of the person.
      const meanwhile = await store.read<Begun>('deliveries', received.id);
      return meanwhile === undefined ? error.full : meanwhile.data.say;
    }
    throw error;
  }
}

async function decide(context: ClickContext, verb: 'approve' | 'decline' | 'undo'): Promise<string | undefined> {
  const { surroundings, click, by } = context;
  const action = await findAction(surroundings.ports.store, click.button.id);
  const scope = decisionScope(action.data);
  const refusal = await refusalOf(context, action.data.kind, scope);
  if (refusal !== undefined) {
    return refuse(context, refusal, { scope: action.data.scope, actionId: action.id, kind: action.data.kind }, action);
  }
  const also = begins(context);
  switch (verb) {
    case 'approve':
      return notApplied((await approveAction(surroundings, action.id, by, also)).outcome);
    case 'decline':
      await declineAction(surroundings, action.id, by, '', also);
      return undefined;
    case 'undo': {
      const why = 'By a click in the chat.';
      return notApplied((await undoAction(surroundings, action.id, { by, why, automatic: false, also })).outcome);
    }
  }
}

/** What ended otherwise is told in the message; what did not end is told to who clicked. */
function notApplied(outcome: Outcome): string | undefined {
  return outcome.state === 'refused' || outcome.state === 'repeated' ? outcome.detail : undefined;
}

async function switchPause(context: ClickContext, verb: 'pause' | 'resume'): Promise<string | undefined> {
  const { surroundings, click, by } = context;
  const key = click.button.id;
  const scope = scopeOfKey(key);
  const refusal = await refusalOf(context, PAUSE, placeOf(scope));
  if (refusal !== undefined) {
    return refuse(context, refusal, { scope: key, actionId: '', kind: PAUSE });
  }
  if (key !== EVERYTHING && Object.keys(scope).length === 0) {
    throw new CallerError('The button names no scope.', { field: 'scope' });
  }
  const also = begins(context);
  await (verb === 'pause'
    ? pause(surroundings, { scope, why: 'by a click in the chat', by, anew: false, also })
    : resume(surroundings, { scope, by, also }));
  return undefined;
}

interface Refusal {
  readonly say: string;
  /** Whether it is certain that the person may not. */
  readonly isCertain: boolean;
}

/** Why the person may not, by policy; undefined when they may. A group that cannot be looked up opens nothing. */
async function refusalOf(
  { surroundings, click }: ClickContext,
  action: string,
  scope: GuardrailScope,
): Promise<Refusal | undefined> {
  const rule = approversOf(surroundings.team, action, scope);
  if (rule?.users.includes(click.user.id) === true) {
    return undefined;
  }
  for (const group of rule?.groups ?? []) {
    try {
      if ((await surroundings.ports.chat?.members(group))?.includes(click.user.id) === true) {
        return undefined;
      }
    } catch (error) {
      if (!(error instanceof PlatformError)) {
        throw error;
      }
      surroundings.log.error({ group, error: error.full }, 'who is in a group could not be looked up');
      return { say: `Nothing was done: who may decide this could not be looked up. ${error.full}`, isCertain: false };
    }
  }
  const say = 'Nothing was done: the policy does not let you decide this (approvers).';
  return { say, isCertain: true };
}

/** Journals that somebody wanted what they may not; it changes nothing. */
async function refuse(
  context: ClickContext,
  { say, isCertain }: Refusal,
  about: DecisionAbout,
  action?: StoredDocument<ActionRecord>,
): Promise<string> {
  const { surroundings, click, by } = context;
  const { store } = surroundings.ports;
  for (let attempt = 0; isCertain && attempt < COMMIT_ATTEMPTS; attempt += 1) {
    const result = await store.commit([
      ...begins(context, say),
      ...(await refusedWrites(surroundings, about, { by, verb: click.button.verb })),
    ]);
    if (result.committed || result.conflict.collection === 'deliveries') {
      surroundings.log.warn(
        { by, verb: click.button.verb, actionId: action?.id ?? null, scope: about.scope },
        'somebody who may not decide clicked',
      );
      return say;
    }
  }
  return say;
}

/** In the same commit as what a click begins: a click that comes again finds it. */
function begins({ surroundings, received }: ClickContext, say?: string): readonly Write[] {
  const data: Begun = { runId: received.id, ...(say === undefined ? {} : { say }) };
  const expiresAt = runExpiry(surroundings.team, surroundings.ports.clock.now());
  return [{ op: 'create', collection: 'deliveries', id: received.id, data, expiresAt }];
}

async function tell({ surroundings, received, click }: ClickContext, say: string): Promise<void> {
  const { chat } = surroundings.ports;
  try {
    await chat?.whisper({
      channel: click.channel,
      user: click.user.id,
      thread: click.thread,
      line: [text(surroundings.mask(say))],
    });
  } catch (error) {
    // Who left the channel cannot be told, today or later; an outage passes.
    if (error instanceof PlatformError && error.failure.status === 200 && error.failure.applied === 'no') {
      surroundings.log.warn({ event: received.id, error: describeError(error) }, 'a person could not be told');
      return;
    }
    throw error;
  }
}
