// Encodes Kubernetes JSON objects as the API server does in protobuf: in its envelope, with strings that are not set
// written as empty ones. Knows nothing of the adapter's own description.
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const root = protobuf.parse(readFileSync(new URL('./kubernetes.proto', import.meta.url), 'utf8')).root;
const MAGIC = Buffer.from('k8s\0', 'latin1');

export type JsonValue = Readonly<Record<string, unknown>>;

/** `kind` names both the message and the kind in the envelope, e.g. Pod or PodList. */
export function encode(kind: string, apiVersion: string, value: JsonValue): Buffer {
  const raw = encodeMessage(root.lookupType(kind), value);
  const unknown = root.lookupType('Unknown');
  const envelope = unknown
    .encode({ typeMeta: { apiVersion, kind }, raw, contentEncoding: '', contentType: '' })
    .finish();
  return Buffer.concat([MAGIC, envelope]);
}

function encodeMessage(type: protobuf.Type, value: JsonValue): Uint8Array {
  return type.encode(converted(type, value)).finish();
}

/** JSON's shapes of times, quantities and field sets become the messages that stand for them. */
function converted(type: protobuf.Type, value: JsonValue): JsonValue {
  const out: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const found = value[field.name];
    field.resolve();
    if (found === undefined || found === null) {
      // Strings that are no pointers in Go are always on the wire; no string in these messages is an unset pointer but these.
      const isPointer = ['priorityClassName', 'restartPolicy'].includes(field.name) && type.name === 'Container';
      if (field.type === 'string' && !field.repeated && !field.map && !isPointer) {
        out[field.name] = '';
      }
      continue;
    }
    if (field.map) {
      out[field.name] = Object.fromEntries(
        Object.entries(found as JsonValue).map(([key, item]) => [key, convertedValue(field, item)]),
      );
    } else if (field.repeated) {
      out[field.name] = (found as readonly unknown[]).map((item) => convertedValue(field, item));
    } else {
      out[field.name] = convertedValue(field, found);
    }
  }
  return out;
}

function convertedValue(field: protobuf.Field, value: unknown): unknown {
  switch (field.type) {
    case 'Time':
      return { seconds: Date.parse(value as string) / 1000, nanos: 0 };
    case 'Quantity':
      return { string: value };
    case 'FieldsV1':
      return { Raw: Buffer.from(JSON.stringify(value), 'utf8') };
    default:
      return field.resolvedType instanceof protobuf.Type ? converted(field.resolvedType, value as JsonValue) : value;
  }
}
