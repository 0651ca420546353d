// Who may send events, and what is done with them. A new source of events is entered here, and in sockets.ts where it has one.
// The build leaves it out of the bundles of functions without a capability of events (shared/local/build.ts), which take none and work
// on none: keep its two exports.
import { rerunPipeline } from '../actions/rerun-pipeline.ts';
import { bitbucketSender } from '../adapters/bitbucket/sender.ts';
import { slackSender } from '../adapters/slack/signature.ts';
import type { Environment } from '../config/environment.ts';
import type { Sender } from '../ports/sender.ts';
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
