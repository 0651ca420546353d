// How a reduced Kubernetes message is described: the fields that are read, with their protobuf numbers. One description
// drives both readers (protobuf.ts, json.ts), so that both encodings give the same value. What is not named is skipped.

/** What a field can hold. `strings` and `quantities` are maps; a quantity is its string; a time is ISO without fractions. */
export interface Scalars {
  string: string;
  int: number;
  bool: boolean;
  time: string;
  strings: Readonly<Record<string, string>>;
  quantities: Readonly<Record<string, string>>;
  resizes: readonly ResizeEntry[];
}

/** One entry of managedFields that was written through the subresource `resize`. */
export interface ResizeEntry {
  readonly manager: string;
  readonly time: string;
  readonly containers: readonly string[];
}

export type FieldType = keyof Scalars | Message;

/** Field name, as in JSON, to number and type. */
export interface Fields {
  readonly [name: string]: readonly [number: number, type: FieldType, repeated?: 'repeated'];
}

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly repeated: boolean;
  /** Protobuf wire type: 0 varint, 2 length-delimited. */
  readonly wireType: 0 | 2;
}

export interface Message<F extends Fields = Fields> {
  /** For error messages. */
  readonly name: string;
  readonly fields: F;
  /** By field number; holes are skipped. */
  readonly byNumber: readonly (Field | undefined)[];
  readonly inOrder: readonly Field[];
}

type ScalarOrMessage<T> = T extends keyof Scalars ? Scalars[T] : T extends Message<infer F> ? FieldValues<F> : never;
type FieldValue<D> = D extends readonly [number, infer T, 'repeated']
  ? readonly ScalarOrMessage<T>[]
  : D extends readonly [number, infer T]
    ? ScalarOrMessage<T>
    : never;
type FieldValues<F> = { readonly [K in keyof F]?: FieldValue<F[K]> };

/**
 * The value that a message is read as. A field that the server left out is absent; protobuf writes empty strings and
 * zeros that JSON leaves out, therefore readers of it treat absent, '' and 0 alike.
 */
export type Read<M> = M extends Message<infer F> ? FieldValues<F> : never;

export function message<const F extends Fields>(name: string, fields: F): Message<F> {
  const inOrder: Field[] = [];
  const byNumber: (Field | undefined)[] = [];
  for (const [fieldName, [number, type, repeated]] of Object.entries(fields)) {
    const field: Field = {
      name: fieldName,
      type,
      repeated: repeated !== undefined,
      wireType: type === 'int' || type === 'bool' ? 0 : 2,
    };
    inOrder.push(field);
    byNumber[number] = field;
  }
  return { name, fields, byNumber: Array.from(byNumber), inOrder };
}

/** A reply that is not what its description promises. The text says where and what. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}
