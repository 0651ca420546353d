// The shipped Kubernetes adapter on a real API server, straight or behind a forwarder, for the tests of this tier.
import { kubernetesCluster, type KubernetesClusterOptions } from '../../shared/adapters/kubernetes/cluster.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { PlatformError } from '../../shared/core/errors.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { type Forwarder, type ForwarderOptions, startForwarder } from './forwarder.ts';
import { type KubernetesObject, until } from './kubernetes-api.ts';
import type { RealCluster } from './kubernetes-cluster.ts';
import { VERTICAL_POD_AUTOSCALER_DEFINITION } from './objects.ts';

/** As the cluster's administrator, unless another kubeconfig is given. */
export function adapterOf(real: RealCluster, options: Partial<KubernetesClusterOptions> = {}): Cluster {
  return kubernetesCluster({
    name: 'real',
    kubeconfig: real.kubeconfig,
    clock: systemClock,
    random: () => 0.5,
    deadlineSeconds: 60,
    ...options,
  });
}

export interface ForwardedAdapter extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly requests: Forwarder['requests'];
}

export async function forwardedAdapter(
  real: RealCluster,
  forwarding: Omit<ForwarderOptions, 'kubeconfig'>,
  options: Partial<KubernetesClusterOptions> = {},
): Promise<ForwardedAdapter> {
  const forwarder = await startForwarder({ kubeconfig: real.kubeconfig, ...forwarding });
  return {
    cluster: adapterOf(real, { kubeconfig: await real.writeKubeconfig(undefined, forwarder.url), ...options }),
    requests: forwarder.requests,
    [Symbol.asyncDispose]: () => forwarder[Symbol.asyncDispose](),
  };
}

export async function failureOf(promise: Promise<unknown>): Promise<PlatformError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof PlatformError) {
      return error;
    }
    throw error;
  }
  throw new Error('It was expected to fail and did not.');
}

/** A definition that is there already is the user's, and stays as it is. */
export async function installVerticalAutoscalers(real: RealCluster): Promise<void> {
  if ((await real.api.send('GET', '/apis/autoscaling.k8s.io/v1/verticalpodautoscalers')).status === 404) {
    await real.createForCluster(VERTICAL_POD_AUTOSCALER_DEFINITION);
  }
  await until(
    'the definition of the VPA is served',
    () => real.api.send('GET', '/apis/autoscaling.k8s.io/v1/verticalpodautoscalers'),
    ({ status }) => status === 200,
  );
}

interface CountedQuota extends KubernetesObject {
  readonly status?: { readonly used?: Readonly<Record<string, string>> };
}

/**
 * Creates a quota and waits until it counts what its namespace uses. Its controller counts once when the quota is new, perhaps before
 * it has heard of the pods, and then only every five minutes; a change of the quota makes it count again.
 */
export async function createQuota(
  real: RealCluster,
  quota: KubernetesObject,
  used: Readonly<Record<string, string>>,
): Promise<void> {
  await real.api.create(quota);
  let change = 0;
  await until(
    `quota ${quota.metadata.name} counts ${JSON.stringify(used)}`,
    async () => {
      change += 1;
      await real.api.merge(quota, { spec: { hard: { 'count/configmaps': String(1000 + change) } } });
      return real.api.read<CountedQuota>(quota);
    },
    ({ status }) => Object.entries(used).every(([name, value]) => status?.used?.[name] === value),
  );
}
