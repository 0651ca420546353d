// What is deployed, for the command line.
import { gcpDeployment } from '../adapters/gcp/deployment.ts';
import type { Environment } from '../config/environment.ts';
import { CallerError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Deployment } from '../ports/deployment.ts';

/** What is deployed in the given project, or in the one that the environment names. */
export function openDeployment(
  environment: Environment,
  at: { readonly project: string | undefined; readonly clock: Clock; readonly random: () => number },
): Deployment {
  const project = at.project ?? environment.pubsubProject;
  if (project === undefined) {
    throw new CallerError('Which Google Cloud project?', {
      field: '--project',
      remedy: 'Give --project, or set PUBSUB_PROJECT.',
    });
  }
  return gcpDeployment({ project, apiUrl: environment.googleApiUrl, clock: at.clock, random: at.random });
}
