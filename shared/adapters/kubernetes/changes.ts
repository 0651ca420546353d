// Changes of container sizes as JSON patches that carry their own precondition: the server itself refuses when the object
// or the sizes are no longer what the decision saw. Never forced. Pure: the sending is done in cluster.ts.
import { sameQuantity } from '../../core/quantity.ts';
import type { ContainerSpec, ObjectMeta, ResourceChange, ResourceList, Resources } from '../../ports/cluster.ts';

export interface PatchOperation {
  readonly op: 'test' | 'add' | 'replace';
  readonly path: string;
  readonly value: unknown;
}

/** The object as it is now. */
export interface Live {
  readonly meta: ObjectMeta;
  readonly containers: readonly ContainerSpec[];
}

export interface SizeChange {
  readonly uid: string;
  readonly container: string;
  readonly role: 'main' | 'sidecar';
  readonly from: ResourceChange;
  readonly to: ResourceChange;
}

const SIDES = ['requests', 'limits'] as const;

/**
 * The patch for `change`, or why it no longer fits what is there. `specPath` is where the pod spec lies, e.g. `/spec`.
 * Sizes are compared by value; the tests in the patch have the server's own spelling, which is what it compares with.
 */
export function sizePatch(
  live: Live,
  change: SizeChange,
  specPath: string,
): { readonly operations: readonly PatchOperation[] } | { readonly conflict: string } {
  const conflict = whatDiffers(live, change);
  if (conflict !== undefined) {
    return { conflict };
  }
  const group = live.containers.filter(({ role }) => (role === 'main') === (change.role === 'main'));
  const index = group.findIndex(({ name }) => name === change.container);
  const container = group[index];
  if (container === undefined) {
    return { conflict: missing(change) };
  }
  const list = change.role === 'main' ? 'containers' : 'initContainers';
  const path = `${specPath}/${list}/${index}`;
  const writes = SIDES.flatMap((side) => writesOf(`${path}/resources`, side, container.resources, change.to[side]));
  const tests = SIDES.flatMap((side) =>
    Object.keys(change.from[side]).map((name) =>
      test(`${path}/resources/${side}/${pointer(name)}`, container.resources[side][name]),
    ),
  );
  // That a size is still absent cannot be tested by itself: then the whole object must be the one that was read.
  const isAdding = SIDES.some((side) => Object.keys(change.to[side]).some((name) => !(name in change.from[side])));
  return {
    operations: [
      test('/metadata/uid', change.uid),
      ...(isAdding ? [test('/metadata/resourceVersion', live.meta.resourceVersion)] : []),
      test(`${path}/name`, change.container),
      ...tests,
      ...writes,
    ],
  };
}

/** What is no longer as `change.from` says, in words; undefined when everything is. */
export function whatDiffers(live: Live, change: SizeChange): string | undefined {
  if (live.meta.uid !== change.uid) {
    return `${live.meta.name} was created anew (uid ${live.meta.uid})`;
  }
  const container = live.containers.find(({ name }) => name === change.container);
  if (container === undefined || (change.role === 'main') !== (container.role === 'main')) {
    return missing(change);
  }
  const differs = SIDES.some((side) => {
    const names = new Set([...Object.keys(change.from[side]), ...Object.keys(change.to[side])]);
    return [...names].some((name) => !isSame(change.from[side][name], container.resources[side][name]));
  });
  return differs
    ? `container ${change.container} now has ${sizes(container.resources)}, and ${sizes(change.from)} was expected`
    : undefined;
}

function isSame(expected: string | undefined, found: string | undefined): boolean {
  return expected === undefined || found === undefined ? expected === found : sameQuantity(expected, found);
}

function writesOf(
  resourcesPath: string,
  side: (typeof SIDES)[number],
  found: Resources,
  wanted: ResourceList,
): readonly PatchOperation[] {
  const names = Object.keys(wanted);
  if (names.length === 0) {
    return [];
  }
  if (Object.keys(found[side]).length === 0) {
    // `add` needs its parent, and the server writes `resources` always but an empty map in it never.
    return [{ op: 'add', path: `${resourcesPath}/${side}`, value: wanted }];
  }
  return names.map((name) => ({
    op: name in found[side] ? 'replace' : 'add',
    path: `${resourcesPath}/${side}/${pointer(name)}`,
    value: wanted[name],
  }));
}

function test(path: string, value: unknown): PatchOperation {
  return { op: 'test', path, value };
}

/** A key in a JSON pointer (RFC 6901): `nvidia.com/gpu` has a slash. */
function pointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function missing(change: SizeChange): string {
  return `there is no ${change.role} container ${change.container} any more`;
}

function sizes({ requests, limits }: ResourceChange): string {
  return `requests ${listed(requests)}, limits ${listed(limits)}`;
}

function listed(resources: ResourceList): string {
  const entries = Object.entries(resources).map(([name, value]) => `${name} ${value}`);
  return entries.length === 0 ? 'none' : entries.join(' ');
}
