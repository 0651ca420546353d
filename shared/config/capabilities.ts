// The table of capabilities: what a duty may ask for by name, and what that needs of each system.
// Checks and unfolds capabilities.yaml; grants nothing.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { checkedValue } from './problems.ts';
import { SETTINGS } from './settings.ts';
import { parseYaml } from './yaml-source.ts';

const REMEDY = 'The file belongs to Nightshift itself: restore it, or correct what you changed.';
/** Every rule for Kubernetes needs it. */
const CONNECT = 'kubernetes.connect';

const FILE = new URL('./capabilities.yaml', import.meta.url);

const Rule = z.strictObject({
  verbs: z.array(z.enum(['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'])).min(1),
  group: z.string().default('').describe('API group; empty for the core group'),
  resources: z
    .array(
      z
        .string()
        .regex(/^[a-z]+(\/[a-z]+)?$/, 'a plural resource name, or one with its subresource such as pods/resize'),
    )
    .min(1),
  clusterWide: z.boolean().default(false),
});

/** What Google Cloud has to grant, and on what. A role that is broader than its need is named by its permissions instead. */
const Grant = z
  .strictObject({
    role: z
      .string()
      .regex(/^roles\/[a-zA-Z.]+$/, 'a predefined role such as roles/datastore.user')
      .optional(),
    permissions: z
      .array(z.string().regex(/^[a-z]+(\.[a-zA-Z]+){2}$/, 'a permission such as container.clusters.get'))
      .min(1)
      .optional(),
    on: z.enum(['project', 'cluster', 'store', 'topics', 'dataset', 'bucket', 'repository']),
  })
  .refine(({ role, permissions }) => (role === undefined) !== (permissions === undefined), 'either role or permissions')
  .refine(
    ({ permissions, on }) => permissions === undefined || on === 'project' || on === 'cluster',
    'single permissions make a custom role, which holds in a whole project: on is project or cluster',
  );
export type Grant = z.infer<typeof Grant>;

const Entry = z
  .strictObject({
    description: z.string().min(1),
    writes: z.boolean().default(false),
    actionKinds: z
      .array(z.string().regex(/^[a-z]+\.[a-z-]+$/, 'an action kind such as cluster.resize-container'))
      .default([]),
    kubernetes: z.array(Rule).default([]),
    gcp: z.array(Grant).default([]),
    settings: z
      .array(z.string().refine((name) => SETTING_NAMES.has(name), 'a name of shared/config/settings.ts'))
      .default([]),
    private: z.boolean().default(false),
    slack: z.array(z.string().regex(/^[a-z.]+:[a-z.]+$/, 'a Slack scope such as chat:write')).default([]),
    jira: z.array(z.string().regex(/^[A-Z_]+$/, 'a Jira permission key such as CREATE_ISSUES')).default([]),
    bitbucket: z
      .array(z.string().regex(/^[a-z]+(:[a-z]+)?$/, 'a scope of an access token such as pipeline:write'))
      .default([]),
  })
  .refine((entry) => entry.writes || entry.actionKinds.length === 0, 'actionKinds need writes: true')
  .refine(
    (entry) => entry.writes || entry.kubernetes.every(({ verbs }) => verbs.every((verb) => READ_VERBS.has(verb))),
    'what changes something needs writes: true',
  );

const SETTING_NAMES: ReadonlySet<string> = new Set(SETTINGS.map(({ name }) => name));

const READ_VERBS: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

const CapabilityName = z.string().regex(/^[a-z]+\.[a-z-]+$/, 'a capability name such as kubernetes.read-pods');
const Capabilities = z.record(CapabilityName, Entry);

/** One verb on one resource, as RBAC and SelfSubjectAccessReview know it. */
export interface KubernetesRule {
  readonly verb: string;
  /** Empty for the core group. */
  readonly group: string;
  readonly resource: string;
  /** Empty for the resource itself. */
  readonly subresource: string;
  /** Needed in the whole cluster instead of each namespace of the scopes. */
  readonly clusterWide: boolean;
}

export interface Capability {
  readonly description: string;
  readonly writes: boolean;
  /** The kinds of action that this serves; a kind that policy only observes does not need it. */
  readonly actionKinds: readonly string[];
  readonly kubernetes: readonly KubernetesRule[];
  readonly gcp: readonly Grant[];
  /** Names of the settings that it reads, if they are set. */
  readonly settings: readonly string[];
  /** What it reaches often has a private address only. */
  readonly private: boolean;
  /** Scopes of the bot token. */
  readonly slack: readonly string[];
  /** Permission keys in the project. */
  readonly jira: readonly string[];
  /** Scopes of the access token. */
  readonly bitbucket: readonly string[];
}

/** Capability name to what it needs, in the order of the file. Fails with a FileError when the file is wrong. */
export async function readCapabilities(file: URL | string = FILE): Promise<ReadonlyMap<string, Capability>> {
  const source = typeof file === 'string' ? file : fileURLToPath(file);
  return parseCapabilities(await readFile(file, 'utf8'), source);
}

export function parseCapabilities(text: string, source: string): ReadonlyMap<string, Capability> {
  const entries = checkedValue(Capabilities, parseYaml(text, source, REMEDY), source, { remedy: REMEDY });
  return new Map(
    Object.entries(entries).map(([name, entry]) => [
      name,
      { ...entry, kubernetes: entry.kubernetes.flatMap(unfolded) },
    ]),
  );
}

function unfolded({ verbs, group, resources, clusterWide }: z.infer<typeof Rule>): readonly KubernetesRule[] {
  return resources.flatMap((full) => {
    const [resource = '', subresource = ''] = full.split('/');
    return verbs.map((verb) => ({ verb, group, resource, subresource, clusterWide }));
  });
}

/** What the capabilities of a manifest come to: each with what it implies. Names that are not in the table are left out. */
export function capabilitiesOf(
  names: readonly string[],
  table: ReadonlyMap<string, Capability>,
): ReadonlyMap<string, Capability> {
  const named = names.flatMap((name) => {
    const capability = table.get(name);
    return capability === undefined ? [] : [[name, capability] as const];
  });
  const connect = table.get(CONNECT);
  const isConnected = connect !== undefined && named.some(([, { kubernetes }]) => kubernetes.length > 0);
  return new Map(isConnected ? [[CONNECT, connect], ...named] : named);
}
