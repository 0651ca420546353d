// The embedded API server against the real one: the same objects in both, the same requests to both, and the same answers wanted: status,
// reason, words, and what is there afterwards. Where they differ, the double is wrong.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scenarioClock } from '../../fixtures/platform/clock.ts';
import {
  KUBERNETES_TOKEN,
  type KubernetesDouble,
  kubernetesDouble,
} from '../../fixtures/platform/kubernetes/kubernetes-double.ts';
import { ClusterScenario } from '../../fixtures/platform/scenario.ts';
import { type ApiReply, type KubernetesObject, until } from './kubernetes-api.ts';
import type { RealCluster } from './kubernetes-cluster.ts';
import { startKubernetes } from './kubernetes.ts';
import { BURSTABLE, container, GUARANTEED, limitRange, pod, resourceQuota, workload } from './objects.ts';
import { describeWith } from './suite.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE = 'application/merge-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';

interface Case {
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

function sizes(resources: unknown, name = 'app'): unknown {
  return { spec: { containers: [{ name, resources }] } };
}

function replace(path: string, value: unknown): unknown {
  return { op: 'replace', path: `/spec/containers/0/${path}`, value };
}

const WITH_RESTART = container('app', BURSTABLE, {
  resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
});
const SIDECARS = [container('proxy', BURSTABLE, { restartPolicy: 'Always' }), container('setup', BURSTABLE)];

const CASES: readonly Case[] = [
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

interface Sides {
  readonly real: ApiReply;
  readonly double: ApiReply;
}

let real: RealCluster;
let double: KubernetesDouble;
const namespaces: Record<'plain' | 'quota' | 'range', string> = { plain: '', quota: '', range: '' };

describeWith(['kubernetes'], 'the embedded API server answers as the real one', () => {
  beforeAll(async () => {
    real = await startKubernetes();
    for (const key of ['plain', 'quota', 'range'] as const) {
      namespaces[key] = await real.createNamespace(key);
    }
    await createObjects();
    double = await doubleOf(real);
  });
  afterAll(async () => {
    await real?.close();
  });

  test.for(CASES.map((one, index) => ({ ...one, index })))('$name', async (one) => {
    const { real: theirs, double: ours } = await ask(one);
    expect(shown(ours, one)).toEqual(shown(theirs, one));
  });
});

function podName(index: number): string {
  return `case-${String(index).padStart(2, '0')}`;
}

async function ask(one: Case & { readonly index: number }): Promise<Sides> {
  const namespace = namespaces[one.within ?? 'plain'];
  const below = one.path.replace('POD', podName(one.index));
  const root = /^(deployments|statefulsets|daemonsets)/.test(below) ? '/apis/apps/v1' : '/api/v1';
  const path = `${root}/namespaces/${namespace}/${below}`;
  const method = one.method ?? 'PATCH';
  const request = {
    ...(one.query === undefined ? {} : { query: one.query }),
    ...(one.contentType === undefined ? {} : { contentType: one.contentType }),
    ...(one.body === undefined ? {} : { body: one.body }),
  };
  const reply = await double.handle({
    method,
    path,
    query: new URLSearchParams(one.query),
    headers: {
      authorization: `Bearer ${KUBERNETES_TOKEN}`,
      accept: 'application/json',
      ...(one.contentType === undefined ? {} : { 'content-type': one.contentType }),
    },
    body: Buffer.from(one.body === undefined ? '' : JSON.stringify(one.body)),
  });
  const text = reply.body.toString();
  return {
    real: await real.api.send(method, path, request),
    double: { status: reply.status, headers: reply.headers ?? {}, text, body: parsed(text) },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

interface Shown {
  readonly kind?: string;
  readonly metadata?: {
    readonly generation?: number;
    readonly labels?: unknown;
    readonly managedFields?: readonly {
      readonly subresource?: string;
      readonly fieldsV1?: { readonly 'f:spec'?: { readonly 'f:containers'?: Readonly<Record<string, unknown>> } };
    }[];
  };
  readonly spec?: {
    readonly containers?: readonly Readonly<Record<string, unknown>>[];
    readonly initContainers?: readonly Readonly<Record<string, unknown>>[];
    readonly template?: { readonly spec: Shown['spec'] };
  };
  readonly status?: { readonly qosClass?: string };
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: unknown;
}

/** What of an answer must be the same. Of a refusal: all of it; of an object: its sizes, and what follows from them. */
function shown({ status, body, text }: ApiReply, { method = 'PATCH' }: Case): unknown {
  if (typeof body !== 'object' || body === null) {
    return { status, text };
  }
  const { kind, metadata, spec, status: state, reason, message, code, details } = body as Shown;
  if (status >= 400) {
    return { status, kind, reason, message: withoutDiff(message), code, details: withoutDiffs(details) };
  }
  const containers = [spec, spec?.template?.spec].flatMap((one) => [
    ...(one?.containers ?? []),
    ...(one?.initContainers ?? []),
  ]);
  return {
    status,
    kind,
    ...(method === 'GET' ? {} : { generation: metadata?.generation, labels: metadata?.labels ?? {} }),
    containers: containers.map(({ name, image, resources, resizePolicy }) => ({
      name,
      image,
      resources,
      resizePolicy,
    })),
    qosClass: state?.qosClass,
    // From this the adapter knows who resized what.
    resized: metadata?.managedFields
      ?.filter(({ subresource }) => subresource === 'resize')
      .flatMap(({ fieldsV1 }) => Object.keys(fieldsV1?.['f:spec']?.['f:containers'] ?? {})),
  };
}

/** What was changed against the rules is shown as a comparison of Go's types, over many lines, which nobody reads by machine. */
function withoutDiff(message = ''): string {
  return message.split('\n')[0] ?? '';
}

function withoutDiffs(value: unknown): unknown {
  if (typeof value === 'string') {
    return withoutDiff(value);
  }
  if (Array.isArray(value)) {
    return value.map(withoutDiffs);
  }
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutDiffs(member)]))
    : value;
}

async function createObjects(): Promise<void> {
  for (const [index, one] of CASES.entries()) {
    if (one.path.includes('POD')) {
      const make = one.pod ?? pod;
      await real.api.create(make(namespaces[one.within ?? 'plain'], podName(index)));
    }
  }
  await real.api.create(workload('Deployment', namespaces.plain, 'web', BURSTABLE, { replicas: 2 }));
  await real.api.create(workload('StatefulSet', namespaces.plain, 'db', BURSTABLE));
  const pods = await until(
    'all pods run and the workloads are rolled out',
    () => real.api.list<RunningPod>({ apiVersion: 'v1', kind: 'Pod' }),
    (all) =>
      all.length >= CASES.filter(({ path }) => path.includes('POD')).length + 3 &&
      all.every(({ status }) => status.phase === 'Running'),
  );
  expect(pods.length).toBeGreaterThan(0);
  await real.api.create(resourceQuota(namespaces.quota, 'quota', { 'limits.memory': '1Gi', 'requests.cpu': '2' }));
  await real.api.create(
    limitRange(namespaces.range, 'range', {
      max: { memory: '512Mi', cpu: '1' },
      min: { memory: '32Mi', cpu: '10m' },
      maxLimitRequestRatio: { cpu: '10' },
    }),
  );
  for (const [within, resources] of [
    ['quota', { limits: { memory: '2Gi' } }],
    ['range', { limits: { memory: '600Mi' } }],
  ] as const) {
    const index = CASES.findIndex((one) => one.within === within);
    const path = `/api/v1/namespaces/${namespaces[within]}/pods/${podName(index)}/resize`;
    await until(
      `the ${within} is in force`,
      () => real.api.send('PATCH', path, { query: { dryRun: 'All' }, contentType: STRATEGIC, body: sizes(resources) }),
      ({ status }) => status === 403,
    );
  }
}

interface RunningPod extends KubernetesObject {
  readonly status: { readonly phase: string };
}

const KINDS = [
  ['v1', 'Namespace'],
  ['v1', 'Node'],
  ['v1', 'Pod'],
  ['v1', 'ResourceQuota'],
  ['v1', 'LimitRange'],
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'ReplicaSet'],
  ['apps/v1', 'StatefulSet'],
] as const;

/** The double over the objects that the real server has, as it shows them. */
async function doubleOf({ api }: RealCluster): Promise<KubernetesDouble> {
  const lists = await Promise.all(
    KINDS.map(async ([apiVersion, kind]) =>
      (await api.list<KubernetesObject>({ apiVersion, kind })).map((object) => ({ ...object, apiVersion, kind })),
    ),
  );
  const { gitVersion } = await api.call<{ readonly gitVersion: string }>('GET', '/version');
  const scenario = ClusterScenario.parse({ version: gitVersion, podResize: true, objects: lists.flat() });
  return kubernetesDouble(scenario, scenarioClock(new Date().toISOString()));
}
