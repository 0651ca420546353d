// Starts the Kubernetes double over HTTP for its tests, with objects to begin from and a plain client.
import { expect, onTestFinished } from 'vitest';
import { scenarioClock } from '../../../fixtures/platform/clock.ts';
import type { ScenarioClock } from '../../../fixtures/platform/clock.ts';
import type { Fault, RecordedCall } from '../../../fixtures/platform/kit.ts';
import { serve } from '../../../fixtures/platform/kit.ts';
import type { KubernetesDouble } from '../../../fixtures/platform/kubernetes/kubernetes-double.ts';
import { KUBERNETES_TOKEN, kubernetesDouble } from '../../../fixtures/platform/kubernetes/kubernetes-double.ts';
import { ClusterScenario } from '../../../fixtures/platform/scenario.ts';
import { validate } from '../../../fixtures/platform/spec-check.ts';

export const NOW = '2026-03-02T10:00:00Z';

export type Tree = Readonly<Record<string, unknown>>;

/** What stands at a path in JSON; undefined when nothing does. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce(
    (inner: unknown, member) => (inner as Record<string | number, unknown> | undefined)?.[member],
    value,
  );
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Tree;
  readonly bytes: Buffer;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface RunningCluster {
  readonly double: KubernetesDouble;
  readonly clock: ScenarioClock;
  readonly calls: RecordedCall[];
  readonly faults: Fault[];
  ask(path: string, call?: Call): Promise<Answer>;
  patch(
    path: string,
    body: unknown,
    type?: 'json' | 'merge' | 'strategic',
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

export async function runCluster(
  objects: readonly object[],
  settings: { version?: string; podResize?: boolean; forbidden?: readonly string[] } = {},
): Promise<RunningCluster> {
  const scenario = ClusterScenario.parse({ version: 'v1.34.4', podResize: true, ...settings, objects });
  const clock = scenarioClock(NOW);
  const double = kubernetesDouble(scenario, clock);
  const calls: RecordedCall[] = [];
  const faults: Fault[] = [];
  const running = await serve(double, {
    clock,
    faults,
    calls,
    validate: (request, reply) => validate('kubernetes', request, reply),
  });
  onTestFinished(async () => {
    await running.close();
    // Requests are made to be refused, or to have a field that the server drops; whatever the double answers has its form.
    const wrong = calls.flatMap(({ handledStatus, violations }) =>
      violations.filter(
        (text) => text.includes(': reply ') || ((handledStatus ?? 500) < 300 && text.includes('no operation')),
      ),
    );
    expect(wrong).toEqual([]);
  });

  async function ask(path: string, { method = 'GET', headers = {}, body }: Call = {}): Promise<Answer> {
    const response = await fetch(`${running.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${KUBERNETES_TOKEN}`,
        accept: 'application/json',
        'user-agent': 'nightshift/0.1',
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      json: (isJson ? JSON.parse(bytes.toString('utf8')) : {}) as Tree,
    };
  }

  return {
    double,
    clock,
    calls,
    faults,
    ask,
    patch: (path, body, type = 'strategic', headers = {}) =>
      ask(path, {
        method: 'PATCH',
        body,
        headers: {
          'content-type': `application/${{ json: 'json-patch', merge: 'merge-patch', strategic: 'strategic-merge-patch' }[type]}+json`,
          ...headers,
        },
      }),
  };
}

export function node(name: string, allocatable: Record<string, string> = { cpu: '4', memory: '8Gi' }): object {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { allocatable } };
}

export interface PodParts {
  readonly metadata?: object;
  readonly spec?: object;
  readonly status?: object;
  readonly container?: object;
  readonly others?: readonly object[];
}

export const SIZES = { requests: { cpu: '200m', memory: '256Mi' }, limits: { cpu: '500m', memory: '512Mi' } };

/** A pod that runs on node-1 with one container `app`. */
export function pod(
  name: string,
  { metadata = {}, spec = {}, status = {}, container = {}, others = [] }: PodParts = {},
): object {
  const containers = [{ name: 'app', image: 'registry.example/app:1', resources: SIZES, ...container }, ...others] as {
    name: string;
  }[];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels: { app: 'web' }, ...metadata },
    spec: { nodeName: 'node-1', containers, ...spec },
    status: {
      phase: 'Running',
      startTime: '2026-02-23T10:00:00Z',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-02-23T10:00:05Z' }],
      containerStatuses: containers.map((one) => ({
        name: one.name,
        ready: true,
        restartCount: 0,
        state: { running: { startedAt: '2026-02-23T10:00:03Z' } },
      })),
      ...status,
    },
  };
}

export function deployment(
  name: string,
  { metadata = {}, spec = {} }: { metadata?: object; spec?: object } = {},
): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop', ...metadata },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image: 'registry.example/app:1', resources: SIZES }] },
      },
      ...spec,
    },
  };
}

export function ownedBy(kind: string, name: string): object {
  return { ownerReferences: [{ apiVersion: 'apps/v1', kind, name, controller: true }] };
}
