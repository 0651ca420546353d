// The kubeconfig of a deployed function, read without Kubernetes' own client, which is half of all code that a run loads: one file,
// an address, and a token, a password or certificates that stand in it. It knows only what it is sure of. All else (plugins, proxies,
// other files, fields that are not listed here, every mistake) it leaves to kubeconfig.ts, and so it has no messages of its own.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  type Access,
  type AccessSource,
  keepAliveAgents,
  kubeconfigRemedies,
  serverAddress,
  type TlsMaterial,
} from './admission.ts';

const text = z.string().min(1);

const Cluster = z.lazy(() =>
  z.strictObject({
    server: text,
    'certificate-authority-data': z.base64().optional(),
    'insecure-skip-tls-verify': z.boolean().optional(),
    'tls-server-name': text.optional(),
  }),
);

const User = z.lazy(() =>
  z.strictObject({
    token: text.optional(),
    'client-certificate-data': z.base64().optional(),
    'client-key-data': z.base64().optional(),
    username: text.optional(),
    password: text.optional(),
  }),
);

// Other contexts may use what is not known here: only the chosen one is held to the two above.
const Kubeconfig = z.lazy(() =>
  z.object({
    clusters: z.array(z.object({ name: text, cluster: z.object({ server: text }).loose() })),
    users: z.array(z.object({ name: text, user: z.record(z.string(), z.unknown()) })),
    contexts: z.array(z.object({ name: text, context: z.object({ cluster: text, user: text }) })),
    'current-context': z.string().optional(),
  }),
);

/** Access as the file says; undefined where it asks for more than this reader knows. */
export async function plainAccess(source: AccessSource): Promise<Access | undefined> {
  const { kubeconfig: file } = source;
  if (file === undefined || file.includes(path.delimiter)) {
    return undefined;
  }
  const config = await readConfig(file);
  const wanted = source.context ?? config?.['current-context'];
  const context = config?.contexts.find(({ name }) => name === wanted);
  const cluster = Cluster.safeParse(config?.clusters.find(({ name }) => name === context?.context.cluster)?.cluster);
  const user = User.safeParse(config?.users.find(({ name }) => name === context?.context.user)?.user);
  const server = cluster.success ? serverAddress(cluster.data.server) : undefined;
  if (context === undefined || !cluster.success || !user.success || server === undefined) {
    return undefined;
  }
  const { token, username, password } = user.data;
  const admission = {
    agent: keepAliveAgents(server.protocol)(tlsMaterial(cluster.data, user.data)),
    headers: token === undefined ? {} : { Authorization: `Bearer ${token.trim()}` },
    auth: username === undefined ? undefined : `${username}:${password ?? ''}`,
  };
  return {
    server,
    context: context.name,
    remedies: kubeconfigRemedies(context.name),
    admission: () => Promise.resolve(admission),
  };
}

async function readConfig(file: string): Promise<z.infer<typeof Kubeconfig> | undefined> {
  try {
    return Kubeconfig.safeParse(parse(await readFile(file, 'utf8'))).data;
  } catch {
    return undefined; // kubeconfig.ts meets the same and says it.
  }
}

function tlsMaterial(cluster: z.infer<typeof Cluster>, user: z.infer<typeof User>): TlsMaterial {
  const ca = decoded(cluster['certificate-authority-data']);
  const cert = decoded(user['client-certificate-data']);
  const key = decoded(user['client-key-data']);
  const servername = cluster['tls-server-name'];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(cluster['insecure-skip-tls-verify'] === true ? { rejectUnauthorized: false } : {}),
  };
}

function decoded(data: string | undefined): Buffer | undefined {
  return data === undefined ? undefined : Buffer.from(data, 'base64');
}
