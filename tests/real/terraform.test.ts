// terraform/ under the real Terraform, against the schema of the Google provider: its own tests, then plans and applies from an empty
// project on, and what each identity may do, held against the table of capabilities.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { capabilitiesOf, readCapabilities } from '../../shared/config/capabilities.ts';
import { type FunctionManifest, readManifests } from '../../shared/config/manifest.ts';
import { buildBundles } from '../../shared/local/build.ts';
import { main } from '../../shared/local/cli.ts';
import { describeWith } from './suite.ts';
import { cloudWith, openWorkplace, type TerraformResult, type Workplace } from './terraform.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PROJECT = 'shop-prod';
const SECRETS = ['slack-bot-token', 'jira-api-token', 'bitbucket-access-token'];

interface PlannedChange {
  readonly address: string;
  readonly type: string;
  readonly change: { readonly actions: readonly string[]; readonly after: Readonly<Record<string, unknown>> | null };
}

let place: Workplace;
let manifests: readonly FunctionManifest[];
let lastOutput = '';

describeWith(
  ['terraform'],
  'terraform/',
  () => lastOutput,
  () => {
    beforeAll(async () => {
      [place, manifests] = await Promise.all([
        openWorkplace(cloudWith(SECRETS)),
        readManifests(path.join(ROOT, 'functions')),
      ]);
      await buildBundles([], path.join(place.root, 'dist'));
      await rbac(path.join(place.root, 'terraform/tests/fixtures/policy.yaml'));
      await must(['init', '-backend=false']);
    });
    afterAll(async () => {
      await place?.[Symbol.asyncDispose]();
    });

    test('is formatted and valid', async () => {
      await must(['fmt', '-check', '-recursive', '-diff']);
      await must(['validate']);
    });

    test('passes its own tests on a mocked cloud', async () => {
      expect((await must(['test'])).output).toMatch(/Success! \d+ passed, 0 failed/);
    });

    test('the module passes its own tests on a mocked cloud', async () => {
      await must(['init', '-backend=false'], 'modules/duty');
      expect((await must(['test'], 'modules/duty')).output).toMatch(/Success! \d+ passed, 0 failed/);
    });

    test('makes the same set of parts for each duty, by its manifest', async () => {
      const planned = await plan({});
      for (const manifest of manifests) {
        expect(addressesOf(planned, manifest.name)).toEqual(await expectedParts(manifest));
      }
      expect(new Set(planned.flatMap(({ change }) => change.actions))).toEqual(new Set(['create']));
    });

    test('grants each identity what the table of capabilities says, and nothing for what is only observed', async () => {
      const table = await readCapabilities();
      const planned = await plan({});
      for (const manifest of manifests) {
        const granted = grantsOf(planned, manifest.name);
        const capabilities = [...capabilitiesOf(manifest.capabilities, table)];
        // The policy of these tests never lets a template change: that capability is not needed at all.
        const needed = capabilities.filter(([name]) => name !== 'kubernetes.patch-workloads').map(([, one]) => one);
        const roles = needed.flatMap(({ gcp }) => gcp.flatMap(({ role }) => role ?? []));
        const permissions = needed.flatMap(({ gcp }) => gcp.flatMap((one) => one.permissions ?? []));
        expect(granted).toEqual({
          roles: [
            ...new Set([
              ...roles,
              ...(permissions.length === 0 ? [] : ['custom']),
              ...(manifest.fanOut ? ['roles/pubsub.publisher'] : []),
              'roles/secretmanager.secretAccessor',
            ]),
          ].sort(),
          permissions: [...new Set(permissions)].sort(),
        });
      }
    });

    test('makes nothing public but what says so', async () => {
      const planned = await plan({});
      const everybody = planned.filter(({ change }) => JSON.stringify(change.after).includes('"allUsers"'));
      expect(everybody.map(({ address }) => dutyOf(address))).toEqual(
        manifests.filter((manifest) => manifest.public).map(({ name }) => name),
      );
      expect(JSON.stringify(planned)).not.toContain('allAuthenticatedUsers');
    });

    test('holds no secret and no text of the policy, neither in the plan nor in the state', async () => {
      const state = 'quiet.tfstate';
      await apply({}, state);
      const text = await readFile(path.join(place.root, 'terraform', state), 'utf8');
      expect(text).toContain('slack-bot-token');
      expect(text).not.toContain('metrics.internal.example.com');
    });

    test('a second plan is empty, and a disabled duty loses its parts and nothing else', async () => {
      const state = 'whole.tfstate';
      await apply({}, state);
      const second = await place.terraform(['plan', '-detailed-exitcode', ...flags({}, state)]);
      expect(second.code, second.output).toBe(0);

      for (const { name } of manifests) {
        const rest = manifests.filter((one) => one.name !== name);
        const changes = (await plan({ duties: rest.map((one) => one.name) }, state)).filter(
          ({ change }) => !['no-op', 'read'].includes(change.actions[0] ?? ''),
        );
        expect(changes.map(({ change }) => change.actions)).toEqual(changes.map(() => ['delete']));
        const own = addressesOf(await plan({}), name);
        const handsOn = changes.filter(({ address }) => address.startsWith('google_pubsub_topic_iam_member.hands_on'));
        expect(handsOn.every(({ address }) => address.includes(name))).toBe(true);
        expect(changes.map(({ address }) => address).sort()).toEqual(
          [...own, ...handsOn.map(({ address }) => address)].sort(),
        );
      }
    });

    test('changed code rolls its own function, a changed policy rolls all of them', async () => {
      const state = 'rolled.tfstate';
      await apply({}, state);
      const first = manifests[0]?.name ?? '';
      const made = path.join(place.root, 'dist', `${first}.built.json`);
      const told = await readFile(made, 'utf8');
      // Another build of the same code: the zip differs by its compiled code, and nothing is to do.
      const zip = path.join(place.root, 'dist', `${first}.zip`);
      await writeFile(zip, Buffer.concat([await readFile(zip), Buffer.from('compiled anew')]));
      expect(await changedTypes({}, state)).toEqual([]);
      await writeFile(made, JSON.stringify({ ...(JSON.parse(told) as object), contentSha256: 'other code' }));
      expect(await changedTypes({}, state)).toEqual([
        `module.duty["${first}"].google_cloudfunctions2_function.this`,
        `module.duty["${first}"].google_storage_bucket_object.bundle`,
        `module.duty["${first}"].google_storage_bucket_object.history`,
      ]);
      await writeFile(made, told);
      expect(await changedTypes({}, state)).toEqual([]);

      const policy = path.join(place.root, 'terraform/tests/fixtures/policy.yaml');
      const before = await readFile(policy, 'utf8');
      await writeFile(policy, `${before}# A comment is a change as well.\n`);
      const stale = await place.terraform(['plan', ...flags({}, state)]);
      expect(flat(stale.output)).toContain('was not checked since it was last changed');
      await rbac(policy);
      expect(await changedTypes({}, state)).toEqual([
        'google_secret_manager_secret_version.policy',
        ...manifests.map(({ name }) => `module.duty["${name}"].google_cloudfunctions2_function.this`),
      ]);
      await writeFile(policy, before);
      await rbac(policy);
    });

    test('never takes the store away by itself', async () => {
      const state = 'kept.tfstate';
      await apply({}, state);
      const destroyed = await place.terraform(['plan', '-destroy', ...flags({}, state)]);
      expect(destroyed.code).toBe(1);
      expect(flat(destroyed.output)).toContain('google_firestore_database.store has lifecycle.prevent_destroy set');
    });

    test('refuses a function.yaml that the build has not seen', async () => {
      const name = manifests[0]?.name ?? '';
      const file = path.join(place.root, 'functions', name, 'function.yaml');
      const before = await readFile(file, 'utf8');
      await writeFile(file, before.replace(/retries: \d+/, 'retries: 99'));
      const refused = await place.terraform(['plan', ...flags({}, 'none.tfstate')]);
      await writeFile(file, before);
      expect(refused.code).toBe(1);
      expect(flat(refused.output)).toContain(`npm run build -- ${name}`);
    });

    test('an existing secret and topic are taken over by an import block', async () => {
      const imports = path.join(place.root, 'terraform/imports.tf');
      await writeFile(
        imports,
        [
          'import {',
          '  to = google_secret_manager_secret.policy',
          `  id = "projects/${PROJECT}/secrets/nightshift-policy"`,
          '}',
          'import {',
          '  to = module.duty["rebalance"].google_pubsub_topic.this[0]',
          `  id = "projects/${PROJECT}/topics/nightshift-rebalance"`,
          '}',
          '',
        ].join('\n'),
      );
      const imported = await place.terraform(['plan', ...flags({}, 'imported.tfstate')]);
      await writeFile(imports, '');
      expect(imported.code, imported.output).toBe(0);
      expect(imported.output).toMatch(/Plan: 2 to import, \d+ to add/);
    });
  },
);

interface Choice {
  readonly duties?: readonly string[];
}

function flags({ duties = manifests.map(({ name }) => name) }: Choice, state: string): readonly string[] {
  const values = {
    project: PROJECT,
    region: 'europe-west3',
    policy_file: 'tests/fixtures/policy.yaml',
    duties: `{${duties.map((name) => `"${name}"={}`).join(',')}}`,
    secrets:
      '{SLACK_BOT_TOKEN={secret="slack-bot-token"},JIRA_API_TOKEN={secret="jira-api-token",version="2"},BITBUCKET_ACCESS_TOKEN={secret="bitbucket-access-token"}}',
    environment: '{JIRA_EMAIL="nightshift@example.com"}',
    invokers: '["group:devops@example.com"]',
    network: '{network="shop",subnetwork="functions"}',
  };
  return [
    '-input=false',
    `-state=${state}`,
    ...Object.entries(values).flatMap(([name, value]) => ['-var', `${name}=${value}`]),
  ];
}

async function must(args: readonly string[], folder?: string): Promise<TerraformResult> {
  const result = await place.terraform(args, folder);
  lastOutput = result.output;
  if (result.code !== 0) {
    throw new Error(`terraform ${args[0] ?? ''} ended with ${String(result.code)}:\n${result.output}`);
  }
  return result;
}

async function apply(choice: Choice, state: string): Promise<void> {
  await must(['apply', '-auto-approve', ...flags(choice, state)]);
}

async function plan(choice: Choice, state = 'none.tfstate'): Promise<readonly PlannedChange[]> {
  await must(['plan', '-out=plan', ...flags(choice, state)]);
  const { stdout } = await must(['show', '-json', 'plan']);
  return (JSON.parse(stdout) as { readonly resource_changes?: readonly PlannedChange[] }).resource_changes ?? [];
}

async function changedTypes(choice: Choice, state: string): Promise<readonly string[]> {
  const changes = await plan(choice, state);
  return changes
    .filter(({ change }) => !['no-op', 'read'].includes(change.actions[0] ?? ''))
    .map(({ address }) => address)
    .sort();
}

function dutyOf(address: string): string {
  return /^module\.duty\["([^"]+)"\]/.exec(address)?.[1] ?? '';
}

function addressesOf(planned: readonly PlannedChange[], duty: string): readonly string[] {
  return planned
    .map(({ address }) => address)
    .filter((address) => dutyOf(address) === duty)
    .sort();
}

/** From the manifest and the table of capabilities alone, written without a look at the module. */
async function expectedParts({
  name,
  triggers,
  fanOut,
  public: isPublic,
  capabilities,
}: FunctionManifest): Promise<readonly string[]> {
  const used = [...capabilitiesOf(capabilities, await readCapabilities()).values()];
  const reads = (setting: string): boolean => used.some(({ settings }) => settings.includes(setting));
  const hasCluster = used.some(({ kubernetes }) => kubernetes.length > 0);
  const parts = [
    'google_cloudfunctions2_function.this',
    'google_service_account.this',
    'google_storage_bucket_object.bundle',
    'google_storage_bucket_object.history',
    ...(hasCluster
      ? ['google_project_iam_custom_role.this["shop-clusters"]', 'google_project_iam_member.custom["shop-clusters"]']
      : []),
    'google_project_iam_member.store["roles/datastore.user"]',
    ...['policy', ...['SLACK_BOT_TOKEN', 'JIRA_API_TOKEN', 'BITBUCKET_ACCESS_TOKEN'].filter(reads)].map(
      (key) => `google_secret_manager_secret_iam_member.this["${key}"]`,
    ),
    'google_cloud_run_v2_service_iam_member.caller["group:devops@example.com"]',
    ...(isPublic ? ['google_cloud_run_v2_service_iam_member.caller["everybody"]'] : []),
    ...(triggers.schedule === undefined
      ? []
      : ['google_cloud_scheduler_job.this[0]', 'google_cloud_run_v2_service_iam_member.caller["scheduler"]']),
    ...(triggers.topic
      ? [
          'google_cloud_run_v2_service_iam_member.caller["push"]',
          'google_pubsub_topic.this[0]',
          'google_pubsub_topic.dead[0]',
          'google_pubsub_subscription.push[0]',
          'google_pubsub_subscription.dead[0]',
          'google_pubsub_topic_iam_member.dead[0]',
          'google_pubsub_subscription_iam_member.dead[0]',
        ]
      : []),
    ...(triggers.topic && fanOut ? ['google_pubsub_topic_iam_member.publisher[0]'] : []),
  ];
  return parts.map((part) => `module.duty["${name}"].${part}`).sort();
}

/** Every role that a plan binds to the duty's account, and the permissions of its custom roles. */
function grantsOf(
  planned: readonly PlannedChange[],
  duty: string,
): { readonly roles: readonly string[]; readonly permissions: readonly string[] } {
  const member = `serviceAccount:nightshift-${duty}@${PROJECT}.iam.gserviceaccount.com`;
  const bound = planned.flatMap(({ change }) =>
    change.after?.['member'] === member ? [String(change.after['role'])] : [],
  );
  const custom = planned.filter(
    ({ address, type }) => type === 'google_project_iam_custom_role' && dutyOf(address) === duty,
  );
  return {
    roles: [...new Set(bound.map((role) => (role.startsWith('projects/') ? 'custom' : role)))].sort(),
    permissions: custom.flatMap(({ change }) => change.after?.['permissions'] as readonly string[]).sort(),
  };
}

/** Terraform breaks its sentences into lines. */
function flat(output: string): string {
  return output.replaceAll(/\s+/g, ' ');
}

async function rbac(policy: string): Promise<void> {
  const said: string[] = [];
  const code = await main(
    ['rbac', '--policy', policy, '--project', PROJECT, '--out', path.join(place.root, 'dist/rbac')],
    {
      exitCode: 0,
      columns: 120,
      isInteractive: false,
      print: (text) => said.push(text),
      warn: (text) => said.push(text),
      progress: () => undefined,
      progressDone: () => undefined,
    },
  );
  if (code !== 0) {
    throw new Error(said.join('\n'));
  }
}
