// bitbucket-pipelines.yml and terraform/pipeline.sh, run: README's preparation in a clean copy, a plan as on a pull request, an apply as
// on main, and every way in which the script refuses. The state lies in a bucket double, the Google provider is the schema provider.
import { execFile } from 'node:child_process';
import { copyFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ExternalAccountClient, IdentityPoolClient } from 'google-auth-library';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { carryArtifacts, checkoutTo, commandsIn, releaseIn, runScript, stepOf } from './pipeline-run.ts';
import { removeFolder, temporaryFolder } from './server.ts';
import { startStateBucket, type StateBucket } from './state-bucket.ts';
import { describeWith } from './suite.ts';
import { cloudWith, environment } from './terraform.ts';
import { type Provider, startProvider } from './terraform-provider.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const OF_REPOSITORY = {
  PROJECT: 'shop-prod',
  STATE_BUCKET: 'shop-prod-state',
  DEPLOYER: 'deployer@shop-prod.iam.gserviceaccount.com',
  WORKLOAD_IDENTITY_PROVIDER: 'projects/123456789012/locations/global/workloadIdentityPools/bitbucket/providers/shop',
};
/** It builds every bundle, one after another. */
const BUILDING_MILLISECONDS = 900_000;
const OF_STEP = { BITBUCKET_STEP_OIDC_TOKEN: 'header.claims.signature' };

let folder = '';
let lastOutput = '';
let provider: Provider;
let bucket: StateBucket;

describeWith(
  ['terraform'],
  'the pipeline',
  () => lastOutput,
  () => {
    let variables: NodeJS.ProcessEnv;
    let added = '';

    beforeAll(async () => {
      folder = temporaryFolder('pipeline');
      provider = await startProvider(cloudWith(['slack-bot-token', 'jira-api-token']));
      bucket = await startStateBucket(OF_REPOSITORY.STATE_BUCKET);
      const program = `#!/bin/sh\nexec '${(await run('bash', ['-c', 'command -v terraform'])).stdout.trim()}' "$@"\n`;
      variables = {
        ...environment(provider.reattach),
        ...OF_REPOSITORY,
        ...OF_STEP,
        PATH: await commandsIn(path.join(folder, 'commands'), await releaseIn(path.join(folder, 'releases'), program)),
        GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT: bucket.url,
        GOOGLE_OAUTH_ACCESS_TOKEN: 'of-the-bucket-double',
      };
    });
    afterAll(async () => {
      await provider?.[Symbol.asyncDispose]();
      await bucket?.[Symbol.asyncDispose]();
      await removeFolder(folder);
    });

    async function step(lines: readonly string[], checkout: string): Promise<{ code: number; output: string }> {
      const result = await runScript(lines, path.join(folder, checkout), variables);
      lastOutput = result.output;
      return result;
    }

    /** What the README has a newcomer do before the first pipeline runs, word by word. */
    async function prepared(checkout: string): Promise<void> {
      await checkoutTo(path.join(folder, checkout));
      const readme = await readFile(path.join(ROOT, 'terraform/README.md'), 'utf8');
      const init = /^npx nightshift init (?:.*\\\n)*.*$/m.exec(readme)?.[0] ?? '';
      const made = await step(['npm ci', init], checkout);
      expect(made.code, made.output).toBe(0);
      const terraform = path.join(folder, checkout, 'terraform');
      await copyFile(path.join(terraform, 'terraform.tfvars.example'), path.join(terraform, 'terraform.tfvars'));
    }

    test(
      'plans on a pull request, with what the README has committed',
      async () => {
        await prepared('pull-request');
        const { script } = await stepOf('Plan');
        const planned = await step(script, 'pull-request');
        expect(planned.code, planned.output).toBe(0);
        expect(planned.output).toContain('terraform_1.11.4_linux_amd64.zip: OK');
        added = /Plan: (\d+) to add, 0 to change, 0 to destroy/.exec(planned.output)?.[1] ?? '';
        expect(Number(added)).toBeGreaterThan(100);
        expect(JSON.parse(bucket.objects.get('default.tfstate') ?? '')).toMatchObject({ resources: [] });
      },
      BUILDING_MILLISECONDS,
    );

    test('applies on main exactly that plan from its artifacts, into the state of the bucket; the next plan is empty', async () => {
      await prepared('main');
      const { artifacts } = await stepOf('Plan');
      await carryArtifacts(artifacts, path.join(folder, 'pull-request'), path.join(folder, 'main'));
      const applied = await step((await stepOf('Apply')).script, 'main');
      expect(applied.code, applied.output).toBe(0);
      expect(applied.output).toContain(`Apply complete! Resources: ${added} added, 0 changed, 0 destroyed.`);
      expect([...bucket.objects.keys()]).toEqual(['default.tfstate']);
      expect(bucket.written).toContain('default.tflock');

      const { script } = await stepOf('Plan');
      const again = await step(script.slice(-2), 'main');
      expect(again.code, again.output).toBe(0);
      expect(again.output).toContain('No changes. Your infrastructure matches the configuration.');
    });

    test('the credentials are those of the pipeline, and nobody else on the machine can read them', async () => {
      const shown = await step(
        [
          '. terraform/pipeline.sh > /dev/null',
          'stat -c %a "$tools" "$tools/token" "$GOOGLE_APPLICATION_CREDENTIALS"',
          'cat "$GOOGLE_APPLICATION_CREDENTIALS"',
        ],
        'pull-request',
      );
      const [folderMode, ...rest] = shown.output.split('\n');
      expect([folderMode, ...rest.splice(0, 2)]).toEqual(['700', '600', '600']);
      const text = rest.join('\n');
      const credentials = JSON.parse(text) as Parameters<typeof ExternalAccountClient.fromJSON>[0];
      expect(credentials).toMatchObject({
        audience: `//iam.googleapis.com/${OF_REPOSITORY.WORKLOAD_IDENTITY_PROVIDER}`,
      });
      const client = ExternalAccountClient.fromJSON(credentials);
      expect(client).toBeInstanceOf(IdentityPoolClient);
      expect(client?.getServiceAccountEmail()).toBe(OF_REPOSITORY.DEPLOYER);
      expect(await (client as IdentityPoolClient).retrieveSubjectToken()).toBe(OF_STEP.BITBUCKET_STEP_OIDC_TOKEN);
    });
  },
);

describeWith(
  ['terraform'],
  'terraform/pipeline.sh',
  () => lastOutput,
  () => {
    let own = '';
    beforeAll(() => {
      own = temporaryFolder('pipeline-script');
    });
    afterAll(async () => {
      await removeFolder(own);
    });

    /** In a shell with nothing but what it may count on; `terraform` only says how it was called. */
    async function sourced(name: string, { without = '', sum }: { without?: string; sum?: string } = {}) {
      const place = path.join(own, name);
      const releases = await releaseIn(path.join(place, 'releases'), '#!/bin/sh\necho "terraform $*"\n', sum);
      await checkoutTo(place);
      const PATH = await commandsIn(path.join(place, 'commands'), releases, { bare: true });
      const set = Object.entries({ ...OF_REPOSITORY, ...OF_STEP, PATH }).filter(([key]) => key !== without);
      const result = await runScript(['. terraform/pipeline.sh', 'cat backend.tf'], place, Object.fromEntries(set));
      lastOutput = result.output;
      return result;
    }

    test('fetches what the image lacks, and leaves the shell where Terraform knows its bucket', async () => {
      const { code, output } = await sourced('whole');
      expect(code, output).toBe(0);
      expect(output).toContain('terraform init -input=false');
      expect(output).toContain('bucket = "shop-prod-state"');
    });

    test.each([
      ['STATE_BUCKET', 'Set the repository variable STATE_BUCKET'],
      ['DEPLOYER', 'Set the repository variable DEPLOYER'],
      [
        'WORKLOAD_IDENTITY_PROVIDER',
        'as projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER',
      ],
      ['BITBUCKET_STEP_OIDC_TOKEN', 'it needs oidc: true'],
    ])('says what to do without %s', async (without, sentence) => {
      const { code, output } = await sourced(`without-${without}`, { without });
      expect(code).not.toBe(0);
      expect(output).toContain(sentence);
      expect(output).not.toContain('terraform init');
    });

    test('runs no Terraform whose sum is another', async () => {
      const { code, output } = await sourced('forged', { sum: 'f'.repeat(64) });
      expect(code).not.toBe(0);
      expect(output).toContain('terraform_1.11.4_linux_amd64.zip: FAILED');
      expect(output).not.toContain('terraform init');
    });

    test('has nothing that shellcheck minds', async ({ skip }) => {
      const there = await run('shellcheck', ['--version']).then(
        () => true,
        () => false,
      );
      skip(!there, 'There is no shellcheck on the PATH: https://www.shellcheck.net');
      await run('shellcheck', [path.join(ROOT, 'terraform/pipeline.sh'), path.join(ROOT, '.ci/run')]);
    });
  },
);
