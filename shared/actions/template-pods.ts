// The pods of a workload that run with the sizes of its template, together: how they live, for the judge of a rollout.
// One list by the template's labels, one query a metric; no request a pod. It judges nothing.
import type { ActionProposal } from '../core/action.ts';
import { sameQuantity } from '../core/quantity.ts';
import type { Pod, Workload } from '../ports/cluster.ts';
import { UNKNOWN_USAGE, type Usage, type UsageReading } from './recent-usage.ts';
import { OOM_KILLED } from './restart-pace.ts';
import { changesOf } from './sizes.ts';
import type { Rollout } from './verify-rollout.ts';
import { USAGE_WINDOW_SECONDS } from './verify-thresholds.ts';

/** Pods of the workload whose container has, in what the action changes, the sizes of the template as it is now. */
export function podsOfTemplate(
  pods: readonly Pod[],
  workload: Workload,
  container: string,
  action: ActionProposal,
): readonly Pod[] {
  const template = workload.containers.find(({ name }) => name === container)?.resources;
  const changes = changesOf(action);
  return pods.filter((pod) => {
    const own = pod.containers.find(({ name }) => name === container)?.resources;
    return (
      pod.meta.deletedAt === null &&
      isOf(pod, workload) &&
      changes.every(({ list, resource }) => {
        const [a, b] = [own?.[list][resource], template?.[list][resource]];
        return a === b || (a !== undefined && b !== undefined && sameQuantity(a, b));
      })
    );
  });
}

/** A Deployment owns its pods through ReplicaSets, which carry its name. */
function isOf(pod: Pod, { kind, meta, templateLabels }: Workload): boolean {
  const owner = pod.meta.owners.find(({ controller }) => controller);
  const isOwned =
    kind === 'Deployment'
      ? owner?.kind === 'ReplicaSet' && owner.name.startsWith(`${meta.name}-`)
      : owner?.uid === meta.uid;
  return isOwned && Object.entries(templateLabels).every(([name, value]) => pod.meta.labels[name] === value);
}

export function podsView(pods: readonly Pod[], container: string, now: string): Rollout['pods'] {
  const living = pods.filter(isLiving);
  let oomKills = 0;
  let otherRestarts = 0;
  for (const pod of living) {
    const status = pod.statuses.find(({ name }) => name === container);
    if (status?.lastTermination?.reason === OOM_KILLED) {
      // A container that is down was killed and not yet restarted.
      oomKills += Math.max(status.restartCount, 1);
    } else {
      otherRestarts += status?.restartCount ?? 0;
    }
  }
  return {
    count: living.length,
    youngestSeconds: living.length === 0 ? null : Math.min(...living.map((pod) => ageSeconds(pod, now))),
    oomKills,
    otherRestarts,
    evicted: pods.filter(({ phase, reason }) => phase === 'Failed' && reason === 'Evicted').length,
  };
}

/**
 * What the pods use: memory by the largest, since eviction and OOM take them one by one; CPU and throttling by the mean, since one
 * busy pod of many is no harm. Those too young for a whole window only show their start; one without numbers hides the rest.
 */
export function usageOfPods(pods: readonly Pod[], reading: UsageReading, now: string): Usage {
  const usages = pods
    .filter((pod) => isLiving(pod) && ageSeconds(pod, now) >= USAGE_WINDOW_SECONDS)
    .map((pod) => reading.of(pod.meta.name));
  if (usages.length === 0) {
    return UNKNOWN_USAGE;
  }
  const all = (key: keyof Usage): readonly number[] | null => {
    const numbers = usages.map((usage) => usage[key]).filter((value) => value !== null);
    return numbers.length === usages.length ? numbers : null;
  };
  const memory = all('memoryBytes');
  return {
    memoryBytes: memory === null ? null : Math.max(...memory),
    cpuCores: mean(all('cpuCores')),
    throttledRatio: mean(all('throttledRatio')),
  };
}

function isLiving({ phase }: Pod): boolean {
  return phase !== 'Failed' && phase !== 'Succeeded';
}

function ageSeconds(pod: Pod, now: string): number {
  return Math.max((Date.parse(now) - Date.parse(pod.meta.createdAt)) / 1000, 0);
}

function mean(values: readonly number[] | null): number | null {
  return values === null ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
