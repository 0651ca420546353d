// When:   the node's allocatable memory less what runs there, a LimitRange or a ResourceQuota has no room for a raise, or one
//         of the three cannot be read
// Then:   escalate instead of raising
// Unless: the server has the last word anyway: this only spares a change that is known to fail, or to starve its neighbours
// Why:    a resize that does not fit is Infeasible or evicts others; a raise that the quota refuses ends as a failed action.
//         What is not known counts as no room: a raise in the dark is an action without data.
// Raises of one run share the room: the ledger takes off what earlier ones were given, in the order of the pods.
import { memoryBytes, quantityNano } from '../../../shared/core/quantity.ts';
import { evidenceOf, readMemory } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import type { Change } from '../schema-facts.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Concern, SizedWish } from '../decide-finding.ts';
import { bytesInWords, changeInWords } from '../decide-wording.ts';
import type { RebalanceFacts } from '../schema-facts.ts';

/** Memory that raises of this run have been given already: by node name and by quota and resource. */
export interface RoomLedger {
  readonly nodes: Map<string, number>;
  readonly quotas: Map<string, number>;
}

export function emptyLedger(): RoomLedger {
  return { nodes: new Map(), quotas: new Map() };
}

interface Growth {
  readonly limitBytes: number;
  readonly requestBytes: number;
  /** Pods that grow by it. */
  readonly pods: number;
}

interface Refusal {
  readonly label: string;
  readonly sentence: string;
  readonly advice: string;
}

export function escalateCannotFit(view: ContainerView, raise: SizedWish, ledger: RoomLedger): Concern | undefined {
  const growth = growthOf(view, raise.change);
  const refusal =
    limitRangeRefusal(view, raise.change, growth) ??
    quotaRefusal(view, growth, ledger) ??
    (view.world.apply === 'in-place' ? nodeRefusal(view, growth, ledger) : largestNodeRefusal(view, raise.change));
  if (refusal === undefined) {
    return undefined;
  }
  return {
    verdict: 'escalate',
    reason: reasonOf(
      'escalate-cannot-fit',
      refusal.label,
      `${raise.reason.sentence} Not done: ${refusal.sentence}`,
      evidenceOf(view, { neededBytes: growth.limitBytes, node: view.pod.node, wanted: changeInWords(raise.change) }),
    ),
    advice: [refusal.advice],
  };
}

/** Takes the room of a raise that will be made. */
export function reserveRoom(view: ContainerView, raise: SizedWish, ledger: RoomLedger): void {
  const growth = growthOf(view, raise.change);
  if (view.world.apply === 'in-place' && view.pod.node !== null) {
    add(ledger.nodes, view.pod.node, growth.limitBytes);
  }
  for (const { key, bytes } of quotaDemands(view, growth)) {
    add(ledger.quotas, key, bytes);
  }
}

function add(amounts: Map<string, number>, key: string, bytes: number): void {
  amounts.set(key, (amounts.get(key) ?? 0) + bytes);
}

function growthOf(view: ContainerView, { from, to }: Change): Growth {
  const grown = (before: string | undefined, after: string | undefined): number =>
    (readMemory(after) ?? 0) - (readMemory(before) ?? 0);
  return {
    limitBytes: grown(from.limits.memory, to.limits.memory),
    requestBytes: grown(from.requests.memory, to.requests.memory),
    pods: view.world.apply === 'in-place' ? 1 : Math.max(1, view.workload?.replicas ?? 1),
  };
}

/**
 * A raise needs its whole growth as free room, though a node refuses by requests alone: where every byte is promised to
 * others, the memory that the container would use on top comes out of theirs.
 */
function nodeRefusal(view: ContainerView, growth: Growth, ledger: RoomLedger): Refusal | undefined {
  const nodes = view.world.facts.nodes;
  const advice = 'Give the pod a node with more room: a larger machine type, or fewer neighbours.';
  if (nodes === null || 'unreadable' in nodes) {
    const why = nodes === null ? 'nobody asked for it.' : nodes.unreadable;
    return unknown('node room unknown', `the room on its node is not known: ${why}`);
  }
  const node = nodes.items.find(({ name }) => name === view.pod.node);
  if (node === undefined || node.requestedMemoryBytes === null) {
    return unknown('node room unknown', `the room on node ${view.pod.node ?? 'unknown'} is not known.`);
  }
  const free = node.allocatableMemoryBytes - node.requestedMemoryBytes - (ledger.nodes.get(node.name) ?? 0);
  if (growth.limitBytes <= free) {
    return undefined;
  }
  const total = bytesInWords(node.allocatableMemoryBytes);
  const sentence = `node ${node.name} has ${bytesInWords(Math.max(0, free))} of ${total} left, it needs ${bytesInWords(growth.limitBytes)} more.`;
  return { label: 'does not fit its node', sentence, advice };
}

/** New pods may go anywhere: it is enough that one node could hold the container alone. */
function largestNodeRefusal(view: ContainerView, change: Change): Refusal | undefined {
  const nodes = view.world.facts.nodes;
  if (nodes === null || 'unreadable' in nodes) {
    const why = nodes === null ? 'nobody asked for it.' : nodes.unreadable;
    return unknown('node room unknown', `the size of the nodes is not known: ${why}`);
  }
  const usable = nodes.items.filter((node) => !node.unschedulable).map((node) => node.allocatableMemoryBytes);
  const largest = Math.max(0, ...usable);
  const wanted = readMemory(change.to.limits.memory) ?? 0;
  return wanted <= largest
    ? undefined
    : {
        label: 'fits no node',
        sentence: `the largest node has ${bytesInWords(largest)} allocatable, the container would be given ${bytesInWords(wanted)}.`,
        advice: 'Add a node pool with a larger machine type.',
      };
}

function limitRangeRefusal(view: ContainerView, change: Change, growth: Growth): Refusal | undefined {
  const { limitRanges } = view.world.facts;
  if ('unreadable' in limitRanges) {
    return unknown(
      'limit ranges unknown',
      `the limit ranges of the namespace cannot be read: ${limitRanges.unreadable}`,
    );
  }
  const limit = readMemory(change.to.limits.memory) ?? 0;
  const request = readMemory(change.to.requests.memory) ?? view.memoryRequestBytes ?? limit;
  const podLimit = view.pod.containers.reduce(
    (sum, { limits }) => sum + (readMemory(limits.memory) ?? 0),
    growth.limitBytes,
  );
  for (const range of limitRanges.items) {
    for (const item of range.items) {
      const size = item.type === 'Container' ? limit : item.type === 'Pod' ? podLimit : undefined;
      const maximum = readMemory(item.max.memory);
      if (size !== undefined && maximum !== undefined && size > maximum) {
        return refusedByRange(
          range.name,
          `allows ${bytesInWords(maximum)} for a ${item.type.toLowerCase()}, it would be ${bytesInWords(size)}.`,
        );
      }
      const ratio = item.type === 'Container' ? item.maxLimitRequestRatio.memory : undefined;
      if (ratio !== undefined && request > 0 && limit / request > Number(quantityNano(ratio)) / 1e9) {
        return refusedByRange(
          range.name,
          `allows a limit of ${ratio} times the request, it would be ${Number((limit / request).toFixed(2))} times.`,
        );
      }
    }
  }
  return undefined;
}

function refusedByRange(name: string, sentence: string): Refusal {
  return {
    label: 'refused by a LimitRange',
    sentence: `LimitRange ${name} ${sentence}`,
    advice: `Change LimitRange ${name}, or the container's request, if the size is right.`,
  };
}

function quotaRefusal(view: ContainerView, growth: Growth, ledger: RoomLedger): Refusal | undefined {
  const { quotas } = view.world.facts;
  if ('unreadable' in quotas) {
    return unknown('quota unknown', `the quotas of the namespace cannot be read: ${quotas.unreadable}`);
  }
  for (const { key, quota, resource, bytes } of quotaDemands(view, growth)) {
    const free =
      memoryBytes(quota.hard[resource] ?? '0') -
      memoryBytes(quota.used[resource] ?? '0') -
      (ledger.quotas.get(key) ?? 0);
    if (bytes > free) {
      return {
        label: 'refused by a quota',
        sentence: `ResourceQuota ${quota.name} has ${bytesInWords(Math.max(0, free))} of ${resource} left, it needs ${bytesInWords(bytes)} more.`,
        advice: `Raise ${resource} of ResourceQuota ${quota.name}, or free some of it.`,
      };
    }
  }
  return undefined;
}

type Quota = Extract<RebalanceFacts['quotas'], { items: unknown }>['items'][number];

function quotaDemands(
  view: ContainerView,
  growth: Growth,
): readonly { readonly key: string; readonly quota: Quota; readonly resource: string; readonly bytes: number }[] {
  const { quotas } = view.world.facts;
  if ('unreadable' in quotas) {
    return [];
  }
  const wanted = [
    ['limits.memory', growth.limitBytes],
    ['requests.memory', growth.requestBytes],
    ['memory', growth.requestBytes],
  ] as const;
  return quotas.items.filter(coversUs).flatMap((quota) =>
    wanted
      .filter(([resource, bytes]) => bytes > 0 && quota.hard[resource] !== undefined)
      .map(([resource, bytes]) => ({
        key: `${quota.name}/${resource}`,
        quota,
        resource,
        bytes: bytes * growth.pods,
      })),
  );
}

/** A container with a memory limit is not BestEffort, and no controller's template may carry the deadline that Terminating means. */
function coversUs(quota: Quota): boolean {
  return !quota.scopes.some((scope) => scope === 'BestEffort' || scope === 'Terminating');
}

function unknown(label: string, sentence: string): Refusal {
  return {
    label,
    sentence,
    advice: 'Give the service account of Nightshift the permission that is missing; `nightshift doctor` names it.',
  };
}
