// Where a pod is looked for when a caller does not say it: the only cluster and the only namespace that the policy names.
import { z } from 'zod';
import type { TeamPolicy } from '../../core/policy.ts';
import type { ReadyDuty } from '../../runtime/http.ts';
import type { ToolContext } from './tool.ts';

const Place = z.looseObject({ cluster: z.string(), namespace: z.string() });

export function usualPlace(
  team: TeamPolicy,
  duties: readonly ReadyDuty[],
  named: { readonly cluster?: string; readonly namespace?: string } = {},
): Pick<ToolContext, 'cluster' | 'namespace'> {
  const places = duties
    .flatMap(({ duty, policy }) => duty.scopes(policy.duty, team))
    .flatMap((scope) => Place.safeParse(scope).data ?? []);
  const cluster = named.cluster ?? onlyOne(Object.keys(team.clusters));
  return { cluster, namespace: named.namespace ?? onlyOne(places.map(({ namespace }) => namespace)) };
}

function onlyOne(names: readonly string[]): string | undefined {
  const distinct = new Set(names);
  return distinct.size === 1 ? names[0] : undefined;
}
