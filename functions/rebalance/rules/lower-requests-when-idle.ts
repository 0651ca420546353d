// When:   CPU and memory averages under policy.idleRatio of the requests, no p95 over policy.spikeRatio, no OOM kill
// Then:   lower the requests by policy.trimStep, a guaranteed pod's limits with them; never under the floors
// Unless: they are at the floors already: then the container is healthy
// Why:    averages hide bursts, so that the floors come from a whole week: the maximum of memory, which cannot be taken
//         back once used, and the p95 of CPU, which can
import {
  cpuMillicores,
  formatCpu,
  formatMemory,
  memoryBytes,
  quantityNano,
  scaleCpu,
  scaleMemory,
} from '../../../shared/core/quantity.ts';
import {
  cpuShare,
  evidenceOf,
  isGuaranteed,
  memoryRequestShare,
  readMemory,
  rounded,
  sizesToChange,
} from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import type { Change } from '../schema-facts.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Wish } from '../decide-finding.ts';
import { changeInWords, shareInWords } from '../decide-wording.ts';
import type { FloorUsage, RebalanceFacts, Sizes } from '../schema-facts.ts';

export function isIdle(view: ContainerView): boolean {
  const { cpu, memory } = view.container;
  const { policy } = view.world;
  const averages = [cpuShare(view, cpu.averageCores), memoryRequestShare(view, memory.averageBytes)];
  const p95s = [cpuShare(view, cpu.p95Cores), memoryRequestShare(view, memory.p95Bytes)];
  return (
    !view.wasOomKilled &&
    averages.every((share) => share !== undefined && share < policy.idleRatio) &&
    p95s.every((share) => share !== undefined && share <= policy.spikeRatio)
  );
}

/** The wish of an idle container; `change` is `null` while the floors are not known, and it is `undefined` at the floors. */
export function lowerRequestsWhenIdle(view: ContainerView): Wish | undefined {
  const { floors } = view.container;
  if (!isIdle(view)) {
    return undefined;
  }
  const change = floors === null ? null : trimTo(view, floors);
  return change === undefined ? undefined : wishOf(view, change);
}

/** One wish for idle containers that share a template: the floors are those of the busiest of them. */
export function lowerRequestsTogether(views: readonly ContainerView[]): Wish | undefined {
  const [first] = views;
  if (first === undefined) {
    return undefined;
  }
  const floors = views.map((view) => view.container.floors);
  const change = trimTo(first, {
    memoryMaximumBytes: highest(floors.map((floor) => floor?.memoryMaximumBytes ?? null)),
    cpuP95Cores: highest(floors.map((floor) => floor?.cpuP95Cores ?? null)),
  });
  return change === undefined ? undefined : wishOf(first, change);
}

/** One unknown makes the highest unknown. */
function highest(values: readonly (number | null)[]): number | null {
  return values.reduce((a, b) => (a === null || b === null ? null : Math.max(a, b)), 0);
}

function wishOf(view: ContainerView, change: Change | null): Wish {
  const { cpu, memory, floors } = view.container;
  const cpuAverage = cpuShare(view, cpu.averageCores) ?? 0;
  const memoryAverage = memoryRequestShare(view, memory.averageBytes) ?? 0;
  const wanted = change === null ? 'lower requests' : changeInWords(change);
  return {
    verdict: 'trim',
    reason: reasonOf(
      'lower-requests-when-idle',
      'idle',
      `Uses ${shareInWords(cpuAverage)} of its CPU and ${shareInWords(memoryAverage)} of its memory request on average over ${view.world.policy.window}: ${wanted}.`,
      evidenceOf(view, {
        memoryRequestRatio: rounded(memoryAverage, 4),
        memoryFloorWindowMaximumBytes: floors?.memoryMaximumBytes ?? null,
        cpuFloorWindowP95Cores: rounded(floors?.cpuP95Cores, 6),
      }),
    ),
    change,
  };
}

/** The change that stays above the floors, `undefined` when nothing is left of it, `null` when a floor is not known or nothing declares a size. */
function trimTo(view: ContainerView, floors: FloorUsage): Change | undefined | null {
  const sizes = sizesToChange(view);
  if (sizes === undefined || floors.cpuP95Cores === null || floors.memoryMaximumBytes === null) {
    return null;
  }
  const cpu = cpuTrim(view, sizes, floors.cpuP95Cores);
  const memory = memoryTrim(view, sizes, floors.memoryMaximumBytes);
  if (cpu === undefined && memory === undefined) {
    return undefined;
  }
  const from = { ...(cpu && { cpu: cpu.from }), ...(memory && { memory: memory.from }) };
  const to = { ...(cpu && { cpu: cpu.to }), ...(memory && { memory: memory.to }) };
  // The limits of a guaranteed pod are equal to its requests and stay so.
  return isGuaranteed(view)
    ? { from: { requests: from, limits: from }, to: { requests: to, limits: to } }
    : { from: { requests: from, limits: {} }, to: { requests: to, limits: {} } };
}

interface Trim {
  readonly from: string;
  readonly to: string;
}

function keptShare(view: ContainerView): number {
  return Number((1 - view.world.policy.trimStep).toFixed(6));
}

function cpuTrim(view: ContainerView, sizes: { requests: Sizes; limits: Sizes }, p95Cores: number): Trim | undefined {
  const { policy, facts } = view.world;
  const from = sizes.requests.cpu;
  if (from === undefined) {
    return undefined;
  }
  const now = cpuMillicores(from);
  const usage = Math.ceil(Number((p95Cores * 1000 * policy.cpuFloorFactor).toFixed(6)));
  const limit = sizes.limits.cpu;
  const range = rangeFloor(
    facts,
    'cpu',
    limit === undefined || isGuaranteed(view) ? undefined : cpuMillicores(limit),
    cpuMillicores,
  );
  const to = Math.max(scaleCpu(now, keptShare(view)), usage, cpuMillicores(policy.cpuFloor), range);
  return to < now ? { from, to: formatCpu(to) } : undefined;
}

function memoryTrim(
  view: ContainerView,
  sizes: { requests: Sizes; limits: Sizes },
  maximumBytes: number,
): Trim | undefined {
  const { policy, facts } = view.world;
  const from = sizes.requests.memory;
  if (from === undefined || (isGuaranteed(view) && refusesLowerMemoryLimit(view))) {
    return undefined;
  }
  const now = memoryBytes(from);
  const usage = scaleMemory(Math.ceil(maximumBytes), policy.memoryFloorFactor);
  const limit = isGuaranteed(view) ? undefined : readMemory(sizes.limits.memory);
  const to = Math.max(
    scaleMemory(now, keptShare(view)),
    usage,
    memoryBytes(policy.memoryFloor),
    rangeFloor(facts, 'memory', limit, memoryBytes),
  );
  return to < now ? { from, to: formatMemory(to) } : undefined;
}

/** Before 1.34 a resize may not lower a memory limit, which a guaranteed pod's trim would have to. */
function refusesLowerMemoryLimit(view: ContainerView): boolean {
  const { major, minor } = view.world.facts.server;
  return view.world.apply === 'in-place' && major === 1 && minor < 34;
}

/** The least that the LimitRanges allow as a request beside that limit, so that no trim is made only to be refused. */
function rangeFloor(
  facts: RebalanceFacts,
  resource: 'cpu' | 'memory',
  limit: number | undefined,
  read: (text: string) => number,
): number {
  if ('unreadable' in facts.limitRanges) {
    return 0;
  }
  const floors = facts.limitRanges.items
    .flatMap((range) => range.items)
    .filter((item) => item.type === 'Container')
    .flatMap((item) => {
      const minimum = item.min[resource];
      const ratio = item.maxLimitRequestRatio[resource];
      const byRatio =
        ratio === undefined || limit === undefined ? 0 : Math.ceil(limit / (Number(quantityNano(ratio)) / 1e9));
      return [minimum === undefined ? 0 : read(minimum), byRatio];
    });
  return Math.max(0, ...floors);
}
