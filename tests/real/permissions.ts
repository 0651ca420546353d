// RBAC as a duty's capabilities derive it, put into force for a service account, and what the audit log shows to have been used.
import path from 'node:path';
import { type KubernetesRule, readCapabilities } from '../../shared/config/capabilities.ts';
import { readManifests } from '../../shared/config/manifest.ts';
import type { AuditEvent, RealCluster, ServiceAccountName } from './kubernetes-cluster.ts';

const FUNCTIONS = path.resolve(import.meta.dirname, '../../functions');
const RBAC = 'rbac.authorization.k8s.io';

/** What `shared/config/capabilities.yaml` derives for the duty, one line each, sorted. */
export async function grantedTo(duty: string): Promise<readonly string[]> {
  return linesOf((await rulesFor(duty)).map(lineOf));
}

/** Binds exactly the duty's rules to the account: in each of the namespaces, and over the whole cluster where a rule says so. */
export async function grantTo(
  real: RealCluster,
  account: ServiceAccountName,
  namespaces: readonly string[],
  duty: string,
): Promise<void> {
  const rules = await rulesFor(duty);
  await real.api.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...account } });
  for (const namespace of namespaces) {
    await bind(
      real,
      account,
      namespace,
      rules.filter(({ clusterWide }) => !clusterWide),
    );
  }
  await bind(
    real,
    account,
    undefined,
    rules.filter(({ clusterWide }) => clusterWide),
  );
}

/** What the account asked the API server for and got, in the form of `grantedTo`, and what it was refused for want of a right. */
export async function usedBy(
  real: RealCluster,
  { namespace, name }: ServiceAccountName,
): Promise<{ readonly permissions: readonly string[]; readonly refused: readonly string[] }> {
  const events = (await real.auditOf(`system:serviceaccount:${namespace}:${name}`)).filter(
    // Discovery, the version and questions about one's own rights are everybody's.
    ({ objectRef }) => objectRef?.resource !== undefined && objectRef.apiGroup !== 'authorization.k8s.io',
  );
  const isRefused = ({ responseStatus }: AuditEvent): boolean => responseStatus?.code === 403;
  return {
    permissions: linesOf(events.filter((event) => !isRefused(event)).map(usedLine)),
    refused: linesOf(events.filter(isRefused).map(usedLine)),
  };
}

export async function rulesFor(duty: string): Promise<readonly KubernetesRule[]> {
  const [capabilities, manifests] = await Promise.all([readCapabilities(), readManifests(FUNCTIONS)]);
  const manifest = manifests.find(({ name }) => name === duty);
  if (manifest === undefined) {
    throw new Error(`There is no duty ${duty}.`);
  }
  return manifest.capabilities.flatMap((capability) => capabilities.get(capability)?.kubernetes ?? []);
}

async function bind(
  real: RealCluster,
  account: ServiceAccountName,
  namespace: string | undefined,
  rules: readonly KubernetesRule[],
): Promise<void> {
  const scope = namespace === undefined ? 'Cluster' : '';
  // Objects of the whole cluster need a name that no other test's account has.
  const name = namespace === undefined ? `${account.namespace}-${account.name}` : account.name;
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  await real.api.apply({
    apiVersion: `${RBAC}/v1`,
    kind: `${scope}Role`,
    metadata,
    rules: rules.map(({ verb, group, resource, subresource }) => ({
      apiGroups: [group],
      resources: [subresource === '' ? resource : `${resource}/${subresource}`],
      verbs: [verb],
    })),
  });
  await real.api.apply({
    apiVersion: `${RBAC}/v1`,
    kind: `${scope}RoleBinding`,
    metadata,
    roleRef: { apiGroup: RBAC, kind: `${scope}Role`, name },
    subjects: [{ kind: 'ServiceAccount', ...account }],
  });
}

function lineOf({ verb, group, resource, subresource, clusterWide }: KubernetesRule): string {
  const named = subresource === '' ? resource : `${resource}/${subresource}`;
  return `${verb} ${named}${group === '' ? '' : `.${group}`}${clusterWide ? ' in the whole cluster' : ''}`;
}

function usedLine({ verb, objectRef }: AuditEvent): string {
  const { apiGroup = '', resource = '', subresource = '', namespace } = objectRef ?? {};
  return lineOf({
    verb,
    group: apiGroup,
    resource,
    subresource,
    clusterWide: namespace === undefined,
  } as KubernetesRule);
}

function linesOf(lines: readonly string[]): readonly string[] {
  return [...new Set(lines)].sort();
}
