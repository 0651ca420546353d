// terraform/ under the real Terraform, against the schema of the Google provider: its own tests, then plans and applies from an empty
// project on, and what each identity may do, held against the table of capabilities.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { capabilitiesOf, readCapabilities } from '../../shared/config/capabilities.ts';
import type { FunctionManifest } from '../../shared/config/manifest.ts';
import { buildBundles, PROCESS_VARIABLES } from '../../shared/local/build.ts';
import { describeWith } from './suite.ts';
import {
  type Choice,
  inOneLine,
  openTestDeployment,
  type PlannedChange,
  PROJECT,
  SECRETS,
  type TestDeployment,
} from './terraform-deployment.ts';

const README = path.resolve(import.meta.dirname, '../../terraform/README.md');

let at: TestDeployment;
let manifests: readonly FunctionManifest[];

describeWith(
  ['terraform'],
  'terraform/',
  () => at?.said(),
  () => {
    beforeAll(async () => {
      at = await openTestDeployment();
      ({ manifests } = at);
      await buildBundles([], path.join(at.root, 'dist'));
    });
    afterAll(async () => {
      await at?.[Symbol.asyncDispose]();
    });

    test('is formatted and valid', async () => {
      await at.must(['fmt', '-check', '-recursive', '-diff']);
      await at.must(['validate']);
    });

    test('passes its own tests on a mocked cloud', async () => {
      expect((await at.must(['test'])).output).toMatch(/Success! \d+ passed, 0 failed/);
    });

    test('the module passes its own tests on a mocked cloud', async () => {
      await at.must(['init', '-backend=false'], 'modules/duty');
      expect((await at.must(['test'], 'modules/duty')).output).toMatch(/Success! \d+ passed, 0 failed/);
    });

    test('makes the same set of parts for each duty, by its manifest', async () => {
      const planned = await at.plan({});
      for (const manifest of manifests) {
        expect(addressesOf(planned, manifest.name)).toEqual(await expectedParts(manifest));
      }
      expect(new Set(planned.flatMap(({ change }) => change.actions))).toEqual(new Set(['create']));
    });

    test('grants each identity what the table of capabilities says, and nothing for what is only observed', async () => {
      const table = await readCapabilities();
      const planned = await at.plan({});
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

    test('hands each function the settings of its capabilities, and no others', async () => {
      const table = await readCapabilities();
      const planned = await at.plan({});
      for (const { name, capabilities } of manifests) {
        const reads = [...capabilitiesOf(capabilities, table).values()].flatMap(({ settings }) => settings);
        const { secrets, variables } = handedBy(planned, name);
        expect(secrets, name).toEqual(
          Object.entries(SECRETS)
            .filter(([setting]) => reads.includes(setting))
            .map(([setting, secret]) => `${setting} from ${secret}`)
            .sort(),
        );
        expect(variables, name).toMatchObject(PROCESS_VARIABLES);
        expect(Object.keys(variables).sort(), name).toEqual(
          [
            'NIGHTSHIFT_POLICY',
            'NIGHTSHIFT_STORE',
            'NODE_ENV',
            ...Object.keys(PROCESS_VARIABLES),
            'PUBSUB_PROJECT',
            ...(reads.includes('JIRA_EMAIL') ? ['JIRA_EMAIL'] : []),
          ].sort(),
        );
      }
      expect(handedBy(planned, 'ingress').secrets).toEqual([
        'BITBUCKET_WEBHOOK_SECRET from bitbucket-webhook-secret',
        'SLACK_SIGNING_SECRET from slack-signing-secret',
      ]);
    });

    test('a secret of one function alone stands in place of that of all, and is granted to it alone', async () => {
      const kubeconfig = '{KUBECONFIG={secret="jira-api-token"},SLACK_BOT_TOKEN={secret="slack-signing-secret"}}';
      const planned = await at.plan({ variables: { duties: `{settle={},rebalance={secrets=${kubeconfig}}}` } });
      expect(handedBy(planned, 'rebalance').secrets).toContain('SLACK_BOT_TOKEN from slack-signing-secret');
      expect(handedBy(planned, 'rebalance').variables).toHaveProperty('KUBECONFIG');
      expect(handedBy(planned, 'settle').secrets).toContain('SLACK_BOT_TOKEN from slack-bot-token');
      expect(handedBy(planned, 'settle').variables).not.toHaveProperty('KUBECONFIG');
    });

    test('makes nothing public but what says so', async () => {
      const planned = await at.plan({});
      const everybody = planned.filter(({ change }) => JSON.stringify(change.after).includes('"allUsers"'));
      expect(everybody.map(({ address }) => dutyOf(address))).toEqual(
        manifests.filter((manifest) => manifest.public).map(({ name }) => name),
      );
      expect(JSON.stringify(planned)).not.toContain('allAuthenticatedUsers');
    });

    test('holds no secret and no text of the policy, neither in the plan nor in the state', async () => {
      const state = 'quiet.tfstate';
      await at.apply({}, state);
      const text = await readFile(path.join(at.root, 'terraform', state), 'utf8');
      expect(text).toContain('slack-bot-token');
      expect(text).not.toContain('metrics.internal.example.com');
    });

    test('a second plan is empty, and a disabled duty loses its parts and nothing else', async () => {
      const state = 'whole.tfstate';
      await at.apply({}, state);
      const second = await at.terraform(['plan', '-detailed-exitcode', ...at.flags({}, state)]);
      expect(second.code, second.output).toBe(0);

      for (const { name } of manifests) {
        const rest = manifests.filter((one) => one.name !== name);
        const changes = (await at.plan({ duties: rest.map((one) => one.name) }, state)).filter(isChange);
        expect(changes.map(({ change }) => change.actions)).toEqual(changes.map(() => ['delete']));
        const own = addressesOf(await at.plan({}), name);
        const handsOn = changes.filter(({ address }) => address.startsWith('google_pubsub_topic_iam_member.hands_on'));
        expect(handsOn.every(({ address }) => address.includes(name))).toBe(true);
        expect(changes.map(({ address }) => address).sort()).toEqual(
          [...own, ...handsOn.map(({ address }) => address)].sort(),
        );
      }
    });

    test('changed code rolls its own function, a changed policy rolls all of them', async () => {
      const state = 'rolled.tfstate';
      await at.apply({}, state);
      const first = manifests[0]?.name ?? '';
      const made = path.join(at.root, 'dist', `${first}.built.json`);
      const told = await readFile(made, 'utf8');
      // Another build of the same code: the zip differs by its compiled code, and nothing is to do.
      const zip = path.join(at.root, 'dist', `${first}.zip`);
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

      const policy = path.join(at.root, 'terraform/tests/fixtures/policy.yaml');
      const before = await readFile(policy, 'utf8');
      await writeFile(policy, `${before}# A comment is a change as well.\n`);
      const stale = await at.terraform(['plan', ...at.flags({}, state)]);
      expect(inOneLine(stale.output)).toContain('was not checked since it was last changed');
      await at.rbac(policy);
      expect(await changedTypes({}, state)).toEqual([
        'google_secret_manager_secret_version.policy',
        ...manifests.map(({ name }) => `module.duty["${name}"].google_cloudfunctions2_function.this`),
      ]);
      await writeFile(policy, before);
      await at.rbac(policy);
    });

    test('goes back to an earlier bundle, of which the bucket keeps three, and touches nothing else', async () => {
      const state = 'back.tfstate';
      await at.apply({}, state);
      const duties = `{${manifests.map(({ name }) => `"${name}"={${name === 'settle' ? 'bundle=1764190000000000' : ''}}`).join(',')}}`;
      const changes = (await at.plan({ variables: { duties } }, state)).filter(isChange);
      expect(changes.map(({ address }) => address)).toEqual([
        'module.duty["settle"].google_cloudfunctions2_function.this',
      ]);
      expect(changes[0]?.change.actions).toEqual(['update']);
      expect(changes[0]?.change.after).toMatchObject({
        build_config: [
          { source: [{ storage_source: [{ object: 'history/settle.zip', generation: 1_764_190_000_000_000 }] }] },
        ],
      });
      const bucket = (await at.plan({})).find(({ address }) => address === 'google_storage_bucket.bundles');
      expect(bucket?.change.after).toMatchObject({
        versioning: [{ enabled: true }],
        lifecycle_rule: expect.arrayContaining([
          expect.objectContaining({
            condition: [expect.objectContaining({ matches_prefix: ['history/'], num_newer_versions: 3 })],
          }),
        ]) as unknown,
      });
    });

    test('never takes the store away by itself, and leaves it alone when everything else goes as the README says', async () => {
      const state = 'kept.tfstate';
      await at.apply({}, state);
      const destroyed = await at.terraform(['plan', '-destroy', ...at.flags({}, state)]);
      expect(destroyed.code).toBe(1);
      expect(inOneLine(destroyed.output)).toContain(
        'google_firestore_database.store has lifecycle.prevent_destroy set',
      );

      const forgotten = /^terraform state rm (.+)$/m.exec(await readFile(README, 'utf8'))?.[1]?.split(' ') ?? [];
      await at.must(['state', 'rm', `-state=${state}`, ...forgotten]);
      const rest = (await at.must(['state', 'list', `-state=${state}`])).stdout.trim().split('\n');
      await at.must(['destroy', '-auto-approve', ...at.flags({}, state)]);
      expect(rest.length).toBeGreaterThan(100);
      expect((await at.must(['state', 'list', `-state=${state}`])).stdout.trim()).toBe('');
    });

    test('an existing secret and topic are taken over by an import block', async () => {
      const imports = path.join(at.root, 'terraform/imports.tf');
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
      const imported = await at.terraform(['plan', ...at.flags({}, 'imported.tfstate')]);
      await writeFile(imports, '');
      expect(imported.code, imported.output).toBe(0);
      expect(imported.output).toMatch(/Plan: 2 to import, \d+ to add/);
    });
  },
);

function isChange({ change }: PlannedChange): boolean {
  return !['no-op', 'read'].includes(change.actions[0] ?? '');
}

async function changedTypes(choice: Choice, state: string): Promise<readonly string[]> {
  const changes = await at.plan(choice, state);
  return changes
    .filter(isChange)
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
    ...['policy', ...Object.keys(SECRETS).filter(reads)].map(
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

/** What a function finds in its environment: secrets as `SETTING from secret`, and the names of plain variables. */
function handedBy(
  planned: readonly PlannedChange[],
  duty: string,
): { readonly secrets: readonly string[]; readonly variables: Readonly<Record<string, string>> } {
  const found = planned.find(
    ({ address }) => address === `module.duty["${duty}"].google_cloudfunctions2_function.this`,
  );
  const [config] = (found?.change.after?.['service_config'] ?? []) as readonly {
    readonly environment_variables: Readonly<Record<string, string>>;
    readonly secret_environment_variables: readonly { readonly key: string; readonly secret: string }[];
  }[];
  return {
    secrets: (config?.secret_environment_variables ?? []).map(({ key, secret }) => `${key} from ${secret}`).sort(),
    variables: config?.environment_variables ?? {},
  };
}
