// The documents against the code that they describe: generated parts are current, and every command, file and name in them exists.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { SETTINGS } from '../../shared/config/settings.ts';
import { main } from '../../shared/local/cli.ts';
import { generatedFiles, outdatedFiles, withParts } from '../../scripts/generate-readme.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(path.join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

function textOf(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** What the first group of `pattern` matches, each once. */
function found(text: string, pattern: RegExp): readonly string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ''))];
}

describe('generated documents', () => {
  test('are as npm run generate would write them', async () => {
    expect(await outdatedFiles()).toEqual([]);
  });

  test('show settings within settings, each with its default', async () => {
    const page = (await generatedFiles()).get('docs/duties/pipeline-retry.md') ?? '';
    expect(page).toContain('| `storm.window` | `10m` |');
    expect(page).toContain('builds of `storm.repositories` (5) or more');
    expect(page).not.toContain('`{}`');
  });

  test('name every duty, every rule file and every setting of the environment', async () => {
    const files = await generatedFiles();
    const readme = files.get('README.md') ?? '';
    const rules = readdirSync(path.join(ROOT, 'functions/rebalance/rules'));
    expect(rules.filter((file) => !readme.includes(`](functions/rebalance/rules/${file})`))).toEqual([]);
    expect(SETTINGS.filter(({ name }) => !readme.includes(`\`${name}\``))).toEqual([]);
    expect([...files.keys()]).toContain('docs/duties/rebalance.md');
  });

  test('show the default behind each setting that a rule names', async () => {
    const readme = (await generatedFiles()).get('README.md') ?? '';
    expect(readme).toContain('`oomKills` (3) or more OOM kills');
    expect(readme).not.toMatch(/policy\.[a-z]+[A-Z]/);
  });

  test('cannot be made where a marker is missing', () => {
    expect(() => withParts('no markers', new Map([['duties', 'x']]))).toThrow('<!-- generated: duties -->');
  });

  test('replace only what stands between the markers', () => {
    const before = 'a\n<!-- generated: p -->old<!-- end: p -->\nz';
    expect(withParts(before, new Map([['p', 'new']]))).toBe('a\n<!-- generated: p -->\n\nnew\n\n<!-- end: p -->\nz');
  });
});

describe.each(DOCUMENTS)('%s', (file) => {
  const text = textOf(file);

  test('links to files that are there', () => {
    const links = found(text, /\]\(([^)#\s]+)[^)]*\)/g).filter((link) => !/^[a-z]+:/.test(link));
    expect(links.filter((link) => !existsSync(path.resolve(ROOT, path.dirname(file), link)))).toEqual([]);
  });

  test('names scripts that package.json has', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const named = found(text, /npm run (?:--silent )?([a-z:]+)/g);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  test('names commands and options that nightshift has', async () => {
    const help = new Map<string, string>();
    const unknown: string[] = [];
    for (const line of found(text, /npx nightshift ([a-z][^\n`#]*)/g)) {
      const [command = '', ...words] = line.trim().split(/\s+/);
      const known = help.get(command) ?? (await helpOf(command));
      help.set(command, known);
      const options = words.filter((word) => word.startsWith('--') && !known.includes(word));
      unknown.push(...options.map((option) => `${command} ${option}`), ...(known === '' ? [command] : []));
    }
    expect(unknown).toEqual([]);
  });

  test('names variables that the settings or the tests know', () => {
    const known = SETTINGS.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name]));
    const ofTests = ['NIGHTSHIFT_REAL_METRICS_URL', 'NIGHTSHIFT_REAL_KUBECONFIG'];
    const named = found(text, /\b(NIGHTSHIFT_[A-Z_]+)\b/g);
    expect(named.filter((name) => !known.includes(name) && !ofTests.includes(name))).toEqual([]);
  });
});

/** The help of a command and of its own commands; empty when there is no such command. */
async function helpOf(command: string): Promise<string> {
  let output = '';
  const terminal = {
    exitCode: 0,
    columns: 200,
    isInteractive: false,
    print: (text: string) => {
      output += text;
    },
    warn: () => undefined,
    progress: () => undefined,
    progressDone: () => undefined,
  };
  const code = await main([command, '--help'], terminal);
  // For a command that it does not know, commander prints the help of the whole program.
  if (code !== 0 || !output.startsWith(`Usage: nightshift ${command} `)) {
    return '';
  }
  const nested = [...output.matchAll(/^ {2}([a-z]+) .*$/gm)].map((match) => match[1] ?? '');
  for (const name of nested.filter((one) => one !== 'help')) {
    await main([command, name, '--help'], terminal);
  }
  return output;
}
