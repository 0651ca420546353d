// Permissions as plain Kubernetes manifests, one folder a cluster for `kubectl apply -k`, bound to the identity that each duty has there.
// Makes text; writes nothing and reaches no cluster.
import { stringify } from 'yaml';
import type { KubernetesRule } from '../config/capabilities.ts';
import type { ClusterPermissions } from './permissions.ts';

/** The first line of every file that is ours, by which a later call knows what it may replace. */
export const GENERATED =
  '# Made by `nightshift rbac` from the policy and shared/config/capabilities.yaml. Do not edit.';

/** Where the accounts live that a cluster outside of Google Cloud gets. */
export const ACCOUNT_NAMESPACE = 'nightshift';

const RBAC = 'rbac.authorization.k8s.io';

interface Subject {
  readonly kind: 'User' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string;
  readonly apiGroup?: string;
}

/** Google's identity of a duty, made by terraform/modules/duty/identity.tf under the same name. */
export function serviceAccountEmail(duty: string, project: string): string {
  return `${nameOf(duty)}@${project}.iam.gserviceaccount.com`;
}

export interface DutyInCluster {
  readonly duty: string;
  readonly permissions: ClusterPermissions;
}

export interface ClusterManifestsInput {
  /** Project of the deployment for a GKE cluster, where Google's identities are known; absent elsewhere. */
  readonly project: string | undefined;
  readonly duties: readonly DutyInCluster[];
}

/** File name to content. */
export function clusterManifests({ project, duties }: ClusterManifestsInput): ReadonlyMap<string, string> {
  const own = project === undefined ? [['namespace.yaml', [namespaceObject()]] as const] : [];
  const files = [...own, ...duties.map((one) => [`${one.duty}.yaml`, dutyObjects(one, project)] as const)];
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: files.map(([name]) => name),
  };
  return new Map([
    ['kustomization.yaml', `${GENERATED}\n${stringify(kustomization)}`],
    ...files.map(
      ([name, objects]) => [name, `${GENERATED}\n${objects.map((object) => stringify(object)).join('---\n')}`] as const,
    ),
  ]);
}

function dutyObjects({ duty, permissions }: DutyInCluster, project: string | undefined): readonly object[] {
  const { clusterWide, namespaces } = permissions;
  const account = { namespace: ACCOUNT_NAMESPACE, name: nameOf(duty) };
  const subject: Subject =
    project === undefined
      ? { kind: 'ServiceAccount', ...account }
      : { kind: 'User', apiGroup: RBAC, name: serviceAccountEmail(duty, project) };
  const accounts =
    project === undefined ? [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata(account, duty) }] : [];
  return [
    ...accounts,
    ...[...namespaces].flatMap(([namespace, rules]) => bound({ name: nameOf(duty), namespace }, duty, rules, subject)),
    ...bound({ name: nameOf(duty) }, duty, clusterWide, subject),
  ];
}

function bound(
  place: { readonly name: string; readonly namespace?: string },
  duty: string,
  rules: readonly KubernetesRule[],
  subject: Subject,
): readonly object[] {
  if (rules.length === 0) {
    return [];
  }
  const prefix = place.namespace === undefined ? 'Cluster' : '';
  return [
    { apiVersion: `${RBAC}/v1`, kind: `${prefix}Role`, metadata: metadata(place, duty), rules: folded(rules) },
    {
      apiVersion: `${RBAC}/v1`,
      kind: `${prefix}RoleBinding`,
      metadata: metadata(place, duty),
      roleRef: { apiGroup: RBAC, kind: `${prefix}Role`, name: place.name },
      subjects: [subject],
    },
  ];
}

/** Resources that take the same verbs stand together, in an order that does not depend on the table's. */
function folded(rules: readonly KubernetesRule[]): readonly object[] {
  const verbs = new Map<string, { readonly group: string; readonly resource: string; readonly verbs: Set<string> }>();
  for (const { group, resource, subresource, verb } of rules) {
    const full = subresource === '' ? resource : `${resource}/${subresource}`;
    const key = `${group} ${full}`;
    const entry = verbs.get(key) ?? { group, resource: full, verbs: new Set<string>() };
    entry.verbs.add(verb);
    verbs.set(key, entry);
  }
  const sorted = [...verbs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  const alike = Map.groupBy(sorted, ({ group, verbs: names }) => `${group} ${[...names].sort().join(' ')}`);
  return [...alike.values()].map((entries) => ({
    apiGroups: [entries[0]?.group ?? ''],
    resources: entries.map(({ resource }) => resource),
    verbs: [...(entries[0]?.verbs ?? [])].sort(),
  }));
}

function namespaceObject(): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: metadata({ name: ACCOUNT_NAMESPACE }, undefined) };
}

function metadata(place: { readonly name: string; readonly namespace?: string }, duty: string | undefined): object {
  const labels = {
    // By this label `kubectl apply --prune` takes away what a changed policy no longer grants.
    'app.kubernetes.io/part-of': 'nightshift',
    ...(duty === undefined ? {} : { 'app.kubernetes.io/name': nameOf(duty) }),
  };
  return { ...place, labels };
}

function nameOf(duty: string): string {
  return `nightshift-${duty}`;
}
