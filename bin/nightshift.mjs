#!/usr/bin/env node
// The command `nightshift`. The package pins Node 24 as a development dependency: under an older one it starts again with that.
import { spawn } from 'node:child_process';
import { createRequire, enableCompileCache } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) < OLDEST_MAJOR) {
  let node;
  try {
    node = path.join(path.dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
  } catch {
    console.error(
      `nightshift needs Node ${OLDEST_MAJOR}; this is ${process.version}. Run npm ci first, which brings it.`,
    );
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // Who ends this process means the one that does the work; it decides when it is done.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
} else {
  // A third of a second less at each start but the first. Where nothing can be written it starts as it would without.
  enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/nightshift', import.meta.url)));
  const { main } = await import('../shared/local/cli.ts');
  process.exitCode = await main(process.argv.slice(2));
}
