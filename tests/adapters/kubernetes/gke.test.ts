// A GKE cluster by Google's identity: which endpoint is taken, whose certificate is trusted, and tokens that end in the middle of a run.
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { kubernetesCluster } from '../../../shared/adapters/kubernetes/cluster.ts';
import type { Cluster } from '../../../shared/ports/cluster.ts';
import { type GoogleRig, googleRig } from '../gcp/rig.ts';
import { json, podJson, podList, refusal, testClock } from './api-server.ts';
import { selfSigned } from './certificate.ts';

interface Rig extends GoogleRig {
  readonly cluster: Cluster;
  /** Tokens that the API server was shown, in order. */
  readonly shown: string[];
  readonly address: string;
  readonly cert: string;
}

const GKE = { project: 'shop-clusters', location: 'europe-west3', cluster: 'prod' } as const;

async function rig(
  endpoint: 'dns' | 'private' | 'public' = 'private',
  describe_?: (address: string, cert: string) => object,
): Promise<Rig> {
  const google = await googleRig();
  const { cert, key } = selfSigned('gke', '127.0.0.1');
  const shown: string[] = [];
  const server: Server = createServer({ cert, key }, (request, response) => {
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    shown.push(token);
    if (google.google.accepts(token)) {
      json(response, 200, podList([podJson('one')]));
    } else {
      json(response, 401, refusal(401, 'Unauthorized', 'Unauthorized'));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  google.google.state.clusters['shop-clusters/europe-west3/prod'] = (describe_ ?? described)(address, cert);
  const cluster = kubernetesCluster({
    name: 'prod',
    gke: { ...GKE, endpoint, apiUrl: google.url },
    clock: testClock([]),
    random: () => 0,
  });
  return { ...google, cluster, shown, address, cert };
}

function described(address: string, cert: string): object {
  return {
    name: 'prod',
    status: 'RUNNING',
    masterAuth: { clusterCaCertificate: Buffer.from(cert).toString('base64') },
    controlPlaneEndpointsConfig: {
      ipEndpointsConfig: { privateEndpoint: address, publicEndpoint: '127.0.0.1:1' },
      dnsEndpointConfig: { endpoint: address, allowExternalTraffic: true },
    },
  };
}

describe('the way in', () => {
  test('is the private endpoint with the cluster’s own authority and one token for all calls', async () => {
    const { cluster, shown, calls, violations } = await rig();
    await cluster.listPods('shop');
    await cluster.listPods('shop');
    expect(shown).toEqual(['ya29.token-1', 'ya29.token-1']);
    expect(calls.map(({ operation }) => operation)).toEqual(['token', 'get cluster']);
    expect(violations()).toEqual([]);
  });

  test('takes the fields of an older cluster', async () => {
    const { cluster, shown } = await rig('private', (address, cert) => ({
      endpoint: '127.0.0.1:1',
      masterAuth: { clusterCaCertificate: Buffer.from(cert).toString('base64') },
      privateClusterConfig: { privateEndpoint: address },
    }));
    await cluster.listPods('shop');
    expect(shown).toHaveLength(1);
  });

  test('by DNS trusts the authorities of the web, not that of the cluster', async () => {
    const { cluster, shown } = await rig('dns');
    await expect(cluster.listPods('shop')).rejects.toMatchObject({
      message: expect.stringContaining('TLS connection') as unknown,
      remedy: expect.stringContaining('dns endpoint of shop-clusters/europe-west3/prod') as unknown,
    });
    expect(shown).toEqual([]);
  });

  test.each([
    ['dns', { controlPlaneEndpointsConfig: { dnsEndpointConfig: { endpoint: 'x.gke.goog' } } }, '--enable-dns-access'],
    ['private', { endpoint: '10.0.0.2' }, 'gke.endpoint'],
    ['public', { privateClusterConfig: { privateEndpoint: '10.0.0.2' }, endpoint: '10.0.0.2' }, 'gke.endpoint'],
  ] as const)('a cluster without a %s endpoint is refused with what to do', async (endpoint, described_, remedy) => {
    const { cluster } = await rig(endpoint, () => described_);
    await expect(cluster.listPods('shop')).rejects.toMatchObject({
      kind: 'configuration',
      remedy: expect.stringContaining(remedy) as unknown,
    });
  });
});

describe('what changes or fails', () => {
  test('a token that ends in the middle of a run is renewed once, and the call goes on', async () => {
    const { cluster, shown, google } = await rig();
    await cluster.listPods('shop');
    google.revokeTokens();
    await cluster.listPods('shop');
    expect(shown).toEqual(['ya29.token-1', 'ya29.token-1', 'ya29.token-2']);
  });

  test('an identity that the cluster refuses is told after one renewal', async () => {
    const { cluster, shown, google } = await rig();
    google.state.tokenSeconds = -1;
    // Google's APIs let it in, the cluster does not.
    await expect(cluster.listPods('shop')).rejects.toMatchObject({ kind: 'platform' });
    expect(shown.length).toBeLessThanOrEqual(2);
  });

  test('a wrong authority is told as that, and the right one is taken by the next call', async () => {
    const place = await rig('private', (address) => described(address, selfSigned('other', '127.0.0.1').cert));
    await expect(place.cluster.listPods('shop')).rejects.toMatchObject({
      message: expect.stringContaining('TLS connection') as unknown,
      remedy: expect.stringContaining('not signed by the authority that GKE names') as unknown,
    });
    expect(place.shown).toEqual([]);
    place.google.state.clusters['shop-clusters/europe-west3/prod'] = described(place.address, place.cert);
    await place.cluster.listPods('shop');
    expect(place.shown).toHaveLength(1);
  });

  test('an endpoint that cannot be reached names the cluster and its endpoint', async () => {
    const { cluster } = await rig('public');
    await expect(cluster.listPods('shop')).rejects.toMatchObject({
      failure: { code: 'ECONNREFUSED' },
      remedy: expect.stringContaining('public endpoint may be reached from here') as unknown,
    });
  });

  test('a right that is missing names it', async () => {
    const { cluster, google } = await rig();
    google.state.denied.add('container.clusters.get');
    await expect(cluster.listPods('shop')).rejects.toMatchObject({
      remedy: expect.stringContaining('container.clusters.get') as unknown,
    });
  });
});
