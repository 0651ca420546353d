// Requests of a test's own to a real API server: objects written and read as JSON, past the adapter that is under test.
// Credentials come from a kubeconfig, as a person's would.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { loadAccess } from '../../shared/adapters/kubernetes/kubeconfig.ts';
import type { Access } from '../../shared/adapters/kubernetes/admission.ts';

/** A Kubernetes object as the server speaks of it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface ApiReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  readonly body: unknown;
}

export interface ApiRequest {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

export interface ObjectName {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const FIELD_MANAGER = 'real-tier';
const UNTIL_SECONDS = 90;

export class KubernetesApi {
  readonly #access: Promise<Access>;
  readonly #resources = new Map<string, Promise<readonly ApiResource[]>>();

  constructor(kubeconfig: string) {
    this.#access = loadAccess({ kubeconfig });
    this.#access.catch(() => undefined);
  }

  /** The reply whatever its status. */
  async send(method: Method, path: string, request: ApiRequest = {}): Promise<ApiReply> {
    const access = await this.#access;
    const { agent, headers, auth } = await access.admission();
    const url = new URL(`${access.server.href.replace(/\/$/, '')}${path}`);
    url.search = new URLSearchParams(request.query).toString();
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    return new Promise((resolve, reject) => {
      const outgoing = (url.protocol === 'http:' ? httpRequest : httpsRequest)(
        url,
        {
          method,
          agent,
          headers: {
            accept: 'application/json',
            ...headers,
            ...(body === undefined
              ? {}
              : {
                  'content-type': request.contentType ?? 'application/json',
                  'content-length': String(Buffer.byteLength(body)),
                }),
          },
          ...(auth === undefined ? {} : { auth }),
        },
        (incoming) => {
          const parts: Buffer[] = [];
          incoming.on('data', (part: Buffer) => parts.push(part));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const text = Buffer.concat(parts).toString('utf8');
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, body: parsed(text) });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** The body of a reply that is a success; anything else fails with what the server said. */
  async call<T>(method: Method, path: string, request: ApiRequest = {}): Promise<T> {
    const reply = await this.send(method, path, request);
    if (reply.status < 200 || reply.status > 299) {
      throw new Error(`${method} ${path} was answered by ${String(reply.status)}: ${reply.text.slice(0, 1000)}`);
    }
    return reply.body as T;
  }

  async create<T extends KubernetesObject>(object: KubernetesObject): Promise<T> {
    return this.call('POST', await this.collectionOf(object), { body: object });
  }

  /** Server-side apply: creates the object or makes it so; other writers' fields are taken over. */
  async apply<T extends KubernetesObject>(object: KubernetesObject, subresource?: string): Promise<T> {
    return this.call('PATCH', await this.pathOf(object, subresource), {
      query: { fieldManager: FIELD_MANAGER, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: object,
    });
  }

  async read<T extends KubernetesObject>(name: ObjectName): Promise<T> {
    return this.call('GET', await this.pathOf(name));
  }

  /** A JSON merge patch: lists are replaced. */
  async merge<T extends KubernetesObject>(name: ObjectName, change: unknown, subresource?: string): Promise<T> {
    return this.call('PATCH', await this.pathOf(name, subresource), {
      query: { fieldManager: FIELD_MANAGER },
      contentType: 'application/merge-patch+json',
      body: change,
    });
  }

  async remove(name: ObjectName, body: unknown = {}): Promise<void> {
    await this.call('DELETE', await this.pathOf(name), { body });
  }

  async list<T extends KubernetesObject>(
    kind: { readonly apiVersion: string; readonly kind: string },
    namespace?: string,
    query?: Readonly<Record<string, string>>,
  ): Promise<readonly T[]> {
    const metadata = { name: '', ...(namespace === undefined ? {} : { namespace }) };
    const path = await this.collectionOf({ ...kind, metadata });
    const { items } = await this.call<{ readonly items: readonly T[] }>('GET', path, {
      ...(query === undefined ? {} : { query }),
    });
    return items;
  }

  async pathOf(name: ObjectName, subresource?: string): Promise<string> {
    const path = `${await this.collectionOf(name)}/${encodeURIComponent(name.metadata.name)}`;
    return subresource === undefined ? path : `${path}/${subresource}`;
  }

  async collectionOf({ apiVersion, kind, metadata }: ObjectName): Promise<string> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const resource = (await this.#served(root)).find((one) => one.kind === kind && !one.name.includes('/'));
    if (resource === undefined) {
      this.#resources.delete(root);
      throw new Error(`The API server serves no ${kind} of ${apiVersion}.`);
    }
    const { namespace } = metadata;
    const inNamespace = resource.namespaced && namespace !== undefined ? `/namespaces/${namespace}` : '';
    return `${root}${inNamespace}/${resource.name}`;
  }

  #served(root: string): Promise<readonly ApiResource[]> {
    const known = this.#resources.get(root);
    if (known !== undefined) {
      return known;
    }
    const asked = this.call<{ readonly resources: readonly ApiResource[] }>('GET', root).then(
      ({ resources }) => resources,
    );
    asked.catch(() => this.#resources.delete(root));
    this.#resources.set(root, asked);
    return asked;
  }
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Asks until the answer is the wanted one and gives it; fails with the last answer. Controllers need their time, and how much of
 * it is the machine's business: the limit is far above what they need.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  isWanted: (answer: T) => boolean,
  seconds: number = UNTIL_SECONDS,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) {
      return answer;
    }
    if (performance.now() > deadline) {
      throw new Error(`Not within ${String(seconds)} s: ${what}. Last seen: ${JSON.stringify(answer)?.slice(0, 3000)}`);
    }
    await delay(100);
  }
}
