// The process that runs a bundle once under the functions framework and stores its compiled code. Started by code-cache.ts.
import { createRequire, registerHooks } from 'node:module';
import { readdirSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Script } from 'node:vm';
import { storeCode, type WarmingRequest } from './code-cache.ts';

const FRAMEWORK = '@google-cloud/functions-framework';

interface Loaded {
  readonly scripts: ReadonlyMap<string, Script>;
  load(file: string): unknown;
}

async function main(name: string, folder: string, request: WarmingRequest): Promise<void> {
  const require = createRequire(import.meta.url);
  const framework = pathToFileURL(require.resolve(FRAMEWORK)).href;
  // A bundle finds the framework beside itself; here it may still lie anywhere.
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === FRAMEWORK ? { url: framework, shortCircuit: true } : next(specifier, context),
  });
  const bundle = require(path.join(folder, 'index.cjs')) as Loaded;
  const { getTestServer } = require(`${FRAMEWORK}/testing`) as { getTestServer(name: string): Server };
  const server = getTestServer(name);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const reply = await fetch(`http://127.0.0.1:${String(port)}${request.path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...request.headers },
    body: request.body,
  });
  const told = await reply.text();
  if (!reply.ok) {
    console.warn(
      `${name} answered ${String(reply.status)} when it was run for its compiled code: ${told.slice(0, 300)}`,
    );
  }
  // What this platform did not call for: the store in Firestore, credentials by a plugin.
  for (const part of readdirSync(path.join(folder, 'chunks'))) {
    bundle.load(path.join(folder, 'chunks', part));
  }
  storeCode(bundle.scripts);
}

const [name = '', folder = '', request = ''] = process.argv.slice(2);
await main(name, folder, JSON.parse(request) as WarmingRequest);
process.exit();
