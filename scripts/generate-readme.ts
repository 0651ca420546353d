// Writes the README's tables from the files that they describe; `--check` fails when they differ. Nothing in them is typed by hand.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { readCapabilities } from '../shared/config/capabilities.ts';
import { readManifests } from '../shared/config/manifest.ts';
import { SETTINGS } from '../shared/config/settings.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const README = path.join(ROOT, 'README.md');

type Row = readonly string[];

function table(header: Row, rows: readonly Row[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const line = (cells: Row): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

async function duties(): Promise<string> {
  const manifests = await readManifests(path.join(ROOT, 'functions'));
  return table(
    ['duty', 'purpose', 'schedule', 'scopes', 'time-out'],
    manifests.map((manifest) => [
      `\`${manifest.name}\``,
      manifest.purpose,
      manifest.triggers.schedule === undefined ? '' : `\`${manifest.triggers.schedule}\` ${manifest.triggers.timezone}`,
      manifest.fanOut ? 'one run each' : 'one run',
      `${String(manifest.timeoutSeconds)} s`,
    ]),
  );
}

async function permissions(): Promise<string> {
  const manifests = await readManifests(path.join(ROOT, 'functions'));
  const capabilities = readCapabilities();
  const rows = Object.entries(capabilities).map(([name, capability]) => {
    const kubernetes = capability.kubernetes.map(
      (rule) =>
        `${rule.verbs.join(', ')} ${rule.resources.map((resource) => `\`${resource}\``).join(', ')}${rule.clusterWide ? ' (whole cluster)' : ''}`,
    );
    const slack = capability.slack.map((scope) => `Slack \`${scope}\``);
    const jira = capability.jira.map((permission) => `Jira \`${permission}\``);
    const users = manifests.filter((manifest) => manifest.capabilities.includes(name)).map((manifest) => manifest.name);
    return [`\`${name}\``, [...kubernetes, ...slack, ...jira].join('; '), capability.writes ? 'writes' : 'reads', users.join(', ')];
  });
  return table(['capability', 'permissions', '', 'duties'], rows);
}

function environment(): string {
  return table(
    ['variable', 'default', 'what it is'],
    SETTINGS.map((setting) => [
      `\`${setting.name}\`${setting.secret ? `, \`${setting.name}_FILE\`` : ''}`,
      setting.default === undefined ? '' : `\`${setting.default}\``,
      setting.description,
    ]),
  );
}

async function dependencies(): Promise<string> {
  const reasons = parse(await readFile(path.join(ROOT, 'docs/dependencies.yaml'), 'utf8')) as Record<string, string>;
  const manifest = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const used = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];
  const wrong = [...used.filter((name) => reasons[name] === undefined), ...Object.keys(reasons).filter((name) => !used.includes(name))];
  if (wrong.length > 0) {
    throw new Error(`docs/dependencies.yaml and package.json differ: ${wrong.join(', ')}. Every dependency has its reason there, and only those.`);
  }
  const row = (name: string, kind: string): Row => [`\`${name}\``, kind, reasons[name] ?? ''];
  return table(
    ['library', '', 'why'],
    [
      ...Object.keys(manifest.dependencies).map((name) => row(name, 'shipped')),
      ...Object.keys(manifest.devDependencies).map((name) => row(name, 'development')),
    ],
  );
}

/** The README with every generated part made anew. */
export async function generatedReadme(current: string): Promise<string> {
  const parts: Readonly<Record<string, string>> = {
    duties: await duties(),
    permissions: await permissions(),
    environment: environment(),
    dependencies: await dependencies(),
  };
  let text = current;
  for (const [name, content] of Object.entries(parts)) {
    const begin = `<!-- generated: ${name} -->`;
    const end = `<!-- end: ${name} -->`;
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from < 0 || to < from) {
      throw new Error(`README.md has no part between "${begin}" and "${end}".`);
    }
    text = `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
  }
  return text;
}

if (process.argv[1] === import.meta.filename) {
  const current = await readFile(README, 'utf8');
  const next = await generatedReadme(current);
  if (process.argv.includes('--check')) {
    process.exitCode = next === current ? 0 : 1;
    console.log(next === current ? 'The README is up to date.' : 'The README is out of date: npm run generate.');
  } else {
    await writeFile(README, next);
  }
}
