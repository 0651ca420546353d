// A scripted Cluster port for the doctor's tests: what it answers is handed in, everything else is not to be asked.
import type { Cluster, ClusterVersion, Permission, Pod } from '../../shared/ports/cluster.ts';

const VERSION: ClusterVersion = {
  gitVersion: 'v1.34.4',
  major: 1,
  minor: 34,
  podResize: true,
  verticalAutoscalers: false,
};

export interface ClusterScript extends Partial<Cluster> {
  /** Names of pods that have been running for a day, or pods. */
  readonly pods?: readonly (string | Pod)[];
  readonly namespaces?: readonly string[];
  readonly isAllowed?: (permission: Permission) => boolean;
  readonly now?: string;
}

export function scriptedCluster(script: ClusterScript = {}): Cluster {
  const { pods = [], namespaces = ['shop'], isAllowed = () => true, now, ...methods } = script;
  const unasked = (): never => {
    throw new Error('The doctor must not ask this.');
  };
  return {
    name: 'prod',
    server: 'https://prod.example',
    version: () => Promise.resolve(VERSION),
    serverTime: () => Promise.resolve(now ?? '2026-03-04T10:00:00Z'),
    namespaceExists: (namespace) => Promise.resolve(namespaces.includes(namespace)),
    listPods: () => Promise.resolve(pods.map((one) => (typeof one === 'string' ? pod(one) : one))),
    listWorkloads: unasked,
    listHorizontalAutoscalers: unasked,
    listVerticalAutoscalers: unasked,
    listQuotas: unasked,
    listLimitRanges: unasked,
    listNodes: unasked,
    listPodsOnNodes: unasked,
    readPod: unasked,
    readWorkload: unasked,
    resizePod: unasked,
    patchTemplate: unasked,
    allowed: (permissions) =>
      Promise.resolve(permissions.map((permission) => ({ allowed: isAllowed(permission), reason: '' }))),
    ...methods,
  };
}

export interface PodChanges {
  readonly startedAt?: string;
  readonly deletedAt?: string;
  readonly phase?: string;
}

export function pod(name: string, changes: PodChanges = {}): Pod {
  const { startedAt = '2026-03-03T10:00:00Z', deletedAt = null, phase = 'Running' } = changes;
  return {
    meta: {
      namespace: 'shop',
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      generation: 1,
      createdAt: startedAt,
      deletedAt,
      labels: {},
      annotations: {},
      owners: [],
    },
    nodeName: 'node-1',
    phase,
    reason: null,
    qosClass: 'Burstable',
    priorityClassName: null,
    startedAt,
    ready: true,
    containers: [],
    statuses: [],
    resize: null,
    resizes: [],
    isStatic: false,
    podResources: null,
    overhead: {},
  };
}
