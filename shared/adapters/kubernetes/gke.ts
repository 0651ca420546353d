// A GKE cluster by the Google identity of this process: endpoint and certificate authority from the container API, a token that is
// renewed before it ends. API: projects.locations.clusters.get of the container v1 discovery document.
import { z } from 'zod';
import { ConfigurationError } from '../../core/errors.ts';
import { httpCall } from '../http/call.ts';
import { googleAddress, googleErrorText, googleTokens } from '../http/google.ts';
import {
  type Access,
  type AccessSurroundings,
  type GkeCluster,
  keepAliveAgents,
  type TlsMaterial,
} from './admission.ts';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const DEADLINE_SECONDS = 15;
/** All that is read; a whole cluster with its node pools is a hundred times as long. */
const FIELDS = 'status,endpoint,masterAuth.clusterCaCertificate,controlPlaneEndpointsConfig,privateClusterConfig';

const Endpoints = z.lazy(() =>
  z.looseObject({
    dnsEndpointConfig: z
      .looseObject({ endpoint: z.string().optional(), allowExternalTraffic: z.boolean().optional() })
      .optional(),
    ipEndpointsConfig: z
      .looseObject({ publicEndpoint: z.string().optional(), privateEndpoint: z.string().optional() })
      .optional(),
  }),
);
const Cluster = z.lazy(() =>
  z.looseObject({
    status: z.string().optional(),
    endpoint: z.string().optional(),
    masterAuth: z.looseObject({ clusterCaCertificate: z.string().optional() }).optional(),
    controlPlaneEndpointsConfig: Endpoints.optional(),
    privateClusterConfig: z
      .looseObject({ publicEndpoint: z.string().optional(), privateEndpoint: z.string().optional() })
      .optional(),
  }),
);
type Cluster = z.infer<typeof Cluster>;

export async function loadGkeAccess(gke: GkeCluster, { clock, random }: AccessSurroundings): Promise<Access> {
  const { project, location, cluster, endpoint, apiUrl } = gke;
  const name = `${project}/${location}/${cluster}`;
  const tokens = googleTokens(SCOPE, project);
  const path = ['projects', project, 'locations', location, 'clusters', cluster].map(encodeURIComponent).join('/');
  const { data } = await httpCall({
    system: 'GKE',
    operation: 'get cluster',
    target: name,
    method: 'GET',
    url: `${googleAddress('container', apiUrl)}/v1/${path}?fields=${encodeURIComponent(FIELDS)}`,
    headers: { authorization: `Bearer ${await tokens.accessToken()}` },
    reply: Cluster,
    effect: 'read',
    retry: 'safe',
    deadlineSeconds: DEADLINE_SECONDS,
    errorText: googleErrorText,
    credentialsRemedy: `Give this identity container.clusters.get in the project ${project}: terraform/ does, by what nightshift rbac writes.`,
    clock,
    random,
  });
  const found = endpointOf(data, gke, name);
  const server = new URL(`https://${found.host}`);
  const agent = keepAliveAgents(server.protocol)(found.tls);
  return {
    server,
    context: `GKE cluster ${name}`,
    remedies: {
      credentials: `The cluster refuses the Google identity of this process${endpoint === 'dns' ? '; its DNS endpoint also needs container.clusters.connect' : ''}. Check it with gcloud auth list, or which service account this runs as.`,
      address: `Check that the control plane of ${name} runs, and that its ${endpoint} endpoint may be reached from here.`,
      tls: `Check that nothing stands between here and the ${endpoint} endpoint of ${name}: its certificate is not signed by the authority that GKE names.`,
      late: 'The metadata server or the token endpoint of Google did not answer in time: try again.',
    },
    async admission() {
      return { agent, headers: { authorization: `Bearer ${await tokens.accessToken()}` }, auth: undefined };
    },
  };
}

interface FoundEndpoint {
  readonly host: string;
  readonly tls: TlsMaterial;
}

function endpointOf(cluster: Cluster, { endpoint }: GkeCluster, name: string): FoundEndpoint {
  const { dnsEndpointConfig: dns, ipEndpointsConfig: ip } = cluster.controlPlaneEndpointsConfig ?? {};
  const older = cluster.privateClusterConfig;
  if (endpoint === 'dns') {
    if (dns?.endpoint === undefined || dns.allowExternalTraffic !== true) {
      throw new ConfigurationError(`The GKE cluster ${name} has no DNS endpoint that takes traffic from outside.`, {
        remedy: `Open it with gcloud container clusters update ${name.split('/')[2] ?? ''} --enable-dns-access, or set gke.endpoint to private or public in the policy.`,
      });
    }
    // Its certificate is one of the web's, not of the cluster's own authority.
    return { host: dns.endpoint, tls: {} };
  }
  const host =
    endpoint === 'private'
      ? (ip?.privateEndpoint ?? older?.privateEndpoint)
      : (ip?.publicEndpoint ??
        older?.publicEndpoint ??
        (older?.privateEndpoint === undefined ? cluster.endpoint : undefined));
  const authority = cluster.masterAuth?.clusterCaCertificate;
  if (host === undefined || host === '') {
    throw new ConfigurationError(`The GKE cluster ${name} has no ${endpoint} endpoint.`, {
      remedy: 'Set gke.endpoint in the policy to one that it has; dns works from everywhere.',
    });
  }
  if (authority === undefined || authority === '') {
    throw new ConfigurationError(`GKE names no certificate authority for the cluster ${name}.`, {
      remedy: `It is ${cluster.status ?? 'in an unknown state'}: try again when it runs.`,
    });
  }
  return { host: hostWithBrackets(host), tls: { ca: Buffer.from(authority, 'base64').toString('utf8') } };
}

/** An IPv6 address needs them in a URL. */
function hostWithBrackets(host: string): string {
  return host.split(':').length > 2 && !host.startsWith('[') ? `[${host}]` : host;
}
