// Reads from one managedFields entry which containers its owner sized. The rest of managedFields is never looked at: it is
// often half of an object's bytes.
import { MalformedError } from './message.ts';

export const RESIZE_SUBRESOURCE = 'resize';

/**
 * Names of the containers whose resources a FieldsV1 set owns. A set names list items by their key: `k:{"name":"app"}`.
 * See https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management.
 */
export function sizedContainers(fields: unknown): readonly string[] {
  const spec = member(fields, 'f:spec');
  const names = new Set<string>();
  for (const list of ['f:containers', 'f:initContainers']) {
    for (const [key, owned] of Object.entries(member(spec, list) ?? {})) {
      if (key.startsWith('k:') && member(owned, 'f:resources') !== undefined) {
        names.add(containerName(key.slice(2)));
      }
    }
  }
  return [...names];
}

/** `fieldsV1` as protobuf carries it: JSON text. */
export function parseFields(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MalformedError('managedFields holds a set of fields that is not JSON', { cause: error });
  }
}

function containerName(key: string): string {
  const name = member(parseFields(key), 'name');
  if (typeof name !== 'string') {
    throw new MalformedError(`managedFields names a container by ${key.slice(0, 80)}`);
  }
  return name;
}

function member(value: unknown, name: string): object | string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) {
    return undefined;
  }
  const found: unknown = (value as Record<string, unknown>)[name];
  return (typeof found === 'object' && found !== null) || typeof found === 'string' ? found : undefined;
}
