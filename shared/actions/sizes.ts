// CPU and memory sizes as the two container actions change them: requests and limits by resource, only what changes.
import { z } from 'zod';
import type { ActionProposal, Inverse } from '../core/action.ts';
import type { JsonObject } from '../core/json.ts';
import { quantityNano, sameQuantity } from '../core/quantity.ts';
import type { Resources } from '../ports/cluster.ts';
import type { Look } from './kind.ts';

const resourceList = z.lazy(() =>
  z.strictObject({ cpu: z.string().optional(), memory: z.string().optional() }).transform(withoutUndefined),
);

/** `{ requests: { cpu?, memory? }, limits: { cpu?, memory? } }`, Kubernetes quantities. */
export const Sizes = z.lazy(() => z.strictObject({ requests: resourceList, limits: resourceList }));
export type Sizes = z.infer<typeof Sizes>;

function withoutUndefined(list: { cpu?: string | undefined; memory?: string | undefined }): Record<string, string> {
  return Object.fromEntries(Object.entries(list).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

interface Size {
  readonly list: 'requests' | 'limits';
  readonly resource: string;
  readonly value: string;
}

function sizesOf(value: JsonObject): readonly Size[] {
  const sizes = Sizes.parse(value);
  return (['limits', 'requests'] as const).flatMap((list) =>
    Object.entries(sizes[list]).map(([resource, size]) => ({ list, resource, value: size })),
  );
}

/** Compares what is there with where the action starts and where it wants to go, by value and not by spelling. */
export function lookAt(live: Resources | undefined, action: ActionProposal, what: string): Look {
  if (live === undefined) {
    return { at: 'gone', found: `${what} is no longer there.` };
  }
  const found = `${what} has ${describeLive(live, sizesOf(action.to))}.`;
  if (matches(live, sizesOf(action.to))) {
    return { at: 'to', found };
  }
  return { at: matches(live, sizesOf(action.from)) ? 'from' : 'elsewhere', found };
}

function matches(live: Resources, sizes: readonly Size[]): boolean {
  return sizes.every(({ list, resource, value }) => {
    const there = live[list][resource];
    return there !== undefined && sameQuantity(there, value);
  });
}

function describeLive(live: Resources, sizes: readonly Size[]): string {
  return sizes.map(({ list, resource }) => `${words(list, resource)} ${live[list][resource] ?? 'none'}`).join(', ');
}

function words(list: 'requests' | 'limits', resource: string): string {
  return `${resource === 'cpu' ? 'CPU' : resource} ${list === 'limits' ? 'limit' : 'request'}`;
}

/** "memory limit 1Gi → 1280Mi, memory request 1Gi → 1280Mi" */
export function describeSizes(action: Pick<ActionProposal, 'from' | 'to'>): string {
  const from = Sizes.parse(action.from);
  return sizesOf(action.to)
    .map(({ list, resource, value }) => `${words(list, resource)} ${from[list][resource] ?? 'none'} → ${value}`)
    .join(', ');
}

export interface SizeChange {
  readonly list: 'requests' | 'limits';
  readonly resource: string;
  readonly to: string;
  /** Less than before; a limit where there was none takes something away too. */
  readonly shrinks: boolean;
}

/** What an action changes, one entry a size. */
export function changesOf(action: Pick<ActionProposal, 'from' | 'to'>): readonly SizeChange[] {
  const from = Sizes.parse(action.from);
  return sizesOf(action.to).map(({ list, resource, value }) => {
    const before = from[list][resource];
    const shrinks = before === undefined ? list === 'limits' : quantityNano(value) < quantityNano(before);
    return { list, resource, to: value, shrinks };
  });
}

export function swapped(action: ActionProposal): Inverse {
  return { kind: action.kind, target: action.target, from: action.to, to: action.from };
}

/** The factor that is farthest from 1 between `from` and `to`, and the largest between what is declared and `to`. */
export function growthOf(action: ActionProposal): { step: number; total: number | undefined } {
  const from = Sizes.parse(action.from);
  const declared = action.guard.declared === undefined ? undefined : Sizes.parse(action.guard.declared);
  let step = 1;
  let total: number | undefined;
  for (const { list, resource, value } of sizesOf(action.to)) {
    const before = from[list][resource];
    const factor = before === undefined ? Number.NaN : ratio(value, before);
    step = Number.isNaN(factor) || distance(factor) > distance(step) ? factor : step;
    const stated = declared?.[list][resource];
    if (stated !== undefined) {
      total = Math.max(total ?? 0, ratio(value, stated));
    }
  }
  return { step, total };
}

function ratio(a: string, b: string): number {
  return Number(quantityNano(a)) / Number(quantityNano(b));
}

function distance(factor: number): number {
  return Math.abs(Math.log(factor));
}
