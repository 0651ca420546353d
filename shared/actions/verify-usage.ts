// The judge of use: whether what a container uses still fits the sizes that were taken from it. Pure. A size that grew is not asked.
import type { ActionProposal } from '../core/action.ts';
import { cpuMillicores, memoryBytes } from '../core/quantity.ts';
import { type Finding, finding } from './judgement.ts';
import type { Usage } from './recent-usage.ts';
import { changesOf } from './sizes.ts';
import { CPU_OVER_REQUEST, THROTTLED_GROWTH, THROTTLED_RATIO } from './verify-thresholds.ts';

export interface UsageComparison {
  readonly before: Usage;
  readonly after: Usage;
  /** Without one nothing is throttled, and there is no metric of it. */
  readonly hasCpuLimit: boolean;
  /** Why numbers are missing, when that is known. */
  readonly problem: string | null;
}

/** Harm, or what is missing to deny it; undefined when there is evidence that all is well. */
export function judgeUsage(action: ActionProposal, comparison: UsageComparison): Finding | undefined {
  const { before, after, hasCpuLimit, problem } = comparison;
  const shrunk = changesOf(action).filter((change) => change.shrinks);
  const request = (resource: string): string | undefined =>
    shrunk.find((change) => change.list === 'requests' && change.resource === resource)?.to;
  const memory = request('memory');
  const cpu = request('cpu');
  const isThrottledMatter = hasCpuLimit && shrunk.some((change) => change.resource === 'cpu');
  const throttling = isThrottledMatter ? judgeThrottling(before.throttledRatio, after.throttledRatio) : undefined;
  if (throttling?.verdict === 'undo') {
    return throttling;
  }
  if (memory !== undefined && after.memoryBytes !== null && after.memoryBytes > memoryBytes(memory)) {
    const used = `${String(Math.ceil(after.memoryBytes / 1_048_576))}Mi`;
    return finding(
      'undo',
      'memory-over-request',
      `It uses ${used} of memory, more than the ${memory} that it requests now.`,
    );
  }
  if (cpu !== undefined && after.cpuCores !== null && after.cpuCores * 1000 > cpuMillicores(cpu) * CPU_OVER_REQUEST) {
    const used = `${String(Math.round(after.cpuCores * 1000))}m`;
    return finding('undo', 'cpu-over-request', `It uses ${used} of CPU, more than the ${cpu} that it requests now.`);
  }
  const missing = [
    ...(memory !== undefined && after.memoryBytes === null ? ['memory'] : []),
    ...(cpu !== undefined && after.cpuCores === null ? ['CPU'] : []),
    ...(isThrottledMatter && after.throttledRatio === null ? ['throttling'] : []),
  ];
  if (missing.length > 0) {
    const why = problem === null ? 'There are no samples of it.' : problem;
    return finding('no-data', 'no-metrics', `Its ${missing.join(' and ')} since the change is not known. ${why}`);
  }
  return throttling;
}

function judgeThrottling(before: number | null, after: number | null): Finding | undefined {
  if (after === null || after <= THROTTLED_RATIO) {
    return undefined;
  }
  const now = `It is throttled in ${percent(after)} of its CPU periods`;
  if (before === null) {
    return finding('no-data', 'no-metrics', `${now}; how much it was before the change is not known.`);
  }
  return after > before + THROTTLED_GROWTH
    ? finding('undo', 'throttled', `${now}; before the change it was ${percent(before)}.`)
    : undefined;
}

function percent(ratio: number): string {
  return `${String(Math.round(ratio * 100))}%`;
}
