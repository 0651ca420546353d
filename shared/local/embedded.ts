// Files that code reads beside itself, put into a duty's bundle: each module of this table has one export in its bundle, made from
// the files of that duty. Used by the build alone.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plugin } from 'esbuild';
import { shippedSignatureFiles } from '../config/shipped-signatures.ts';
import { provenSignatures } from '../config/signatures.ts';

type Contents = (root: string, duty: string) => Promise<string>;

/** Module, from the root of the project, to what stands in its place in the bundle of a duty. */
const EMBEDDED: Readonly<Record<string, Contents>> = {
  'shared/config/shipped-signatures.ts': signaturesModule,
  'shared/prompt/shipped-prompts.ts': promptsModule,
};

export function embeddedFiles(root: string, duty: string): Plugin {
  return {
    name: 'embedded-files',
    setup(build) {
      for (const [module, contents] of Object.entries(EMBEDDED)) {
        const file = path.join(root, module);
        build.onLoad({ filter: new RegExp(`${path.basename(module).replaceAll('.', '\\.')}$`) }, async (args) =>
          args.path === file ? { contents: await contents(root, duty), loader: 'js' } : undefined,
        );
      }
    },
  };
}

async function promptsModule(root: string, duty: string): Promise<string> {
  const folder = path.join(root, 'prompts', duty);
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  const texts: Record<string, string> = {};
  for (const name of names.filter((one) => one.endsWith('.md')).sort()) {
    texts[`${duty}/${name.slice(0, -'.md'.length)}`] = await readFile(path.join(folder, name), 'utf8');
  }
  return [
    `const texts = ${JSON.stringify(texts)};`,
    'export async function shippedPrompt(duty, prompt) {',
    '  const text = texts[`${duty}/${prompt}`];',
    '  if (text === undefined) throw new Error(`There is no prompt ${duty}/${prompt} in this bundle.`);',
    '  return text;',
    '}',
  ].join('\n');
}

/** Those of all duties, since a report may go by another's; checked and parsed: a function has no YAML to read when it starts. */
async function signaturesModule(root: string): Promise<string> {
  const entries = await readdir(path.join(root, 'functions'), { withFileTypes: true });
  const duties = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const parsed: Record<string, unknown> = {};
  for (const duty of duties.sort()) {
    const files = await shippedSignatureFiles(duty);
    if (files.length > 0) {
      parsed[duty] = files.map(({ name, content }) => ({
        name,
        content: typeof content === 'string' ? provenSignatures(content, name) : content,
      }));
    }
  }
  return [
    `const files = ${JSON.stringify(parsed)};`,
    'export async function shippedSignatureFiles(duty) { return files[duty] ?? []; }',
  ].join('\n');
}
