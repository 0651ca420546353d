// Firestore for the fast tests: the real protocol over HTTP/2 and, of its behaviour, what the store relies on. It refuses what the
// real one refuses, also what Google's emulator lets through: queries without a composite index, a database that is not there.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import protobuf from 'protobufjs';
import { type Ending, type GrpcRequest, type GrpcServer, startGrpcServer, StatusError } from './grpc-server.ts';
import { type Document, selectDocuments, type StructuredQuery, type Time } from './double-query.ts';

interface WriteMessage {
  readonly update?: { readonly name: string; readonly fields?: Document['fields'] };
  readonly updateMask?: { readonly fieldPaths?: readonly string[] };
  readonly delete?: string;
  readonly currentDocument?: { readonly exists?: boolean; readonly updateTime?: Time };
}

interface Request {
  readonly database?: string;
  readonly documents?: readonly string[];
  readonly mask?: { readonly fieldPaths?: readonly string[] };
  readonly writes?: readonly WriteMessage[];
  readonly parent?: string;
  readonly structuredQuery?: StructuredQuery;
}

export interface FirestoreDouble {
  readonly host: string;
  /** Methods in the order of the calls, also of those that failed. */
  readonly calls: string[];
  /** Full names of what is there. */
  names(): readonly string[];
  document(name: string): Document | undefined;
  /** The next calls of `method` end so; one entry a call. */
  plan(method: string, ...endings: readonly Planned[]): void;
  /** Past the store under test, as somebody else: writes or, without fields, deletes. */
  write(name: string, fields: Document['fields'] | undefined): void;
  /** The next write that changes nothing gets a new update time all the same. */
  touchNext(): void;
  close(): Promise<void>;
}

/** An ending, a failure, or something that happens right before the call is handled. */
export type Planned = Ending | StatusError | (() => void);

export const PREFIX = 'projects/shop-prod/databases/nightshift/documents';
const DATABASE = 'projects/shop-prod/databases/nightshift';
/** The protocol as the SDK brings it, in a file that it does not export. */
const DESCRIPTION = path.resolve(
  createRequire(import.meta.url).resolve('@google-cloud/firestore'),
  '../../protos/v1.json',
);
const LIMIT_BYTES = 1024 * 1024;
const REQUEST_BYTES = 10 * 1024 * 1024;

export async function startFirestoreDouble(): Promise<FirestoreDouble> {
  const documents = new Map<string, Document>();
  const planned = new Map<string, Planned[]>();
  const calls: string[] = [];
  let isTouching = false;
  let microseconds = Date.parse('2026-11-01T00:00:00Z') * 1000;

  function handle({ method, headers, message }: GrpcRequest): readonly object[] {
    const request = message as Request;
    if (headers['authorization'] !== 'Bearer owner' || headers['google-cloud-resource-prefix'] !== DATABASE) {
      throw new StatusError(7, 'Missing or insufficient permissions.');
    }
    if (!(request.database ?? request.parent ?? '').startsWith(DATABASE)) {
      throw new StatusError(
        5,
        'The database other does not exist for project shop-prod Please visit the console to add it.',
      );
    }
    switch (method) {
      case 'BatchGetDocuments':
        return batchGet(request);
      case 'Commit':
        return [commit(request)];
      case 'BatchWrite':
        return [batchWrite(request)];
      case 'RunQuery':
        return selectDocuments([...documents.values()], request.structuredQuery, PREFIX).map((document) => ({
          document,
        }));
      default:
        throw new StatusError(12, `The double does not know ${method}.`);
    }
  }

  function batchGet({ documents: names = [], mask }: Request): readonly object[] {
    // The order of the replies is not promised.
    return names.toReversed().map((name) => {
      const found = documents.get(name);
      return found === undefined ? { missing: name } : { found: masked(found, mask?.fieldPaths) };
    });
  }

  function commit({ writes = [] }: Request): object {
    if (writes.length > 500 || JSON.stringify(writes).length > REQUEST_BYTES) {
      throw new StatusError(3, 'Request payload size exceeds the limit.');
    }
    for (const write of writes) {
      checkPrecondition(write);
    }
    microseconds += 1;
    return { writeResults: writes.map((write) => ({ updateTime: apply(write) })), commitTime: timeOf(microseconds) };
  }

  function batchWrite({ writes = [] }: Request): object {
    const status = writes.map((write) => {
      try {
        checkPrecondition(write);
        microseconds += 1;
        apply(write);
        return { code: 0 };
      } catch (error) {
        return { code: error instanceof StatusError ? error.code : 13 };
      }
    });
    return { writeResults: writes.map(() => ({})), status };
  }

  function checkPrecondition({ update, delete: deleted, currentDocument }: WriteMessage): void {
    const name = update?.name ?? deleted ?? '';
    const there = documents.get(name);
    if (currentDocument?.exists === false && there !== undefined) {
      throw new StatusError(6, `Document already exists: ${name}`);
    }
    if (currentDocument?.updateTime !== undefined && stampOf(there) !== stamp(currentDocument.updateTime)) {
      throw new StatusError(
        9,
        `the stored version (${String(stampOf(there))}) does not match the required base version (${stamp(currentDocument.updateTime)})`,
      );
    }
    if (update !== undefined && JSON.stringify(update.fields ?? {}).length > LIMIT_BYTES * 1.2) {
      throw new StatusError(
        3,
        `Document '${name}' cannot be written because its size exceeds the maximum allowed size.`,
      );
    }
  }

  /** A write that changes nothing leaves the update time as it was. */
  function apply({ update, updateMask, delete: deleted }: WriteMessage): Time | undefined {
    if (update === undefined) {
      documents.delete(deleted ?? '');
      return undefined;
    }
    const there = documents.get(update.name);
    const fields = mergedFields(there?.fields ?? {}, update.fields ?? {}, updateMask?.fieldPaths);
    const isSame = there !== undefined && JSON.stringify(there.fields) === JSON.stringify(fields);
    const updateTime = isSame && !isTouching ? there.updateTime : timeOf(microseconds);
    isTouching &&= !isSame;
    documents.set(update.name, { name: update.name, fields, updateTime });
    return updateTime;
  }

  const server: GrpcServer = await startGrpcServer({
    root: protobuf.Root.fromJSON(JSON.parse(readFileSync(DESCRIPTION, 'utf8')) as protobuf.INamespace),
    service: 'google.firestore.v1.Firestore',
    handle,
    before({ method }) {
      calls.push(method);
      const next = planned.get(method)?.shift() ?? 'reply';
      if (next instanceof StatusError) {
        throw next;
      }
      if (typeof next === 'function') {
        next();
        return 'reply';
      }
      return next;
    },
  });
  return {
    host: server.host,
    calls,
    names: () => [...documents.keys()].sort(),
    document: (name) => documents.get(name),
    plan(method, ...endings) {
      planned.set(method, [...(planned.get(method) ?? []), ...endings]);
    },
    write(name, fields) {
      microseconds += 1;
      apply(fields === undefined ? { delete: name } : { update: { name, fields } });
    },
    touchNext() {
      isTouching = true;
    },
    close: () => server.close(),
  };
}

function masked(document: Document, paths: readonly string[] | undefined): Document {
  const fields = Object.entries(document.fields).filter(([field]) => paths?.includes(field) ?? true);
  return { ...document, fields: Object.fromEntries(fields) };
}

/** With a mask only its fields are set, or removed; without one everything is replaced. */
function mergedFields(
  before: Document['fields'],
  fields: Document['fields'],
  mask: readonly string[] | undefined,
): Document['fields'] {
  if (mask === undefined) {
    return fields;
  }
  const kept = Object.entries(before).filter(([field]) => !mask.includes(field));
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(Object.entries(fields).filter(([field]) => mask.includes(field))),
  };
}

function timeOf(microseconds: number): Time {
  const seconds = Math.floor(microseconds / 1_000_000);
  return { seconds: String(seconds), nanos: (microseconds - seconds * 1_000_000) * 1000 };
}

function stamp({ seconds, nanos = 0 }: Time): string {
  return `${seconds}.${String(nanos).padStart(9, '0')}`;
}

function stampOf(document: Document | undefined): string | null {
  return document === undefined ? null : stamp(document.updateTime);
}
