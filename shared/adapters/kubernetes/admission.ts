// How one request is let in, the connections that this is done with, and what to do when it is not. Reads and sends nothing.
import { Agent as HttpAgent } from 'node:http';
import type { AgentOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { tls } from '../http/exchange.ts';
import type { Clock } from '../../ports/clock.ts';

/** Which kubeconfig and which of its contexts, or which GKE cluster. */
export interface AccessSource {
  /** Path or, as in KUBECONFIG, several; KUBECONFIG, ~/.kube/config or the pod's service account when absent. */
  readonly kubeconfig?: string;
  /** The file's current context when absent. */
  readonly context?: string;
  /** In place of a kubeconfig. */
  readonly gke?: GkeCluster;
}

export interface GkeCluster {
  readonly project: string;
  readonly location: string;
  readonly cluster: string;
  readonly endpoint: 'dns' | 'private' | 'public';
  /** Base address of Google's APIs, with {api} where the name of the API stands. */
  readonly apiUrl: string;
}

/** What finding the way in may use. */
export interface AccessSurroundings {
  readonly clock: Clock;
  readonly random: () => number;
}

/** What one request needs to be let in. */
export interface Admission {
  readonly agent: HttpAgent;
  readonly headers: Readonly<Record<string, string>>;
  /** user:password of basic authentication. */
  readonly auth: string | undefined;
}

/** What to do, for each thing that a source can have wrong. */
export interface AccessRemedies {
  readonly credentials: string;
  readonly address: string;
  readonly tls: string;
  /** The credentials were not ready in time. */
  readonly late: string;
}

export interface Access {
  /** Address of the API server, perhaps with a path; without credentials. */
  readonly server: URL;
  /** What is used, for messages: a context of a kubeconfig, or a GKE cluster. */
  readonly context: string;
  readonly remedies: AccessRemedies;
  admission(): Promise<Admission>;
}

export type TlsMaterial = Pick<AgentOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;

/** One agent as long as the certificates stay the same: connections are kept, and renewed certificates are used. */
export function keepAliveAgents(protocol: string): (material: TlsMaterial) => HttpAgent {
  let current: { readonly material: TlsMaterial; readonly agent: HttpAgent } | undefined;
  return (material) => {
    if (current === undefined || !isDeepStrictEqual(current.material, material)) {
      const agent =
        protocol === 'http:' ? new HttpAgent({ keepAlive: true }) : new (tls().Agent)({ keepAlive: true, ...material });
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

export function kubeconfigRemedies(context: string): AccessRemedies {
  return {
    credentials: `Renew the credentials of context ${JSON.stringify(context)} in the kubeconfig, or log in again.`,
    address: 'Check that the API server runs and that the kubeconfig has its present address.',
    tls: 'Check the certificate authority, the client certificate and the server name in the kubeconfig.',
    late: 'Run kubectl with this context once: its credential plugin may be waiting for an answer.',
  };
}
