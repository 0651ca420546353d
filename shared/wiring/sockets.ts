// Connections over which events come in.
import type { Logger } from 'pino';
import { slackSocket } from '../adapters/slack/socket.ts';
import type { Environment } from '../config/environment.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventSocket } from '../ports/sender.ts';

/** By the name of their sender; for a host that lives as long as its connections. */
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
