// Kubernetes objects that the real tier's tests create: as short as the API server accepts them.
import type { KubernetesObject } from './kubernetes-api.ts';

export interface Sizes {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

/** Runs on real kubelets as well, where a cluster of the user's takes the place of KWOK's nodes. */
const IMAGE = 'registry.k8s.io/pause:3.10';

export const BURSTABLE: Sizes = {
  requests: { cpu: '100m', memory: '128Mi' },
  limits: { cpu: '500m', memory: '256Mi' },
};

export const GUARANTEED: Sizes = {
  requests: { cpu: '500m', memory: '512Mi' },
  limits: { cpu: '500m', memory: '512Mi' },
};

export function container(name: string, resources: Sizes, more: Readonly<Record<string, unknown>> = {}): object {
  return { name, image: IMAGE, resources, ...more };
}

export interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

export function pod(
  namespace: string,
  name: string,
  sizes: Sizes = BURSTABLE,
  options: PodOptions = {},
): KubernetesObject {
  const { labels = {}, annotations = {}, spec = {} } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels, annotations },
    spec: { terminationGracePeriodSeconds: 0, containers: [container('app', sizes)], ...spec },
  };
}

export interface WorkloadOptions {
  readonly replicas?: number;
  readonly containers?: readonly object[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A Deployment, StatefulSet or DaemonSet of one container named `app`. */
export function workload(
  kind: 'Deployment' | 'StatefulSet' | 'DaemonSet',
  namespace: string,
  name: string,
  sizes: Sizes,
  options: WorkloadOptions = {},
): KubernetesObject {
  const labels = { app: name };
  const { replicas = 1, containers = [container('app', sizes)], annotations = {} } = options;
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { namespace, name, labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: { terminationGracePeriodSeconds: 0, containers },
      },
      ...(kind === 'DaemonSet' ? {} : { replicas }),
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
    },
  };
}

/** The VerticalPodAutoscaler's definition as far as this project reads it. */
export const VERTICAL_POD_AUTOSCALER_DEFINITION: KubernetesObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'verticalpodautoscalers.autoscaling.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/kubernetes/pull/63797' },
  },
  spec: {
    group: 'autoscaling.k8s.io',
    scope: 'Namespaced',
    names: {
      kind: 'VerticalPodAutoscaler',
      listKind: 'VerticalPodAutoscalerList',
      plural: 'verticalpodautoscalers',
      singular: 'verticalpodautoscaler',
      shortNames: ['vpa'],
    },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                required: ['targetRef'],
                properties: {
                  targetRef: {
                    type: 'object',
                    properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, name: { type: 'string' } },
                  },
                  updatePolicy: {
                    type: 'object',
                    properties: {
                      updateMode: { type: 'string', enum: ['Off', 'Initial', 'Recreate', 'InPlaceOrRecreate', 'Auto'] },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};

export function verticalPodAutoscaler(
  namespace: string,
  name: string,
  target: { readonly kind: string; readonly name: string },
  updateMode?: string,
): KubernetesObject {
  return {
    apiVersion: 'autoscaling.k8s.io/v1',
    kind: 'VerticalPodAutoscaler',
    metadata: { namespace, name },
    spec: {
      targetRef: { apiVersion: 'apps/v1', ...target },
      ...(updateMode === undefined ? {} : { updatePolicy: { updateMode } }),
    },
  };
}

/** Of the Deployment of the same name. */
export function horizontalPodAutoscaler(
  namespace: string,
  name: string,
  resources: readonly ('cpu' | 'memory')[],
): KubernetesObject {
  const target = { type: 'Utilization', averageUtilization: 80 };
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { namespace, name },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      maxReplicas: 4,
      metrics: resources.map((resource) =>
        resource === 'cpu'
          ? { type: 'ContainerResource', containerResource: { name: resource, container: 'app', target } }
          : { type: 'Resource', resource: { name: resource, target } },
      ),
    },
  };
}

export function resourceQuota(
  namespace: string,
  name: string,
  hard: Readonly<Record<string, string>>,
  more: Readonly<Record<string, unknown>> = {},
): KubernetesObject {
  return { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { namespace, name }, spec: { hard, ...more } };
}

export function limitRange(
  namespace: string,
  name: string,
  limit: Readonly<Record<string, unknown>>,
): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { namespace, name },
    spec: { limits: [{ type: 'Container', ...limit }] },
  };
}
