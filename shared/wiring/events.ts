// Who may send events, and what is done with them. A new source of events is entered here and nowhere else.
import { slackSender } from '../adapters/slack/signature.ts';
import type { Environment } from '../config/environment.ts';
import type { Sender } from '../ports/sender.ts';
import { handleClick } from '../runtime/click.ts';
import type { EventHandler } from '../runtime/context.ts';

/** By the name in the path of `ingress`. A source whose secret is not set is absent: nobody could tell who sends. */
export function sendersOf(environment: Environment): ReadonlyMap<string, Sender> {
  const { slackSigningSecret } = environment;
  return new Map([
    ...(slackSigningSecret === undefined
      ? []
      : [['slack', slackSender({ signingSecret: slackSigningSecret })] as const]),
  ]);
}

/** By the same name. */
export const EVENT_HANDLERS: ReadonlyMap<string, EventHandler> = new Map([['slack', handleClick]]);
