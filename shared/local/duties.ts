// Finds duties and drivers: every folder of functions/ with a function.yaml. There is no list to keep.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type FunctionManifest, readManifests } from '../config/manifest.ts';
import { BugError, CallerError } from '../core/errors.ts';
import type { CodeVersion } from '../runtime/context.ts';
import type { Driver } from '../runtime/driver.ts';
import type { Duty } from '../runtime/duty.ts';
import { codeVersion } from './code-version.ts';

const FUNCTIONS = path.resolve(import.meta.dirname, '../../functions');

export interface FoundDuty {
  readonly manifest: FunctionManifest & { readonly code: CodeVersion };
  readonly duty: Duty;
}

let duties: Promise<readonly FoundDuty[]> | undefined;

/** Looked for once: code that is loaded stays what it is until the process ends, and so do its version and its manifest. */
export function findDuties(): Promise<readonly FoundDuty[]> {
  duties ??= lookForDuties();
  return duties;
}

async function lookForDuties(): Promise<readonly FoundDuty[]> {
  const manifests = await readManifests(FUNCTIONS);
  return Promise.all(
    manifests
      .filter(({ kind }) => kind === 'duty')
      .map(async (manifest) => {
        const module = (await import(pathToFileURL(path.join(FUNCTIONS, manifest.name, 'index.ts')).href)) as {
          duty?: Duty;
        };
        if (module.duty?.name !== manifest.name) {
          throw new BugError(
            `functions/${manifest.name}/index.ts does not export the duty ${manifest.name} as "duty".`,
          );
        }
        return { manifest: { ...manifest, code: await codeVersion(manifest.name) }, duty: module.duty };
      }),
  );
}

export interface FoundDriver {
  readonly manifest: FunctionManifest;
  readonly driver: Driver;
}

export async function findDrivers(): Promise<readonly FoundDriver[]> {
  const manifests = await readManifests(FUNCTIONS);
  return Promise.all(
    manifests
      .filter(({ kind }) => kind === 'driver')
      .map(async (manifest) => {
        const module = (await import(pathToFileURL(path.join(FUNCTIONS, manifest.name, 'index.ts')).href)) as {
          driver?: Driver;
        };
        if (module.driver?.name !== manifest.name) {
          throw new BugError(
            `functions/${manifest.name}/index.ts does not export the driver ${manifest.name} as "driver".`,
          );
        }
        return { manifest, driver: module.driver };
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
