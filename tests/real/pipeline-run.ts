// Runs the steps of bitbucket-pipelines.yml as Bitbucket does: each in a fresh checkout with the artifacts of those before it, and one shell
// for all lines of its script. In place of the network stand a release of Terraform, an `npm ci` that is done, and a package source.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, glob, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { zipSync } from 'fflate';
import { parse } from 'yaml';
import { plain } from './terraform.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const RELEASE = 'terraform_1.11.4_linux_amd64.zip';
/** Of the machine, the little that the script may count on. */
const TOOLS = ['bash', 'cat', 'env', 'grep', 'ln', 'mktemp', 'sha256sum'];

export interface StepResult {
  readonly code: number;
  readonly output: string;
}

/** The files of the repository that git knows, as a clone has them, and what the user of this tier has not committed yet. */
export async function checkoutTo(folder: string): Promise<void> {
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  for (const file of stdout.split('\0').filter((one) => one !== '')) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await cp(path.join(ROOT, file), path.join(folder, file));
  }
}

/** As the next step of a pipeline finds them. */
export async function carryArtifacts(patterns: readonly string[], from: string, to: string): Promise<void> {
  for await (const file of glob([...patterns], { cwd: from })) {
    await cp(path.join(from, file), path.join(to, file), { recursive: true });
  }
}

/** Where `curl` finds a release: an archive with this program as `terraform`, and the list of sums. */
export async function releaseIn(folder: string, program: string, sum?: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const archive = zipSync({ terraform: [Buffer.from(program), { os: 3, attrs: 0o755 << 16 }] });
  await writeFile(path.join(folder, RELEASE), archive);
  const right = createHash('sha256').update(archive).digest('hex');
  await writeFile(
    path.join(folder, 'terraform_1.11.4_SHA256SUMS'),
    `${'0'.repeat(64)}  terraform_1.11.4_darwin_arm64.zip\n${sum ?? right}  ${RELEASE}\n`,
  );
  return folder;
}

/** Commands that stand before those of the machine. With `bare` the machine has nothing else, not even unzip. */
export async function commandsIn(folder: string, releases: string, { bare = false } = {}): Promise<string> {
  await mkdir(folder, { recursive: true });
  const npm = (await run('bash', ['-c', 'command -v npm'])).stdout.trim();
  const unzip = (await run('bash', ['-c', 'command -v unzip'])).stdout.trim();
  const commands = {
    npm: `if [ "$1" = ci ]; then ln -sfn '${ROOT}/node_modules' node_modules; else exec '${npm}' "$@"; fi`,
    curl: `[ "$1 $2" = '-fsSL -o' ] && case "$4" in https://releases.hashicorp.com/terraform/1.11.4/*) cat '${releases}'/"\${4##*/}" > "$3" ;; *) exit 22 ;; esac`,
    'apt-get': `[ "$1" = update ] || ln -s '${unzip}' '${folder}/unzip'`,
  };
  for (const [name, text] of Object.entries(commands)) {
    await writeFile(path.join(folder, name), `#!/bin/sh\n${text}\n`);
    await chmod(path.join(folder, name), 0o755);
  }
  if (bare) {
    for (const tool of TOOLS) {
      await symlink((await run('bash', ['-c', `command -v ${tool}`])).stdout.trim(), path.join(folder, tool));
    }
  }
  return bare ? folder : `${folder}:${process.env['PATH'] ?? ''}`;
}

/** The lines of a script in one shell that ends at the first that fails. */
export async function runScript(
  lines: readonly string[],
  folder: string,
  environment: NodeJS.ProcessEnv,
): Promise<StepResult> {
  try {
    const { stdout, stderr } = await run('bash', ['-e', '-c', lines.join('\n')], {
      cwd: folder,
      env: environment,
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: 0, output: plain(`${stdout}${stderr}`) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== 'number') {
      throw error;
    }
    return { code, output: plain(`${stdout ?? ''}${stderr ?? ''}`) };
  }
}

/** The script of a step of the file, with its artifacts. */
export async function stepOf(
  name: string,
): Promise<{ readonly script: readonly string[]; readonly artifacts: readonly string[] }> {
  const file = parse(await readFile(path.join(ROOT, 'bitbucket-pipelines.yml'), 'utf8')) as {
    definitions: {
      steps: readonly { step: { name: string; script: readonly string[]; artifacts?: readonly string[] } }[];
    };
  };
  const found = file.definitions.steps.find(({ step }) => step.name === name)?.step;
  if (found === undefined) {
    throw new Error(`bitbucket-pipelines.yml has no step ${name}.`);
  }
  return { script: found.script, artifacts: found.artifacts ?? [] };
}
