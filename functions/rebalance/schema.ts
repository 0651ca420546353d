// What a request, the policy and the facts of this duty may say. Every threshold stands here with its default and the
// reason for it; rules take them from policy only.
import { z } from 'zod';
import { cpuMillicores, memoryBytes } from '../../shared/core/quantity.ts';
import { Duration } from '../../shared/core/policy.ts';

const name = z.string().min(1).max(253);
const share = z.number().gt(0).lt(1);

function isReadable(read: (text: string) => number): (text: string) => boolean {
  return (text) => {
    try {
      return read(text) > 0;
    } catch {
      return false;
    }
  };
}

/**
 * A DNS label, as the API server wants it. Anything else is refused before it becomes a part of an address: `..` would be
 * taken out of the path there, and the whole cluster be read in place of one namespace.
 */
const namespace = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'is not the name of a namespace, such as shop');

/** One namespace of one cluster. */
export const RebalanceScope = z.strictObject({ cluster: name, namespace });
export type RebalanceScope = z.infer<typeof RebalanceScope>;

export const RebalancePolicy = z.strictObject({
  scopes: z
    .array(z.strictObject({ cluster: name, namespaces: z.array(name).min(1) }))
    .default([])
    .describe('The namespaces that a scheduled run looks at')
    .meta({ examples: [[{ cluster: 'prod', namespaces: ['shop'] }]] }),
  apply: z
    .enum(['in-place', 'rollout'])
    .default('in-place')
    .describe(
      'in-place resizes running pods and leaves the template alone; rollout patches the template of the owner. In place is the default: it restarts nothing and ends by itself with the next rollout. A server without pod resize gets rollout',
    ),
  window: Duration.default('24h').describe(
    'What averages, p95, maximum and OOM kills are taken over. A day holds one whole daily cycle',
  ),
  floorWindow: Duration.default('7d').describe(
    'What the floors of a trim are taken over. A week holds the weekend and the busiest weekday',
  ),
  oomKills: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe(
      'OOM kills in the window, since the last resize, that call for more memory. One may be an accident, three are a pattern',
    ),
  nearLimitRatio: share
    .default(0.9)
    .describe(
      'Average memory over this share of the limit calls for more. Over 90% on average leaves no room for a peak',
    ),
  memoryStep: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.25)
    .describe('Growth of the memory limit in one step. A quarter ends most kills at once and stays under the step cap'),
  growthCap: z
    .number()
    .gt(1)
    .max(16)
    .default(2)
    .describe(
      'A raise over this multiple of what the workload declares is escalated: twice the declared size is a leak, not a size',
    ),
  raiseLimit: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe(
      'The raise of a container that would be the n-th within raiseWindow is escalated. Two steps are sizing, a third is a leak',
    ),
  raiseWindow: Duration.default('7d').describe('What raises are counted over. A week shows a slow leak'),
  growthWindow: Duration.default('30d').describe(
    'How far back our own changes are read, for the first size of what no template declares. The journal keeps at least as much',
  ),
  idleRatio: share
    .default(0.2)
    .describe('CPU and memory averages under this share count as idle. Under a fifth is waste by any reading'),
  spikeRatio: share
    .default(0.5)
    .describe('A p95 over this share beside an idle average is a spike: the average does not describe such a load'),
  trimStep: z
    .number()
    .gt(0)
    .max(0.33)
    .default(0.2)
    .describe('Requests are lowered by this share in one step. A fifth is small enough to be watched'),
  cpuFloorFactor: z
    .number()
    .min(1)
    .max(4)
    .default(1.15)
    .describe('CPU requests stay above this multiple of the p95 of floorWindow. 15% is the usual head room'),
  memoryFloorFactor: z
    .number()
    .min(1)
    .max(4)
    .default(1.15)
    .describe(
      'Memory requests stay above this multiple of the maximum of floorWindow: memory, unlike CPU, cannot be taken back',
    ),
  cpuFloor: z
    .string()
    .refine(isReadable(cpuMillicores), 'a CPU quantity such as 10m')
    .default('10m')
    .describe('No CPU request goes under this. Less makes probes slow'),
  memoryFloor: z
    .string()
    .refine(isReadable(memoryBytes), 'a memory quantity such as 32Mi')
    .default('32Mi')
    .describe('No memory request goes under this. A runtime alone needs about as much'),
  trimWindow: Duration.default('7d').describe(
    'A workload is trimmed at most once in this time, so that each step is seen through a whole week',
  ),
  trimWave: Duration.default('1d').describe(
    'How long one trim may take to reach all pods of its workload: guardrails let only a share of them change at once',
  ),
  minimumAge: Duration.default('1h').describe('Younger pods are not judged: they are still starting'),
  minimumSamplesRatio: share
    .default(0.25)
    .describe('Less than this share of the window is no data. A quarter of a day shows more than one phase of it'),
  overLimitTolerance: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe(
      'Memory over its limit by more than this share cannot be: the metrics are of something else. 5% covers samples from before a resize',
    ),
  freshness: Duration.default('10m').describe(
    'A running container without a sample for this long has no data. Ten minutes are several missed scrapes',
  ),
  cooldown: Duration.default('6h').describe(
    'After a change of ours a container is left alone for this long: a quarter of the window, so that its effect shows',
  ),
  resizePatience: Duration.default('30m').describe(
    'A resize of ours that the node has put off for longer is escalated. Shorter waits are usual while pods move',
  ),
});
export type RebalancePolicy = z.infer<typeof RebalancePolicy>;
