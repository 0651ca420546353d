// The compiled code beside a bundle's parts: made by running the bundle once as it will run, over a scenario on the embedded platform,
// so that what a run uses is in it. Only the build and the benchmarks make it; a bundle without it works as well, and starts slower.
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Script } from 'node:vm';
import { CREDENTIALS } from '../../fixtures/platform/platform.ts';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { signedClickOnNothing } from '../../fixtures/platform/slack/click.ts';
import { CACHE_ENDING } from '../adapters/functions/load-bundle.ts';
import { openScenario } from './scenario.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures');
/** For what has no scenario of its own: a driver finds nothing to do, and still reads settings, policy and store. */
const ANY = { duty: 'rebalance', scenario: 'challenge' } as const;

/** What a bundle is sent when it is run. */
export interface WarmingRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Puts the compiled code of each script that was loaded beside its file. */
export function storeCode(scripts: ReadonlyMap<string, Script>): void {
  for (const [file, script] of scripts) {
    writeFileSync(`${file}${CACHE_ENDING}`, script.createCachedData());
  }
}

/** Runs the function of the built bundle in `folder` once and stores the code that was compiled on the way. */
export async function addCodeCache(
  { name, public: isPublic }: { readonly name: string; readonly public: boolean },
  folder: string,
): Promise<void> {
  const { duty, scenario } = (await ownScenario(name)) ?? ANY;
  const running = await openScenario(loadScenario(path.join(FIXTURES, duty, scenario), new Date()), { duty });
  // Who is open to everybody answers those alone who sign, and Slack waits three seconds for the first answer too.
  const request: WarmingRequest = isPublic
    ? { path: '/slack', ...signedClickOnNothing(CREDENTIALS.slackSigningSecret, new Date()) }
    : { path: '/', headers: {}, body: '{}' };
  try {
    const child = fork(path.join(import.meta.dirname, 'code-cache-child.ts'), [name, folder, JSON.stringify(request)], {
      // Of flags that differ from those of the deployed process V8 takes no code.
      execArgv: [],
      env: { ...running.variables, NIGHTSHIFT_LOG_LEVEL: 'warn' },
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    if (code !== 0) {
      throw new Error(`The bundle of ${name} ended with ${String(code)} when it was run for its compiled code.`);
    }
  } finally {
    await running.close();
  }
}

async function ownScenario(name: string): Promise<{ readonly duty: string; readonly scenario: string } | undefined> {
  const entries = await readdir(path.join(FIXTURES, name), { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  // The one that people are shown comes first: most happens in it.
  for (const scenario of [ANY.scenario, ...folders.toSorted()]) {
    if (folders.includes(scenario) && (await isThere(path.join(FIXTURES, name, scenario, 'case.yaml')))) {
      return { duty: name, scenario };
    }
  }
  return undefined;
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
