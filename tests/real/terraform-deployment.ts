// A deployment of every duty from an empty project, as the tests of terraform/ need it: a copy of the repository's parts, permissions from
// a policy, and Terraform's commands over both.
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type FunctionManifest, readManifests } from '../../shared/config/manifest.ts';
import { PROCESS_VARIABLES } from '../../shared/local/build.ts';
import { main } from '../../shared/local/cli.ts';
import { testTerminal } from '../cli/terminal.ts';
import { cloudWith, openWorkplace, type TerraformResult, type Workplace } from './terraform.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
export const PROJECT = 'shop-prod';

/** Setting to the secret of the project that holds it; the tests' project has these. */
export const SECRETS: Readonly<Record<string, string>> = {
  SLACK_BOT_TOKEN: 'slack-bot-token',
  SLACK_SIGNING_SECRET: 'slack-signing-secret',
  JIRA_API_TOKEN: 'jira-api-token',
  BITBUCKET_ACCESS_TOKEN: 'bitbucket-access-token',
  BITBUCKET_WEBHOOK_SECRET: 'bitbucket-webhook-secret',
};

export interface PlannedChange {
  readonly address: string;
  readonly type: string;
  readonly change: { readonly actions: readonly string[]; readonly after: Readonly<Record<string, unknown>> | null };
}

export interface Choice {
  /** Every duty when absent. */
  readonly duties?: readonly string[];
  /** Values of variables as one writes them after -var, in place of those of these tests. */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface TestDeployment extends AsyncDisposable {
  readonly manifests: readonly FunctionManifest[];
  /** Folder that holds terraform/, functions/ and dist/. */
  readonly root: string;
  readonly policy: string;
  /** What Terraform said last. */
  said(): string;
  /** Files that stand for the bundles of the manifests as they are, where nothing of them is run. */
  standInBundles(): Promise<void>;
  flags(choice: Choice, state: string): readonly string[];
  terraform(args: readonly string[], folder?: string): Promise<TerraformResult>;
  /** Fails when Terraform does. */
  must(args: readonly string[], folder?: string): Promise<TerraformResult>;
  apply(choice: Choice, state: string): Promise<void>;
  plan(choice: Choice, state?: string): Promise<readonly PlannedChange[]>;
  /** What a plan that refuses says, in one line; fails when it does not refuse. */
  refusal(choice: Choice, state?: string): Promise<string>;
  /** `nightshift rbac` for the policy. */
  rbac(policy: string): Promise<void>;
}

/** With the permissions of the policy of terraform/tests and Terraform initialised; bundles are for the test to make. */
export async function openTestDeployment(): Promise<TestDeployment> {
  const [place, manifests] = await Promise.all([
    openWorkplace(cloudWith(Object.values(SECRETS))),
    readManifests(path.join(ROOT, 'functions')),
  ]);
  const at = deploymentIn(place, manifests);
  await at.rbac(at.policy);
  await at.must(['init', '-backend=false']);
  return at;
}

function deploymentIn(place: Workplace, manifests: readonly FunctionManifest[]): TestDeployment {
  let lastOutput = '';
  const at: TestDeployment = {
    manifests,
    root: place.root,
    policy: path.join(place.root, 'terraform/tests/fixtures/policy.yaml'),
    said: () => lastOutput,
    standInBundles: () => standInBundles(place.root, manifests),
    flags: (choice, state) => flagsOf(choice, state, manifests),
    async terraform(args, folder) {
      const result = await place.terraform(args, folder);
      lastOutput = result.output;
      return result;
    },
    async must(args, folder) {
      const result = await at.terraform(args, folder);
      if (result.code !== 0) {
        throw new Error(`terraform ${args[0] ?? ''} ended with ${String(result.code)}:\n${result.output}`);
      }
      return result;
    },
    async apply(choice, state) {
      await at.must(['apply', '-auto-approve', ...at.flags(choice, state)]);
    },
    async plan(choice, state = 'none.tfstate') {
      await at.must(['plan', '-out=plan', ...at.flags(choice, state)]);
      const { stdout } = await at.must(['show', '-json', 'plan']);
      return (JSON.parse(stdout) as { readonly resource_changes?: readonly PlannedChange[] }).resource_changes ?? [];
    },
    async refusal(choice, state = 'none.tfstate') {
      const { code, output } = await at.terraform(['plan', ...at.flags(choice, state)]);
      if (code !== 1) {
        throw new Error(`The plan was to be refused and ended with ${String(code)}:\n${output}`);
      }
      return inOneLine(output);
    },
    async rbac(policy) {
      const terminal = testTerminal();
      const out = path.join(place.root, 'dist/rbac');
      if ((await main(['rbac', '--policy', policy, '--project', PROJECT, '--out', out], terminal)) !== 0) {
        throw new Error([...terminal.printed, ...terminal.warned].join('\n'));
      }
    },
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
  return at;
}

async function standInBundles(root: string, manifests: readonly FunctionManifest[]): Promise<void> {
  await mkdir(path.join(root, 'dist'), { recursive: true });
  for (const { name } of manifests) {
    const manifest = await readFile(path.join(root, 'functions', name, 'function.yaml'));
    const manifestSha256 = createHash('sha256').update(manifest).digest('hex');
    await writeFile(path.join(root, 'dist', `${name}.zip`), '');
    await writeFile(
      path.join(root, 'dist', `${name}.built.json`),
      JSON.stringify({ contentSha256: `code-of-${name}`, manifestSha256, variables: PROCESS_VARIABLES }),
    );
  }
}

function flagsOf(
  { duties, variables = {} }: Choice,
  state: string,
  manifests: readonly FunctionManifest[],
): readonly string[] {
  const names = duties ?? manifests.map(({ name }) => name);
  const secrets = Object.entries(SECRETS).map(([setting, secret]) => `${setting}={secret="${secret}"}`);
  const values = {
    project: PROJECT,
    region: 'europe-west3',
    policy_file: 'tests/fixtures/policy.yaml',
    duties: `{${names.map((name) => `"${name}"={}`).join(',')}}`,
    secrets: `{${secrets.join(',')}}`,
    environment: '{JIRA_EMAIL="nightshift@example.com"}',
    invokers: '["group:devops@example.com"]',
    network: '{network="shop",subnetwork="functions"}',
    ...variables,
  };
  return [
    '-input=false',
    `-state=${state}`,
    ...Object.entries(values).flatMap(([name, value]) => ['-var', `${name}=${value}`]),
  ];
}

/** Terraform breaks its sentences into lines, with a frame at the left. */
export function inOneLine(output: string): string {
  return output.replaceAll(/[\s│╷╵]+/g, ' ');
}
