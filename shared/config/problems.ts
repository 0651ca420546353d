// Checks a YAML file's value by a zod schema and says every mistake in one form: where, what was expected, what was there.
import { z } from 'zod';
import { secretMasker } from '../core/mask.ts';
import { closest } from './closest.ts';
import { FileError } from './yaml-source.ts';
import type { FieldPath, FileProblem, YamlSource } from './yaml-source.ts';

/** A mistake before it has a line: `part` says whether the name of the field or its value is wrong. */
export interface Mistake {
  readonly path: FieldPath;
  readonly part: 'key' | 'value';
  readonly message: string;
}

/** The checked value. Fails with a FileError that lists the schema's mistakes together with `more`. */
export function checkedValue<T>(
  schema: z.ZodType<T>,
  file: YamlSource,
  source: string,
  { remedy, more = [] }: { readonly remedy: string; readonly more?: readonly Mistake[] },
): T {
  // A file is read once: a parser made for each of its objects costs more than it saves.
  const result = schema.safeParse(file.value, { jitless: true });
  const found = result.success ? [] : result.error.issues.flatMap((issue) => mistakesOf(issue, schema, file.value));
  // Where the schema already complains of a field, a further sentence on the same field says nothing new.
  const added = more.filter((mistake) => !found.some((one) => samePath(one.path, mistake.path)));
  const problems = [...found, ...added].map(({ path, part, message }): FileProblem => ({
    ...file.position(path, part),
    path,
    message,
  }));
  if (!result.success || problems.length > 0) {
    throw new FileError(source, problems, remedy);
  }
  return result.data;
}

function samePath(a: FieldPath, b: FieldPath): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}

type Issue = z.core.$ZodIssue;

function mistakesOf(issue: Issue, schema: z.ZodType, value: unknown): readonly Mistake[] {
  const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path);
    return issue.keys.map((key) => ({ path: [...path, key], part: 'key', message: unknownKey(key, known) }));
  }
  if (issue.code === 'invalid_key') {
    const why = issue.issues.map((inner) => sentence(inner, path.at(-1))).join('; ');
    return [{ path, part: 'key', message: `the name is wrong: ${why}` }];
  }
  const branch = issue.code === 'invalid_union' ? nearestBranch(issue.errors) : undefined;
  if (branch !== undefined) {
    return branch.flatMap((inner) => mistakesOf({ ...inner, path: [...issue.path, ...inner.path] }, schema, value));
  }
  return [{ path, part: 'value', message: sentence(issue, valueAt(value, path)) }];
}

/** Of several forms that a value may have, the one that it misses by least is what the writer meant. */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return [...branches].filter((issues) => issues.length > 0).sort((a, b) => a.length - b.length)[0];
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = closest(key, known);
  if (meant !== undefined) {
    return `unknown field; did you mean ${meant}?`;
  }
  return known.length === 0 ? 'unknown field' : `unknown field; known are ${known.join(', ')}`;
}

/** What was expected and what was there, e.g. `expected at most 1, got 2`. */
function sentence(issue: Issue, actual: unknown): string {
  const got = show(actual);
  const expected = expectation(issue);
  if (expected === undefined) {
    // Several fields that contradict each other are not one value to show.
    return typeof actual === 'object' ? issue.message : `${issue.message} (got ${got})`;
  }
  return actual === undefined ? `is missing; expected ${expected}` : `expected ${expected}, got ${got}`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'fields (name: value)',
  record: 'fields (name: value)',
};

const FORMAT_NAMES: Readonly<Record<string, string>> = {
  url: 'an address such as https://metrics.example.com',
  datetime: 'an ISO time such as 2026-11-01T09:00:00Z',
};

/** Undefined where the message is a sentence of its own. */
function expectation(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_NAMES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.length === 1 ? show(issue.values[0]) : `one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}${unitOf(issue.origin)}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${String(issue.maximum)}${unitOf(issue.origin)}`;
    case 'not_multiple_of':
      return `a multiple of ${String(issue.divisor)}`;
    case 'invalid_format':
      return FORMAT_NAMES[issue.format] ?? noun(issue.message);
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'invalid_union':
    case 'unrecognized_keys':
      return noun(issue.message);
  }
}

/** Schemas word what they expect as "a duration such as …"; other messages are sentences. */
function noun(message: string): string | undefined {
  return /^(an?|one of|at (least|most)) /.test(message) ? message : undefined;
}

function unitOf(origin: string): string {
  const units: Readonly<Record<string, string>> = {
    string: ' characters',
    array: ' entries',
    object: ' fields',
    record: ' fields',
  };
  return units[origin] ?? '';
}

/** Somebody may have put a token into the file: it must not go on into a log. */
const maskShown = secretMasker([]);
const MAX_SHOWN_CHARACTERS = 60;

function show(value: unknown): string {
  if (value === null || value === undefined) {
    return 'nothing';
  }
  if (Array.isArray(value)) {
    return value.length === 0 ? 'an empty list' : 'a list';
  }
  if (typeof value === 'object') {
    return 'fields (name: value)';
  }
  if (typeof value !== 'string') {
    return String(value);
  }
  const masked = maskShown(value);
  return JSON.stringify(masked.length > MAX_SHOWN_CHARACTERS ? `${masked.slice(0, MAX_SHOWN_CHARACTERS)}…` : masked);
}

/** What stands at a path of a value that nobody has checked. */
export function valueAt(value: unknown, path: FieldPath): unknown {
  let current = value;
  for (const key of path) {
    if (current === null || typeof current !== 'object' || !Object.hasOwn(current, key)) {
      return undefined;
    }
    current = (current as Record<string | number, unknown>)[key];
  }
  return current;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly allOf?: readonly SchemaNode[];
}

/** The fields that the schema knows at a path, from its JSON Schema: zod keeps no public map of them. */
function knownKeys(schema: z.ZodType, path: FieldPath): readonly string[] {
  let nodes: readonly SchemaNode[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as SchemaNode];
  for (const key of path) {
    nodes = nodes.flatMap(alternatives).flatMap((node) => {
      const extra = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
      const next = typeof key === 'number' ? node.items : (node.properties?.[key] ?? extra);
      return next === undefined ? [] : [next];
    });
  }
  return nodes.flatMap(alternatives).flatMap((node) => Object.keys(node.properties ?? {}));
}

function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return [node, ...[...(node.anyOf ?? []), ...(node.allOf ?? [])].flatMap(alternatives)];
}
