// Runs Terraform in a copy of terraform/, with the schema provider in the Google provider's place and no network.
import { execFile } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { removeFolder, temporaryFolder } from './server.ts';
import { type Cloud, type Provider, startProvider } from './terraform-provider.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export interface TerraformResult {
  readonly code: number;
  /** Both streams. */
  readonly output: string;
  readonly stdout: string;
}

export interface Workplace extends AsyncDisposable {
  /** The repository as Terraform sees it: terraform/, functions/, shared/core and what a test writes beside them. */
  readonly root: string;
  /** Runs `terraform <args>` in terraform/ or a folder of it. */
  terraform(args: readonly string[], folder?: string): Promise<TerraformResult>;
}

/** Why Terraform cannot run here; undefined when it can. */
export async function whyNoTerraform(): Promise<string | undefined> {
  try {
    const { stdout } = await run('terraform', ['version', '-json'], { env: environment('{}') });
    const { terraform_version: version } = JSON.parse(stdout) as { readonly terraform_version: string };
    const [major = 0, minor = 0] = version.split('.').map(Number);
    return major === 1 && minor >= 11
      ? undefined
      : `Terraform ${version} is installed, and terraform/ asks for 1.11 or later.`;
  } catch {
    return 'There is no Terraform on the PATH: https://developer.hashicorp.com/terraform/install';
  }
}

/** What a project has that Nightshift has never seen but for the named secrets. */
export function cloudWith(secrets: readonly string[]): Cloud {
  return {
    google_project: () => ({ number: '123456789012' }),
    google_cloud_run_locations: () => ({ locations: ['europe-west1', 'europe-west3', 'us-central1'] }),
    google_secret_manager_secrets: () => ({ secrets: secrets.map((name) => ({ ...EMPTY_SECRET, secret_id: name })) }),
    google_secret_manager_secret_version: ({ secret, version }) =>
      secrets.includes(String(secret)) ? { version: version ?? '7' } : `Secret ${String(secret)} not found`,
  };
}

const EMPTY_SECRET = {
  annotations: {},
  create_time: '',
  deletion_protection: false,
  effective_annotations: {},
  effective_labels: {},
  expire_time: '',
  labels: {},
  name: '',
  project: '',
  replication: [],
  rotation: [],
  secret_id: '',
  tags: {},
  terraform_labels: {},
  topics: [],
  ttl: '',
  version_aliases: {},
  version_destroy_ttl: '',
};

export async function openWorkplace(cloud: Cloud): Promise<Workplace> {
  const root = temporaryFolder('terraform');
  const provider: Provider = await startProvider(cloud);
  for (const part of ['terraform', 'functions', 'shared/core']) {
    await mkdir(path.dirname(path.join(root, part)), { recursive: true });
    await cp(path.join(ROOT, part), path.join(root, part), { recursive: true });
  }
  // What a person's own plan may have left.
  for (const folder of ['terraform', 'terraform/modules/duty']) {
    await rm(path.join(root, folder, '.terraform'), { recursive: true, force: true });
  }
  return {
    root,
    async terraform(args, folder = '') {
      try {
        const { stdout, stderr } = await run('terraform', args, {
          cwd: path.join(root, 'terraform', folder),
          env: environment(provider.reattach),
          maxBuffer: MAX_OUTPUT_BYTES,
        });
        return { code: 0, output: plain(`${stdout}${stderr}`), stdout };
      } catch (error) {
        const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string };
        if (typeof code !== 'number') {
          throw error;
        }
        return { code, output: plain(`${stdout ?? ''}${stderr ?? ''}`), stdout: stdout ?? '' };
      }
    },
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]();
      await removeFolder(root);
    },
  };
}

/** Not every command of Terraform's takes -no-color. */
export function plain(output: string): string {
  return stripVTControlCharacters(output);
}

/** Neither a person's settings of Terraform nor their Google account may have a say. */
export function environment(reattach: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(TF_|GOOGLE_|CLOUDSDK_)/.test(name));
  return {
    ...Object.fromEntries(kept),
    TF_REATTACH_PROVIDERS: reattach,
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
  };
}
