// Cold start: from the start of a process with the functions framework to its first 200, for the bundle of a duty and for a
// function that does nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { buildBundles } from '../../shared/local/build.ts';
import type { Target } from './target.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FRAMEWORK_MAIN = path.join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js');

const BARE = `import { http } from '@google-cloud/functions-framework';
http('bare', (request, response) => response.json({}));
`;

export interface ColdStarts {
  /** Milliseconds of each round. */
  readonly bare: readonly number[];
  readonly duty: readonly number[];
}

/** `target` is what the duty works on at its first request; it gets a store of its own each time. */
export async function coldStarts(duty: string, target: Target, rounds: number): Promise<ColdStarts> {
  const [bundle] = await buildBundles([duty]);
  if (bundle === undefined) {
    throw new Error(`There is no bundle of ${duty}.`);
  }
  // Beside the bundles, where both find the framework.
  const bareFolder = path.join(path.dirname(bundle.folder), 'bench-bare');
  const stores = await mkdtemp(path.join(tmpdir(), 'nightshift-bench-'));
  await mkdir(bareFolder, { recursive: true });
  await writeFile(path.join(bareFolder, 'index.mjs'), BARE);
  await writeFile(path.join(bareFolder, 'package.json'), '{"type":"module","main":"index.mjs"}\n');
  try {
    const bareTimes: number[] = [];
    const dutyTimes: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const store = `sqlite:${path.join(stores, `${String(round)}.sqlite`)}`;
      bareTimes.push(await firstAnswer(bareFolder, 'bare', {}));
      dutyTimes.push(await firstAnswer(bundle.folder, duty, { ...target.variables, NIGHTSHIFT_STORE: store }));
    }
    return { bare: bareTimes, duty: dutyTimes };
  } finally {
    await rm(bareFolder, { recursive: true, force: true });
    await rm(stores, { recursive: true, force: true });
  }
}

async function firstAnswer(
  folder: string,
  target: string,
  variables: Readonly<Record<string, string>>,
): Promise<number> {
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
    const reply = await fetch(await addressOf(child), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    const body = await reply.text();
    const milliseconds = performance.now() - start;
    if (reply.status !== 200) {
      throw new Error(`The function ${target} answered ${String(reply.status)}: ${body.slice(0, 500)}`);
    }
    return milliseconds;
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
