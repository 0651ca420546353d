// `nightshift rbac`: what the duties may do under the policy, as manifests for `kubectl apply -k` and as the file that Terraform reads.
// Writes files only; grants nothing.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { readCapabilities } from '../../config/capabilities.ts';
import { readEnvironment } from '../../config/environment.ts';
import type { LoadedPolicy } from '../../config/policy.ts';
import { CallerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { renderTable } from '../../core/table.ts';
import { policyOf } from '../../wiring/system.ts';
import { findDrivers, findDuties } from '../duties.ts';
import { customPermissions, type DutyPermissions, permissionsUnder, type Placed } from '../permissions.ts';
import { clusterManifests, GENERATED } from '../rbac-manifests.ts';
import { writeFailure } from './init.ts';
import type { Terminal } from './terminal.ts';

interface RbacFlags {
  readonly policy?: string;
  readonly project?: string;
  readonly duties?: string;
  readonly out: string;
}

export function registerRbac(program: Command, terminal: Terminal): void {
  program
    .command('rbac')
    .description(
      'Write what the duties may do under the policy: Kubernetes manifests, and the file that Terraform reads',
    )
    .option('--policy <file>', 'policy file (NIGHTSHIFT_POLICY)')
    .option('--project <id>', 'Google Cloud project of the deployment (PUBSUB_PROJECT, GOOGLE_CLOUD_PROJECT)')
    .option('--duties <names>', 'those that are deployed, with commas; all that the policy gives work when absent')
    .option('--out <folder>', 'folder to write to', 'dist/rbac')
    .action(async (flags: RbacFlags) => {
      await writeRbac(terminal, flags);
    });
}

async function writeRbac(terminal: Terminal, flags: RbacFlags): Promise<void> {
  const environment = readEnvironment();
  const file = flags.policy ?? environment.policy;
  if (file === undefined) {
    throw new CallerError('Which policy file?', {
      field: '--policy',
      remedy: 'Name it, as in `nightshift rbac --policy nightshift.yaml`, or set NIGHTSHIFT_POLICY.',
    });
  }
  const [duties, drivers] = await Promise.all([findDuties(), findDrivers()]);
  const policy = await policyOf(
    file,
    duties.map(({ duty }) => duty),
  );
  const placed = chosen(
    [
      ...duties.map(({ manifest, duty }): Placed => ({
        manifest,
        scopes: duty.scopes(policy.duties[duty.name], policy.team),
        actionKinds: duty.actionKinds,
      })),
      ...drivers.map(({ manifest }): Placed => ({ manifest, scopes: [], actionKinds: [] })),
    ],
    flags.duties,
  );
  const permissions = permissionsUnder(policy.team, placed, await readCapabilities());
  const project = flags.project ?? environment.pubsubProject;
  const clusters = [...new Set(permissions.flatMap(({ clusters: own }) => [...own.keys()]))].sort();
  if (project === undefined) {
    throw new CallerError('Which Google Cloud project are the functions in? Their identities carry its name.', {
      field: '--project',
      remedy: 'Give --project, or set PUBSUB_PROJECT.',
    });
  }
  const folder = path.resolve(flags.out);
  await writeFiles(folder, [
    ...clusters.flatMap((name) => [...manifestsOf(name, policy, permissions, project)]),
    ['permissions.json', `${JSON.stringify(await deploymentFile(file, policy, permissions, project), undefined, 2)}\n`],
  ]);
  show(terminal, permissions, path.relative(process.cwd(), folder), clusters);
}

function chosen(placed: readonly Placed[], names: string | undefined): readonly Placed[] {
  if (names === undefined) {
    return placed;
  }
  const wanted = names.split(',').map((name) => name.trim());
  const unknown = wanted.filter((name) => !placed.some(({ manifest }) => manifest.name === name));
  if (unknown.length > 0) {
    throw new CallerError(`There is no duty ${unknown.map((name) => JSON.stringify(name)).join(', ')}.`, {
      field: '--duties',
      remedy: `Duties: ${placed.map(({ manifest }) => manifest.name).join(', ')}.`,
    });
  }
  return placed.filter(({ manifest }) => wanted.includes(manifest.name));
}

function manifestsOf(
  name: string,
  policy: LoadedPolicy,
  permissions: readonly DutyPermissions[],
  project: string,
): ReadonlyMap<string, string> {
  const duties = permissions.flatMap(({ duty, clusters }) => {
    const own = clusters.get(name);
    return own === undefined ? [] : [{ duty, permissions: own }];
  });
  const isGke = policy.team.clusters[name]?.gke !== undefined;
  const files = clusterManifests({ project: isGke ? project : undefined, duties });
  return new Map([...files].map(([file, text]) => [path.join('kubernetes', name, file), text]));
}

/** What terraform/ reads. The hash binds it to the policy that it was made from. */
async function deploymentFile(
  file: string,
  policy: LoadedPolicy,
  permissions: readonly DutyPermissions[],
  project: string,
): Promise<JsonObject> {
  const table = await readCapabilities();
  return {
    version: 1,
    project,
    policySha256: createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
    settings: [...new Set([...table.values()].flatMap(({ settings }) => settings))].sort(),
    duties: Object.fromEntries(
      permissions.map((one) => [
        one.duty,
        {
          roles: one.gcp.flatMap(({ role, on }) => (role === undefined ? [] : [{ role, on }])),
          permissions: Object.fromEntries(customPermissions(one, policy.team, project)),
          settings: one.settings,
          needed: one.needed.map(({ name, part }) => ({ name, part })),
          private: one.private,
          slack: one.slack,
          jira: one.jira,
          bitbucket: one.bitbucket,
        },
      ]),
    ),
  };
}

async function writeFiles(folder: string, files: readonly (readonly [string, string])[]): Promise<void> {
  try {
    await removeOwn(path.join(folder, 'kubernetes'));
    for (const [name, text] of files) {
      const target = path.join(folder, name);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(target, text);
    }
  } catch (error) {
    throw writeFailure(folder, error);
  }
}

/** Files of an earlier call, so that what is no longer granted does not lie there; whatever else is in the folder stays. */
async function removeOwn(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  for (const entry of entries.filter((one) => one.isFile() && one.name.endsWith('.yaml'))) {
    const file = path.join(entry.parentPath, entry.name);
    if ((await readFile(file, 'utf8')).startsWith(GENERATED)) {
      await rm(file);
    }
  }
}

function show(
  terminal: Terminal,
  permissions: readonly DutyPermissions[],
  folder: string,
  clusters: readonly string[],
): void {
  const rows = permissions.flatMap(({ duty, clusters: own }) =>
    [...own].map(([cluster, { namespaces, clusterWide }]) => [
      duty,
      cluster,
      [...namespaces.keys()].join(', '),
      writesOf([...namespaces.values()].flat().concat(clusterWide)),
    ]),
  );
  terminal.print(renderTable(['duty', 'cluster', 'namespaces', 'may change'], rows, { maxWidth: terminal.columns }));
  terminal.print('');
  for (const cluster of clusters) {
    terminal.print(`kubectl apply -k ${path.join(folder, 'kubernetes', cluster)}   # with the context of ${cluster}`);
  }
  terminal.print(`${path.join(folder, 'permissions.json')} is what terraform/ reads.`);
}

function writesOf(
  rules: readonly { readonly verb: string; readonly resource: string; readonly subresource: string }[],
): string {
  const words = rules
    .filter(({ verb }) => !['get', 'list', 'watch'].includes(verb))
    .map(({ resource, subresource }) => (subresource === '' ? resource : `${resource}/${subresource}`));
  return words.length === 0 ? 'nothing' : [...new Set(words)].sort().join(', ');
}
