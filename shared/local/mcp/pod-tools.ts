// k8s.list_pods, k8s.describe and k8s.update_resources: what a container is given, and giving it something else through the executor.
import { z } from 'zod';
import type { ActionProposal } from '../../core/action.ts';
import { CallerError } from '../../core/errors.ts';
import { cpuMillicores, memoryBytes, sameQuantity } from '../../core/quantity.ts';
import type { Resources, Workload } from '../../ports/cluster.ts';
import { requestAction } from '../../runtime/requested-action.ts';
import { clusterOf, findContainer, type FoundContainer, namespaceOf, PodReference } from './pods.ts';
import { defineTool, KubernetesName, type ToolContext } from './tool.ts';

const KIND = 'cluster.resize-container';
const MOST_PODS = 5000;

const SIZES = [
  ['cpu_request', 'requests', 'cpu'],
  ['cpu_limit', 'limits', 'cpu'],
  ['mem_request', 'requests', 'memory'],
  ['mem_limit', 'limits', 'memory'],
] as const;
type SizeName = (typeof SIZES)[number][0];

function quantity(read: (text: string) => number, example: string): z.ZodOptional<z.ZodString> {
  return z
    .string()
    .max(40)
    .refine((text) => isPositive(read, text), `is no size, such as ${example}`)
    .optional();
}

function isPositive(read: (text: string) => number, text: string): boolean {
  try {
    return read(text) > 0;
  } catch {
    return false;
  }
}

const listPods = defineTool({
  name: 'k8s.list_pods',
  title: 'List pods',
  description: 'The names of the pods of a namespace.',
  input: z.strictObject({
    namespace: KubernetesName.optional().describe('The default namespace of this server when absent'),
    cluster: z.string().max(253).optional(),
  }),
  output: z.object({ pods: z.array(z.object({ name: z.string() })) }),
  async run(context, input) {
    const cluster = clusterOf(context, input.cluster);
    const pods = await context.surroundings.ports.cluster(cluster).listPods(namespaceOf(context, input.namespace));
    const names = pods.map(({ meta }) => meta.name).sort();
    if (names.length > MOST_PODS) {
      throw new CallerError(`The namespace has ${String(names.length)} pods, more than this tool lists.`, {
        field: 'namespace',
        remedy: 'Page through them with k8s.snapshot.',
      });
    }
    return { pods: names.map((name) => ({ name })) };
  },
});

const describe = defineTool({
  name: 'k8s.describe',
  title: 'Sizes of a container',
  description:
    'CPU and memory requests and limits of a container as the API server has them now; "none" is a size that is not set.',
  input: z.strictObject({ pod: PodReference }),
  output: z.object({ cpu_request: z.string(), cpu_limit: z.string(), mem_request: z.string(), mem_limit: z.string() }),
  async run(context, input) {
    const { container } = await findContainer(context, input.pod);
    return sizesOf(container.resources);
  },
});

function sizesOf(resources: Resources): Record<SizeName, string> {
  return Object.fromEntries(
    SIZES.map(([name, list, resource]) => [name, resources[list][resource] ?? 'none']),
  ) as Record<SizeName, string>;
}

const updateResources = defineTool({
  name: 'k8s.update_resources',
  title: 'Change the sizes of a container',
  description:
    'Resizes a container of a running pod in place. The change goes through guardrails, executor and journal and is verified afterwards; "updated" means that the API server has accepted it, "failed" comes with the reason. A grant that only proposes gets "failed" with the id of the action that waits for approval.',
  needs: 'propose',
  readOnly: false,
  destructive: true,
  input: z.strictObject({
    pod: PodReference,
    cpu_request: quantity(cpuMillicores, '250m'),
    cpu_limit: quantity(cpuMillicores, '500m'),
    mem_request: quantity(memoryBytes, '512Mi'),
    mem_limit: quantity(memoryBytes, '1Gi'),
  }),
  output: z.object({
    status: z.enum(['updated', 'failed']),
    reason: z.string().optional(),
    /** Whether the platform may have been changed all the same. */
    applied: z.enum(['no', 'unknown']).optional(),
  }),
  async run(context, { pod, ...wanted }) {
    const named = SIZES.filter(([name]) => wanted[name] !== undefined);
    if (named.length === 0) {
      throw new CallerError('Nothing is to be changed.', {
        remedy: 'Give at least one of cpu_request, cpu_limit, mem_request, mem_limit.',
      });
    }
    const found = await findContainer(context, pod);
    const changed = named.filter(([name, list, resource]) => {
      const there = found.container.resources[list][resource];
      return there === undefined || !sameQuantity(there, wanted[name] ?? '');
    });
    if (changed.length === 0) {
      return { status: 'updated' as const, reason: 'It has these sizes already; nothing was changed.' };
    }
    return request(context, found, await proposalOf(context, found, wanted, changed));
  },
});

async function request(
  context: ToolContext,
  { cluster, namespace, pod, container }: FoundContainer,
  action: ActionProposal,
): Promise<{ status: 'updated' | 'failed'; reason?: string; applied?: 'no' | 'unknown' }> {
  const { caller, surroundings, duties } = context;
  const duty = duties.find((ready) => ready.duty.actionKinds.includes(KIND))?.duty.name;
  if (duty === undefined) {
    return { status: 'failed', reason: `No duty here makes changes of the kind ${KIND}.`, applied: 'no' };
  }
  const requested = await requestAction(surroundings, {
    duty,
    scope: { cluster, namespace },
    by: caller.by,
    rule: 'mcp/requested',
    subject: { namespace, pod: pod.meta.name, container: container.name },
    action,
    tell: caller.tell,
  });
  if (requested === 'busy') {
    const reason = 'A run is at work on this namespace; nothing was changed. Try again in a minute.';
    return { status: 'failed', reason, applied: 'no' };
  }
  const { outcome } = requested;
  switch (outcome.state) {
    case 'applied':
      return { status: 'updated' };
    case 'repeated':
      return (await isThere(context, action))
        ? { status: 'updated', reason: outcome.detail }
        : failed(outcome, 'unknown');
    case 'waiting':
      return failed(
        { detail: `Action ${outcome.actionId?.slice(0, 12) ?? ''} waits for approval. ${outcome.detail}` },
        'no',
      );
    case 'unknown':
    case 'begun':
      return failed(outcome, 'unknown');
    case 'observed':
    case 'planned':
    case 'refused':
    case 'stale':
    case 'failed':
      return failed(outcome, 'no');
  }
}

function failed(
  { detail }: { readonly detail: string },
  applied: 'no' | 'unknown',
): { status: 'failed'; reason: string; applied: 'no' | 'unknown' } {
  return { status: 'failed', reason: detail, applied };
}

/** Whether the container stands where an earlier, equal change wanted it. */
async function isThere({ surroundings }: ToolContext, action: ActionProposal): Promise<boolean> {
  const look = await surroundings.kinds.get(action.kind)?.look(surroundings.ports, action);
  return look?.at === 'to';
}

async function proposalOf(
  { surroundings }: ToolContext,
  { cluster, namespace, pod, container, role }: FoundContainer,
  wanted: Readonly<Partial<Record<SizeName, string | undefined>>>,
  changed: readonly (typeof SIZES)[number][],
): Promise<ActionProposal> {
  const { meta } = pod;
  const workload = await workloadOf(surroundings.ports.cluster(cluster).listWorkloads(namespace), pod.meta);
  const template = workload?.containers.find(({ name }) => name === container.name)?.resources;
  const declared = template === undefined ? undefined : listsOf(changed, (list, resource) => template[list][resource]);
  const hasDeclared =
    declared !== undefined && [declared.requests, declared.limits].some((list) => Object.keys(list).length > 0);
  return {
    kind: KIND,
    target: { cluster, namespace, pod: meta.name, uid: meta.uid, container: container.name, role },
    from: listsOf(changed, (list, resource) => container.resources[list][resource]),
    to: listsOf(changed, (_list, _resource, name) => wanted[name]),
    guard: {
      names: workload === undefined ? [meta.name] : [meta.name, workload.meta.name],
      labels: {
        ...workload?.meta.labels,
        ...workload?.meta.annotations,
        ...workload?.templateLabels,
        ...meta.labels,
        ...meta.annotations,
        ...protectedBy(surroundings.team.protect.label, meta, workload),
      },
      workload: workload === undefined ? `Pod/${meta.name}` : `${workload.kind}/${workload.meta.name}`,
      workloadSize: Math.max(1, workload?.replicas ?? 1),
      touches: 1,
      part: meta.name,
      ...(hasDeclared ? { declared } : {}),
    },
  };
}

/** A protection of the pod or of what owns it holds, whichever of the two says "false". */
function protectedBy(
  label: string,
  pod: FoundContainer['pod']['meta'],
  workload: Workload | undefined,
): Record<string, string> {
  const sets = [
    pod.labels,
    pod.annotations,
    workload?.meta.labels,
    workload?.meta.annotations,
    workload?.templateLabels,
  ];
  const value = sets.map((set) => set?.[label]).find((one) => one !== undefined && one !== 'false');
  return value === undefined ? {} : { [label]: value };
}

function listsOf(
  changed: readonly (typeof SIZES)[number][],
  sizeOf: (list: 'requests' | 'limits', resource: string, name: SizeName) => string | undefined,
): { requests: Record<string, string>; limits: Record<string, string> } {
  const lists = { requests: {} as Record<string, string>, limits: {} as Record<string, string> };
  for (const [name, list, resource] of changed) {
    const size = sizeOf(list, resource, name);
    if (size !== undefined) {
      lists[list][resource] = size;
    }
  }
  return lists;
}

/** The workload that owns the pod: by its controller, a Deployment by the hash that its ReplicaSets carry. */
async function workloadOf(
  workloads: Promise<readonly Workload[]>,
  { owners, labels }: FoundContainer['pod']['meta'],
): Promise<Workload | undefined> {
  const controller = owners.find((owner) => owner.controller);
  const hash = labels['pod-template-hash'];
  const isDeployed = controller?.kind === 'ReplicaSet' && hash !== undefined && controller.name.endsWith(`-${hash}`);
  const [kind, name] = isDeployed
    ? ['Deployment', controller.name.slice(0, -hash.length - 1)]
    : [controller?.kind, controller?.name];
  return (await workloads).find((one) => one.kind === kind && one.meta.name === name);
}

export const podTools = [listPods, describe, updateResources];
