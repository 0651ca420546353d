// A real Kubernetes control plane for tests: etcd, API server with RBAC and audit log, controller manager, scheduler, and KWOK in
// place of kubelets. Or the cluster that KUBECONFIG names, when NIGHTSHIFT_REAL_KUBECONFIG is set.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { selfSigned } from '../adapters/kubernetes/certificate.ts';
import { binary } from './binaries.ts';
import { KubernetesApi, type KubernetesObject, until } from './kubernetes-api.ts';
import { clusterAt, kubeconfigText, type RealCluster } from './kubernetes-cluster.ts';
import { removeFolder, type Server, startServer, temporaryFolder } from './server.ts';

export interface KubernetesOptions {
  /** How many KWOK nodes there are, each with room for 64 GiB and 32 cores; 3 when absent. */
  readonly nodes?: number;
  /** More arguments for the API server. */
  readonly apiServerArgs?: readonly string[];
}

const ADDRESS = '127.0.0.1';

/** Who may come in without a certificate: API server's static tokens, made anew for each cluster. */
const COMPONENTS = {
  admin: ['admin', 'system:masters'],
  controllers: ['system:kube-controller-manager', ''],
  scheduler: ['system:kube-scheduler', ''],
  kwok: ['kwok', 'system:masters'],
} as const;
type Component = keyof typeof COMPONENTS;

export async function startKubernetes(options: KubernetesOptions = {}): Promise<RealCluster> {
  if ((process.env['NIGHTSHIFT_REAL_KUBECONFIG'] ?? '') !== '') {
    return clusterOfEnvironment();
  }
  const folder = temporaryFolder('kubernetes');
  const servers: Server[] = [];
  async function close(): Promise<void> {
    // The last ones first: a controller that loses its API server fills a log for nothing.
    await Promise.all(servers.toReversed().map((server) => server.close()));
    await removeFolder(folder);
  }
  try {
    return await launch(folder, servers, close, options);
  } catch (error) {
    await close();
    throw error;
  }
}

async function launch(
  folder: string,
  servers: Server[],
  close: () => Promise<void>,
  options: KubernetesOptions,
): Promise<RealCluster> {
  async function start(...[server]: Parameters<typeof startServer>): Promise<Server> {
    const started = await startServer(server);
    servers.push(started);
    return started;
  }
  const etcd = await start(await etcdServer());
  const etcdUrl = `http://${ADDRESS}:${String(etcd.ports[0])}`;
  const files = await writeFiles(folder);
  const auditLog = path.join(folder, 'audit.log');
  const apiServer = await start(await apiServerOf(files, etcdUrl, auditLog, options.apiServerArgs ?? []));
  const url = `https://${ADDRESS}:${String(apiServer.ports[0])}`;
  const kubeconfigs = await writeKubeconfigs(folder, url, files);
  const admin = new KubernetesApi(kubeconfigs.admin);
  await Promise.all([
    createNodes(admin, options.nodes ?? 3),
    start(await controllerManagerOf(kubeconfigs.controllers, files)),
    start(await schedulerOf(kubeconfigs.scheduler, folder)),
    start(await kwokOf(kubeconfigs.kwok)),
  ]);
  const cluster = clusterAt({
    admin,
    url,
    kubeconfig: kubeconfigs.admin,
    certificateAuthority: files.certificate,
    folder,
    own: { auditLog, etcdUrl, signingKey: files.serviceAccountKey },
    log: () => servers.map((server) => `--- ${server.name}\n${server.log(25)}`).join('\n'),
    close,
  });
  await waitForControllers(admin);
  return cluster;
}

async function etcdServer(): Promise<Parameters<typeof startServer>[0]> {
  return {
    name: 'etcd',
    command: await binary('etcd'),
    portCount: 2,
    args: ({ ports: [client, peer], folder }) => [
      '--name=real',
      `--data-dir=${folder}/data`,
      `--listen-client-urls=http://${ADDRESS}:${String(client)}`,
      `--advertise-client-urls=http://${ADDRESS}:${String(client)}`,
      `--listen-peer-urls=http://${ADDRESS}:${String(peer)}`,
      `--initial-advertise-peer-urls=http://${ADDRESS}:${String(peer)}`,
      `--initial-cluster=real=http://${ADDRESS}:${String(peer)}`,
      // The data is thrown away: waiting for the disk would protect nothing.
      '--unsafe-no-fsync',
      '--quota-backend-bytes=4294967296',
      '--log-level=warn',
    ],
    ready: async ([client]) => (await fetch(`http://${ADDRESS}:${String(client)}/health`)).ok,
  };
}

interface Files {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly serviceAccountKeyFile: string;
  readonly tokenFile: string;
  readonly auditPolicyFile: string;
  /** PEM. */
  readonly certificate: string;
  readonly serviceAccountKey: string;
  readonly tokens: Readonly<Record<Component, string>>;
}

/** Nothing is logged of what plays the cluster itself; of everybody else the bare facts of every request. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', userGroups: ['system:masters', 'system:nodes', 'system:serviceaccounts:kube-system'] },
    { level: 'None', users: ['system:kube-controller-manager', 'system:kube-scheduler', 'system:apiserver'] },
    { level: 'Metadata' },
  ],
};

async function writeFiles(folder: string): Promise<Files> {
  const { cert, key } = selfSigned('nightshift-real', ADDRESS);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const serviceAccountKey = privateKey.export({ type: 'pkcs1', format: 'pem' }) as string;
  const tokens = Object.fromEntries(
    Object.keys(COMPONENTS).map((component) => [component, randomBytes(16).toString('hex')]),
  ) as Record<Component, string>;
  const tokenLines = Object.entries(COMPONENTS).map(
    ([component, [user, group]]) => `${tokens[component as Component]},${user},${user},"${group}"`,
  );
  return {
    certificateFile: await written(folder, 'server.crt', cert),
    keyFile: await written(folder, 'server.key', key),
    serviceAccountKeyFile: await written(folder, 'service-account.key', serviceAccountKey),
    tokenFile: await written(folder, 'tokens.csv', `${tokenLines.join('\n')}\n`),
    auditPolicyFile: await written(folder, 'audit-policy.json', JSON.stringify(AUDIT_POLICY)),
    certificate: cert,
    serviceAccountKey,
    tokens,
  };
}

async function written(folder: string, name: string, content: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, content, { mode: 0o600 });
  return file;
}

async function apiServerOf(
  files: Files,
  etcdUrl: string,
  auditLog: string,
  more: readonly string[],
): Promise<Parameters<typeof startServer>[0]> {
  return {
    name: 'kube-apiserver',
    command: await binary('kube-apiserver'),
    portCount: 1,
    args: ({ ports: [port] }) => [
      `--etcd-servers=${etcdUrl}`,
      `--bind-address=${ADDRESS}`,
      `--secure-port=${String(port)}`,
      `--advertise-address=${ADDRESS}`,
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=Node,RBAC',
      `--token-auth-file=${files.tokenFile}`,
      `--tls-cert-file=${files.certificateFile}`,
      `--tls-private-key-file=${files.keyFile}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${files.serviceAccountKeyFile}`,
      `--service-account-signing-key-file=${files.serviceAccountKeyFile}`,
      '--allow-privileged=true',
      '--max-requests-inflight=3000',
      '--max-mutating-requests-inflight=1500',
      `--audit-policy-file=${files.auditPolicyFile}`,
      `--audit-log-path=${auditLog}`,
      // Written before the reply: what a test did is in the log when the test looks.
      '--audit-log-mode=blocking-strict',
      ...more,
    ],
    ready: async ([port]) => {
      const kubeconfig = kubeconfigText(`https://${ADDRESS}:${String(port)}`, files.certificate, files.tokens.admin);
      const file = await written(path.dirname(files.tokenFile), 'kubeconfig-ready', kubeconfig);
      return (await new KubernetesApi(file).send('GET', '/readyz')).status === 200;
    },
  };
}

async function controllerManagerOf(kubeconfig: string, files: Files): Promise<Parameters<typeof startServer>[0]> {
  return {
    name: 'kube-controller-manager',
    command: await binary('kube-controller-manager'),
    portCount: 0,
    args: () => [
      `--kubeconfig=${kubeconfig}`,
      '--secure-port=0',
      '--leader-elect=false',
      '--controllers=*,-nodeipam,-node-route-controller',
      '--node-monitor-grace-period=1h',
      '--use-service-account-credentials',
      `--root-ca-file=${files.certificateFile}`,
      '--kube-api-qps=2000',
      '--kube-api-burst=4000',
    ],
    // It serves nothing here: what it does is waited for.
    ready: () => Promise.resolve(true),
  };
}

async function schedulerOf(kubeconfig: string, folder: string): Promise<Parameters<typeof startServer>[0]> {
  const config = await written(
    folder,
    'scheduler.json',
    JSON.stringify({
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      clientConnection: { kubeconfig, qps: 2000, burst: 4000 },
      leaderElection: { leaderElect: false },
      percentageOfNodesToScore: 20,
    }),
  );
  return {
    name: 'kube-scheduler',
    command: await binary('kube-scheduler'),
    portCount: 0,
    args: () => [`--config=${config}`, '--secure-port=0'],
    ready: () => Promise.resolve(true),
  };
}

async function kwokOf(kubeconfig: string): Promise<Parameters<typeof startServer>[0]> {
  return {
    name: 'kwok',
    command: await binary('kwok'),
    portCount: 0,
    args: () => [
      `--kubeconfig=${kubeconfig}`,
      `--config=${path.join(import.meta.dirname, 'kwok-stages.yaml')}`,
      '--manage-all-nodes=true',
      '--node-ip=10.0.0.1',
    ],
    ready: () => Promise.resolve(true),
  };
}

async function writeKubeconfigs(folder: string, url: string, files: Files): Promise<Record<Component, string>> {
  const entries = await Promise.all(
    Object.entries(files.tokens).map(async ([component, token]) => [
      component,
      await written(folder, `kubeconfig-${component}`, kubeconfigText(url, files.certificate, token)),
    ]),
  );
  return Object.fromEntries(entries) as Record<Component, string>;
}

async function createNodes(admin: KubernetesApi, count: number): Promise<void> {
  const size = { cpu: '32', memory: '64Gi', pods: '500', 'ephemeral-storage': '500Gi' };
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      admin.create({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name: `node-${String(index + 1)}`,
          labels: { 'kubernetes.io/hostname': `node-${String(index + 1)}`, 'kubernetes.io/os': 'linux' },
        },
        status: { allocatable: size, capacity: size },
      }),
    ),
  );
}

/** The nodes are ready, and pods can be created: they need the namespace's service account, which a controller makes. */
async function waitForControllers(admin: KubernetesApi): Promise<void> {
  await until(
    'all nodes are ready',
    () => admin.list<NodeObject>({ apiVersion: 'v1', kind: 'Node' }),
    (nodes) =>
      nodes.every(
        ({ status, spec }) =>
          status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true &&
          (spec?.taints ?? []).length === 0,
      ),
  );
  await until(
    'the controllers have made the service account of the namespace default',
    () => admin.send('GET', '/api/v1/namespaces/default/serviceaccounts/default'),
    ({ status }) => status === 200,
  );
}

interface NodeObject extends KubernetesObject {
  readonly spec?: { readonly taints?: readonly unknown[] };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function clusterOfEnvironment(): Promise<RealCluster> {
  const kubeconfig = process.env['KUBECONFIG'] ?? '';
  if (kubeconfig === '' || kubeconfig.includes(path.delimiter)) {
    throw new Error('NIGHTSHIFT_REAL_KUBECONFIG is set: KUBECONFIG must then be the path of one file.');
  }
  const { loadAccess } = await import('../../shared/adapters/kubernetes/kubeconfig.ts');
  const { server } = await loadAccess({ kubeconfig });
  const folder = temporaryFolder('kubernetes');
  return clusterAt({
    admin: new KubernetesApi(kubeconfig),
    url: server.href.replace(/\/$/, ''),
    kubeconfig,
    certificateAuthority: await authorityOf(kubeconfig),
    folder,
    log: () => '',
    close: () => removeFolder(folder),
  });
}

/** The certificate authority that the kubeconfig's only or current cluster names, as PEM. */
async function authorityOf(kubeconfig: string): Promise<string | undefined> {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const cluster = config.getCurrentCluster();
  if (cluster?.caData !== undefined) {
    return Buffer.from(cluster.caData, 'base64').toString('utf8');
  }
  return cluster?.caFile === undefined ? undefined : readFile(cluster.caFile, 'utf8');
}
