// The real servers of tests/real as targets: a Kubernetes control plane with KWOK nodes and a VictoriaMetrics hold the namespaces that
// the embedded platform else shows. Chat and tracker, which nobody can run, stay embedded.
import { fork } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { mergeDeep } from '../../fixtures/platform/scenario.ts';
import type { Json } from '../../shared/core/json.ts';
import { startKubernetes } from '../../tests/real/kubernetes.ts';
import type { KubernetesObject } from '../../tests/real/kubernetes-api.ts';
import type { RealCluster } from '../../tests/real/kubernetes-cluster.ts';
import { aheadClock } from '../../tests/real/live.ts';
import { grantTo } from '../../tests/real/permissions.ts';
import { removeFolder, temporaryFolder } from '../../tests/real/server.ts';
import { type RealMetrics, startVictoriaMetrics } from '../../tests/real/victoriametrics.ts';
import type { Filling } from './filler.ts';
import type { CallCounts } from './platform.ts';
import { nodesFor } from './population.ts';
import { answerOf, embeddedTarget, type Target } from './target.ts';

const ACCOUNT = 'nightshift';

/** So many pods, shared out evenly over so many namespaces. */
export interface Size {
  readonly pods: number;
  readonly namespaces: number;
}

export interface RealServers {
  /** Namespaces of its own, which stay until the servers are closed. */
  target(size: Size): Promise<Target>;
  close(): Promise<void>;
}

/** `sizes`: all that are going to be asked for. */
export async function openRealServers(duty: string, sizes: readonly Size[]): Promise<RealServers> {
  const nodes = sizes.reduce((sum, size) => sum + nodesOf(size), 0);
  const [real, metrics] = await Promise.all([startKubernetes({ nodes }), startVictoriaMetrics()]);
  const folder = temporaryFolder('bench');
  let nextNode = 1;
  return {
    async target(size) {
      const firstNode = nextNode;
      nextNode += nodesOf(size);
      return realTarget({ duty, real, metrics, folder, size, firstNode });
    },
    async close() {
      await Promise.all([real.close(), metrics[Symbol.asyncDispose](), removeFolder(folder)]);
    },
  };
}

function nodesOf({ pods, namespaces }: Size): number {
  return namespaces * nodesFor(pods / namespaces);
}

interface Input {
  readonly duty: string;
  readonly real: RealCluster;
  readonly metrics: RealMetrics;
  readonly folder: string;
  readonly size: Size;
  readonly firstNode: number;
}

async function realTarget({ duty, real, metrics, folder, size, firstNode }: Input): Promise<Target> {
  // Ahead of the machine's clock, so that pods made a moment ago are old enough to be judged.
  const now = aheadClock
    .now()
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
  const { pods } = size;
  const namespaces: string[] = [];
  while (namespaces.length < size.namespaces) {
    namespaces.push(await real.createNamespace(`bench-${String(pods)}`));
  }
  const selector = await filled(
    { pods, now, namespaces, firstNode, kubeconfig: real.kubeconfig },
    { NIGHTSHIFT_REAL_METRICS_URL: metrics.url },
  );
  const [home = ''] = namespaces;
  const account = { namespace: home, name: ACCOUNT };
  await grantTo(real, account, namespaces, duty);
  const kubeconfig = await real.kubeconfigFor(account);
  const { token, authority } = await credentialsOf(kubeconfig);
  const authorityFile = path.join(folder, `authority-${home}.pem`);
  await writeFile(authorityFile, authority);

  const around = await embeddedTarget(0);
  const policyFile = path.join(folder, `policy-${home}.yaml`);
  const { NIGHTSHIFT_POLICY: embeddedPolicy = '', ...variables } = around.variables;
  const own = {
    clusters: { test: { metrics: { url: metrics.url, selector } } },
    duties: { [duty]: { scopes: [{ cluster: 'test', namespaces }] } },
  };
  await writeFile(policyFile, stringify(mergeDeep(parse(await readFile(embeddedPolicy, 'utf8')) as Json, own)));
  const counters = countersOf(real, metrics, `system:serviceaccount:${home}:${ACCOUNT}`);
  const sizes = size.namespaces === 1 ? await sizesOf(real, home) : undefined;
  return {
    pods,
    scopes: namespaces.map((namespace) => ({ cluster: 'test', namespace })),
    now,
    variables: {
      ...variables,
      NIGHTSHIFT_POLICY: policyFile,
      KUBECONFIG: kubeconfig,
      // The floor speaks by fetch, which reads no kubeconfig.
      NODE_EXTRA_CA_CERTS: authorityFile,
    },
    kubernetesUrl: real.url,
    kubernetesToken: token,
    metricsUrl: metrics.url,
    ...(sizes === undefined ? {} : { putBack: () => putBack(real, home, sizes) }),
    takeCalls: async () => ({ ...(await around.takeCalls?.()), ...(await counters()) }),
    close: () => around.close(),
  };
}

/**
 * Fills the namespace from a process of its own: a process that starts others hands its memory down as their first peak. Gives the
 * matcher that picks the samples.
 */
async function filled(filling: Filling, variables: Readonly<Record<string, string>>): Promise<string> {
  const child = fork(path.join(import.meta.dirname, 'filler.ts'), [JSON.stringify(filling)], {
    env: { ...process.env, ...variables },
    execArgv: [],
  });
  try {
    return (await answerOf(child)) as string;
  } finally {
    child.kill();
  }
}

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly 'certificate-authority-data'?: string } }];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

async function credentialsOf(file: string): Promise<{ readonly token: string; readonly authority: string }> {
  const { clusters, users } = JSON.parse(await readFile(file, 'utf8')) as Kubeconfig;
  const authority = Buffer.from(clusters[0].cluster['certificate-authority-data'] ?? '', 'base64').toString('utf8');
  return { token: users[0].user.token, authority };
}

/** Counts since the last time, as the servers have counted: from the audit log, and from VictoriaMetrics' own metrics. */
function countersOf(real: RealCluster, metrics: RealMetrics, user: string): () => Promise<CallCounts> {
  let audited = 0;
  let queried: CallCounts = {};
  return async () => {
    const counts: Record<string, number> = {};
    if (real.own !== undefined) {
      const events = await real.auditOf(user);
      for (const { verb, requestURI, objectRef } of events.slice(audited)) {
        const { resource, subresource } = objectRef ?? {};
        const what = resource ?? new URL(requestURI, real.url).pathname;
        const name = `kubernetes ${verb} ${what}${subresource === undefined ? '' : `/${subresource}`}`;
        counts[name] = (counts[name] ?? 0) + 1;
      }
      audited = events.length;
    }
    const before = queried;
    queried = await queriesOf(metrics.url);
    for (const [name, count] of Object.entries(queried)) {
      if (count > (before[name] ?? 0)) {
        counts[name] = count - (before[name] ?? 0);
      }
    }
    return counts;
  };
}

/** The server shows its counters as they were up to five seconds ago. */
const STALE_MILLISECONDS = 6000;

async function queriesOf(metricsUrl: string): Promise<CallCounts> {
  await delay(STALE_MILLISECONDS);
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  return Object.fromEntries(
    [...text.matchAll(/^vm_http_requests_total\{path="(\/api\/v1\/query(?:_range)?)"\} (\d+)$/gm)].map(
      ([, operation = '', count]) => [`victoriametrics ${operation}`, Number(count)],
    ),
  );
}

interface Sized extends KubernetesObject {
  readonly spec: { readonly containers: readonly { readonly name: string; readonly resources: unknown }[] };
}

/** The containers of each pod with their sizes, by its name. */
type Sizes = ReadonlyMap<string, readonly { readonly name: string; readonly resources: unknown }[]>;

async function sizesOf({ api }: RealCluster, namespace: string): Promise<Sizes> {
  const pods = await api.list<Sized>({ apiVersion: 'v1', kind: 'Pod' }, namespace);
  return new Map(
    pods.map(({ metadata, spec }) => [
      metadata.name,
      spec.containers.map(({ name, resources }) => ({ name, resources })),
    ]),
  );
}

/** Sizes become what they were, and the record of who changed them goes: a resize cuts off what is counted before it. */
async function putBack(real: RealCluster, namespace: string, original: Sizes): Promise<void> {
  const now = await sizesOf(real, namespace);
  for (const [name, containers] of original) {
    if (JSON.stringify(now.get(name)) !== JSON.stringify(containers)) {
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace } };
      const path = await real.api.pathOf(pod, 'resize');
      await real.api.call('PATCH', path, {
        contentType: 'application/strategic-merge-patch+json',
        body: { spec: { containers } },
      });
      await real.api.merge(pod, { metadata: { managedFields: [{}] } });
    }
  }
}
