// What the duties of a policy need of each system, from their capabilities: pure, so that it can be told without asking anybody.
import type { Capability } from '../../config/capabilities.ts';
import { BugError } from '../../core/errors.ts';
import { modeOf, onlyObserves } from '../../core/guardrail.ts';
import type { JsonObject } from '../../core/json.ts';
import { matchesPattern } from '../../core/pattern.ts';
import type { Mode, TeamPolicy } from '../../core/policy.ts';
import type { RequiredMetric } from '../../core/required-metric.ts';
import type { Permission } from '../../ports/cluster.ts';
import type { Duty } from '../../runtime/duty.ts';
import { ok, type Result, warning } from './doctor-check.ts';

/** A duty with the scopes that the policy gives it. */
export interface DutyInUse {
  readonly name: string;
  readonly actionKinds: readonly string[];
  readonly requiredMetrics: readonly RequiredMetric[];
  readonly capabilities: readonly Capability[];
  readonly scopes: readonly { readonly cluster: string; readonly namespace: string }[];
  /** Scopes of other systems, such as a workspace. */
  readonly otherScopes: readonly JsonObject[];
}

export interface NeededPermission {
  readonly permission: Permission;
  readonly duties: readonly string[];
  /** For a write: the action kinds that are done by it. */
  readonly actionKinds: readonly string[];
}

/** What is needed of one cluster. */
export interface ClusterNeeds {
  readonly namespaces: readonly string[];
  readonly permissions: readonly NeededPermission[];
  /** Kinds that the duties may propose there, whatever the mode. */
  readonly actionKinds: readonly string[];
  readonly requiredMetrics: readonly RequiredMetric[];
}

export interface DutyAndCapabilities {
  readonly duty: Duty;
  /** Of its function.yaml. */
  readonly capabilities: readonly string[];
}

export function dutyInUse(
  { duty, capabilities }: DutyAndCapabilities,
  part: unknown,
  team: TeamPolicy,
  known: ReadonlyMap<string, Capability>,
): DutyInUse {
  const scopes = duty.scopes(part, team);
  return {
    name: duty.name,
    actionKinds: duty.actionKinds,
    requiredMetrics: duty.requiredMetrics ?? [],
    capabilities: capabilities.map((name) => {
      const capability = known.get(name);
      if (capability === undefined) {
        throw new BugError(`functions/${duty.name}/function.yaml names the capability ${name}, which does not exist.`);
      }
      return capability;
    }),
    scopes: scopes.flatMap(({ cluster, namespace }) =>
      typeof cluster === 'string' && typeof namespace === 'string' ? [{ cluster, namespace }] : [],
    ),
    otherScopes: scopes.filter(({ namespace }) => typeof namespace !== 'string'),
  };
}

export function clusterNeeds(cluster: string, duties: readonly DutyInUse[], team: TeamPolicy): ClusterNeeds {
  const here = duties
    .map((duty) => ({ ...duty, scopes: duty.scopes.filter((scope) => scope.cluster === cluster) }))
    .filter((duty) => duty.scopes.length > 0);
  const metrics = new Map(here.flatMap((duty) => duty.requiredMetrics).map((one) => [one.metric, one]));
  return {
    namespaces: [...new Set(here.flatMap((duty) => duty.scopes.map(({ namespace }) => namespace)))].sort(),
    permissions: merged(here.flatMap((duty) => permissionsOf(duty, team))),
    actionKinds: [...new Set(here.flatMap((duty) => duty.actionKinds))].sort(),
    requiredMetrics: [...metrics.values()],
  };
}

/** Reads always; what serves action kinds only where the policy's mode lets one of them happen. */
function permissionsOf(duty: DutyInUse, team: TeamPolicy): readonly NeededPermission[] {
  return duty.capabilities.flatMap((capability) => {
    const kinds = capability.actionKinds.filter((kind) => duty.actionKinds.includes(kind));
    // A write that serves no action kind, such as a lock, happens in any mode.
    const scopes =
      capability.actionKinds.length > 0
        ? duty.scopes.filter((scope) => kinds.some((kind) => modeOf(team, kind, scope) !== 'observe'))
        : duty.scopes;
    return capability.kubernetes.flatMap(({ verb, group, resource, subresource, clusterWide }) => {
      const namespaces = clusterWide ? (scopes.length === 0 ? [] : ['']) : scopes.map(({ namespace }) => namespace);
      return namespaces.map((namespace) => ({
        permission: { verb, group, resource, subresource, namespace },
        duties: [duty.name],
        actionKinds: kinds,
      }));
    });
  });
}

/** The same permission for two duties or capabilities is asked for once. */
function merged(needed: readonly NeededPermission[]): readonly NeededPermission[] {
  const groups = Map.groupBy(needed, ({ permission: { verb, group, resource, subresource, namespace } }) =>
    JSON.stringify([verb, group, resource, subresource, namespace]),
  );
  return [...groups.values()].flatMap((same) =>
    same.slice(0, 1).map(({ permission }) => ({
      permission,
      duties: [...new Set(same.flatMap(({ duties }) => duties))].sort(),
      // A read that is also needed for a write is needed in any mode.
      actionKinds: same.some(({ actionKinds }) => actionKinds.length === 0)
        ? []
        : [...new Set(same.flatMap(({ actionKinds }) => actionKinds))].sort(),
    })),
  );
}

export function slackScopes(duties: readonly DutyInUse[]): readonly string[] {
  return [...new Set(duties.flatMap((duty) => duty.capabilities.flatMap((one) => one.slack)))].sort();
}

export function jiraPermissions(duties: readonly DutyInUse[]): readonly string[] {
  return [...new Set(duties.flatMap((duty) => duty.capabilities.flatMap((one) => one.jira)))].sort();
}

export function bitbucketScopes(duties: readonly DutyInUse[]): readonly string[] {
  return [...new Set(duties.flatMap((duty) => duty.capabilities.flatMap((one) => one.bitbucket)))].sort();
}

/** What a policy says that is valid and can hardly be meant. */
export function policyResults(duties: readonly DutyInUse[], team: TeamPolicy): readonly Result[] {
  const isIdle = duties.every((duty) => duty.scopes.length + duty.otherScopes.length === 0);
  const kinds = [...new Set(duties.flatMap((duty) => duty.actionKinds))].sort();
  const namespaces = new Set(duties.flatMap((duty) => duty.scopes.map(({ namespace }) => namespace)));
  return [
    isIdle
      ? warning(
          'no duty has a scope: nothing runs by itself',
          'Name clusters and namespaces under duties.<duty>.scopes in the policy, or a workspace under ci.bitbucket.',
        )
      : ok(modesInWords(duties, team)),
    ...team.modes.flatMap((rule, index) =>
      rule.action.includes('*') || kinds.includes(rule.action)
        ? []
        : [
            warning(
              `modes[${String(index)}] names the action kind ${rule.action}, which no duty has: it never applies`,
              `Action kinds are: ${kinds.join(', ')}.`,
            ),
          ],
    ),
    ...team.modes.flatMap((rule, index) =>
      rule.namespace.includes('*') || namespaces.has(rule.namespace)
        ? []
        : [
            warning(
              `modes[${String(index)}] names the namespace ${rule.namespace}, which is in no scope`,
              'Add it to the scopes of a duty, or take the mode out.',
            ),
          ],
    ),
    ...(team.paused
      ? [warning('paused: true, so nothing is changed anywhere', 'Set paused: false in the policy to go on.')]
      : []),
  ];
}

function modesInWords(duties: readonly DutyInUse[], team: TeamPolicy): string {
  const counts = { observe: 0, approve: 0, auto: 0 };
  for (const duty of duties) {
    for (const scope of duty.scopes) {
      for (const kind of duty.actionKinds) {
        counts[modeOf(team, kind, scope)] += 1;
      }
    }
    for (const scope of duty.otherScopes) {
      for (const kind of duty.actionKinds) {
        counts[widestMode(team, kind, scope)] += 1;
      }
    }
  }
  return counts.auto === 0 && counts.approve === 0
    ? 'every action kind is only observed in every scope'
    : `modes, over action kinds and scopes: ${String(counts.auto)} auto, ${String(counts.approve)} approve, ${String(counts.observe)} observe`;
}

/** Of a scope that holds many things with modes of their own: the widest that one of them may have. */
function widestMode(team: TeamPolicy, kind: string, scope: JsonObject): Mode {
  if (onlyObserves(team, kind, scope)) {
    return 'observe';
  }
  const isAuto = team.modes.some(({ action, mode }) => mode === 'auto' && matchesPattern(action, kind));
  return isAuto ? 'auto' : 'approve';
}
