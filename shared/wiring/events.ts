// Who may send events, and what is done with them. A new source of events is entered here and nowhere else.
import type { Logger } from 'pino';
import { rerunPipeline } from '../actions/rerun-pipeline.ts';
import { bitbucketSender } from '../adapters/bitbucket/sender.ts';
import { slackSender } from '../adapters/slack/signature.ts';
import { slackSocket } from '../adapters/slack/socket.ts';
import type { Environment } from '../config/environment.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventSocket, Sender } from '../ports/sender.ts';
import { buildHandler } from '../runtime/build-event.ts';
import { handleClick } from '../runtime/click.ts';
import type { EventHandler } from '../runtime/context.ts';

/** By the name in the path of `ingress`. A source whose secret is not set is absent: nobody could tell who sends. */
export function sendersOf(environment: Environment): ReadonlyMap<string, Sender> {
  const { slackSigningSecret, bitbucketWebhookSecret } = environment;
  return new Map([
    ...(slackSigningSecret === undefined
      ? []
      : [['slack', slackSender({ signingSecret: slackSigningSecret })] as const]),
    ...(bitbucketWebhookSecret === undefined
      ? []
      : [['bitbucket', bitbucketSender({ secret: bitbucketWebhookSecret })] as const]),
  ]);
}

/** By the same name. */
export const EVENT_HANDLERS: ReadonlyMap<string, EventHandler> = new Map([
  ['slack', handleClick],
  ['bitbucket', buildHandler({ duty: 'pipeline-retry', kind: rerunPipeline.kind })],
]);

/** By the same name; for a host that lives as long as its connections. */
export function socketsOf(
  environment: Environment,
  { clock, random, log }: { readonly clock: Clock; readonly random: () => number; readonly log: Logger },
): ReadonlyMap<string, EventSocket> {
  const { slackAppToken, slackApiUrl } = environment;
  return new Map([
    ...(slackAppToken === undefined
      ? []
      : [
          [
            'slack',
            slackSocket({
              appToken: slackAppToken,
              apiUrl: slackApiUrl.endsWith('/') ? slackApiUrl : `${slackApiUrl}/`,
              clock,
              random,
              tell: (level, message) => {
                log[level]({ source: 'slack' }, message);
              },
            }),
          ] as const,
        ]),
  ]);
}
