// Builds dist/<duty>/: one bundle a duty with its own package.json, as Cloud Functions takes it. `--check` holds it to its budget.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { readManifests } from '../config/manifest.ts';
import { shippedSignatureFiles } from '../config/shipped-signatures.ts';
import { provenSignatures } from '../config/signatures.ts';
import { codeVersion } from './code-version.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FRAMEWORK = '@google-cloud/functions-framework';

/** How everything that is deployed is bundled. */
export const BUNDLE_OPTIONS = {
  chunkNames: 'chunks/[name]-[hash]',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  sourcemap: false,
  // CommonJS packages inside an ESM bundle ask for `require`, and gRPC's for the folder that it is in.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url),__dirname=import.meta.dirname;",
  },
  logLevel: 'warning',
} as const satisfies BuildOptions;

export interface BuiltBundle {
  readonly duty: string;
  readonly folder: string;
  readonly bytes: number;
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
  return Promise.all(wanted.map((manifest) => buildBundle(manifest, target)));
}

type Manifest = Awaited<ReturnType<typeof readManifests>>[number];

async function buildBundle(manifest: Manifest, target: string): Promise<BuiltBundle> {
  const folder = path.join(target, manifest.name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { name, timeoutSeconds, fanOut } = manifest;
  const serve = manifest.kind === 'duty' ? 'serveDuty' : 'serveDriver';
  const result = await build({
    stdin: {
      contents: [
        `import { ${manifest.kind} } from './functions/${name}/index.ts';`,
        `import { ${serve} } from './shared/wiring/function.ts';`,
        `${serve}(${manifest.kind}, ${JSON.stringify({ name, timeoutSeconds, fanOut, code: await codeVersion(name) })});`,
      ].join('\n'),
      resolveDir: ROOT,
      sourcefile: 'index.ts',
      loader: 'ts',
    },
    absWorkingDir: ROOT,
    outdir: folder,
    entryNames: 'index',
    ...BUNDLE_OPTIONS,
    plugins: [signaturesOf(name)],
    metafile: true,
    external: [FRAMEWORK],
  });
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
        type: 'module',
        main: 'index.mjs',
        engines: { node: '>=24' },
        dependencies: { [FRAMEWORK]: frameworkJson.version },
      },
      undefined,
      2,
    )}\n`,
  );
  const bytes = Object.values(result.metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
  return { duty: name, folder, bytes, budgetBytes: manifest.bundleBudgetKiB * 1024 };
}

/** Puts the duty's own signatures, checked and parsed, into its bundle, where no folder of the source is. */
function signaturesOf(duty: string): Plugin {
  return {
    name: 'signatures',
    setup: (builder) => {
      builder.onLoad({ filter: /shared[\\/]config[\\/]shipped-signatures\.ts$/ }, async () => {
        const files = await shippedSignatureFiles(duty);
        const parsed = files.map(({ name, content }) => ({
          name,
          content: typeof content === 'string' ? provenSignatures(content, name) : content,
        }));
        return {
          contents: `const files = ${JSON.stringify({ [duty]: parsed })};
export async function shippedSignatureFiles(duty) { return files[duty] ?? []; }`,
          loader: 'js',
        };
      });
    },
  };
}

async function main(args: readonly string[]): Promise<number> {
  const bundles = await buildBundles(args.filter((argument) => !argument.startsWith('--')));
  let tooLarge = 0;
  for (const bundle of bundles) {
    const kib = (bytes: number): string => `${String(Math.ceil(bytes / 1024))} KiB`;
    const over = bundle.bytes > bundle.budgetBytes;
    tooLarge += Number(over);
    console.log(
      `${path.relative(ROOT, bundle.folder)}: ${kib(bundle.bytes)} of ${kib(bundle.budgetBytes)}${over ? ' — over its budget' : ''}`,
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
