// function.yaml of a duty: when it runs, with what, and what it may do. Local host, build and Terraform read nothing else.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Cron } from 'croner';
import { z } from 'zod';
import { ConfigurationError } from '../core/errors.ts';
import { TimeZone } from '../core/policy.ts';
import { checkedValue } from './problems.ts';
import { parseYaml } from './yaml-source.ts';

const REMEDY = 'Correct the file; its fields are described in shared/config/manifest.ts.';

export const FunctionManifest = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, 'lower case letters, digits and dashes').describe('The folder has the same name'),
  purpose: z.string().min(1).max(200).describe('What people get from it, one sentence'),
  triggers: z.strictObject({
    schedule: z.string().refine(isCron, 'five cron fields such as */15 * * * *').optional().describe('Cron expression'),
    timezone: TimeZone.default('UTC').describe('Time zone of the schedule'),
    topic: z.boolean().default(false).describe('Whether it also takes messages of its own Pub/Sub topic'),
    http: z.boolean().default(true).describe('Whether people may call it'),
  }),
  fanOut: z.boolean().default(false).describe('A scheduled tick publishes one message a scope'),
  timeoutSeconds: z.int().min(10).max(3600),
  memoryMiB: z.int().min(128).max(32_768),
  concurrency: z.int().min(1).max(1000).default(1).describe('Requests that one instance works on at a time'),
  retries: z.int().min(0).max(5).default(0).describe('How often the scheduler tries a failed tick again'),
  bundleBudgetKiB: z.int().min(1).describe('The build check fails when the bundle is larger'),
  capabilities: z.array(z.string()).describe('What it may do: names of shared/config/capabilities.yaml'),
});
export type FunctionManifest = z.infer<typeof FunctionManifest>;

function isCron(expression: string): boolean {
  try {
    new Cron(expression, { mode: '5-part', paused: true });
    return true;
  } catch {
    return false;
  }
}

/** Every manifest below `folder`, sorted by name. Fails with file, line and field of what is wrong. */
export async function readManifests(folder: string): Promise<readonly FunctionManifest[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory() && existsSync(path.join(folder, entry.name, 'function.yaml')))
    .map((entry) => entry.name)
    .sort();
  return Promise.all(names.map((name) => readManifest(folder, name)));
}

async function readManifest(folder: string, name: string): Promise<FunctionManifest> {
  const source = path.join(folder, name, 'function.yaml');
  const manifest = checkedValue(FunctionManifest, parseYaml(await readFile(source, 'utf8'), source, REMEDY), source, { remedy: REMEDY });
  if (manifest.name !== name) {
    throw new ConfigurationError(`${source}: name is ${manifest.name}, but the folder is ${name}.`, { remedy: 'Give both the same name.' });
  }
  return manifest;
}
