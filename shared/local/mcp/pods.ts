// Finds the container that a caller means by `name`, `namespace/name` or `namespace/name/container`. Reads only.
import { z } from 'zod';
import { CallerError } from '../../core/errors.ts';
import { memoryBytes } from '../../core/quantity.ts';
import type { ContainerSpec, Pod } from '../../ports/cluster.ts';
import { KubernetesName, type ToolContext } from './tool.ts';

export const PodReference = z
  .string()
  .min(1)
  .max(600)
  .describe(
    'Pod: name, namespace/name or namespace/name/container; with several clusters cluster:namespace/name. The container with most memory when none is named',
  );

export interface FoundContainer {
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: Pod;
  readonly container: ContainerSpec;
  readonly role: 'main' | 'sidecar';
}

/** A CallerError names what is missing or not there. */
export async function findContainer(context: ToolContext, reference: string): Promise<FoundContainer> {
  const { cluster, namespace, name, container } = parsed(context, reference);
  const pod = await context.surroundings.ports.cluster(cluster).readPod(namespace, name);
  if (pod === undefined) {
    throw new CallerError(`There is no pod ${name} in namespace ${namespace} of cluster ${cluster}.`, {
      field: 'pod',
      remedy: 'List them with k8s.list_pods.',
    });
  }
  const lasting = pod.containers.filter(({ role }) => role !== 'init');
  const found =
    container === undefined
      ? [...lasting].sort((a, b) => memoryOf(b) - memoryOf(a))[0]
      : lasting.find((candidate) => candidate.name === container);
  if (found === undefined) {
    throw new CallerError(`Pod ${name} has no container ${container ?? 'that stays'}.`, {
      field: 'pod',
      remedy: `Its containers: ${lasting.map((one) => one.name).join(', ') || 'none'}.`,
    });
  }
  return { cluster, namespace, pod, container: found, role: found.role === 'sidecar' ? 'sidecar' : 'main' };
}

function memoryOf({ resources: { limits, requests } }: ContainerSpec): number {
  return memoryBytes(limits['memory'] ?? requests['memory'] ?? '0');
}

function parsed(
  context: ToolContext,
  reference: string,
): { cluster: string; namespace: string; name: string; container: string | undefined } {
  const colon = reference.indexOf(':');
  const parts = reference.slice(colon + 1).split('/');
  const names = parts.map((part) => KubernetesName.safeParse(part));
  if (parts.length > 3 || names.some(({ success }) => !success)) {
    throw new CallerError(`${JSON.stringify(reference.slice(0, 100))} names no pod.`, {
      field: 'pod',
      remedy: 'Write name, namespace/name or namespace/name/container.',
    });
  }
  const [first = '', second, container] = parts;
  return {
    cluster: clusterOf(context, colon < 0 ? undefined : reference.slice(0, colon)),
    namespace: second === undefined ? namespaceOf(context, undefined) : first,
    name: second ?? first,
    container,
  };
}

export function clusterOf(context: ToolContext, named: string | undefined): string {
  const cluster = named ?? context.cluster;
  if (cluster === undefined) {
    throw new CallerError('The policy has several clusters: which one?', {
      field: 'cluster',
      remedy: `Clusters: ${Object.keys(context.surroundings.team.clusters).join(', ')}.`,
    });
  }
  return cluster;
}

export function namespaceOf(context: ToolContext, named: string | undefined): string {
  const namespace = named ?? context.namespace;
  if (namespace === undefined) {
    throw new CallerError('Which namespace?', {
      field: 'namespace',
      remedy: 'Say it, as in shop/web-1; or start the server with --namespace.',
    });
  }
  return namespace;
}
