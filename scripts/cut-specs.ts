// Cuts what fixtures/specs/used.yaml names out of the official API descriptions into fixtures/specs/<system>.json.
// Structure only: prose, examples and vendor extensions stay behind. Same input, same bytes.
// Usage: node scripts/cut-specs.ts --from <folder with kubernetes.json, slack.json, jira.json and SOURCES.md>
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

type Value = null | boolean | number | string | Value[] | Members;
interface Members {
  [key: string]: Value;
}

const Difference = z.strictObject({
  at: z.string().startsWith('/'),
  why: z.string().min(1),
  value: z.unknown().optional(),
});
const UsedSystem = z.strictObject({
  operations: z.array(z.string().regex(/^(GET|POST|PUT|PATCH|DELETE) \/\S*$/)).min(1),
  /** References of schemas that no operation names. */
  schemas: z.array(z.string().startsWith('#/')).default([]),
  unchecked: z.array(z.strictObject({ path: z.string().min(1), why: z.string().min(1) })),
  differences: z.array(Difference),
});
export type UsedSystem = z.infer<typeof UsedSystem>;
const Used = z.record(z.string(), UsedSystem);

export const SPECS_FOLDER = join(import.meta.dirname, '..', 'fixtures', 'specs');

/** Words for people, and members that say nothing about what goes over the wire. */
const DROPPED_KEYWORDS = new Set([
  'description',
  'summary',
  'title',
  'example',
  'examples',
  'externalDocs',
  'tags',
  'security',
  'deprecated',
  'schemes',
  'xml',
  'default',
]);
/** The two extensions that say how a strategic merge patch joins lists. */
const KEPT_EXTENSIONS = new Set(['x-kubernetes-patch-merge-key', 'x-kubernetes-patch-strategy']);
/** Members whose keys are names chosen by the description, not keywords. */
const NAME_MAPS = new Set(['properties', 'definitions', 'schemas', 'paths', 'responses', 'content']);

export function readUsed(folder: string = SPECS_FOLDER): Record<string, UsedSystem> {
  return Used.parse(parseYaml(readFileSync(join(folder, 'used.yaml'), 'utf8')));
}

/** The cut description as file content. `sources` is the table of the descriptions' origins. */
export function cutSpec(system: string, used: UsedSystem, description: string, sources: string): string {
  const whole = JSON.parse(description) as Members;
  for (const { at, value } of used.differences) {
    applyDifference(whole, at, value as Value | undefined);
  }
  const paths: Members = {};
  for (const operation of used.operations) {
    const [method = '', path = ''] = operation.split(' ');
    const described = object(object(whole['paths'])[path]);
    const member = described[method.toLowerCase()];
    if (member === undefined) {
      throw new Error(
        `${system}.json describes no ${operation}. Correct fixtures/specs/used.yaml or add a difference.`,
      );
    }
    const kept = object((paths[path] ??= {}));
    kept[method.toLowerCase()] = strip(member, false);
    if (described['parameters'] !== undefined) {
      kept['parameters'] = strip(described['parameters'], false);
    }
  }
  const cut: Members = {
    'x-cut': {
      ...originOf(`${system}.json`, sources),
      note: 'Cut by scripts/cut-specs.ts to the operations of used.yaml. Do not edit.',
      differences: used.differences.map(({ at, why }) => ({ at, why })),
    },
  };
  for (const version of ['swagger', 'openapi', 'basePath']) {
    if (whole[version] !== undefined) {
      cut[version] = whole[version];
    }
  }
  cut['paths'] = sorted(paths);
  addReferenced(cut, whole, used.schemas);
  return `${layOut(cut)}\n`;
}

function addReferenced(cut: Members, whole: Members, more: readonly string[]): void {
  const found = new Map<string, Value>();
  const waiting = [...more, ...references(cut['paths'] ?? null)];
  for (let reference = waiting.pop(); reference !== undefined; reference = waiting.pop()) {
    if (!found.has(reference)) {
      const target = resolvePointer(whole, reference.replace(/^#/, ''));
      if (target === undefined) {
        throw new Error(`The description refers to ${reference}, which is not in it.`);
      }
      const stripped = strip(target, false);
      found.set(reference, stripped);
      waiting.push(...references(stripped));
    }
  }
  for (const reference of [...found.keys()].sort()) {
    const keys = pointerKeys(reference.replace(/^#/, ''));
    let place = cut;
    for (const key of keys.slice(0, -1)) {
      place = object((place[key] ??= {}));
    }
    place[keys.at(-1) ?? ''] = found.get(reference) ?? null;
  }
}

function references(value: Value): string[] {
  if (Array.isArray(value)) {
    return value.flatMap(references);
  }
  if (value === null || typeof value !== 'object') {
    return [];
  }
  return Object.entries(value).flatMap(([key, member]) =>
    key === '$ref' && typeof member === 'string' ? [member] : references(member),
  );
}

function strip(value: Value, keysAreNames: boolean): Value {
  if (Array.isArray(value)) {
    return value.map((item) => strip(item, false));
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const kept = Object.entries(value).filter(([key]) => keysAreNames || isKept(key));
  return sorted(
    Object.fromEntries(
      // A property may be called "properties": then its value is a schema and not a map of names again.
      kept.map(([key, member]) => [key, strip(member, !keysAreNames && NAME_MAPS.has(key))]),
    ),
  );
}

function isKept(key: string): boolean {
  return !DROPPED_KEYWORDS.has(key) && (!key.startsWith('x-') || KEPT_EXTENSIONS.has(key));
}

function sorted(members: Members): Members {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function pointerKeys(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function resolvePointer(root: Members, pointer: string): Value | undefined {
  let value: Value | undefined = root;
  for (const key of pointerKeys(pointer)) {
    value = value !== null && typeof value === 'object' && !Array.isArray(value) ? value[key] : undefined;
  }
  return value;
}

function applyDifference(root: Members, pointer: string, value: Value | undefined): void {
  const keys = pointerKeys(pointer);
  const last = keys.at(-1) ?? '';
  const parent = resolvePointer(root, pointer.slice(0, pointer.lastIndexOf('/')));
  if (Array.isArray(parent) && last === '-' && value !== undefined) {
    parent.push(value);
  } else if (parent !== null && typeof parent === 'object' && !Array.isArray(parent)) {
    if (value === undefined) {
      Reflect.deleteProperty(parent, last);
    } else {
      parent[last] = value;
    }
  } else {
    throw new Error(`The difference at ${pointer} has no place in the description. Correct fixtures/specs/used.yaml.`);
  }
}

/** One line of the table of sources: file, source, path, commit, version, licence. */
function originOf(file: string, sources: string): Members {
  const rows = sources.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  const row = rows.find(([, files = '']) => files.split(',').some((name) => name.trim() === file));
  const date = /Fetched ([0-9]{4}-[0-9]{2}-[0-9]{2})/.exec(sources)?.[1];
  if (row === undefined || date === undefined) {
    throw new Error(`SOURCES.md has no line for ${file}, or no date of fetching.`);
  }
  const [, , source = '', path = '', commit = '', version = '', licence = ''] = row;
  return { source, path: path.split(',')[0] ?? '', commit, version, licence, date };
}

function object(value: Value | undefined): Members {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

/** One line for each operation and each schema: small, and a change shows as the line that it is. */
function layOut(cut: Members): string {
  const depth: Readonly<Record<string, number>> = {
    paths: 1,
    definitions: 1,
    parameters: 1,
    components: 2,
    'x-cut': 1,
  };
  const lines = Object.entries(cut).map(([key, value]) => `${JSON.stringify(key)}: ${broken(value, depth[key] ?? 0)}`);
  return `{\n${lines.join(',\n')}\n}`;
}

function broken(value: Value, levels: number): string {
  if (levels === 0 || value === null || typeof value !== 'object' || Array.isArray(value)) {
    return JSON.stringify(value);
  }
  const lines = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${broken(member, levels - 1)}`);
  return lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n}`;
}

function main(): void {
  const { values } = parseArgs({ options: { from: { type: 'string' } } });
  if (values.from === undefined) {
    process.stderr.write('Usage: node scripts/cut-specs.ts --from <folder with the official descriptions>\n');
    process.exitCode = 2;
    return;
  }
  const sources = readFileSync(join(values.from, 'SOURCES.md'), 'utf8');
  for (const [system, used] of Object.entries(readUsed())) {
    const content = cutSpec(system, used, readFileSync(join(values.from, `${system}.json`), 'utf8'), sources);
    writeFileSync(join(SPECS_FOLDER, `${system}.json`), content);
    process.stdout.write(`fixtures/specs/${system}.json: ${String(content.length)} characters\n`);
  }
}

if (import.meta.main) {
  main();
}
