// The one door to Google's SDK: loads it, opens a client for one database, and makes the calls of messages.ts with it.
// Uses the generated client, not the high-level one, which repeats a commit whose reply was lost, for up to ten minutes, and takes
// the refusal of the second for the answer. Neither translates errors nor tries again.
import type { Database, StoredMessage, Timestamp } from './messages.ts';

export interface DatabaseOptions {
  readonly project: string;
  readonly database: string;
  /** `host:port` of an emulator: no TLS, no credentials. */
  readonly emulatorHost?: string | undefined;
  readonly deadlineSeconds: number;
}

/** Loads the SDK and the credentials; fails when there are none. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { project, database, emulatorHost, deadlineSeconds } = options;
  // In a bundle, `import()` of a CommonJS package gives its exports as `default` alone.
  const { default: sdk } = await import('@google-cloud/firestore');
  const client: Client = new sdk.v1.FirestoreClient({
    projectId: project,
    ...(emulatorHost === undefined ? {} : emulatorOptions(emulatorHost, new sdk.v1.FirestoreClient())),
  });
  // The generated methods would start this themselves and leave its failure unhandled, which ends the process.
  await client.initialize();

  const path = `projects/${project}/databases/${database}`;
  const parent = `${path}/documents`;
  function call(): CallOptions {
    return {
      timeout: deadlineSeconds * 1000,
      retry: null,
      // For calls that stream their replies, whose own default is two more tries with seconds in between.
      retryRequestOptions: { retries: 0, noResponseRetries: 0 },
      otherArgs: {
        headers: {
          'google-cloud-resource-prefix': path,
          // The emulator takes this for an administrator; anybody else meets security rules.
          ...(emulatorHost === undefined ? {} : { authorization: 'Bearer owner' }),
        },
      },
    };
  }

  return {
    label: `${project}/${database}`,
    nameOf: (collection, id) => `${parent}/${collection}/${id}`,
    async batchGet(names, mask) {
      const request = {
        database: path,
        documents: [...names],
        ...(mask === undefined ? {} : { mask: { fieldPaths: [...mask] } }),
      };
      const found = new Map<string, StoredMessage>();
      for await (const reply of client.batchGetDocuments(request, call()) as AsyncIterable<BatchGetReply>) {
        if (reply.found) {
          found.set(reply.found.name, reply.found);
        }
      }
      return found;
    },
    async commit(writes) {
      const [reply] = (await client.commit({ database: path, writes: [...writes] }, call())) as [CommitReply];
      return writes.map((write, index) =>
        'delete' in write ? null : (reply.writeResults[index]?.updateTime ?? reply.commitTime),
      );
    },
    async batchWrite(writes) {
      const [reply] = (await client.batchWrite({ database: path, writes: [...writes] }, call())) as [BatchWriteReply];
      return writes.map((_, index) => (reply.status[index]?.code ?? 0) === 0);
    },
    async runQuery(query) {
      const documents: StoredMessage[] = [];
      for await (const reply of client.runQuery(
        { parent, structuredQuery: query },
        call(),
      ) as AsyncIterable<QueryReply>) {
        if (reply.document) {
          documents.push(reply.document);
        }
      }
      return documents;
    },
    close: () => client.close(),
  };
}

/**
 * The SDK takes a channel without TLS only as an object of its own gRPC, which it does not hand out: `unused`, a client that is never
 * started, has it.
 */
function emulatorOptions(emulatorHost: string, unused: object): Record<string, unknown> {
  const { hostname, port } = new URL(`http://${emulatorHost}`);
  const { _gaxGrpc } = unused as { _gaxGrpc: { grpc: { credentials: { createInsecure(): unknown } } } };
  return {
    servicePath: hostname,
    port: port === '' ? 80 : Number(port),
    sslCreds: _gaxGrpc.grpc.credentials.createInsecure(),
    // Otherwise it asks for credentials to learn whose cloud this is, and waits for a metadata server that is not there.
    clientOptions: { universeDomain: 'googleapis.com' },
  };
}

interface CallOptions {
  readonly timeout: number;
  readonly retry: null;
  readonly retryRequestOptions: { readonly retries: 0; readonly noResponseRetries: 0 };
  readonly otherArgs: { readonly headers: Readonly<Record<string, string>> };
}

/** What is used of the SDK's client, whose own types name every field of every message as optional. */
interface Client {
  initialize(): Promise<unknown>;
  batchGetDocuments(request: object, options: CallOptions): unknown;
  runQuery(request: object, options: CallOptions): unknown;
  commit(request: object, options: CallOptions): Promise<unknown>;
  batchWrite(request: object, options: CallOptions): Promise<unknown>;
  close(): Promise<void>;
}

interface BatchGetReply {
  readonly found?: StoredMessage | null;
}

interface CommitReply {
  readonly writeResults: readonly { readonly updateTime: Timestamp | null }[];
  readonly commitTime: Timestamp;
}

interface BatchWriteReply {
  readonly status: readonly { readonly code: number }[];
}

interface QueryReply {
  readonly document?: StoredMessage | null;
}
