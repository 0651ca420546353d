// The files of functions/<duty>/signatures as they lie in the source. The build puts the same files, already parsed, in the place of
// this module into the bundle of a duty (shared/local/embedded.ts): keep its one export.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { SignatureFile } from '../core/log/signature.ts';

export interface ShippedFile {
  /** From the root of the project. */
  readonly name: string;
  /** YAML, or what was parsed from it. */
  readonly content: string | SignatureFile;
}

const FUNCTIONS = path.resolve(import.meta.dirname, '../../functions');

/** Sorted by name; empty for a duty without signatures. */
export async function shippedSignatureFiles(duty: string): Promise<readonly ShippedFile[]> {
  const folder = path.join(FUNCTIONS, duty, 'signatures');
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  return Promise.all(
    names
      .filter((name) => name.endsWith('.yaml'))
      .sort()
      .map(async (name) => ({
        name: `functions/${duty}/signatures/${name}`,
        content: await readFile(path.join(folder, name), 'utf8'),
      })),
  );
}
