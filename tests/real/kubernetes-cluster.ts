// What a test does with a real cluster: namespaces and identities of its own, another writer, the audit log. Starts no server.
import { createSign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type KubernetesApi, type KubernetesObject, type ObjectName, until } from './kubernetes-api.ts';

/** What only a cluster of our own has. */
export interface OwnCluster {
  readonly auditLog: string;
  readonly etcdUrl: string;
  /** PEM of the key that signs service account tokens. */
  readonly signingKey: string;
}

export interface RealCluster extends AsyncDisposable {
  readonly url: string;
  /** Path, of an administrator. */
  readonly kubeconfig: string;
  /** As an administrator. */
  readonly api: KubernetesApi;
  /** Absent for a cluster that was only lent: no audit log, real kubelets, and nothing may be broken. */
  readonly own: OwnCluster | undefined;
  /** A namespace that is there only for this test, ready for pods; it is deleted with the cluster's close. */
  createNamespace(prefix: string): Promise<string>;
  /** An object of the whole cluster; it is deleted with the cluster's close. */
  createForCluster(object: KubernetesObject): Promise<void>;
  /** Path of a kubeconfig with a fresh token of a service account, which is made when it is not there. */
  kubeconfigFor(account: ServiceAccountName): Promise<string>;
  /** Path of a kubeconfig with any token or none, for this cluster or an address that forwards to it. */
  writeKubeconfig(token: string | undefined, server?: string): Promise<string>;
  /** All requests of a user that the API server has answered, oldest first. */
  auditOf(user: string): Promise<readonly AuditEvent[]>;
  /** What the servers wrote last. */
  log(): string;
  close(): Promise<void>;
}

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

export interface ClusterInput {
  readonly admin: KubernetesApi;
  readonly url: string;
  readonly kubeconfig: string;
  readonly certificateAuthority: string | undefined;
  readonly folder: string;
  readonly own?: OwnCluster;
  readonly log: () => string;
  readonly close: () => Promise<void>;
}

export function clusterAt(input: ClusterInput): RealCluster {
  const { admin, folder } = input;
  const made: ObjectName[] = [];
  let files = 0;

  async function writeKubeconfig(token: string | undefined, server: string = input.url): Promise<string> {
    files += 1;
    const file = path.join(folder, `kubeconfig-${String(files)}`);
    const isForwarded = server !== input.url;
    const text = kubeconfigText(server, isForwarded ? undefined : input.certificateAuthority, token);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  }

  async function close(): Promise<void> {
    if (input.own === undefined) {
      await Promise.all(made.map((object) => admin.remove(object)));
    }
    await input.close();
  }

  return {
    url: input.url,
    kubeconfig: input.kubeconfig,
    api: admin,
    own: input.own,
    async createNamespace(prefix) {
      const { metadata } = await admin.create({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { generateName: `${prefix}-` } as unknown as KubernetesObject['metadata'],
      });
      made.push({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: metadata.name } });
      await until(
        `namespace ${metadata.name} has its service account`,
        () => admin.send('GET', `/api/v1/namespaces/${metadata.name}/serviceaccounts/default`),
        ({ status }) => status === 200,
      );
      return metadata.name;
    },
    async createForCluster(object) {
      await admin.create(object);
      made.push(object);
    },
    async kubeconfigFor({ namespace, name }) {
      await admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } });
      const { status } = await admin.call<{ readonly status: { readonly token: string } }>(
        'POST',
        `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
        { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } } },
      );
      return writeKubeconfig(status.token);
    },
    writeKubeconfig,
    async auditOf(user) {
      if (input.own === undefined) {
        throw new Error('A cluster that was lent shows no audit log.');
      }
      const lines = (await readFile(input.own.auditLog, 'utf8')).split('\n');
      return lines
        .filter((line) => line.includes(user))
        .map((line) => JSON.parse(line) as AuditEvent)
        .filter((event) => event.user.username === user);
    },
    log: input.log,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A kubeconfig with one context; `authority` is the PEM of whom the server's certificate is signed by. */
export function kubeconfigText(server: string, authority: string | undefined, token: string | undefined): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'real',
        cluster: {
          server,
          ...(authority === undefined
            ? {}
            : { 'certificate-authority-data': Buffer.from(authority).toString('base64') }),
        },
      },
    ],
    users: [{ name: 'user', user: token === undefined ? {} : { token } }],
    contexts: [{ name: 'real', context: { cluster: 'real', user: 'user' } }],
    'current-context': 'real',
  });
}

/** A token of the service account that was good until an hour ago. */
export function expiredToken(own: OwnCluster, account: ServiceAccountName, now: Date): string {
  const seconds = Math.floor(now.getTime() / 1000);
  const claims = {
    iss: 'https://kubernetes.default.svc',
    aud: ['https://kubernetes.default.svc'],
    sub: `system:serviceaccount:${account.namespace}:${account.name}`,
    iat: seconds - 7200,
    nbf: seconds - 7200,
    exp: seconds - 3600,
    'kubernetes.io': { namespace: account.namespace, serviceaccount: { name: account.name, uid: 'unknown' } },
  };
  const text = [{ alg: 'RS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${createSign('RSA-SHA256').update(text).sign(own.signingKey, 'base64url')}`;
}

/** Throws away etcd's history, as it does by itself every five minutes: `continue` tokens of older lists then expire. */
export async function compact(own: OwnCluster): Promise<void> {
  const { header } = (await etcdCall(own, '/v3/kv/range', { key: Buffer.from('/registry').toString('base64') })) as {
    readonly header: { readonly revision: string };
  };
  await etcdCall(own, '/v3/kv/compaction', { revision: header.revision, physical: true });
}

async function etcdCall(own: OwnCluster, at: string, body: unknown): Promise<unknown> {
  const reply = await fetch(`${own.etcdUrl}${at}`, { method: 'POST', body: JSON.stringify(body) });
  if (!reply.ok) {
    throw new Error(`etcd answered ${at} with ${String(reply.status)}: ${await reply.text()}`);
  }
  return reply.json();
}
