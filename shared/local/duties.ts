// Finds the duties: every folder of functions/ with a function.yaml. There is no list to keep.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type FunctionManifest, readManifests } from '../config/manifest.ts';
import { BugError, CallerError } from '../core/errors.ts';
import type { Duty } from '../runtime/duty.ts';

const FUNCTIONS = path.resolve(import.meta.dirname, '../../functions');

export interface FoundDuty {
  readonly manifest: FunctionManifest;
  readonly duty: Duty;
}

export async function findDuties(): Promise<readonly FoundDuty[]> {
  const manifests = await readManifests(FUNCTIONS);
  return Promise.all(
    manifests.map(async (manifest) => {
      const module = (await import(pathToFileURL(path.join(FUNCTIONS, manifest.name, 'index.ts')).href)) as {
        duty?: Duty;
      };
      if (module.duty?.name !== manifest.name) {
        throw new BugError(`functions/${manifest.name}/index.ts does not export the duty ${manifest.name} as "duty".`);
      }
      return { manifest, duty: module.duty };
    }),
  );
}

export function findDuty(duties: readonly FoundDuty[], name: string): FoundDuty {
  const found = duties.find((candidate) => candidate.duty.name === name);
  if (found === undefined) {
    throw new CallerError(`There is no duty "${name}".`, {
      field: 'duty',
      remedy: `Duties: ${duties.map((candidate) => candidate.duty.name).join(', ')}.`,
    });
  }
  return found;
}
