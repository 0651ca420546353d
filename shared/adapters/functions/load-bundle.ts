// The first file of a deployed function: loads the bundle's parts, each with the compiled code that the build has put beside it.
// Knows nothing of what they do. Not Node's own compile cache (module.enableCompileCache): it looks only under the user id and the
// absolute path that it was made with, which nobody knows of a function that is still to be deployed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { constants, Script } from 'node:vm';

/** The compiled code of a part has the part's name with this ending. V8 takes it only when version and flags are its own. */
export const CACHE_ENDING = '.cache';

/**
 * Where a container's memory is small, V8 collects all old objects as soon as a third of what was left last time has come on top: a run
 * of 500 pods once, for a third of its time on the CPU. With this it takes some 10 MiB more, as one of 5,000 does at its end.
 * NODE_OPTIONS does not take the flag. Set before any code is compiled or taken: compiled code holds for the flags that it was made with.
 */
const HEAP_GROWTH = '--heap-growing-percent=100';

interface Part {
  exports: unknown;
}

type Wrapped = (
  this: unknown,
  exports: unknown,
  require: (id: string) => unknown,
  module: Part,
  filename: string,
  dirname: string,
) => void;

export interface LoadedBundle {
  /** By file, also those that are loaded later: their compiled code can be stored from here. */
  readonly scripts: ReadonlyMap<string, Script>;
  load(file: string): unknown;
}

/**
 * Runs the part `main` of the folder and all that it asks for. A part without compiled code, or with that of another Node, is
 * compiled as usual, and of the latter a line of the log tells.
 */
export function loadBundle(folder: string, main: string): LoadedBundle {
  setFlagsFromString(HEAP_GROWTH);
  const scripts = new Map<string, Script>();
  const parts = new Map<string, Part>();
  const outside = createRequire(path.join(folder, main));
  function load(file: string): unknown {
    const known = parts.get(file);
    if (known !== undefined) {
      return known.exports; // Perhaps unfinished, in a cycle, as with Node's own.
    }
    const script = compiled(file);
    const part: Part = { exports: {} };
    scripts.set(file, script);
    parts.set(file, part);
    const near = path.dirname(file);
    const require = (id: string): unknown => (id.startsWith('.') ? load(path.join(near, id)) : outside(id));
    try {
      (script.runInThisContext() as Wrapped).call(part.exports, part.exports, require, part, file, near);
    } catch (error) {
      parts.delete(file);
      throw error;
    }
    return part.exports;
  }
  load(path.join(folder, main));
  return { scripts, load };
}

function compiled(file: string): Script {
  // The bundler writes ASCII alone, and this is the fastest reading of it.
  const source = readFileSync(file, 'latin1');
  const cachedData = readIfThere(`${file}${CACHE_ENDING}`);
  const script = new Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, {
    filename: file,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  if (script.cachedDataRejected === true) {
    process.stderr.write(
      `${JSON.stringify({
        severity: 'WARNING',
        message: `The compiled code of ${path.basename(file)} is not for Node ${process.version} with these flags: the function works and starts slower. Build the bundle with the Node that it is deployed on.`,
      })}\n`,
    );
  }
  return script;
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
