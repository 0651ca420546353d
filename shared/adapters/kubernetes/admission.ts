// How one request is let in, and the connections that this is done with. Reads no kubeconfig and sends nothing.
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';

/** Which kubeconfig, and which of its contexts. */
export interface KubeconfigSource {
  /** Path or, as in KUBECONFIG, several; KUBECONFIG, ~/.kube/config or the pod's service account when absent. */
  readonly kubeconfig?: string;
  /** The file's current context when absent. */
  readonly context?: string;
}

/** What one request needs to be let in. */
export interface Admission {
  readonly agent: HttpAgent;
  readonly headers: Readonly<Record<string, string>>;
  /** user:password of basic authentication. */
  readonly auth: string | undefined;
}

export interface Access {
  /** Address of the API server, perhaps with a path; without credentials. */
  readonly server: URL;
  /** The context that is used, for messages. */
  readonly context: string;
  admission(): Promise<Admission>;
}

export type TlsMaterial = Pick<AgentOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;

/** One agent as long as the certificates stay the same: connections are kept, and renewed certificates are used. */
export function keepAliveAgents(protocol: string): (material: TlsMaterial) => HttpAgent {
  let current: { readonly material: TlsMaterial; readonly agent: HttpAgent } | undefined;
  return (material) => {
    if (current === undefined || !isDeepStrictEqual(current.material, material)) {
      const agent =
        protocol === 'http:' ? new HttpAgent({ keepAlive: true }) : new HttpsAgent({ keepAlive: true, ...material });
      current = { material, agent };
    }
    return current.agent;
  };
}

/** The address of a cluster without credentials; undefined when it is no http or https address. */
export function serverAddress(address: string): URL | undefined {
  const server = URL.parse(address);
  if (server === null || (server.protocol !== 'http:' && server.protocol !== 'https:')) {
    return undefined;
  }
  server.username = '';
  server.password = '';
  return server;
}
