// Foreign programs from npm and PyPI by exact version, put once into the real tier's cache: they are counterparts and no dependencies.
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, UnbuildableError } from './binaries.ts';

const run = promisify(execFile);

/** Folder that holds `node_modules` with the package. */
export function npmPackage(name: string, version: string): Promise<string> {
  return installed(`npm-${name.replaceAll(/[^a-z0-9.-]/g, '-')}-${version}`, name, (folder) =>
    run('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`]),
  );
}

/** Folder of a Python environment with the package; its Python is `bin/python`. */
export function pythonPackage(name: string, version: string): Promise<string> {
  return installed(`pypi-${name}-${version}`, name, async (folder) => {
    await run('python3', ['-m', 'venv', '--without-pip', folder]);
    const site = (await run(path.join(folder, 'bin/python'), ['-c', 'import site; print(site.getsitepackages()[0])']))
      .stdout;
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--target', site.trim(), `${name}==${version}`]);
  });
}

async function installed(key: string, name: string, install: (folder: string) => Promise<unknown>): Promise<string> {
  const target = path.join(cacheFolder(), key);
  try {
    await access(target);
    return target;
  } catch {
    // Installed below.
  }
  await mkdir(cacheFolder(), { recursive: true });
  const partial = await mkdtemp(`${target}.partial-`);
  try {
    await install(partial);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    const why = error instanceof Error ? error.message.slice(0, 500) : String(error);
    throw new UnbuildableError(`${name} cannot be installed on this machine: ${why}`);
  }
  return target;
}
