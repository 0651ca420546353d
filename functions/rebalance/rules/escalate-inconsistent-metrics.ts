// When:   CPU and memory averages under policy.idleRatio, and a p95 of either over policy.spikeRatio
// Then:   escalate
// Unless: a raise is due: harm is answered first
// Why:    an average that low beside a p95 that high describes no steady load: a trim would cut into the bursts
import { cpuShare, evidenceOf, memoryShare, rounded } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Concern } from '../decide-finding.ts';
import { shareInWords } from '../decide-wording.ts';

export function escalateInconsistentMetrics(view: ContainerView): Concern | undefined {
  const { cpu, memory } = view.container;
  const { policy } = view.world;
  const averages = [cpuShare(view, cpu.averageCores), memoryShare(view, memory.averageBytes)];
  const [cpuP95 = 0, memoryP95 = 0] = [cpuShare(view, cpu.p95Cores), memoryShare(view, memory.p95Bytes)];
  const isIdleOnAverage = averages.every((share) => share !== undefined && share < policy.idleRatio);
  if (!isIdleOnAverage || Math.max(cpuP95, memoryP95) <= policy.spikeRatio) {
    return undefined;
  }
  const [cpuAverage = 0, memoryAverage = 0] = averages;
  return {
    verdict: 'escalate',
    reason: reasonOf(
      'escalate-inconsistent-metrics',
      'inconsistent metrics',
      `CPU averages ${shareInWords(cpuAverage)} and memory ${shareInWords(memoryAverage)}, but their p95 are ${shareInWords(cpuP95)} and ${shareInWords(memoryP95)}: neither idle nor busy.`,
      evidenceOf(view, { cpuP95Ratio: rounded(cpuP95, 4), memoryP95Ratio: rounded(memoryP95, 4) }),
    ),
    advice: [
      'Look at its usage over the day: a batch inside a service may belong into a CronJob of its own.',
      'Or enter it under knownIssues of the policy when it is meant to be so.',
    ],
  };
}
