#!/usr/bin/env node
// The command `nightshift`. The package pins Node 24 as a development dependency: under an older one it starts again with that.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';

const OLDEST_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) < OLDEST_MAJOR) {
  let node;
  try {
    node = path.join(path.dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
  } catch {
    console.error(`nightshift needs Node ${OLDEST_MAJOR}; this is ${process.version}. Run npm ci first, which brings it.`);
    process.exit(1);
  }
  const child = spawnSync(node, [import.meta.filename ?? new URL(import.meta.url).pathname, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exit(child.status ?? 1);
} else {
  const { main } = await import('../shared/local/cli.ts');
  process.exitCode = await main(process.argv.slice(2));
}
