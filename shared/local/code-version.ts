// Which code judges: the version of the package and a hash over the sources that decisions and summaries are made of. Made from
// the sources, at build time for a bundle, so that every host and the command line name the same code alike.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { CodeVersion } from '../runtime/context.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Everything else can change without a verdict or a summary changing. */
const SHARED = ['shared/core', 'shared/runtime/reporting.ts', 'shared/runtime/replay.ts'];

/** The code of one duty. Reads some hundred small files: for the start of a process, not for each run. */
export async function codeVersion(duty: string): Promise<CodeVersion> {
  const packageJson = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const files = (await Promise.all([`functions/${duty}`, ...SHARED].map(sourcesOf))).flat().sort();
  const contents = await Promise.all(files.map((file) => readFile(path.join(ROOT, file), 'utf8')));
  const hash = createHash('sha256');
  for (const [index, file] of files.entries()) {
    // With its length, so that no text can pass from one file into the next unseen.
    const content = contents[index] ?? '';
    hash.update(`${file}\n${String(content.length)}\n${content}`);
  }
  return { version: packageJson.version, hash: hash.digest('hex') };
}

async function sourcesOf(place: string): Promise<readonly string[]> {
  if (place.endsWith('.ts')) {
    return [place];
  }
  const entries = await readdir(path.join(ROOT, place), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(ts|json)$/.test(entry.name))
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'));
}
