// The subject in a process that stores its compiled code at the end, as the build does for a deployed function: started by measure.ts
// before anything is measured.
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Script } from 'node:vm';
import { storeCode } from '../../shared/local/code-cache.ts';

const folder = process.argv[2] ?? '';
const { scripts } = createRequire(import.meta.url)(path.join(folder, 'index.cjs')) as {
  readonly scripts: ReadonlyMap<string, Script>;
};
process.on('exit', () => {
  storeCode(scripts);
});
