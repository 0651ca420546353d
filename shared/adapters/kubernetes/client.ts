// Calls to one API server: loads the credentials at the first one, sends, tries again what may be tried again, and fails
// with a PlatformError. It knows HTTP and Kubernetes' refusals, and none of its objects.
import { ConfigurationError, PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { exchange, ExchangeError, type Exchanged } from '../http/exchange.ts';
import { isTransient, retryAfterSeconds, waitMilliseconds } from '../http/retry.ts';
import { openAccess } from './access.ts';
import type { Access, AccessSource, Admission } from './admission.ts';
import { type CallContext, connectionFailure, malformedFailure, statusFailure } from './failure.ts';

/** Built-in kinds come as protobuf, at half the cost; what is served by others (custom resources, aggregated APIs) as JSON. */
const ACCEPT_ANY = 'application/vnd.kubernetes.protobuf, application/json';
const ACCEPT_JSON = 'application/json';

/** One blip and one bad instance behind a balancer are survived, an outage is not prolonged. */
const ATTEMPTS = 3;

export interface Call extends CallContext {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Absolute, with its parts encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept: 'any' | 'json';
  /** Statuses, besides 2xx, that are answers and no failures. */
  readonly answers?: readonly number[];
}

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  /** The Date header, ISO. */
  readonly date: string | null;
  readonly body: Buffer;
}

export interface ClientOptions extends AccessSource {
  readonly userAgent: string;
  /** For one attempt: connection, credentials and the whole reply. */
  readonly deadlineSeconds: number;
  readonly clock: Clock;
  /** Random number in [0, 1), for the jitter. */
  readonly random: () => number;
}

export class KubernetesClient {
  readonly #options: ClientOptions;
  #access: Promise<Access> | undefined;
  #server: string | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Known once the first call has found it; the name of what is looked for till then. */
  get server(): string {
    const { gke, context } = this.#options;
    return (
      this.#server ??
      (gke === undefined
        ? `context ${context ?? '(current)'} of the kubeconfig`
        : `GKE cluster ${gke.project}/${gke.location}/${gke.cluster}`)
    );
  }

  /** Sends the call and reads its reply. */
  async call<T>(call: Call, read: (reply: Reply) => T): Promise<T> {
    const reply = await this.send(call);
    return this.read(call, reply, () => read(reply));
  }

  /** Runs `read`, which turns a reply into a value; what it throws for a reply that makes no sense becomes a PlatformError. */
  read<T>(call: Call, reply: Reply, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw error instanceof PlatformError ? error : malformedFailure(call, reply.status, reply.contentType, error);
    }
  }

  /** The reply to the call, of a 2xx status or one that the call names as an answer. */
  async send(call: Call): Promise<Reply> {
    let hasRenewed = false;
    for (let attempt = 1; ; attempt += 1) {
      const access = this.#open();
      const outcome = await this.#attempt(call, await access);
      if (!(outcome instanceof PlatformError)) {
        return outcome;
      }
      if (outcome.failure.status === 401 && !hasRenewed) {
        hasRenewed = true;
        attempt -= 1;
        this.#renew(access);
        continue;
      }
      if (isUnreached(outcome)) {
        this.#renew(access); // Address and authority may have moved: the next call asks for them anew.
      }
      const { applied, retryAfterSeconds: asked } = outcome.failure;
      const mayRepeat = applied === 'no' && isTransient(outcome) && attempt < ATTEMPTS;
      const wait = mayRepeat ? waitMilliseconds(attempt, asked, this.#options.random) : undefined;
      if (wait === undefined) {
        throw outcome;
      }
      await this.#options.clock.sleep(wait);
    }
  }

  #open(): Promise<Access> {
    this.#access ??= this.#load();
    return this.#access;
  }

  async #load(): Promise<Access> {
    try {
      const access = await openAccess(this.#options, this.#options);
      this.#server = access.server.href.replace(/\/$/, '');
      return access;
    } catch (error) {
      this.#access = undefined; // A file that is mended is seen by the next call.
      throw error;
    }
  }

  /** Forgets credentials that were refused; calls that met the same refusal together renew them once. */
  #renew(refused: Promise<Access>): void {
    if (this.#access === refused) {
      this.#access = undefined;
    }
  }

  async #attempt(call: Call, access: Access): Promise<Reply | PlatformError> {
    const { deadlineSeconds } = this.#options;
    const url = requestUrl(access.server, call);
    try {
      const deadline = performance.now() + deadlineSeconds * 1000;
      const admission = await admissionWithin(access, deadlineSeconds * 1000);
      const exchanged = await exchange({
        method: call.method,
        url,
        headers: { ...this.#headers(call), ...admission.headers },
        deadlineMilliseconds: Math.max(1, deadline - performance.now()),
        agent: admission.agent,
        ...(admission.auth === undefined ? {} : { auth: admission.auth }),
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      });
      return this.#judge(call, access, exchanged);
    } catch (error) {
      if (error instanceof ExchangeError) {
        return connectionFailure(call, error, { host: url.host, deadlineSeconds, remedies: access.remedies });
      }
      throw error;
    }
  }

  #judge(call: Call, access: Access, exchanged: Exchanged): Reply | PlatformError {
    const { status, headers, body } = exchanged;
    const contentType = headers.get('content-type') ?? '';
    if ((status >= 200 && status < 300) || call.answers?.includes(status) === true) {
      const sentAt = Date.parse(headers.get('date') ?? '');
      return { status, contentType, body, date: Number.isNaN(sentAt) ? null : new Date(sentAt).toISOString() };
    }
    return statusFailure(call, {
      status,
      contentType,
      body,
      retryAfterSeconds: retryAfterSeconds(headers, this.#options.clock.now()),
      credentialsRemedy: access.remedies.credentials,
    });
  }

  #headers(call: Call): Record<string, string> {
    return {
      accept: call.accept === 'any' ? ACCEPT_ANY : ACCEPT_JSON,
      'user-agent': this.#options.userAgent,
      ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
    };
  }
}

/** Neither the head of a reply came nor can the request have been worked on: no connection, or no TLS. */
function isUnreached({ failure }: PlatformError): boolean {
  return failure.status === undefined && failure.applied === 'no';
}

/** A credential plugin that waits for a person would otherwise wait for ever. */
async function admissionWithin(access: Access, milliseconds: number): Promise<Admission> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const seconds = milliseconds / 1000;
      reject(
        new ConfigurationError(`The credentials of context ${access.context} were not ready within ${seconds} s.`, {
          remedy: access.remedies.late,
        }),
      );
    }, milliseconds);
  });
  try {
    return await Promise.race([access.admission(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function requestUrl(server: URL, call: Call): URL {
  const url = new URL(server);
  url.pathname = `${server.pathname.replace(/\/$/, '')}${call.path}`;
  url.search = new URLSearchParams(call.query).toString();
  return url;
}
