// The requests that the embedded API server must answer as the real one does: mostly resizes, and every way to get them wrong.
import type { KubernetesObject } from './kubernetes-api.ts';
import { BURSTABLE, container, GUARANTEED, pod } from './objects.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE = 'application/merge-patch+json';
export const STRATEGIC = 'application/strategic-merge-patch+json';

/** One request, sent to both. */
export interface Case {
  readonly name: string;
  readonly method?: 'GET' | 'PATCH';
  /** Below the namespace; `POD` stands for the pod that this case alone touches. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly body?: unknown;
  /** The pod of the case. */
  readonly pod?: (namespace: string, name: string) => KubernetesObject;
  /** A namespace with its own rules. */
  readonly within?: 'quota' | 'range';
}

const RESIZE = 'pods/POD/resize';

export function sizes(resources: unknown, name = 'app'): unknown {
  return { spec: { containers: [{ name, resources }] } };
}

function replace(path: string, value: unknown): unknown {
  return { op: 'replace', path: `/spec/containers/0/${path}`, value };
}

const WITH_RESTART = container('app', BURSTABLE, {
  resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
});
const SIDECARS = [container('proxy', BURSTABLE, { restartPolicy: 'Always' }), container('setup', BURSTABLE)];

export const CASES: readonly Case[] = [
  {
    name: 'a raise by JSON patch',
    path: RESIZE,
    contentType: JSON_PATCH,
    body: [replace('resources/limits/memory', '384Mi')],
  },
  {
    name: 'a raise by strategic merge patch',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '384Mi' } }),
  },
  {
    name: 'a raise by merge patch without the image',
    path: RESIZE,
    contentType: MERGE,
    body: sizes({ limits: { memory: '384Mi' } }),
  },
  {
    name: 'another spelling of the same size',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '262144Ki' } }),
  },
  {
    name: 'a test of another spelling',
    path: RESIZE,
    contentType: JSON_PATCH,
    body: [
      { op: 'test', path: '/spec/containers/0/resources/limits/memory', value: '262144Ki' },
      replace('resources/limits/memory', '384Mi'),
    ],
  },
  {
    name: 'a test that fails',
    path: RESIZE,
    contentType: JSON_PATCH,
    body: [{ op: 'test', path: '/metadata/uid', value: 'another' }, replace('resources/limits/memory', '384Mi')],
  },
  {
    name: 'a path that is not there',
    path: RESIZE,
    contentType: JSON_PATCH,
    body: [{ op: 'replace', path: '/spec/containers/7/resources', value: {} }],
  },
  { name: 'a lower memory limit', path: RESIZE, contentType: STRATEGIC, body: sizes({ limits: { memory: '192Mi' } }) },
  {
    name: 'lower requests',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ requests: { cpu: '80m', memory: '100Mi' } }),
  },
  {
    name: 'a request above its limit',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ requests: { memory: '1Gi' } }),
  },
  {
    name: 'a limit under its request',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '64Mi' } }),
  },
  {
    name: 'another quality of service',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ requests: { cpu: '500m', memory: '256Mi' } }),
  },
  { name: 'a limit taken away', path: RESIZE, contentType: STRATEGIC, body: sizes({ limits: { memory: null } }) },
  { name: 'a request taken away', path: RESIZE, contentType: STRATEGIC, body: sizes({ requests: { memory: null } }) },
  {
    name: 'another image',
    path: RESIZE,
    contentType: JSON_PATCH,
    body: [replace('image', 'other:1'), replace('resources/limits/memory', '384Mi')],
  },
  { name: 'a label', path: RESIZE, contentType: MERGE, body: { metadata: { labels: { seen: 'yes' } } } },
  {
    name: 'another resizePolicy',
    path: RESIZE,
    contentType: JSON_PATCH,
    body: [
      {
        op: 'add',
        path: '/spec/containers/0/resizePolicy',
        value: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
      },
    ],
  },
  {
    name: 'a container that is not there',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '384Mi' } }, 'other'),
  },
  {
    name: 'a resource that cannot be resized',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { 'ephemeral-storage': '1Gi' } }),
  },
  { name: 'no quantity', path: RESIZE, contentType: STRATEGIC, body: sizes({ limits: { memory: 'much' } }) },
  { name: 'a negative quantity', path: RESIZE, contentType: STRATEGIC, body: sizes({ limits: { memory: '-1Gi' } }) },
  {
    name: 'a stale resourceVersion',
    path: RESIZE,
    contentType: MERGE,
    body: { metadata: { resourceVersion: '1' }, ...(sizes({ limits: { memory: '384Mi' } }) as object) },
  },
  { name: 'nothing changed', path: RESIZE, contentType: STRATEGIC, body: sizes({ limits: { memory: '256Mi' } }) },
  {
    name: 'a dry run',
    path: RESIZE,
    query: { dryRun: 'All' },
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '384Mi' } }),
  },
  {
    name: 'a content type that no patch has',
    path: RESIZE,
    contentType: 'application/json',
    body: sizes({ limits: { memory: '384Mi' } }),
  },
  {
    name: 'sizes without the subresource',
    path: 'pods/POD',
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '384Mi' } }),
  },
  {
    name: 'a label without the subresource',
    path: 'pods/POD',
    contentType: MERGE,
    body: { metadata: { labels: { seen: 'yes' } } },
  },
  { name: 'the read of the subresource', method: 'GET', path: RESIZE },
  { name: 'a pod that is not there', method: 'GET', path: 'pods/none' },
  { name: 'a resize of a pod that is not there', path: 'pods/none/resize', contentType: MERGE, body: {} },
  {
    name: 'a container that restarts for it',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '192Mi' } }),
    pod: (namespace, name) => pod(namespace, name, BURSTABLE, { spec: { containers: [WITH_RESTART] } }),
  },
  {
    name: 'a sidecar',
    path: RESIZE,
    contentType: STRATEGIC,
    body: { spec: { initContainers: [{ name: 'proxy', resources: { limits: { memory: '384Mi' } } }] } },
    pod: (namespace, name) => pod(namespace, name, BURSTABLE, { spec: { initContainers: SIDECARS } }),
  },
  {
    name: 'an init container',
    path: RESIZE,
    contentType: STRATEGIC,
    body: { spec: { initContainers: [{ name: 'setup', resources: { limits: { memory: '384Mi' } } }] } },
    pod: (namespace, name) => pod(namespace, name, BURSTABLE, { spec: { initContainers: SIDECARS } }),
  },
  {
    name: 'a guaranteed pod, both sides',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ requests: { memory: '448Mi' }, limits: { memory: '448Mi' } }),
    pod: (namespace, name) => pod(namespace, name, GUARANTEED),
  },
  {
    name: 'a guaranteed pod, one side',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ requests: { memory: '448Mi' } }),
    pod: (namespace, name) => pod(namespace, name, GUARANTEED),
  },
  {
    name: 'a best-effort pod',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '384Mi' } }),
    pod: (namespace, name) => pod(namespace, name, {}),
  },
  {
    name: 'the first limit of a burstable pod',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '384Mi' } }),
    pod: (namespace, name) => pod(namespace, name, { requests: { cpu: '100m' } }),
  },
  {
    name: 'over the quota',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '2Gi' } }),
    within: 'quota',
  },
  {
    name: 'within the quota',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '300Mi' } }),
    within: 'quota',
  },
  {
    name: 'over the limit range',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ limits: { memory: '600Mi' } }),
    within: 'range',
  },
  {
    name: 'under the limit range',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ requests: { memory: '16Mi' } }),
    within: 'range',
  },
  {
    name: 'over the ratio of the limit range',
    path: RESIZE,
    contentType: STRATEGIC,
    body: sizes({ requests: { cpu: '20m' } }),
    within: 'range',
  },
  {
    name: 'a template',
    path: 'deployments/web',
    contentType: JSON_PATCH,
    body: [{ op: 'replace', path: '/spec/template/spec/containers/0/resources/limits/memory', value: '384Mi' }],
  },
  {
    name: 'a template that is not valid',
    path: 'deployments/web',
    contentType: STRATEGIC,
    body: {
      spec: { template: { spec: { containers: [{ name: 'app', resources: { requests: { memory: '1Gi' } } }] } } },
    },
  },
  {
    name: 'a selector',
    path: 'deployments/web',
    contentType: MERGE,
    body: { spec: { selector: { matchLabels: { app: 'other' } } } },
  },
  {
    name: 'a StatefulSet field that is fixed',
    path: 'statefulsets/db',
    contentType: MERGE,
    body: { spec: { serviceName: 'other' } },
  },
  { name: 'a kind that is not served', method: 'GET', path: 'gadgets' },
  { name: 'a continue token that is none', method: 'GET', path: 'pods', query: { limit: '2', continue: 'nonsense' } },
  { name: 'a limit that is none', method: 'GET', path: 'pods', query: { limit: 'many' } },
  {
    name: 'a field selector that is not known',
    method: 'GET',
    path: 'pods',
    query: { fieldSelector: 'spec.color=red' },
  },
  { name: 'a label selector that is not valid', method: 'GET', path: 'pods', query: { labelSelector: '!!' } },
];
