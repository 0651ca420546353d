// Cuts what fixtures/specs/used.yaml names out of the official API descriptions into fixtures/specs/<system>.json.
// Structure only: prose, examples and vendor extensions stay behind. Same input, same bytes.
// Usage: node scripts/cut-specs.ts --from <folder with the files that used.yaml names and SOURCES.md>
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { openApiOf } from './discovery-document.ts';
import type { Members, Value } from './discovery-document.ts';

/** Where a statement is from, and when it was looked up. */
const Provenance = { source: z.string().min(1), date: z.iso.date() };
const Difference = z.strictObject({
  at: z.string().startsWith('/'),
  why: z.string().min(1),
  ...Provenance,
  value: z.unknown().optional(),
});
export type Difference = z.infer<typeof Difference>;
const Operation = z.string().regex(/^(GET|POST|PUT|PATCH|DELETE)(\|(GET|POST|PUT|PATCH|DELETE))* \/\S*$/);
const Unchecked = z.strictObject({ operations: z.array(Operation).min(1), why: z.string().min(1), ...Provenance });
/** The server of the real tier: its name for people, where its version is pinned, and what it has answered to our adapter, when. */
const Real = z.strictObject({
  server: z.string().min(1),
  date: z.iso.date(),
  pin: z.strictObject({ file: z.string().min(1), module: z.string().min(1) }),
  operations: z.array(Operation).min(1),
});
const UsedSystem = z.strictObject({
  name: z.string().min(1),
  /** The official description; absent where there is none for machines. */
  description: z
    .strictObject({ file: z.string().min(1), format: z.enum(['openapi', 'discovery']).default('openapi') })
    .optional(),
  operations: z.array(Operation).default([]),
  /** What a reader of the page must know beside the rows. */
  note: z.string().optional(),
  /** What may stand before the paths. */
  prefixes: z.array(z.string().startsWith('/')).default([]),
  /** References of schemas that no operation names. */
  schemas: z.array(z.string().startsWith('#/')).default([]),
  unchecked: z.array(Unchecked).default([]),
  differences: z.array(Difference).default([]),
  real: Real.optional(),
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
export function cutSpec(used: UsedSystem, description: string, sources: string): string {
  const { file = '', format } = used.description ?? {};
  const given = (file.endsWith('.yaml') ? parseYaml(description) : JSON.parse(description)) as Members;
  const whole = format === 'discovery' ? openApiOf(given) : given;
  for (const { at, value } of used.differences) {
    applyDifference(whole, at, value as Value | undefined);
  }
  const paths: Members = {};
  for (const operation of used.operations) {
    const [method = '', path = ''] = operation.split(' ');
    const described = object(object(whole['paths'])[path]);
    const member = described[method.toLowerCase()];
    if (member === undefined) {
      throw new Error(`${file} describes no ${operation}. Correct fixtures/specs/used.yaml or add a difference.`);
    }
    const kept = object((paths[path] ??= {}));
    kept[method.toLowerCase()] = strip(member, false);
    if (described['parameters'] !== undefined) {
      kept['parameters'] = strip(described['parameters'], false);
    }
  }
  const cut: Members = {
    'x-cut': {
      ...originOf(file, sources),
      ...(format === 'discovery'
        ? { version: `${String(given['version'])}, revision ${String(given['revision'])}` }
        : {}),
      note: 'Cut by scripts/cut-specs.ts to the operations of used.yaml. Do not edit.',
      differences: used.differences.map(({ at, why }) => ({ at, why })),
    },
  };
  for (const member of ['swagger', 'openapi', 'basePath', 'consumes']) {
    if (whole[member] !== undefined) {
      cut[member] = whole[member];
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
  const row = rows.find(([, files = '']) => matchOf(file, files) !== undefined);
  const date = /Fetched ([0-9]{4}-[0-9]{2}-[0-9]{2})/.exec(sources)?.[1];
  if (row === undefined || date === undefined) {
    throw new Error(`SOURCES.md has no line for ${file}, or no date of fetching.`);
  }
  const [, files = '', source = '', path = '', commit = '', version = '', licence = ''] = row;
  const parts = Object.entries(matchOf(file, files) ?? {});
  const ownPath = (path.split(',')[0] ?? '').replaceAll(/<(\w+)>/g, (whole, short: string) => {
    return parts.find(([name]) => name.startsWith(short))?.[1] ?? whole;
  });
  return { source, path: ownPath, commit, version, licence, date };
}

/** What stands for each `<part>` where a cell such as "a.json, gcp-<api>-<version>.json (22)" names the file. */
function matchOf(file: string, cell: string): Readonly<Record<string, string>> | undefined {
  for (const name of cell.split(',').map((one) => one.trim().replace(/ \(\d+\)$/, ''))) {
    const pattern = name.replaceAll('.', '\\.').replaceAll(/<(\w+)>/g, '(?<$1>[^/]+)');
    const match = /^[\w.<>-]+$/.test(name) ? new RegExp(`^${pattern}$`).exec(file) : null;
    if (match !== null) {
      return match.groups ?? {};
    }
  }
  return undefined;
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
    if (used.description === undefined) {
      continue;
    }
    const content = cutSpec(used, readFileSync(join(values.from, used.description.file), 'utf8'), sources);
    writeFileSync(join(SPECS_FOLDER, `${system}.json`), content);
    process.stdout.write(`fixtures/specs/${system}.json: ${String(content.length)} characters\n`);
  }
}

if (import.meta.main) {
  main();
}
