// The built function under the functions framework, as many instances of it as a test wants, all on one store and one platform.
import { mkdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { loadScenario, mergeDeep } from '../../../fixtures/platform/scenario.ts';
import type { JsonObject } from '../../../shared/core/json.ts';
import { buildBundles } from '../../../shared/local/build.ts';
import { openScenario, type RunningScenario } from '../../../shared/local/scenario.ts';
import { ROOT, type Running, start } from '../../processes/child.ts';

export const SCOPE = { cluster: 'test', namespace: 'default' };

export interface Deployed {
  readonly urls: readonly string[];
  readonly scenario: RunningScenario;
  /** Changes that the cluster accepted. */
  patches(): number;
  output(): string;
  close(): Promise<void>;
}

export interface DeployOptions {
  readonly instances: number;
  /** Environment variables, over those of the platform: the store, for one. */
  readonly variables: Readonly<Record<string, string>>;
  /** What is laid over the scenario's policy. */
  readonly policy?: JsonObject;
  /** Empty ones, beside that of the scenario. */
  readonly namespaces?: readonly string[];
}

/** The variables of a Firestore emulator, or of what stands for one, at `host`. */
export function firestoreVariables(host: string, project: string): Readonly<Record<string, string>> {
  return { NIGHTSHIFT_STORE: `firestore:${project}/nightshift`, FIRESTORE_EMULATOR_HOST: host };
}

export async function deployOn({
  instances,
  variables,
  policy = {},
  namespaces = [],
}: DeployOptions): Promise<Deployed> {
  const challenge = loadScenario(path.join(ROOT, 'fixtures/rebalance/challenge'), new Date());
  const scenario = await openScenario(
    {
      ...challenge,
      policy: mergeDeep(challenge.policy, policy) as JsonObject,
      cluster: {
        ...challenge.cluster,
        objects: [
          ...challenge.cluster.objects,
          ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
        ],
      },
    },
    { duty: 'rebalance' },
  );
  const [bundle] = await buildBundles(['rebalance'], path.join(scenario.folder, 'dist'));
  const folder = bundle?.folder ?? '';
  // Beside the bundle lies only the framework, as its package.json says.
  const modules = path.join(folder, 'node_modules/@google-cloud');
  await mkdir(modules, { recursive: true });
  await symlink(
    path.join(ROOT, 'node_modules/@google-cloud/functions-framework'),
    path.join(modules, 'functions-framework'),
  );
  const running: Running[] = Array.from({ length: instances }, () =>
    start(
      [
        '--import',
        path.join(ROOT, 'scripts/loopback.mjs'),
        path.join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js'),
        `--source=${folder}`,
        '--target=rebalance',
        '--port=0',
      ],
      {
        ...scenario.variables,
        NODE_ENV: 'production',
        ...variables,
      },
      scenario.folder,
    ),
  );
  const close = async (): Promise<void> => {
    for (const { child } of running) {
      child.kill('SIGKILL');
    }
    await scenario.close();
    await rm(scenario.folder, { recursive: true, force: true });
  };
  try {
    const listening = running.map((one) => one.waitFor(/LISTENING (http:\/\/127\.0\.0\.1:\d+)/));
    const urls = (await Promise.all(listening)).map((match) => match[1] ?? '');
    return {
      urls,
      scenario,
      patches: () =>
        scenario.platform.calls.filter((call) => call.method === 'PATCH' && call.handledStatus === 200).length,
      output: () => running.map((one) => one.output()).join('\n'),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}
