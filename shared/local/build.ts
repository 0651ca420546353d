// Builds dist/<duty>/: one bundle a duty with its own package.json and its compiled code, as Cloud Functions takes it, and
// dist/<duty>.zip of it for Terraform. `--check` holds it to its budget.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Plugin, transform } from 'esbuild';
import { zipSync } from 'fflate';
import { readManifests } from '../config/manifest.ts';
import { CACHE_ENDING } from '../adapters/functions/load-bundle.ts';
import { addCodeCache } from './code-cache.ts';
import { codeVersion } from './code-version.ts';
import { embeddedFiles } from './embedded.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FRAMEWORK = '@google-cloud/functions-framework';

/** Cloud Functions runs this Node or a later one. */
const TARGET = {
  platform: 'node',
  target: 'node24',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
} as const;

/** zod names its messages in fifty languages through one object, which no bundler can take apart: half of its code, never shown. */
const ENGLISH_ALONE: Plugin = {
  name: 'english-alone',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js';`,
    }));
  },
};

/**
 * Descriptions and examples are for those who write a policy: a function shows none, and each is a copy of its schema, made at every
 * start.
 */
const WITHOUT_DESCRIPTIONS: Plugin = {
  name: 'without-descriptions',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]classic[\\/]schemas\.js$/ }, async ({ path: file }) => {
      const text = await readFile(file, 'utf8');
      const contents = text.replaceAll(DESCRIBED_COPY, 'return this;');
      if (text.split(DESCRIBED_COPY).length !== 3) {
        throw new Error(`${file} does not make described schemas as this build knows it.`);
      }
      return { contents };
    });
  },
};
/** In `describe` and in `meta`. */
const DESCRIBED_COPY = /const cl = this\.clone\(\);\s+core\.globalRegistry\.add\(cl, [^;]+\);\s+return cl;/g;

/** The logger's way to log from a thread of its own, which takes a file that is in no bundle. */
const WITHOUT_LOG_THREADS: Plugin = {
  name: 'without-log-threads',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]thread-stream[\\/]index\.js$/ }, () => ({
      contents: `module.exports = class { constructor() { throw new Error('A bundle has no thread to log from.'); } };`,
    }));
  },
};

/**
 * What a bundle wants to find in its environment when its Node starts, which no code can set later; Terraform reads it beside the bundle.
 * In a container of 512 MiB V8 takes 1 MiB for each half of the young objects: a run of 5,000 pods is then on a CPU for 2.3 s, with
 * these 8 for 1.7 s, and needs 15 MiB more. Compiled code holds for both. The others are glibc's: with its own ways it keeps 20 MiB of
 * such a run that were given back to it, since threads have heaps of their own, and since it takes ever larger buffers from those.
 */
export const PROCESS_VARIABLES = {
  NODE_OPTIONS: '--max-semi-space-size=8',
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '131072',
} as const satisfies Readonly<Record<string, string>>;

/** The first time that a zip file can hold. */
const ZIP_TIME = '1980-01-01T00:00:00';

export interface BuiltBundle {
  readonly duty: string;
  readonly folder: string;
  /** The code; what it is compiled to comes on top. */
  readonly bytes: number;
  readonly compiledBytes: number;
  readonly budgetBytes: number;
}

/** Builds the bundles of the named duties, all when none is named, each into a folder of `target`. */
export async function buildBundles(
  names: readonly string[] = [],
  target: string = path.join(ROOT, 'dist'),
): Promise<readonly BuiltBundle[]> {
  const manifests = await readManifests(path.join(ROOT, 'functions'));
  const unknown = names.filter((name) => !manifests.some((manifest) => manifest.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `There is no duty ${unknown.join(', ')}. Duties: ${manifests.map((manifest) => manifest.name).join(', ')}.`,
    );
  }
  const wanted = manifests.filter((manifest) => names.length === 0 || names.includes(manifest.name));
  const built: BuiltBundle[] = [];
  for (const manifest of wanted) {
    built.push(await buildBundle(manifest, target)); // Each runs a platform of its own for a moment: one at a time.
  }
  return built;
}

type Manifest = Awaited<ReturnType<typeof readManifests>>[number];

async function buildBundle(manifest: Manifest, target: string): Promise<BuiltBundle> {
  const folder = path.join(target, manifest.name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { name, timeoutSeconds, fanOut, capabilities } = manifest;
  const serve = manifest.kind === 'duty' ? 'serveDuty' : 'serveDriver';
  const lines = [
    `import { ${manifest.kind} } from './functions/${name}/index.ts';`,
    `import { ${serve} } from './shared/wiring/function.ts';`,
    `${serve}(${manifest.kind}, ${JSON.stringify({ name, timeoutSeconds, fanOut, capabilities, code: await codeVersion(name) })});`,
  ];
  await writeParts(folder, name, lines, manifest.capabilities);
  const require = createRequire(import.meta.url);
  const frameworkJson = JSON.parse(
    await readFile(path.join(path.dirname(require.resolve(FRAMEWORK)), '../../package.json'), 'utf8'),
  ) as { version: string };
  await writeFile(
    path.join(folder, 'package.json'),
    `${JSON.stringify(
      {
        name: `nightshift-${name}`,
        private: true,
        main: 'index.cjs',
        engines: { node: '>=24' },
        dependencies: { [FRAMEWORK]: frameworkJson.version },
      },
      undefined,
      2,
    )}\n`,
  );
  await addCodeCache(manifest, folder);
  await writeZip(name, folder, target);
  const files = await sizesIn(folder);
  const sum = (isCompiled: boolean): number =>
    files
      .filter((file) => file.name.endsWith(CACHE_ENDING) === isCompiled)
      .reduce((total, { size }) => total + size, 0);
  const budgetBytes = manifest.bundleBudgetKiB * 1024;
  return { duty: name, folder, bytes: sum(false), compiledBytes: sum(true), budgetBytes };
}

/**
 * Bundles the module of these lines into `folder`: the part `<name>.cjs`, parts that load when they are needed, and `index.cjs`,
 * which loads them. Everything that is deployed is bundled like this.
 */
export async function writeParts(
  folder: string,
  name: string,
  lines: readonly string[],
  capabilities: readonly string[] = [],
): Promise<void> {
  const { outputFiles } = await build({
    ...TARGET,
    stdin: source(lines),
    absWorkingDir: ROOT,
    outdir: folder,
    entryNames: name,
    chunkNames: 'chunks/[name]-[hash]',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    // Only ES modules can be split. What is CommonJS inside of them keeps its `require`, which the second pass leaves as it is.
    splitting: true,
    format: 'esm',
    plugins: [
      ENGLISH_ALONE,
      WITHOUT_DESCRIPTIONS,
      WITHOUT_LOG_THREADS,
      embeddedFiles(ROOT, name),
      picturesBeside(),
      leftOut(capabilities),
    ],
    loader: { '.wasm': 'file', '.ttf': 'file' },
    external: [FRAMEWORK],
    // Its ES modules, of which what is not used stays away; Node gets CommonJS of it.
    alias: { yaml: path.join(ROOT, 'node_modules/yaml/browser/dist/index.js') },
    write: false,
    logLevel: 'warning',
  });
  await mkdir(path.join(folder, 'chunks'), { recursive: true });
  await Promise.all(
    outputFiles.map(async (file) =>
      writeFile(file.path, file.path.endsWith('.cjs') ? await asCommonJs(file.text) : file.contents),
    ),
  );
  await build({
    ...TARGET,
    stdin: source([
      `import { loadBundle } from './shared/adapters/functions/load-bundle.ts';`,
      `export const { scripts, load } = loadBundle(__dirname, '${name}.cjs');`,
    ]),
    absWorkingDir: ROOT,
    outfile: path.join(folder, 'index.cjs'),
    bundle: true,
    format: 'cjs',
    logLevel: 'warning',
  });
}

function source(lines: readonly string[]): NonNullable<BuildOptions['stdin']> {
  return { contents: lines.join('\n'), resolveDir: ROOT, sourcefile: 'index.ts', loader: 'ts' };
}

/**
 * CommonJS, since V8 gives and takes the compiled code of a script, with the functions that were compiled when they were first
 * called, but of a module only without them.
 */
async function asCommonJs(module: string): Promise<string> {
  const { code } = await transform(module, {
    ...TARGET,
    format: 'cjs',
    supported: { 'dynamic-import': false },
    logLevel: 'warning',
  });
  return code;
}

async function sizesIn(folder: string): Promise<readonly { readonly name: string; readonly size: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async ({ name, parentPath }) => ({ name, size: (await stat(path.join(parentPath, name))).size })),
  );
}

/** The renderer's files lie beside the bundle that draws. */
function picturesBeside(): Plugin {
  return {
    name: 'pictures-beside',
    setup: (builder) => {
      builder.onLoad({ filter: /shared[\\/]adapters[\\/]picture[\\/]assets\.ts$/ }, ({ path: file }) => ({
        contents: `import { readFile } from 'node:fs/promises';
import path from 'node:path';
import wasm from '@resvg/resvg-wasm/index_bg.wasm';
import font from 'dejavu-fonts-ttf/ttf/DejaVuSans.ttf';
export const rendererWasm = () => readFile(path.join(__dirname, wasm));
export const fontFile = () => readFile(path.join(__dirname, font));`,
        loader: 'js',
        resolveDir: path.dirname(file),
      }));
    },
  };
}

interface Optional {
  /** From the root of the project. */
  readonly module: string;
  /** Beginnings of the capabilities of which one needs it. */
  readonly neededBy: readonly string[];
  /** What stands in its place elsewhere. */
  readonly instead: string;
}

/** Fails when it is used and not when it is loaded: the code cache loads every part once. */
function withoutClient(what: string, names: readonly string[]): string {
  const says = `${what} is not in this bundle: no capability of its function needs it.`;
  return names.map((name) => `export class ${name} { constructor() { throw new Error('${says}'); } }`).join('\n');
}

const OPTIONAL: readonly Optional[] = [
  {
    module: 'shared/wiring/pictures.ts',
    neededBy: ['chat.pictures'],
    instead: 'export function picturesOf() { return undefined; }',
  },
  { module: 'shared/wiring/ci.ts', neededBy: ['ci.'], instead: 'export function ciOf() { return undefined; }' },
  {
    module: 'shared/wiring/events.ts',
    neededBy: ['events.'],
    instead: 'export const EVENT_HANDLERS = new Map(); export function sendersOf() { return new Map(); }',
  },
  {
    // Whoever explains no log proves no signature; those who do refuse a policy with a wrong one.
    module: 'shared/core/log/signature.ts',
    neededBy: ['ci.'],
    instead: "import { z } from 'zod'; export const TeamSignatures = z.array(z.unknown()).default([]);",
  },
  {
    module: 'shared/config/team-signatures.ts',
    neededBy: ['ci.'],
    instead: 'export function withSignatures(policy) { return Promise.resolve(policy); }',
  },
  {
    module: 'shared/adapters/ollama/sdk.ts',
    neededBy: ['model.'],
    instead: withoutClient('The client of Ollama', ['AIMessage', 'ChatOllama', 'HumanMessage', 'SystemMessage']),
  },
  {
    // What a server may stand for: policy decides at run time.
    module: 'shared/adapters/mcp/sdk-client.ts',
    neededBy: ['kubernetes.', 'metrics.', 'chat.', 'tracker.'],
    instead: withoutClient('The client of MCP servers', [
      'Client',
      'StdioClientTransport',
      'StreamableHTTPClientTransport',
    ]),
  },
];

/** Leaves out what a function may never use, by the capabilities of its function.yaml. */
function leftOut(capabilities: readonly string[]): Plugin {
  const absent = OPTIONAL.filter(
    ({ neededBy }) => !capabilities.some((name) => neededBy.some((beginning) => name.startsWith(beginning))),
  );
  return {
    name: 'left-out',
    setup: (builder) => {
      for (const { module, instead } of absent) {
        const filter = new RegExp(`${module.split('/').join('[\\\\/]').replaceAll('.', '\\.')}$`);
        builder.onLoad({ filter }, ({ path: file }) => ({
          contents: instead,
          loader: 'js',
          resolveDir: path.dirname(file),
        }));
      }
    },
  };
}

/**
 * The bundle as one file, and what it was made of. Compiled code differs from build to build, so Terraform goes by the hash of all
 * other content: unchanged code is no change.
 */
async function writeZip(name: string, folder: string, target: string): Promise<void> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const names = entries.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name))).sort();
  const contents = new Map<string, Uint8Array>();
  const content = createHash('sha256');
  for (const file of names) {
    const bytes = await readFile(path.join(folder, file));
    contents.set(file, bytes);
    if (!file.endsWith(CACHE_ENDING)) {
      content.update(`${file}\n${String(bytes.length)}\n`).update(bytes);
    }
  }
  await writeFile(path.join(target, `${name}.zip`), zipSync(Object.fromEntries(contents), { mtime: ZIP_TIME }));
  const manifest = await readFile(path.join(ROOT, 'functions', name, 'function.yaml'));
  const made = {
    contentSha256: content.digest('hex'),
    // Terraform refuses a bundle whose function.yaml was changed since, or never passed its schema.
    manifestSha256: createHash('sha256').update(manifest).digest('hex'),
    variables: PROCESS_VARIABLES,
  };
  await writeFile(path.join(target, `${name}.built.json`), `${JSON.stringify(made)}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const bundles = await buildBundles(args.filter((argument) => !argument.startsWith('--')));
  let tooLarge = 0;
  for (const bundle of bundles) {
    const kib = (bytes: number): string => `${String(Math.ceil(bytes / 1024))} KiB`;
    const over = bundle.bytes > bundle.budgetBytes;
    tooLarge += Number(over);
    console.log(
      `${path.relative(ROOT, bundle.folder)}: ${kib(bundle.bytes)} of ${kib(bundle.budgetBytes)}, and ${kib(bundle.compiledBytes)} compiled${over ? ' — over its budget' : ''}`,
    );
  }
  if (args.includes('--check') && tooLarge > 0) {
    console.error(
      'A bundle grew over its budget: find what came in (esbuild --metafile), or raise bundleBudgetKiB in its function.yaml and say why.',
    );
    return 1;
  }
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2));
}
