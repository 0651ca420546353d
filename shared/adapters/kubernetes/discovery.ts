// What the API server says of itself and of us: version, which resources it serves, what we may do. All of it is JSON.
import type { Clock } from '../../ports/clock.ts';
import type { ClusterVersion, Permission } from '../../ports/cluster.ts';
import { heldFor } from '../http/held.ts';
import type { Call, KubernetesClient, Reply } from './client.ts';
import { isRecord, readJson } from './json.ts';
import { MalformedError, message } from './message.ts';
import { VERTICAL_AUTOSCALING } from './resources.ts';

const VERSION = message('Version', { gitVersion: [1, 'string'], major: [2, 'string'], minor: [3, 'string'] });

const RESOURCE_LIST = message('APIResourceList', {
  resources: [
    1,
    message('APIResource', { name: [1, 'string'], kind: [2, 'string'], verbs: [3, 'string', 'repeated'] }),
    'repeated',
  ],
});

const ACCESS_REVIEW = message('SelfSubjectAccessReview', {
  status: [
    1,
    message('SubjectAccessReviewStatus', {
      allowed: [1, 'bool'],
      reason: [2, 'string'],
      evaluationError: [3, 'string'],
    }),
  ],
});

const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** So many reviews at once: a doctor asks about thirty, which the server's own limits of requests in flight never notice. */
const REVIEWS_AT_ONCE = 8;

const VERSION_CALL = {
  operation: 'read version',
  method: 'GET',
  path: '/version',
  effect: 'read',
  accept: 'json',
} as const;

/** A tick looks at one namespace after another, and these are three requests of each small one's thirty. Servers are upgraded seldom. */
const VERSION_HOLDS_MILLISECONDS = 60_000;

/** What the server is and offers: what it said within the last minute, or asked. */
export function versionReader(client: KubernetesClient, target: string, clock: Clock): () => Promise<ClusterVersion> {
  return heldFor(VERSION_HOLDS_MILLISECONDS, clock, () => readVersion(client, target));
}

async function readVersion(client: KubernetesClient, target: string): Promise<ClusterVersion> {
  const [version, core, verticalAutoscalers] = await Promise.all([
    client.call({ ...VERSION_CALL, target }, (reply) => readJson(VERSION, parsed(reply), 'Version')),
    client.call(discoveryCall('/api/v1', target), (reply) =>
      readJson(RESOURCE_LIST, resourceList(reply), 'APIResourceList'),
    ),
    hasVerticalAutoscalers(client, target),
  ]);
  const { gitVersion = '', major = '', minor = '' } = version;
  return {
    gitVersion,
    // Google prints a minor version such as "34+".
    major: Number.parseInt(major, 10) || 0,
    minor: Number.parseInt(minor, 10) || 0,
    podResize:
      core.resources?.some(({ name, verbs }) => name === 'pods/resize' && verbs?.includes('patch') === true) ?? false,
    verticalAutoscalers,
  };
}

export function readServerTime(client: KubernetesClient, target: string): Promise<string | null> {
  return client.call({ ...VERSION_CALL, target }, (reply) => reply.date);
}

/**
 * Only 404 means that there are none. Discovery that is broken or forbidden counts as "there may be some": the list of them
 * then tells why it cannot be read, while a wrong "no" would let us fight with an autoscaler.
 */
async function hasVerticalAutoscalers(client: KubernetesClient, target: string): Promise<boolean> {
  try {
    const call = { ...discoveryCall(VERTICAL_AUTOSCALING, target), answers: [404] };
    return await client.call(call, (reply) => {
      if (reply.status === 404) {
        return false;
      }
      const { resources = [] } = readJson(RESOURCE_LIST, resourceList(reply), 'APIResourceList');
      return resources.some(({ kind, name }) => kind === 'VerticalPodAutoscaler' && name?.includes('/') === false);
    });
  } catch {
    return true;
  }
}

function discoveryCall(path: string, target: string): Call {
  return { operation: `discover ${path}`, target, method: 'GET', path, effect: 'read', accept: 'json' };
}

function resourceList(reply: Reply): unknown {
  const value = parsed(reply);
  if (!isRecord(value) || value.kind !== 'APIResourceList') {
    throw new MalformedError('it should be an APIResourceList');
  }
  return value;
}

function parsed(reply: Reply): unknown {
  const value: unknown = JSON.parse(reply.body.toString('utf8'));
  // `/version` has no kind; without a gitVersion or a kind it is something else's JSON.
  if (!isRecord(value) || (typeof value.kind !== 'string' && typeof value.gitVersion !== 'string')) {
    throw new MalformedError('it is neither a version nor an object with a kind');
  }
  return value;
}

/** One SelfSubjectAccessReview for each permission, in order. */
export async function reviewAccess(
  client: KubernetesClient,
  target: string,
  permissions: readonly Permission[],
): Promise<readonly { readonly allowed: boolean; readonly reason: string }[]> {
  const results = new Array<{ readonly allowed: boolean; readonly reason: string }>(permissions.length);
  const queue = permissions.entries();
  async function work(): Promise<void> {
    for (const [index, permission] of queue) {
      results[index] = await review(client, target, permission);
    }
  }
  await Promise.all(Array.from({ length: Math.min(REVIEWS_AT_ONCE, permissions.length) }, work));
  return results;
}

/** A POST that changes nothing: the server keeps no reviews. */
function review(
  client: KubernetesClient,
  target: string,
  { verb, group, resource, subresource, namespace }: Permission,
): Promise<{ readonly allowed: boolean; readonly reason: string }> {
  const call: Call = {
    operation: 'review own access',
    target,
    effect: 'read',
    method: 'POST',
    path: REVIEWS,
    accept: 'json',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb, group, resource, subresource, namespace } },
    },
  };
  return client.call(call, (reply) => {
    const { status } = readJson(ACCESS_REVIEW, parsed(reply), 'SelfSubjectAccessReview');
    if (status?.allowed === undefined) {
      throw new MalformedError('SelfSubjectAccessReview.status.allowed is missing');
    }
    const reason = [status.reason, status.evaluationError]
      .filter((text) => text !== undefined && text !== '')
      .join('; ');
    return { allowed: status.allowed, reason };
  });
}
