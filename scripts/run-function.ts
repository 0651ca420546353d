// `npm run function -- <duty>`: builds the bundle of one duty and runs it under the functions framework, as Cloud Functions does.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { buildBundles } from '../shared/local/build.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const [duty, ...rest] = process.argv.slice(2);

if (duty === undefined) {
  console.error('Which duty? npm run function -- rebalance [--port 8080]');
  process.exitCode = 2;
} else {
  const [bundle] = await buildBundles([duty]).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  });
  const child = spawn(
    process.execPath,
    [
      '--import',
      path.join(ROOT, 'scripts/loopback.mjs'),
      path.join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js'),
      `--source=${bundle?.folder ?? ''}`,
      `--target=${duty}`,
      ...rest,
    ],
    { stdio: 'inherit' },
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
