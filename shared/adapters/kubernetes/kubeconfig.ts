// Who we are and where the API server is: kubeconfig, in-cluster account, exec plugins, certificates, through Kubernetes'
// own client. Imported lazily, at the first call that plain-access.ts cannot serve. It sends nothing itself.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import type { RequestOptions } from 'node:https';
import path from 'node:path';
// The package's main entry loads 600 generated models that are not used: 0.3 s of every start that is not bundled.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { ConfigurationError } from '../../core/errors.ts';
import {
  type Access,
  type Admission,
  type AccessSource,
  keepAliveAgents,
  kubeconfigRemedies,
  serverAddress,
  type TlsMaterial,
} from './admission.ts';

/** Reads the kubeconfig anew, so that credentials that were renewed on disk or by a plugin are seen. */
export async function loadAccess(source: AccessSource): Promise<Access> {
  const config = await readKubeconfig(source);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new ConfigurationError(
      `The context ${quoted(config.currentContext)} of the kubeconfig names a cluster that is not there.`,
      { remedy: `Choose one of these contexts: ${contextNames(config)}.` },
    );
  }
  const server = serverAddress(cluster.server);
  if (server === undefined) {
    throw new ConfigurationError(`The kubeconfig gives the cluster ${quoted(cluster.name)} no http or https address.`, {
      remedy: 'Set clusters[].cluster.server to the address that kubectl cluster-info prints.',
    });
  }
  const keepAlive = keepAliveAgents(server.protocol);
  async function askForAdmission(): Promise<Admission> {
    const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw credentialFailure(config, error);
    }
    const { agent, auth, headers } = options;
    const isProxied = cluster?.proxyUrl !== undefined && agent instanceof HttpAgent;
    return {
      agent: isProxied ? agent : keepAlive(tlsMaterial(options)),
      // A token file may end with a line feed, which no header can hold.
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.trim()])),
      auth: auth ?? undefined,
    };
  }
  let pending: Promise<Admission> | undefined;
  return {
    server,
    context: config.currentContext,
    remedies: kubeconfigRemedies(config.currentContext),
    // Calls that begin together share one answer: an exec plugin is a process of its own.
    admission: () => (pending ??= askForAdmission().finally(() => (pending = undefined))),
  };
}

async function readKubeconfig(source: AccessSource): Promise<KubeConfig> {
  const config = new KubeConfig();
  try {
    if (source.kubeconfig === undefined) {
      config.loadFromDefault();
    } else {
      await loadFiles(config, source.kubeconfig);
    }
  } catch (error) {
    throw new ConfigurationError(
      `The kubeconfig${source.kubeconfig === undefined ? '' : ` ${source.kubeconfig}`} cannot be read: ${firstLine(error)}.`,
      { remedy: 'Check the path and that kubectl config view accepts the file.', cause: error },
    );
  }
  if (source.kubeconfig === undefined && config.currentContext === 'loaded-context') {
    // What the client falls back to when it has found nothing: http://localhost:8080.
    throw new ConfigurationError('No kubeconfig was found, and this does not run in a cluster.', {
      remedy: 'Set KUBECONFIG to the path of a kubeconfig, or put one at ~/.kube/config.',
    });
  }
  if (source.context !== undefined) {
    config.setCurrentContext(source.context);
  }
  if (config.getContextObject(config.currentContext) === null) {
    const wanted =
      config.currentContext === undefined || config.currentContext === '' ? '' : quoted(config.currentContext);
    throw new ConfigurationError(
      wanted === '' ? 'The kubeconfig has no current context.' : `The kubeconfig has no context ${wanted}.`,
      { remedy: `Choose one of these contexts: ${contextNames(config)}.` },
    );
  }
  // The client refuses plain http unless TLS checks are off. There is no TLS to check: kubectl proxy listens on loopback.
  config.clusters = config.clusters.map((one) =>
    one.server.startsWith('http:') ? { ...one, skipTLSVerify: true } : one,
  );
  config.users = config.users.map((user) => ({ ...user, exec: withExecInfo(user.exec) as unknown }));
  return config;
}

/** A path, or a list of them as KUBECONFIG may hold: as with kubectl the first one that names a thing wins, and a list may have gaps. */
async function loadFiles(config: KubeConfig, paths: string): Promise<void> {
  const files = paths.split(path.delimiter).filter((file) => file !== '');
  const there = files.length === 1 ? files : files.filter((file) => existsSync(file));
  const [first, ...rest] = there;
  if (first === undefined) {
    throw new Error('none of its files is there');
  }
  await readFile(first); // A clear "not there" before the parser's words.
  config.loadFromFile(first);
  for (const file of rest) {
    const next = new KubeConfig();
    next.loadFromFile(file);
    config.clusters = merged(config.clusters, next.clusters);
    config.users = merged(config.users, next.users);
    config.contexts = merged(config.contexts, next.contexts);
    config.currentContext ||= next.currentContext;
  }
}

function merged<T extends { readonly name: string }>(first: T[], second: T[]): T[] {
  return [...first, ...second.filter(({ name }) => first.every((one) => one.name !== name))];
}

/**
 * kubectl tells an exec plugin by KUBERNETES_EXEC_INFO which version of its answer is wanted; Kubernetes' JavaScript client
 * does not, and some plugins then refuse. https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats
 */
function withExecInfo(exec: unknown): unknown {
  if (typeof exec !== 'object' || exec === null || !('apiVersion' in exec)) {
    return exec;
  }
  const env: unknown = 'env' in exec ? exec.env : undefined;
  const given: readonly unknown[] = Array.isArray(env) ? env : [];
  const value = JSON.stringify({ apiVersion: exec.apiVersion, kind: 'ExecCredential', spec: { interactive: false } });
  return { ...exec, env: [{ name: 'KUBERNETES_EXEC_INFO', value }, ...given] };
}

function tlsMaterial(options: RequestOptions): TlsMaterial {
  const { ca, cert, key, servername, rejectUnauthorized } = options;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function credentialFailure(config: KubeConfig, error: unknown): ConfigurationError {
  const user = config.getCurrentUser();
  const exec: unknown = user?.exec;
  const command =
    typeof exec === 'object' && exec !== null && 'command' in exec && typeof exec.command === 'string'
      ? exec.command
      : undefined;
  const who = `user ${quoted(user?.name ?? '')} of context ${quoted(config.currentContext)}`;
  if (command === undefined) {
    return new ConfigurationError(`The credentials of ${who} cannot be read: ${firstLine(error)}.`, {
      remedy: 'Check the files and the provider that the kubeconfig names for this user.',
      cause: error,
    });
  }
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return new ConfigurationError(
    isMissing
      ? `The credential plugin ${command} of ${who} is not installed here.`
      : `The credential plugin ${command} of ${who} failed: ${firstLine(error)}.`,
    {
      remedy: isMissing ? `Install ${command} and put it on the PATH.` : `Run ${command} by hand, or log in again.`,
      cause: error,
    },
  );
}

function contextNames(config: KubeConfig): string {
  const names = config.contexts.map(({ name }) => name);
  return names.length === 0 ? 'there is none in the file' : names.join(', ');
}

function quoted(name: string): string {
  return JSON.stringify(name);
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (message.trim().split('\n')[0] ?? '').slice(0, 300).replace(/\.$/, '');
}
