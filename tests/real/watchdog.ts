// A process of its own that outlives the tests by a moment: it is told which servers and folders exist, and when its input ends,
// for whatever reason the tests ended, it kills the servers that are left and removes the folders. It does nothing else.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const groups = new Set<number>();
const folders = new Set<string>();

// Ctrl-C reaches the whole terminal's group; the tests' end, which closes the input, is what counts.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

const lines = createInterface({ input: process.stdin });

lines.on('line', (line) => {
  const [verb, value = ''] = line.split('\t');
  if (verb === 'server') {
    groups.add(Number(value));
  } else if (verb === 'ended') {
    groups.delete(Number(value));
  } else if (verb === 'folder') {
    folders.add(value);
  } else if (verb === 'removed') {
    folders.delete(value);
  }
});

lines.on('close', () => {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
});
