// What the doctor asks of a Kubernetes API server: does it answer, may we do what the duties need, is what policy names there.
import type { Clock } from '../../ports/clock.ts';
import type { Cluster, ClusterVersion } from '../../ports/cluster.ts';
import {
  type Check,
  clockResult,
  derived,
  failure,
  failureOf,
  listed,
  ok,
  once,
  type Result,
  type SystemChecks,
  warning,
} from './doctor-check.ts';
import type { ClusterNeeds, NeededPermission } from './doctor-needs.ts';

export interface ClusterToCheck {
  readonly cluster: Cluster;
  readonly needs: ClusterNeeds;
  readonly clock: Clock;
}

const RESIZE = 'cluster.resize-container';

export function clusterChecks({ cluster, needs, clock }: ClusterToCheck): SystemChecks {
  const version = once(() => cluster.version());
  const others: Check[] = [
    {
      name: 'clock',
      async run() {
        const before = clock.now();
        const theirs = await cluster.serverTime();
        return [clockResult(theirs, before, clock.now())];
      },
    },
  ];
  if (needs.actionKinds.includes(RESIZE)) {
    others.push({
      name: 'in-place resize',
      run: () => derived(version, ({ podResize, gitVersion }) => [resizeResult(podResize, gitVersion)]),
    });
  }
  if (needs.namespaces.length > 0) {
    others.push({ name: 'namespaces', run: () => checkNamespaces(cluster, needs.namespaces) });
  }
  if (needs.permissions.length > 0) {
    others.push({
      name: 'permissions',
      run: async () => checkPermissions(cluster, await servedPermissions(version, needs.permissions)),
    });
  }
  return {
    system: `Kubernetes ${cluster.name}`,
    first: {
      name: 'API server',
      async run() {
        const { gitVersion } = await version();
        return [ok(`${gitVersion} at ${cluster.server}`)];
      },
    },
    others,
  };
}

function resizeResult(podResize: boolean, gitVersion: string): Result {
  return podResize
    ? ok('running pods can be resized in place')
    : warning(
        `${gitVersion} has no pods/resize: the template of the workload is patched instead, which restarts its pods`,
        'Kubernetes 1.33 and later resize in place; 1.32 and earlier do so with the feature gate InPlacePodVerticalScaling.',
      );
}

async function checkNamespaces(cluster: Cluster, namespaces: readonly string[]): Promise<readonly Result[]> {
  const results = await Promise.all(
    namespaces.map(async (namespace): Promise<Result | undefined> => {
      try {
        return (await cluster.namespaceExists(namespace))
          ? undefined
          : failure(
              `there is no namespace ${namespace}`,
              `Correct its name in the scopes of the policy, or take it out. \`kubectl get namespaces\` lists those of cluster ${cluster.name}.`,
            );
      } catch (error) {
        return failureOf(error);
      }
    }),
  );
  const wrong = results.filter((result) => result !== undefined);
  const there = namespaces.filter((_, index) => results[index] === undefined);
  return [...(there.length === 0 ? [] : [ok(`${listed(there)}: there`)]), ...wrong];
}

/** Where the server does not have a thing, nobody asks for it and nobody needs a permission for it. */
async function servedPermissions(
  version: () => Promise<ClusterVersion>,
  needed: readonly NeededPermission[],
): Promise<readonly NeededPermission[]> {
  const { podResize, verticalAutoscalers } = await version().catch(() => ({
    podResize: true,
    verticalAutoscalers: true,
  }));
  return needed.filter(
    ({ permission: { resource, subresource } }) =>
      (podResize || resource !== 'pods' || subresource !== 'resize') &&
      (verticalAutoscalers || resource !== 'verticalpodautoscalers'),
  );
}

async function checkPermissions(cluster: Cluster, needed: readonly NeededPermission[]): Promise<readonly Result[]> {
  const answers = await cluster.allowed(needed.map(({ permission }) => permission));
  const missing = needed.flatMap((need, index) => {
    const answer = answers[index];
    return answer?.allowed === true ? [] : [{ ...need, reason: answer?.reason ?? '' }];
  });
  if (missing.length === 0) {
    return [ok(`all ${String(needed.length)} that the duties need`)];
  }
  const granted = needed.length - missing.length;
  const byRule = Map.groupBy(missing, ({ permission }) => ruleName(permission));
  return [
    ...(granted === 0 ? [] : [ok(`${String(granted)} of ${String(needed.length)} that the duties need`)]),
    ...[...byRule.values()].map((same) => missingResult(same)),
  ];
}

function missingResult(missing: readonly (NeededPermission & { readonly reason: string })[]): Result {
  const [first] = missing;
  if (first === undefined) {
    throw new RangeError('A missing permission without a permission.');
  }
  const { permission, actionKinds } = first;
  const namespaces = missing.map((one) => one.permission.namespace).filter((namespace) => namespace !== '');
  const where = namespaces.length === 0 ? 'in the whole cluster' : `in ${listed(namespaces)}`;
  const reasons = [...new Set(missing.map(({ reason }) => reason).filter((reason) => reason !== ''))];
  const duties = [...new Set(missing.flatMap((one) => one.duties))].join(', ');
  const rule = `{apiGroups: ["${permission.group}"], resources: ["${resourceName(permission)}"], verbs: ["${permission.verb}"]}`;
  const binding =
    namespaces.length === 0 ? 'a ClusterRole and its ClusterRoleBinding' : 'a Role and its RoleBinding there';
  const instead =
    actionKinds.length === 0 ? '' : ` Or let the policy's modes say observe for ${actionKinds.join(' and ')} there.`;
  return failure(
    `missing: ${ruleName(permission)} ${where}, which ${duties} needs${reasons.length === 0 ? '' : ` (${reasons.join('; ')})`}`,
    `Grant it by the rule ${rule} in ${binding}.${instead}`,
  );
}

function ruleName(permission: NeededPermission['permission']): string {
  const group = permission.group === '' ? '' : `.${permission.group}`;
  return `${permission.verb} ${resourceName(permission)}${group}`;
}

function resourceName({ resource, subresource }: NeededPermission['permission']): string {
  return subresource === '' ? resource : `${resource}/${subresource}`;
}
