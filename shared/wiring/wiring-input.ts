// What the wiring of every port starts from, and what it says of a setting that is not there.
import type { Environment } from '../config/environment.ts';
import { SETTINGS } from '../config/settings.ts';
import { ConfigurationError } from '../core/errors.ts';
import type { TeamPolicy } from '../core/policy.ts';
import type { Clock, Ids } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';

export interface WiringInput {
  readonly environment: Environment;
  readonly team: TeamPolicy;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: () => number;
  /** Of the function's own function.yaml: a system that none of them is for stays away, and so do its secrets. All when absent. */
  readonly capabilities?: readonly string[];
  /** For every call outside, in place of each adapter's own. */
  readonly deadlineSeconds?: number;
}

export function deadlineOf({ deadlineSeconds }: WiringInput): { deadlineSeconds?: number } {
  return deadlineSeconds === undefined ? {} : { deadlineSeconds };
}

export function missing(part: string, variable: string): ConfigurationError {
  const isSecret = SETTINGS.some(({ name, secret }) => name === variable && secret);
  const orFile = isSecret ? `, or ${variable}_FILE with the path of a file that holds it` : '';
  return new ConfigurationError(`The policy has ${part}, and ${variable} is not set.`, {
    remedy: `Set ${variable}${orFile}, or take ${part} out of the policy.`,
  });
}
