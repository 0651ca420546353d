// The strings of a schema that may hold any text: where foreign text can stand in the facts of a duty.
import { z } from 'zod';

/** What no name of ours and no time looks like: a field that takes it takes anything. */
const PROBE = '<!here> "x" <b>&*_~`';

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly element?: z.core.$ZodType;
  readonly innerType?: z.core.$ZodType;
  readonly keyType?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
  readonly items?: readonly z.core.$ZodType[];
  readonly in?: z.core.$ZodType;
}

/** Types that hold no text, or none but the schema's own. */
const CLOSED: ReadonlySet<string> = new Set(['number', 'int', 'boolean', 'literal', 'enum', 'null']);

/** Paths such as `pods[].labels{}`; `{}` stands for the values of a record, `{key}` for its keys. Sorted, each once. */
export function stringFields(schema: z.ZodType): readonly string[] {
  return [...new Set(fieldsOf(schema, ''))].sort();
}

function fieldsOf(schema: z.core.$ZodType, path: string): readonly string[] {
  const definition = schema._zod.def as unknown as Definition;
  switch (definition.type) {
    case 'string':
      return z.safeParse(schema, PROBE).success ? [path] : [];
    case 'object':
      return Object.entries(definition.shape ?? {}).flatMap(([key, value]) =>
        fieldsOf(value, path === '' ? key : `${path}.${key}`),
      );
    case 'array':
      return inner(definition.element, `${path}[]`);
    case 'record':
      return [...inner(definition.keyType, `${path}{key}`), ...inner(definition.valueType, `${path}{}`)];
    case 'union':
      return (definition.options ?? []).flatMap((option) => fieldsOf(option, path));
    case 'tuple':
      return (definition.items ?? []).flatMap((item, index) => fieldsOf(item, `${path}[${String(index)}]`));
    case 'nullable':
    case 'optional':
    case 'default':
    case 'prefault':
    case 'readonly':
      return inner(definition.innerType, path);
    case 'pipe':
      return inner(definition.in, path);
    // JSON of any shape: whatever is in it is text of others.
    case 'lazy':
    case 'any':
    case 'unknown':
      return [path];
    default:
      if (CLOSED.has(definition.type)) {
        return [];
      }
      throw new Error(`${path} is of the type ${definition.type}, of which nobody said whether it holds text.`);
  }
}

function inner(schema: z.core.$ZodType | undefined, path: string): readonly string[] {
  return schema === undefined ? [] : fieldsOf(schema, path);
}

/** Every text that stands at the path in a value. */
export function textsAt(value: unknown, path: string): readonly string[] {
  const [, name = '', step, rest = ''] = /^([^.[{]*)(\[[0-9]*\]|\{key\}|\{\})?\.?(.*)$/.exec(path) ?? [];
  const at = name === '' ? value : member(value, name);
  if (at === null || at === undefined) {
    return [];
  }
  if (step === undefined) {
    return rest === '' ? leaves(at) : textsAt(at, rest);
  }
  if (step === '{key}') {
    return Object.keys(at);
  }
  const index = /^\[([0-9]+)\]$/.exec(step)?.[1];
  const children: unknown[] = index === undefined ? Object.values(at as object) : [(at as unknown[])[Number(index)]];
  return children.flatMap((child) => (rest === '' ? leaves(child) : textsAt(child, rest)));
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function leaves(value: unknown): readonly string[] {
  return typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(leaves)
      : [];
}
