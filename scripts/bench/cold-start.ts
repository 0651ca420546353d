// Cold start: from the start of a process with the functions framework to its first 200, for the bundle of a duty and for a
// function that does nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { CACHE_ENDING } from '../../shared/adapters/functions/load-bundle.ts';
import { buildBundles, PROCESS_VARIABLES } from '../../shared/local/build.ts';
import type { Target } from './target.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FRAMEWORK_MAIN = path.join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js');

const BARE = `import { http } from '@google-cloud/functions-framework';
http('bare', (request, response) => response.json({}));
`;

export interface ColdStart {
  /** Milliseconds till the process listens: Node, the framework, and the code of the function. */
  readonly listens: number;
  /** Milliseconds till its first 200. */
  readonly answers: number;
}

/** Of each round. */
export interface ColdStarts {
  readonly bare: readonly ColdStart[];
  /** The same request once more, as a queue delivers it: answered with the report that is stored, so that no run is in it. */
  readonly repeat: readonly ColdStart[];
  /** A run as a schedule asks for it. */
  readonly run: readonly ColdStart[];
  readonly dryRun: readonly ColdStart[];
  /** The same run without the compiled code that the build puts beside the bundle's parts. */
  readonly notCompiled: readonly ColdStart[];
}

/** `target` is what the duty works on at its first request; it gets a store of its own each time. */
export async function coldStarts(duty: string, target: Target, rounds: number): Promise<ColdStarts> {
  const [bundle] = await buildBundles([duty]);
  if (bundle === undefined) {
    throw new Error(`There is no bundle of ${duty}.`);
  }
  // Beside the bundles, where both find the framework.
  const bareFolder = path.join(path.dirname(bundle.folder), 'bench-bare');
  const storeFolder = await mkdtemp(path.join(tmpdir(), 'nightshift-bench-'));
  await mkdir(bareFolder, { recursive: true });
  await writeFile(path.join(bareFolder, 'index.mjs'), BARE);
  await writeFile(path.join(bareFolder, 'package.json'), '{"type":"module","main":"index.mjs"}\n');
  const sources = path.join(path.dirname(bundle.folder), 'bench-not-compiled');
  await cp(bundle.folder, sources, { recursive: true, filter: (file) => !file.endsWith(CACHE_ENDING) });
  try {
    const bare: ColdStart[] = [];
    const repeat: ColdStart[] = [];
    const run: ColdStart[] = [];
    const dryRun: ColdStart[] = [];
    const notCompiled: ColdStart[] = [];
    let stores = 0;
    const onTarget = (folder: string, body: object, isRepeat = false): Promise<ColdStart> => {
      stores += isRepeat ? 0 : 1;
      const store = `sqlite:${path.join(storeFolder, `${String(stores)}.sqlite`)}`;
      return firstAnswer(folder, duty, { ...target.variables, ...PROCESS_VARIABLES, NIGHTSHIFT_STORE: store }, body);
    };
    for (let round = 0; round < rounds; round += 1) {
      bare.push(await firstAnswer(bareFolder, 'bare', {}, {}));
      run.push(await onTarget(bundle.folder, {}));
      repeat.push(await onTarget(bundle.folder, {}, true));
      dryRun.push(await onTarget(bundle.folder, { dry_run: true }));
      notCompiled.push(await onTarget(sources, {}));
    }
    return { bare, repeat, run, dryRun, notCompiled };
  } finally {
    for (const folder of [bareFolder, sources, storeFolder]) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function firstAnswer(
  folder: string,
  target: string,
  variables: Readonly<Record<string, string>>,
  body: object,
): Promise<ColdStart> {
  const start = performance.now();
  const child = spawn(
    process.execPath,
    [
      '--import',
      path.join(ROOT, 'scripts/loopback.mjs'),
      FRAMEWORK_MAIN,
      `--source=${folder}`,
      `--target=${target}`,
      '--port=0',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...variables } },
  );
  try {
    const address = await addressOf(child);
    const listens = performance.now() - start;
    const reply = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'bench' },
      body: JSON.stringify(body),
    });
    const text = await reply.text();
    const answers = performance.now() - start;
    if (reply.status !== 200) {
      throw new Error(`The function ${target} answered ${String(reply.status)}: ${text.slice(0, 500)}`);
    }
    return { listens, answers };
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

/** scripts/loopback.mjs prints the address as soon as it is listened on. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const errors: string[] = [];
    child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString('utf8')));
    child.once('exit', (code) => {
      reject(new Error(`The functions framework ended (${String(code)}) before it listened: ${errors.join('')}`));
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const address = /^LISTENING (http:\S+)$/.exec(line)?.[1];
        if (address !== undefined) {
          resolve(address);
        }
      });
    }
  });
}
