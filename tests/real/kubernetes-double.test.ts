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
import { type Case, CASES, sizes, STRATEGIC } from './double-cases.ts';
import { BURSTABLE, limitRange, pod, resourceQuota, workload } from './objects.ts';
import { createQuota } from './rig.ts';
import { describeWith } from './suite.ts';

interface Sides {
  readonly real: ApiReply;
  readonly double: ApiReply;
}

let real: RealCluster;
let double: KubernetesDouble;
const namespaces: Record<'plain' | 'quota' | 'range', string> = { plain: '', quota: '', range: '' };

describeWith(
  ['kubernetes'],
  'the embedded API server answers as the real one',
  () => real?.log(),
  () => {
    beforeAll(async () => {
      real = await startKubernetes();
      if (real.own === undefined) {
        return;
      }
      for (const key of ['plain', 'quota', 'range'] as const) {
        namespaces[key] = await real.createNamespace(key);
      }
      await createObjects();
      double = await doubleOf(real);
    });
    afterAll(async () => {
      await real?.close();
    });

    test.for(CASES.map((one, index) => ({ ...one, index })))('$name', async (one, { skip }) => {
      skip(real.own === undefined, 'the double plays a cluster of our own');
      const { real: theirs, double: ours } = await ask(one);
      expect(shown(ours, one)).toEqual(shown(theirs, one));
    });
  },
);

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
  await createQuota(real, resourceQuota(namespaces.quota, 'quota', { 'limits.memory': '1Gi', 'requests.cpu': '2' }), {
    'limits.memory': '512Mi',
  });
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
