// The part of Cloud Storage's JSON API that Terraform's gcs backend uses, over objects in memory: list, read, write, delete, and the
// precondition by which the lock is taken. https://cloud.google.com/storage/docs/json_api/v1/objects
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StateBucket extends AsyncDisposable {
  /** For GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT. */
  readonly url: string;
  readonly name: string;
  readonly objects: ReadonlyMap<string, string>;
  /** Names of objects in the order in which they were written. */
  readonly written: readonly string[];
}

interface Stored {
  readonly text: string;
  readonly generation: number;
}

export async function startStateBucket(name: string): Promise<StateBucket> {
  const stored = new Map<string, Stored>();
  const written: string[] = [];
  let generation = 0;
  const reply = (response: ServerResponse, status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const refused = (response: ServerResponse, code: number, message: string): void => {
    reply(response, code, { error: { code, message, errors: [{ reason: message, message }] } });
  };
  const described = (object: string, { text, generation: own }: Stored): object => ({
    kind: 'storage#object',
    name: object,
    bucket: name,
    generation: String(own),
    size: String(Buffer.byteLength(text)),
  });
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '', 'http://bucket');
      const body = await textOf(request);
      // Content is read by the older XML API, whose path has no /o/.
      const isContent = !url.pathname.includes('/b/');
      const object = decodeURIComponent(
        (isContent ? url.pathname.split(`/${name}/`)[1] : /\/o\/([^/]+)$/.exec(url.pathname)?.[1]) ?? '',
      );
      const found = stored.get(object);
      if (request.method === 'POST' && url.pathname.endsWith('/o')) {
        const { metadata, media } = multipartOf(request.headers['content-type'] ?? '', body);
        const target = url.searchParams.get('name') ?? metadata.name;
        if (url.searchParams.get('ifGenerationMatch') === '0' && stored.has(target)) {
          refused(response, 412, 'conditionNotMet');
          return;
        }
        generation += 1;
        const fresh = { text: media, generation };
        stored.set(target, fresh);
        written.push(target);
        reply(response, 200, described(target, fresh));
      } else if (url.pathname.endsWith('/o')) {
        const prefix = url.searchParams.get('prefix') ?? '';
        const items = [...stored].filter(([key]) => key.startsWith(prefix)).map(([key, one]) => described(key, one));
        reply(response, 200, { kind: 'storage#objects', items });
      } else if (found === undefined) {
        refused(response, 404, 'notFound');
      } else if (request.method === 'DELETE') {
        stored.delete(object);
        response.writeHead(204).end();
      } else if (isContent) {
        response.writeHead(200, { 'x-goog-generation': String(found.generation) }).end(found.text);
      } else {
        reply(response, 200, described(object, found));
      }
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}/storage/v1/`,
    name,
    get objects() {
      return new Map([...stored].map(([key, { text }]) => [key, text]));
    },
    written,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An upload in one request has two parts: the description of the object, and its content. */
function multipartOf(contentType: string, body: string): { metadata: { readonly name: string }; media: string } {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1] ?? '';
  const [metadata = '{}', media = ''] = body
    .split(`--${boundary}`)
    .slice(1, 3)
    .map((part) => part.slice(part.indexOf('\r\n\r\n') + 4).replace(/\r\n$/, ''));
  return { metadata: JSON.parse(metadata) as { name: string }, media };
}
