// What Slack says of a click, by HTTP or over a socket, as our Click. Buttons of others are left alone.
// https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
import { z } from 'zod';
import { ButtonValue, type Click } from '../../core/click.ts';
import { CallerError } from '../../core/errors.ts';
import type { CheckedRequest } from '../../ports/sender.ts';

/** Stands before the verb in a button's action_id. */
const OURS = 'nightshift.';

export function actionIdOf({ verb }: ButtonValue): string {
  return `${OURS}${verb}`;
}

export function buttonText({ verb, id }: ButtonValue): string {
  return `${verb}:${id}`;
}

function buttonOf(text: string): ButtonValue | undefined {
  const colon = text.indexOf(':');
  return ButtonValue.safeParse({ verb: text.slice(0, colon), id: text.slice(colon + 1) }).data;
}

const id = z.string().min(1).max(100);

const BlockActions = z.lazy(() =>
  z.looseObject({
    type: z.literal('block_actions'),
    /** Another one for each click, the same one in every repeat of it. */
    trigger_id: z.string().min(1).max(200),
    user: z.looseObject({ id, username: z.string().optional(), name: z.string().optional() }),
    container: z.looseObject({ channel_id: id, thread_ts: id.optional() }),
    actions: z.array(z.looseObject({ action_id: z.string(), value: z.string().optional() })).min(1),
  }),
);

/** A CallerError for a click that lacks what every click of Slack has. */
export function checkedInteraction(payload: object): CheckedRequest {
  const { type } = payload as { readonly type?: unknown };
  if (type !== 'block_actions') {
    return { verdict: 'ignored', why: `Slack interaction ${String(type).slice(0, 80)}` };
  }
  const read = BlockActions.safeParse(payload);
  if (!read.success) {
    const field = ['payload', ...(read.error.issues[0]?.path ?? [])].join('.').slice(0, 200);
    throw new CallerError(`${field}: ${read.error.issues[0]?.message ?? 'is not valid'}.`, { field });
  }
  const { user, container, actions, trigger_id: deliveryId } = read.data;
  const action = actions.find((one) => one.action_id.startsWith(OURS));
  const button = action?.value === undefined ? undefined : buttonOf(action.value);
  if (button === undefined) {
    return { verdict: 'ignored', why: 'a Slack button of somebody else' };
  }
  const event: Click = {
    kind: 'click',
    button,
    user: { id: user.id, name: (user.username ?? user.name ?? '').toWellFormed().slice(0, 100) },
    channel: container.channel_id,
    thread: container.thread_ts ?? null,
  };
  return { verdict: 'event', deliveryId, event };
}
