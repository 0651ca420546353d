// Reads a described message from protobuf bytes (https://protobuf.dev/programming-guides/encoding/). Written by hand and
// driven by the description: what is not described costs a tag and a jump, and no field is copied that is not kept.
import { parseFields, RESIZE_SUBRESOURCE, sizedContainers } from './managed-fields.ts';
import { MalformedError, type Field, type Message, type Read, type ResizeEntry } from './message.ts';
import { isoTime } from './time.ts';

/** The bytes and where the reader stands. */
interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** Kubernetes' prefix of protobuf bodies: "k8s" and a zero byte. */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

/** A body in Kubernetes' protobuf envelope (runtime.Unknown). */
export interface Envelope {
  readonly kind: string;
  /** The message itself, as a view of the same bytes. */
  readonly raw: Buffer;
}

/** Opens a body of `application/vnd.kubernetes.protobuf`. */
export function openEnvelope(body: Buffer): Envelope {
  if (body.length < MAGIC.length || !body.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new MalformedError("the body does not begin with Kubernetes' protobuf prefix");
  }
  const cursor: Cursor = { bytes: body, at: MAGIC.length };
  let kind = '';
  let raw: Buffer = body.subarray(0, 0);
  eachField(cursor, body.length, (number, wireType) => {
    if (number === 1 && wireType === DELIMITED) {
      eachField(cursor, delimitedEnd(cursor, body.length), (inner, innerType, end) => {
        if (inner === 2 && innerType === DELIMITED) {
          kind = text(cursor, delimitedEnd(cursor, end));
          return;
        }
        skip(cursor, innerType, end);
      });
      return;
    }
    if (number === 2 && wireType === DELIMITED) {
      const end = delimitedEnd(cursor, body.length);
      raw = body.subarray(cursor.at, end);
      cursor.at = end;
      return;
    }
    skip(cursor, wireType, body.length);
  });
  return { kind, raw };
}

/** Reads one message that fills `bytes`. */
export function readProtobuf<M extends Message>(message: M, bytes: Buffer): Read<M> {
  return readMessage({ bytes, at: 0 }, bytes.length, message) as Read<M>;
}

/** A list's own metadata and where its items lie, so that the next page can be asked for before this one is read. */
export interface ListParts<M> {
  readonly metadata: M;
  readonly items: readonly Buffer[];
}

/** Splits the bytes of a `…List` into its metadata (field 1) and its unread items (field 2). */
export function splitList<M extends Message>(metadata: M, bytes: Buffer): ListParts<Read<M>> {
  const cursor: Cursor = { bytes, at: 0 };
  const items: Buffer[] = [];
  let head: Buffer = bytes.subarray(0, 0);
  eachField(cursor, bytes.length, (number, wireType) => {
    if (wireType !== DELIMITED || (number !== 1 && number !== 2)) {
      skip(cursor, wireType, bytes.length);
      return;
    }
    const end = delimitedEnd(cursor, bytes.length);
    const part = bytes.subarray(cursor.at, end);
    cursor.at = end;
    if (number === 1) {
      head = part;
    } else {
      items.push(part);
    }
  });
  return { metadata: readProtobuf(metadata, head), items };
}

function eachField(cursor: Cursor, end: number, take: (number: number, wireType: number, end: number) => void): void {
  while (cursor.at < end) {
    const tag = varint(cursor);
    take(tag >>> 3, tag & 7, end);
  }
}

function readMessage(cursor: Cursor, end: number, message: Message): Record<string, unknown> {
  const { byNumber } = message;
  const out: Record<string, unknown> = {};
  while (cursor.at < end) {
    const tag = varint(cursor);
    const field = byNumber[tag >>> 3];
    if (field === undefined) {
      skip(cursor, tag & 7, end);
      continue;
    }
    if ((tag & 7) !== field.wireType) {
      throw new MalformedError(`${message.name}.${field.name} has the wire type ${tag & 7}`);
    }
    readField(cursor, end, field, out);
  }
  if (cursor.at !== end) {
    throw new MalformedError(`${message.name} is longer than it says`);
  }
  return out;
}

function readField(cursor: Cursor, outerEnd: number, field: Field, out: Record<string, unknown>): void {
  const { name, type } = field;
  if (type === 'int') {
    out[name] = varint(cursor);
    return;
  }
  if (type === 'bool') {
    out[name] = varint(cursor) !== 0;
    return;
  }
  const end = delimitedEnd(cursor, outerEnd);
  if (type === 'strings' || type === 'quantities') {
    readMapEntry(cursor, end, type === 'quantities', (out[name] ??= {}) as Record<string, string>);
    return;
  }
  if (type === 'time') {
    const time = readTime(cursor, end);
    if (time !== undefined) {
      out[name] = time;
    }
    return;
  }
  if (type === 'resizes') {
    const entry = readResizeEntry(cursor, end);
    if (entry !== undefined) {
      ((out[name] ??= []) as ResizeEntry[]).push(entry);
    }
    return;
  }
  const value = type === 'string' ? text(cursor, end) : readMessage(cursor, end, type);
  if (field.repeated) {
    ((out[name] ??= []) as unknown[]).push(value);
  } else {
    out[name] = value;
  }
}

/** A map is a list of entries of key (1) and value (2); a quantity is a message whose field 1 is its text. */
function readMapEntry(cursor: Cursor, end: number, isQuantity: boolean, into: Record<string, string>): void {
  let key = '';
  let value = '';
  while (cursor.at < end) {
    const tag = varint(cursor);
    if (tag === 10) {
      key = text(cursor, delimitedEnd(cursor, end));
    } else if (tag === 18) {
      const valueEnd = delimitedEnd(cursor, end);
      value = isQuantity ? readQuantity(cursor, valueEnd) : text(cursor, valueEnd);
    } else {
      skip(cursor, tag & 7, end);
    }
  }
  into[key] = value;
}

function readQuantity(cursor: Cursor, end: number): string {
  let value = '0';
  while (cursor.at < end) {
    const tag = varint(cursor);
    if (tag === 10) {
      value = text(cursor, delimitedEnd(cursor, end));
    } else {
      skip(cursor, tag & 7, end);
    }
  }
  return value;
}

/** Seconds and nanoseconds; Kubernetes writes a time that is not set as an empty message. */
function readTime(cursor: Cursor, end: number): string | undefined {
  let seconds: number | undefined;
  while (cursor.at < end) {
    const tag = varint(cursor);
    if (tag === 8) {
      seconds = varint(cursor);
    } else {
      skip(cursor, tag & 7, end);
    }
  }
  return seconds === undefined ? undefined : isoTime(seconds);
}

/** The subresource (8) comes after the set of fields (7), so that the set's place is remembered and mostly never visited. */
function readResizeEntry(cursor: Cursor, end: number): ResizeEntry | undefined {
  let managerAt = -1;
  let timeAt = -1;
  let fieldsAt = -1;
  let isResize = false;
  while (cursor.at < end) {
    const tag = varint(cursor);
    if (tag === 10) {
      managerAt = cursor.at;
    } else if (tag === 34) {
      timeAt = cursor.at;
    } else if (tag === 58) {
      fieldsAt = cursor.at;
    } else if (tag === 66) {
      isResize = text(cursor, delimitedEnd(cursor, end)) === RESIZE_SUBRESOURCE;
      continue;
    }
    skip(cursor, tag & 7, end);
  }
  if (!isResize || timeAt < 0 || fieldsAt < 0) {
    return undefined;
  }
  const { bytes } = cursor;
  const fields: Cursor = { bytes, at: fieldsAt };
  const fieldsEnd = delimitedEnd(fields, end);
  if (fields.at === fieldsEnd || varint(fields) !== 10) {
    return undefined;
  }
  const set = parseFields(text(fields, delimitedEnd(fields, fieldsEnd)));
  const manager: Cursor = { bytes, at: managerAt };
  const time: Cursor = { bytes, at: timeAt };
  return {
    manager: managerAt < 0 ? '' : text(manager, delimitedEnd(manager, end)),
    time: readTime(time, delimitedEnd(time, end)) ?? '',
    containers: sizedContainers(set),
  };
}

/** Reads the length of a delimited field; gives where it ends. */
function delimitedEnd(cursor: Cursor, outerEnd: number): number {
  const length = varint(cursor);
  const end = cursor.at + length;
  if (length < 0 || end > outerEnd) {
    throw new MalformedError('a field reaches beyond its message');
  }
  return end;
}

function skip(cursor: Cursor, wireType: number, end: number): void {
  switch (wireType) {
    case VARINT:
      varint(cursor);
      break;
    case FIXED64:
      cursor.at += 8;
      break;
    case DELIMITED:
      cursor.at = delimitedEnd(cursor, end);
      break;
    case FIXED32:
      cursor.at += 4;
      break;
    default:
      throw new MalformedError(`wire type ${wireType} is not used by Kubernetes`);
  }
}

/** A varint as a number; negative ones are ten bytes long. Beyond 2^53 it is not exact: no field that is read gets there. */
function varint(cursor: Cursor): number {
  const { bytes } = cursor;
  let byte = bytes[cursor.at++];
  if (byte === undefined) {
    throw new MalformedError('the message ends in the middle of a number');
  }
  if (byte < 0x80) {
    return byte;
  }
  let low = byte & 0x7f;
  for (let shift = 7; shift < 28; shift += 7) {
    byte = bytes[cursor.at++] ?? cutOff();
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      return low;
    }
  }
  return longVarint(cursor, low);
}

/** The rest of a varint of five to ten bytes, whose first 28 bits are `low`. Ten bytes mean a negative number. */
function longVarint(cursor: Cursor, low: number): number {
  const start = cursor.at;
  let value = low;
  let factor = 2 ** 28;
  for (let count = 0; count < 5; count++) {
    const byte = cursor.bytes[cursor.at++] ?? cutOff();
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) {
      return value;
    }
    factor *= 128;
  }
  cursor.at = start;
  return negativeVarint(cursor, low);
}

function negativeVarint(cursor: Cursor, low: number): number {
  let value = BigInt(low);
  for (let shift = 28n; shift < 70n; shift += 7n) {
    const byte = cursor.bytes[cursor.at++] ?? cutOff();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) {
      return Number(BigInt.asIntN(64, value));
    }
  }
  throw new MalformedError('a number has more than ten bytes');
}

function cutOff(): never {
  throw new MalformedError('the message ends in the middle of a number');
}

/**
 * Short texts repeat endlessly (names of resources, labels, states): a small table gives the string that was made before,
 * for less than a call into the runtime's UTF-8 decoder, and thousands of pods then share one copy.
 */
const INTERN_SLOTS = 8192;
const INTERN_BYTES = 48;
const interned: (string | undefined)[] = new Array<string | undefined>(INTERN_SLOTS).fill(undefined);

function text(cursor: Cursor, end: number): string {
  const { bytes, at } = cursor;
  const length = end - at;
  cursor.at = end;
  if (length === 0) {
    return '';
  }
  if (length > INTERN_BYTES) {
    return bytes.toString('utf8', at, end);
  }
  let hash = length;
  let seen = 0;
  for (let index = at; index < end; index++) {
    const byte = bytes[index] ?? 0;
    seen |= byte;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  if (seen > 0x7f) {
    return bytes.toString('utf8', at, end);
  }
  const slot = (hash ^ (hash >>> 15)) & (INTERN_SLOTS - 1);
  const known = interned[slot];
  if (known !== undefined && isSame(known, bytes, at, length)) {
    return known;
  }
  const made = bytes.toString('latin1', at, end);
  interned[slot] = made;
  return made;
}

function isSame(known: string, bytes: Buffer, at: number, length: number): boolean {
  if (known.length !== length) {
    return false;
  }
  for (let index = 0; index < length; index++) {
    if (known.charCodeAt(index) !== bytes[at + index]) {
      return false;
    }
  }
  return true;
}
