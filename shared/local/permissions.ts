// Which permissions each duty needs under a policy: the table of capabilities, narrowed to the scopes and to what the modes let happen.
// Computes only; what is made of it is written by rbac.ts and by terraform/.
import { capabilitiesOf, type Capability, type Grant, type KubernetesRule } from '../config/capabilities.ts';
import type { FunctionManifest } from '../config/manifest.ts';
import { neededForCluster, neededSettings, type NeededSetting } from '../config/needed-settings.ts';
import { BugError } from '../core/errors.ts';
import { modeOf } from '../core/guardrail.ts';
import type { JsonObject } from '../core/json.ts';
import type { TeamPolicy } from '../core/policy.ts';

/** A duty's manifest with the scopes that the policy gives it, and the action kinds that it may propose there. */
export interface Placed {
  readonly manifest: FunctionManifest;
  readonly scopes: readonly JsonObject[];
  readonly actionKinds: readonly string[];
}

/** What one duty may do in one cluster. */
export interface ClusterPermissions {
  readonly clusterWide: readonly KubernetesRule[];
  /** Namespace to what is allowed in it. */
  readonly namespaces: ReadonlyMap<string, readonly KubernetesRule[]>;
}

export interface DutyPermissions {
  readonly duty: string;
  /** Cluster of the policy to what is allowed there; where nothing is, the cluster is absent. */
  readonly clusters: ReadonlyMap<string, ClusterPermissions>;
  readonly gcp: readonly Grant[];
  /** What it reads where it is set. */
  readonly settings: readonly string[];
  /** Those of them without which it cannot run under this policy. */
  readonly needed: readonly NeededSetting[];
  readonly private: boolean;
  readonly slack: readonly string[];
  readonly jira: readonly string[];
  readonly bitbucket: readonly string[];
}

/** The permissions of every duty that has work under this policy, in the order of `placed`. A driver works for all duties. */
export function permissionsUnder(
  team: TeamPolicy,
  placed: readonly Placed[],
  table: ReadonlyMap<string, Capability>,
): readonly DutyPermissions[] {
  const working = placed.filter(({ manifest, scopes }) => manifest.kind === 'duty' && scopes.length > 0);
  return placed
    .filter((one) => one.manifest.kind === 'driver' || working.includes(one))
    .map((one) => permissionsOf(team, one.manifest, one.manifest.kind === 'driver' ? working : [one], table));
}

function permissionsOf(
  team: TeamPolicy,
  manifest: FunctionManifest,
  served: readonly Placed[],
  table: ReadonlyMap<string, Capability>,
): DutyPermissions {
  const capabilities = [...capabilitiesOf(manifest.capabilities, table).values()];
  const scopes = served.flatMap((one) => one.scopes.map((scope) => ({ scope, kinds: one.actionKinds })));
  const needed = (capability: Capability, places: typeof scopes): boolean =>
    !capability.writes ||
    capability.actionKinds.length === 0 ||
    places.some(({ scope, kinds }) =>
      capability.actionKinds.some((kind) => kinds.includes(kind) && modeOf(team, kind, placeOf(scope)) !== 'observe'),
    );
  const inUse = capabilities.filter((capability) => needed(capability, scopes));
  const names = [...new Set(scopes.flatMap(({ scope }) => placeOf(scope).cluster || []))].sort();
  const clusters = names.flatMap((name) => {
    const here = scopes.filter(({ scope }) => placeOf(scope).cluster === name);
    const permissions = clusterPermissions(capabilities, here, needed);
    const isEmpty = permissions.clusterWide.length === 0 && [...permissions.namespaces.values()].flat().length === 0;
    return isEmpty ? [] : [[name, permissions] as const];
  });
  const settings = sortedNames(inUse.flatMap((capability) => capability.settings));
  return {
    duty: manifest.name,
    clusters: new Map(clusters),
    gcp: distinct(inUse.flatMap(({ gcp }) => gcp)),
    settings,
    needed: [...neededSettings(team), ...clusters.flatMap(([name]) => neededForCluster(team, name))].filter(
      ({ name }) => settings.includes(name),
    ),
    private: inUse.some((capability) => capability.private),
    // Of a system that the policy does not have nothing is needed.
    slack: team.chat === undefined ? [] : sortedNames(inUse.flatMap(({ slack }) => slack)),
    jira: team.tracker === undefined ? [] : sortedNames(inUse.flatMap(({ jira }) => jira)),
    bitbucket: team.ci === undefined ? [] : sortedNames(inUse.flatMap(({ bitbucket }) => bitbucket)),
  };
}

interface ScopeInUse {
  readonly scope: JsonObject;
  readonly kinds: readonly string[];
}

function clusterPermissions(
  capabilities: readonly Capability[],
  here: readonly ScopeInUse[],
  needed: (capability: Capability, places: ScopeInUse[]) => boolean,
): ClusterPermissions {
  const rules = (clusterWide: boolean, places: ScopeInUse[]): readonly KubernetesRule[] =>
    distinct(
      capabilities
        .filter((capability) => needed(capability, places))
        .flatMap(({ kubernetes }) => kubernetes.filter((rule) => rule.clusterWide === clusterWide)),
    );
  const byNamespace = Map.groupBy(here, ({ scope }) => placeOf(scope).namespace);
  const namespaces = [...byNamespace]
    .filter(([namespace]) => namespace !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([namespace, places]) => [namespace, rules(false, places)] as const);
  return { clusterWide: rules(true, [...here]), namespaces: new Map(namespaces) };
}

/** A scope over a namespace names it and its cluster; others, such as a repository, have neither. */
function placeOf(scope: JsonObject): { readonly cluster: string; readonly namespace: string } {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return { cluster: text(scope['cluster']), namespace: text(scope['namespace']) };
}

function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

function sortedNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}

/** Project to the single permissions that the duty needs there; for a cluster outside of GKE none. */
export function customPermissions(
  { gcp, clusters }: DutyPermissions,
  team: TeamPolicy,
  project: string,
): ReadonlyMap<string, readonly string[]> {
  const found = gcp.flatMap(({ permissions = [], on }) => {
    const places = on === 'project' ? [project] : [...clusters.keys()].flatMap((name) => gkeProject(team, name) ?? []);
    return places.flatMap((place) => permissions.map((permission) => [place, permission] as const));
  });
  const grouped = [...Map.groupBy(found, ([place]) => place)].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(grouped.map(([place, pairs]) => [place, sortedNames(pairs.map(([, permission]) => permission))]));
}

function gkeProject(team: TeamPolicy, name: string): string | undefined {
  const cluster = team.clusters[name];
  if (cluster === undefined) {
    throw new BugError(`A scope names the cluster ${name}, which the policy does not have.`);
  }
  return cluster.gke?.project;
}
