// Publishes messages to Google Cloud Pub/Sub over its REST API: one call, so that a tick that fans out need not load a gRPC client.
// API: projects.topics.publish of the Pub/Sub v1 discovery document.
import { z } from 'zod';
import type { Clock } from '../../ports/clock.ts';
import type { Queue } from '../../ports/queue.ts';
import { httpCall } from '../http/call.ts';
import { googleTokens } from '../http/google.ts';

export interface PubSubOptions {
  readonly project: string;
  /** A token is sent over https only: an emulator has none. */
  readonly apiUrl: string;
  readonly clock: Clock;
  readonly random: () => number;
}

const SCOPE = 'https://www.googleapis.com/auth/pubsub';
const DEADLINE_SECONDS = 20;
/** The API takes 1,000 messages a request. */
const BATCH = 1000;

const Reply = z.lazy(() => z.looseObject({ messageIds: z.array(z.string()) }));

export function pubSubQueue(options: PubSubOptions): Queue {
  const base = options.apiUrl.replace(/\/+$/, '');
  const tokens = googleTokens(SCOPE, options.project);
  return {
    async publish(topic, messages) {
      const headers = base.startsWith('https:') ? { authorization: `Bearer ${await tokens.accessToken()}` } : {};
      for (let start = 0; start < messages.length; start += BATCH) {
        const batch = messages.slice(start, start + BATCH);
        await httpCall({
          system: 'Pub/Sub',
          operation: 'publish',
          target: `topic ${topic} of project ${options.project}`,
          method: 'POST',
          url: `${base}/v1/projects/${encodeURIComponent(options.project)}/topics/${encodeURIComponent(topic)}:publish`,
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify({
            messages: batch.map(({ id, data }) => ({
              data: Buffer.from(JSON.stringify(data)).toString('base64'),
              attributes: { id },
            })),
          }),
          reply: Reply,
          effect: 'write',
          // A message that is published twice carries the same id and is answered with the first run's report.
          retry: 'safe',
          deadlineSeconds: DEADLINE_SECONDS,
          credentialsRemedy: `Give the service account roles/pubsub.publisher on topic ${topic}.`,
          clock: options.clock,
          random: options.random,
        });
      }
    },
  };
}
