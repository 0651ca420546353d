// Bitbucket as a sender of events: what its webhooks tell of builds, in our words. Whether one is genuine is webhook.ts's business.
import { CallerError } from '../../core/errors.ts';
import type { CheckedRequest, Sender } from '../../ports/sender.ts';
import { verifyWebhook } from './webhook.ts';

export function bitbucketSender({ secret }: { readonly secret: string }): Sender {
  return {
    verify({ headers, body }): CheckedRequest {
      const webhook = verifyWebhook({ headers, body: Buffer.from(body) }, secret);
      if (webhook.accepted) {
        const { deliveryId, event } = webhook;
        // Most webhooks tell that a build begins, which calls for nothing.
        return event.state === 'running' || event.state === 'unknown'
          ? { verdict: 'ignored', why: `a build is ${event.state}` }
          : { verdict: 'event', deliveryId, event: { ...event } };
      }
      switch (webhook.reason) {
        case 'unsigned':
        case 'forged':
          return { verdict: 'refused', why: webhook.why };
        case 'not-ours':
          return { verdict: 'ignored', why: webhook.why };
        case 'malformed':
          throw new CallerError(webhook.why, { field: 'body' });
      }
    },
  };
}
