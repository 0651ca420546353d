// Reads a described message from JSON: takes the described fields, checks their types, and gives the same value as
// protobuf.ts does. A field of a wrong type is refused with its path, so that a reply that is no Kubernetes object is not
// taken for an empty one.
import { RESIZE_SUBRESOURCE, sizedContainers } from './managed-fields.ts';
import { MalformedError, type Field, type FieldType, type Message, type Read, type ResizeEntry } from './message.ts';
import { isoTimeOf } from './time.ts';

type JsonRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads one object; `path` begins the path in errors. */
export function readJson<M extends Message>(message: M, value: unknown, path: string): Read<M> {
  return readObject(message, value, path) as Read<M>;
}

function readObject(message: Message, value: unknown, path: string): Record<string, unknown> {
  const source = record(value, path);
  const out: Record<string, unknown> = {};
  for (const field of message.inOrder) {
    const found = source[field.name];
    if (found === undefined || found === null) {
      continue;
    }
    const read = readField(field, found, `${path}.${field.name}`);
    if (read !== undefined) {
      out[field.name] = read;
    }
  }
  return out;
}

function readField(field: Field, value: unknown, path: string): unknown {
  if (field.type === 'resizes') {
    return readResizes(list(value, path), path);
  }
  if (!field.repeated) {
    return readValue(field.type, value, path);
  }
  const items = list(value, path);
  return items.length === 0 ? undefined : items.map((item, index) => readValue(field.type, item, `${path}[${index}]`));
}

function readValue(type: FieldType, value: unknown, path: string): unknown {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : wrong(path, 'a string', value);
    case 'int':
      return Number.isSafeInteger(value) ? value : wrong(path, 'an integer', value);
    case 'bool':
      return typeof value === 'boolean' ? value : wrong(path, 'true or false', value);
    case 'time':
      return (typeof value === 'string' ? isoTimeOf(value) : undefined) ?? wrong(path, 'a time', value);
    case 'strings':
      return readMap(value, path, (item) => (typeof item === 'string' ? item : undefined));
    case 'quantities':
      return readMap(value, path, quantity);
    case 'resizes':
      return readResizes(list(value, path), path);
    default:
      return readObject(type, value, path);
  }
}

/** The API server prints strings; custom resources and people also write plain numbers, which mean the same. */
function quantity(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : typeof value === 'string' ? value : undefined;
}

function readMap(
  value: unknown,
  path: string,
  read: (item: unknown) => string | undefined,
): Record<string, string> | undefined {
  const out: Record<string, string> = {};
  let isEmpty = true;
  for (const [key, item] of Object.entries(record(value, path))) {
    out[key] = read(item) ?? wrong(`${path}.${key}`, 'a string', item);
    isEmpty = false;
  }
  return isEmpty ? undefined : out;
}

function readResizes(entries: readonly unknown[], path: string): readonly ResizeEntry[] | undefined {
  const out: ResizeEntry[] = [];
  for (const entry of entries) {
    const { manager, subresource, time, fieldsV1 } = record(entry, path);
    if (subresource !== RESIZE_SUBRESOURCE || typeof time !== 'string' || fieldsV1 === undefined || fieldsV1 === null) {
      continue;
    }
    out.push({
      manager: typeof manager === 'string' ? manager : '',
      time: isoTimeOf(time) ?? wrong(`${path}.time`, 'a time', time),
      containers: sizedContainers(fieldsV1),
    });
  }
  return out.length === 0 ? undefined : out;
}

function record(value: unknown, path: string): JsonRecord {
  return isRecord(value) ? value : wrong(path, 'an object', value);
}

function list(value: unknown, path: string): readonly unknown[] {
  return Array.isArray(value) ? value : wrong(path, 'a list', value);
}

function wrong(path: string, expected: string, value: unknown): never {
  const found = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  throw new MalformedError(`${path} should be ${expected} and is ${found}`);
}
