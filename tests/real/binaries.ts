// The real tier's servers as binaries: built once from the Go modules in go/ with their committed sums, into a cache folder
// outside the clone that is keyed by these pins. Starts nothing.
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

interface Recipe {
  /** Folder in go/. */
  readonly module: string;
  readonly package: string;
  /** Module path whose version is stamped into the binary as `gitVersion`; Kubernetes calls itself v0.0.0 otherwise. */
  readonly stampedBy?: string;
  /** What a first build costs, so that a person who waits knows for how long. */
  readonly cpuMinutes: number;
  /** It has parts in C++. */
  readonly native?: {
    /** Header files that the machine must have, by the Debian package that installs each. */
    readonly headers: Readonly<Record<string, string>>;
    /** Modules of go.mod that are there for a header, by the folder name under which it is included. */
    readonly included: Readonly<Record<string, string>>;
  };
}

const KUBERNETES = 'k8s.io/kubernetes';

const RECIPES = {
  'kube-apiserver': {
    module: 'kubernetes',
    package: `${KUBERNETES}/cmd/kube-apiserver`,
    stampedBy: KUBERNETES,
    cpuMinutes: 12,
  },
  etcd: { module: 'kubernetes', package: 'go.etcd.io/etcd/server/v3', cpuMinutes: 1 },
  'kube-controller-manager': {
    module: 'kubernetes',
    package: `${KUBERNETES}/cmd/kube-controller-manager`,
    stampedBy: KUBERNETES,
    cpuMinutes: 3,
  },
  'kube-scheduler': {
    module: 'kubernetes',
    package: `${KUBERNETES}/cmd/kube-scheduler`,
    stampedBy: KUBERNETES,
    cpuMinutes: 1,
  },
  kwok: { module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok', cpuMinutes: 4 },
  'victoria-metrics': {
    module: 'victoriametrics',
    package: 'github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics',
    cpuMinutes: 2,
  },
  ollama: {
    module: 'ollama',
    package: 'github.com/ollama/ollama',
    cpuMinutes: 10,
    native: {
      headers: {
        '/usr/include/nlohmann/json.hpp': 'nlohmann-json3-dev',
        '/usr/include/stb/stb_image.h': 'libstb-dev',
        '/usr/include/c++': 'g++',
      },
      included: { miniaudio: 'github.com/gen2brain/malgo' },
    },
  },
  'mcp-grafana': { module: 'mcp-grafana', package: 'github.com/grafana/mcp-grafana/cmd/mcp-grafana', cpuMinutes: 5 },
} as const satisfies Readonly<Record<string, Recipe>>;

export type BinaryName = keyof typeof RECIPES;

export const KUBERNETES_BINARIES: readonly BinaryName[] = [
  'kube-apiserver',
  'etcd',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
];
export const METRICS_BINARIES: readonly BinaryName[] = ['victoria-metrics'];
export const GRAFANA_BINARIES: readonly BinaryName[] = ['mcp-grafana'];

export const MODEL_BINARIES: readonly BinaryName[] = ['ollama'];

/** A binary cannot be had on this machine: the message says why and what to do. */
export class UnbuildableError extends Error {
  override readonly name = 'UnbuildableError';
}

const run = promisify(execFile);
const PROGRESS_MILLISECONDS = 15_000;
const LOCK_MILLISECONDS = 1000;

interface Place {
  readonly source: string;
  readonly flags: readonly string[];
  readonly target: string;
}

async function placeOf(name: BinaryName): Promise<Place> {
  const recipe: Recipe = RECIPES[name];
  const source = path.join(import.meta.dirname, 'go', recipe.module);
  const goMod = await readFile(path.join(source, 'go.mod'), 'utf8');
  const flags = buildFlags(recipe, goMod);
  const goSum = await readFile(path.join(source, 'go.sum'), 'utf8');
  const folder = path.join(cacheFolder(), `${recipe.module}-${hashOf([goMod, goSum, process.arch])}`);
  return { source, flags, target: path.join(folder, `${name}-${hashOf([recipe.package, ...flags])}`) };
}

/** Path of the binary where it was built before; nothing is built. */
export async function existingBinary(name: BinaryName): Promise<string | undefined> {
  const { target } = await placeOf(name);
  return (await isThere(target)) ? target : undefined;
}

/** Path of the binary, built before when it is not there yet. Two processes that ask at once build it once. */
export async function binary(name: BinaryName): Promise<string> {
  const recipe: Recipe = RECIPES[name];
  const { source, flags, target } = await placeOf(name);
  if (await isThere(target)) {
    return target;
  }
  await mkdir(path.dirname(target), { recursive: true });
  return withLock(`${target}.lock`, name, async () => {
    if (!(await isThere(target))) {
      await build(name, recipe, { source, flags, target });
    }
    return target;
  });
}

export function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return path.join(base === undefined || base === '' ? path.join(homedir(), '.cache') : base, 'nightshift-real');
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

async function isThere(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}

function buildFlags(recipe: Recipe, goMod: string): readonly string[] {
  const { stampedBy } = recipe;
  const stamps = stampedBy === undefined ? [] : versionStamps(versionOf(goMod, stampedBy));
  return ['-trimpath', '-buildvcs=false', '-ldflags', ['-s', '-w', ...stamps].join(' ')];
}

function versionOf(goMod: string, module: string): string {
  const line = goMod.split('\n').find((text) =>
    text
      .replace(/^require /, '')
      .trim()
      .startsWith(`${module} v`),
  );
  const version = line
    ?.trim()
    .split(' ')
    .find((word) => /^v\d/.test(word));
  if (version === undefined) {
    throw new Error(`go.mod has no version of ${module}.`);
  }
  return version;
}

function versionStamps(version: string): readonly string[] {
  const [major = '', minor = ''] = version.slice(1).split('.');
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((at) => [
    `-X ${at}.gitVersion=${version}`,
    `-X ${at}.gitMajor=${major}`,
    `-X ${at}.gitMinor=${minor}`,
  ]);
}

async function build(
  name: BinaryName,
  recipe: Recipe,
  how: { readonly source: string; readonly flags: readonly string[]; readonly target: string },
): Promise<void> {
  await expectGo(name);
  const begun = performance.now();
  tell(`building ${name} (about ${String(recipe.cpuMinutes)} CPU minutes the first time)`);
  // A build whose owner was killed may still be writing.
  const partial = `${how.target}.partial-${String(process.pid)}`;
  const packages = { count: 0 };
  const timer = setInterval(() => {
    tell(`building ${name}: ${String(packages.count)} packages compiled, ${seconds(begun)} s`);
  }, PROGRESS_MILLISECONDS);
  try {
    const env = await compilerSettings(name, recipe, how);
    await goBuild(name, ['build', '-v', ...how.flags, '-o', partial, recipe.package], how.source, env, packages);
    await rename(partial, how.target);
    tell(`built ${name} in ${seconds(begun)} s`);
  } finally {
    clearInterval(timer);
    await rm(partial, { force: true });
  }
}

/** Without Go nothing can be built; Go itself refuses, in its own words, when it is too old for a module. */
async function expectGo(name: BinaryName): Promise<void> {
  try {
    await run('go', ['version']);
  } catch {
    throw new UnbuildableError(
      `${name} is not built yet, and there is no Go on this machine: install it from https://go.dev/dl and put it on the PATH.`,
    );
  }
}

/** For a recipe with parts in C++: where its headers are; an UnbuildableError names the package of each that is missing. */
async function compilerSettings(
  name: BinaryName,
  { native }: Recipe,
  { source, target }: { readonly source: string; readonly target: string },
): Promise<Record<string, string>> {
  if (native === undefined) {
    return { CGO_ENABLED: '0' };
  }
  const missing: string[] = [];
  for (const [file, name] of Object.entries(native.headers)) {
    if (!(await isThere(file))) {
      missing.push(name);
    }
  }
  if (missing.length > 0) {
    throw new UnbuildableError(
      `${name} is not built yet, and headers are missing on this machine: apt-get install --no-install-recommends ${missing.join(' ')}.`,
    );
  }
  const include = path.join(path.dirname(target), 'include');
  await mkdir(include, { recursive: true });
  for (const [folder, module] of Object.entries(native.included)) {
    await run('go', ['mod', 'download', module], { cwd: source });
    const { stdout } = await run('go', ['list', '-m', '-f', '{{.Dir}}', module], { cwd: source });
    await rm(path.join(include, folder), { force: true });
    await symlink(stdout.trim(), path.join(include, folder));
  }
  return { CGO_ENABLED: '1', CPLUS_INCLUDE_PATH: include, C_INCLUDE_PATH: include };
}

function goBuild(
  name: BinaryName,
  args: readonly string[],
  source: string,
  settings: Readonly<Record<string, string>>,
  packages: { count: number },
): Promise<void> {
  const child = spawn('go', args, {
    cwd: source,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...settings, GOWORK: 'off', GOCACHE: path.join(cacheFolder(), 'go-build') },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    packages.count += text.split('\n').length - 1;
    said = `${said}${text}`.slice(-4000);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve();
        return;
      }
      const end = code === null ? `was ended by ${String(signal)}` : `ended with ${String(code)}`;
      reject(new UnbuildableError(`go build of ${name} ${end}. It said last:\n${said.trim()}`));
    });
  });
}

/**
 * A lock that dies with its owner: SQLite holds it by the operating system, so that a build that was killed blocks nobody.
 */
async function withLock<T>(file: string, name: string, work: () => Promise<T>): Promise<T> {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    for (let tries = 0; !isLocked(database); tries += 1) {
      if (tries % 30 === 0) {
        tell(`waiting for another process that builds ${name}`);
      }
      await delay(LOCK_MILLISECONDS);
    }
    return await work();
  } finally {
    database.close();
  }
}

function isLocked(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && /database is locked/.test(error.message)) {
      return false;
    }
    throw error;
  }
}

function seconds(begun: number): string {
  return ((performance.now() - begun) / 1000).toFixed(0);
}

function tell(message: string): void {
  process.stderr.write(`real tier: ${message}\n`);
}
