// The CI system. The build leaves it out of the bundles of functions without a capability of ci (shared/local/build.ts), which never
// connect to it: keep its one export.
import { bitbucketCi } from '../adapters/bitbucket/ci.ts';
import type { Ci } from '../ports/ci.ts';
import { deadlineOf, missing, type WiringInput } from './wiring-input.ts';

export function ciOf(input: WiringInput): Ci | undefined {
  const { environment, team, store, clock, ids, random } = input;
  if (team.ci === undefined) {
    return undefined;
  }
  if (environment.bitbucketAccessToken === undefined) {
    throw missing('ci.bitbucket', 'BITBUCKET_ACCESS_TOKEN');
  }
  return bitbucketCi({
    ...team.ci.bitbucket,
    apiUrl: environment.bitbucketApiUrl,
    token: environment.bitbucketAccessToken,
    instance: ids.next(),
    store,
    clock,
    random,
    ...deadlineOf(input),
  });
}
