// GKE access on a real API server that asks Google's double whether a token is good: the identity of a function, the rights that
// `nightshift rbac` binds to it, a token that ends in the middle, a wrong authority, and an endpoint that is away.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { scenarioClock } from '../../fixtures/platform/clock.ts';
import { type GoogleDouble, googleDouble } from '../../fixtures/platform/google/google.ts';
import { type RecordedCall, type RunningDouble, serve } from '../../fixtures/platform/kit.ts';
import { main } from '../../shared/local/cli.ts';
import { serviceAccountEmail } from '../../shared/local/rbac-manifests.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { selfSigned } from '../adapters/kubernetes/certificate.ts';
import { testTerminal } from '../cli/terminal.ts';
import { startKubernetes } from './kubernetes.ts';
import { until } from './kubernetes-api.ts';
import type { RealCluster } from './kubernetes-cluster.ts';
import { adapterOf, failureOf } from './rig.ts';
import { freePorts, removeFolder, temporaryFolder } from './server.ts';
import { describeWith } from './suite.ts';

const run = promisify(execFile);
const GKE = { project: 'shop-clusters', location: 'europe-west3', cluster: 'prod', endpoint: 'private' } as const;
const EMAIL = serviceAccountEmail('rebalance', 'shop-prod');

let real: RealCluster;
let google: GoogleDouble;
let served: RunningDouble;
let reviewer: { readonly url: string; close(): void };
let folder = '';
const calls: RecordedCall[] = [];

describeWith(
  ['kubernetes', 'kubectl'],
  'GKE access on a real API server',
  () => real?.log(),
  () => {
    beforeAll(async () => {
      folder = temporaryFolder('gke');
      google = googleDouble(scenarioClock(new Date().toISOString()));
      served = await serve(google, {
        clock: scenarioClock(new Date().toISOString()),
        calls,
        faults: [],
        validate: google.validate,
      });
      reviewer = await startReviewer();
      real = await startKubernetes({
        apiServerArgs: [
          `--authentication-token-webhook-config-file=${await webhookConfig(reviewer.url)}`,
          '--authentication-token-webhook-version=v1',
          '--authentication-token-webhook-cache-ttl=0s',
        ],
      });
      vi.stubEnv('CLOUDSDK_CONFIG', mkdtempSync(path.join(folder, 'gcloud-')));
      vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
      vi.stubEnv('GCE_METADATA_HOST', new URL(served.url).host);
      vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
    });
    afterAll(async () => {
      vi.unstubAllEnvs();
      await real?.close();
      reviewer?.close();
      await served?.close();
      await removeFolder(folder);
    });

    test('lets a function in with the rights that are bound to its identity, and with no others', async ({ skip }) => {
      skip(real.own === undefined, 'a cluster that was lent does not ask our double about tokens');
      const namespace = await real.createNamespace('gke');
      await grant(namespace);
      describeCluster();
      const cluster = gkeCluster();
      await until(
        'the rights are in force',
        () => cluster.allowed([{ verb: 'list', group: '', resource: 'pods', subresource: '', namespace }]),
        ([answer]) => answer?.allowed === true,
      );
      expect(await cluster.listPods(namespace)).toEqual([]);
      const refused = await failureOf(cluster.readWorkload('Deployment', 'kube-system', 'dns'));
      expect(refused.message).toContain(EMAIL);
      expect(calls.flatMap(({ violations }) => violations)).toEqual([]);
    });

    test('goes on when the token ends in the middle of a run', async ({ skip }) => {
      skip(real.own === undefined, 'a cluster that was lent does not ask our double about tokens');
      const namespace = await real.createNamespace('gke-ends');
      await grant(namespace);
      describeCluster();
      const cluster = gkeCluster();
      await until(
        'the rights are in force',
        () => cluster.allowed([{ verb: 'list', group: '', resource: 'pods', subresource: '', namespace }]),
        ([answer]) => answer?.allowed === true,
      );
      const asked = (): number => calls.filter(({ operation }) => operation === 'token').length;
      const before = asked();
      google.revokeTokens();
      // The API server itself remembers a token for ten seconds; no call may fail when it then asks again.
      await until(
        'the token that ended is not remembered any more',
        () => cluster.listPods(namespace),
        (pods) => pods.length === 0 && asked() > before,
      );
      expect(asked()).toBe(before + 1);
    });

    test('says that the authority is wrong, and takes the right one when GKE names it', async () => {
      describeCluster({ authority: selfSigned('other', '127.0.0.1').cert });
      const cluster = gkeCluster();
      const failure = await failureOf(cluster.serverTime());
      expect(failure.message).toContain('TLS connection');
      expect(failure.remedy).toContain('not signed by the authority that GKE names');
      describeCluster();
      expect(await cluster.version()).toMatchObject({ major: 1 });
    });

    test('says that the endpoint is away', async () => {
      const [port = 0] = await freePorts(1);
      describeCluster({ address: `127.0.0.1:${String(port)}` });
      const failure = await failureOf(gkeCluster().version());
      expect(failure.failure.code).toBe('ECONNREFUSED');
      expect(failure.remedy).toContain('private endpoint');
    });
  },
);

function gkeCluster(): Cluster {
  return adapterOf(real, { gke: { ...GKE, apiUrl: served.url } });
}

function describeCluster(otherwise: { readonly address?: string; readonly authority?: string } = {}): void {
  const kubeconfig = JSON.parse(readFileSync(real.kubeconfig, 'utf8')) as {
    readonly clusters: readonly { readonly cluster: { readonly 'certificate-authority-data': string } }[];
  };
  const own = kubeconfig.clusters[0]?.cluster['certificate-authority-data'] ?? '';
  const { authority, address = new URL(real.url).host } = otherwise;
  google.state.clusters['shop-clusters/europe-west3/prod'] = {
    name: 'prod',
    status: 'RUNNING',
    masterAuth: { clusterCaCertificate: authority === undefined ? own : Buffer.from(authority).toString('base64') },
    controlPlaneEndpointsConfig: { ipEndpointsConfig: { privateEndpoint: address } },
  };
}

async function grant(namespace: string): Promise<void> {
  const policy = path.join(folder, `${namespace}.yaml`);
  await writeFile(
    policy,
    stringify({
      version: 1,
      clusters: { prod: { gke: GKE, metrics: { url: 'http://127.0.0.1:8428' } } },
      duties: { rebalance: { scopes: [{ cluster: 'prod', namespaces: [namespace] }] } },
    }),
  );
  const out = path.join(folder, namespace);
  expect(await main(['rbac', '--policy', policy, '--project', 'shop-prod', '--out', out], testTerminal())).toBe(0);
  await run('kubectl', ['--kubeconfig', real.kubeconfig, 'apply', '-k', path.join(out, 'kubernetes/prod')]);
}

/** GKE's own part: turns a Google token into the e-mail address of whose it is. */
async function startReviewer(): Promise<typeof reviewer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
        readonly spec: { readonly token: string };
      };
      const status = google.accepts(review.spec.token)
        ? { authenticated: true, user: { username: EMAIL } }
        : { authenticated: false };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function webhookConfig(url: string): Promise<string> {
  const file = path.join(folder, 'webhook.yaml');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'google', cluster: { server: url } }],
    users: [{ name: 'api-server', user: {} }],
    contexts: [{ name: 'webhook', context: { cluster: 'google', user: 'api-server' } }],
    'current-context': 'webhook',
  };
  await writeFile(file, stringify(config));
  return file;
}
