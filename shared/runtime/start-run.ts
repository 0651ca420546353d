// Starts a duty's run for an event: over its topic, where another instance takes it, or here in one process.
import { ConfigurationError, PlatformError } from '../core/errors.ts';
import type { RunStart, Surroundings } from './context.ts';
import { type ReadyDuty, topicOf } from './http.ts';
import { runDuty } from './run.ts';

const BUSY_SECONDS = 30;

/**
 * Starts a run, once for each `deliveryId`. Throws what makes the event wait for its next try: a queue that is down, a scope
 * that is being worked on.
 */
export async function startRun(surroundings: Surroundings, start: RunStart): Promise<void> {
  const { queue } = surroundings.ports;
  if (surroundings.startHere !== undefined) {
    await surroundings.startHere(start);
    return;
  }
  if (queue === undefined) {
    throw new ConfigurationError(`A run of ${start.duty} cannot be started: there is no queue.`, {
      remedy: 'Set PUBSUB_PROJECT, or run the one-process host.',
    });
  }
  await queue.publish(topicOf(start.duty), [{ id: start.deliveryId, data: { scope: start.scope, dry_run: false } }]);
}

/** Runs the duty in this process, for a host that has no queue. */
export function startsHere(duties: ReadonlyMap<string, ReadyDuty>): (start: RunStart) => Promise<void> {
  return async ({ duty, scope, deliveryId }) => {
    const ready = duties.get(duty);
    if (ready === undefined) {
      throw new ConfigurationError(`There is no duty ${duty} to start.`, { remedy: 'Run the version that has it.' });
    }
    const result = await runDuty(ready.surroundings, ready.duty, ready.policy, {
      scope,
      dryRun: false,
      trigger: 'event',
      timeoutSeconds: ready.manifest.timeoutSeconds,
      deliveryId: `event:${deliveryId}`,
    });
    if (result.kind === 'busy') {
      throw new PlatformError(
        {
          system: 'Nightshift',
          operation: 'start',
          target: duty,
          code: 'busy',
          retryAfterSeconds: BUSY_SECONDS,
          applied: 'no',
        },
        `run ${result.runId} is at work on this scope`,
      );
    }
  };
}
