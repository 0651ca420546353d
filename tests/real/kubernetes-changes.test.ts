// The Kubernetes adapter's changes against a real API server: resize and template, their preconditions against other writers, and
// every way in which a server, a quota or a policy engine refuses.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster, Pod, PodResize, TemplateChange, Workload, WorkloadKind } from '../../shared/ports/cluster.ts';
import { type ObjectName, until } from './kubernetes-api.ts';
import type { RealCluster } from './kubernetes-cluster.ts';
import { startKubernetes } from './kubernetes.ts';
import { BURSTABLE, limitRange, pod, resourceQuota, type Sizes, workload } from './objects.ts';
import { adapterOf, createQuota, failureOf, forwardedAdapter } from './rig.ts';
import { describeWith } from './suite.ts';
import { startDenyingWebhook } from './webhook.ts';

const RAISED = '384Mi';
const RAISE = { from: { requests: {}, limits: { memory: '256Mi' } }, to: { requests: {}, limits: { memory: RAISED } } };

let real: RealCluster;
let cluster: Cluster;
let namespace: string;

describeWith(
  ['kubernetes'],
  'changes by the Kubernetes adapter',
  () => real?.log(),
  () => {
    beforeAll(async () => {
      real = await startKubernetes();
      cluster = adapterOf(real);
      namespace = await real.createNamespace('changes');
    });
    afterAll(async () => {
      await real?.close();
    });

    describe('a resize', () => {
      test('is accepted, carried out by the node, and known as ours afterwards', async () => {
        const before = await runningPod('raised');
        const answered = await cluster.resizePod(resizeOf(before));
        expect(sizesOf(answered)).toMatchObject({ limits: { memory: RAISED }, requests: BURSTABLE.requests });
        const after = await until(
          'the node has carried the resize out',
          () => read('raised'),
          (one) => one.resize === null && one.statuses[0]?.resources?.limits['memory'] === RAISED,
        );
        expect(after.resizes).toMatchObject([{ container: 'app', manager: 'nightshift' }]);
        expect(after.meta.uid).toBe(before.meta.uid);
        expect(after.statuses[0]?.restartCount).toBe(0);
      });

      test('changes requests and limits of a sidecar too', async () => {
        const proxy = {
          name: 'proxy',
          image: 'registry.k8s.io/pause:3.10',
          restartPolicy: 'Always',
          resources: BURSTABLE,
        };
        const before = await runningPod('with-sidecar', BURSTABLE, { initContainers: [proxy] });
        const change = {
          from: { requests: { memory: '128Mi' }, limits: { memory: '256Mi' } },
          to: { requests: { memory: '192Mi' }, limits: { memory: RAISED } },
        };
        const after = await cluster.resizePod({ ...resizeOf(before), ...change, container: 'proxy', role: 'sidecar' });
        expect(after.containers.find(({ name }) => name === 'proxy')?.resources).toEqual({
          requests: { cpu: '100m', memory: '192Mi' },
          limits: { cpu: '500m', memory: RAISED },
        });
      });

      test.for(['Deferred', 'Infeasible'] as const)('that the node calls %s is told', async (reason, { skip }) => {
        skip(real.own === undefined, 'a real kubelet decides for itself');
        const name = `put-off-${reason.toLowerCase()}`;
        const before = await runningPod(name, BURSTABLE, {}, { 'nightshift.test/resize': reason });
        await cluster.resizePod(resizeOf(before));
        const after = await until(
          'the node has answered',
          () => read(name),
          ({ resize }) => resize !== null,
        );
        expect(after.resize).toMatchObject({
          state: reason.toLowerCase(),
          message: expect.stringContaining('memory') as string,
        });
        expect(after.statuses[0]?.resources?.limits['memory']).toBe('256Mi');
      });

      test('lowers requests, and refuses what would change the quality of service', async () => {
        const before = await runningPod('lowered');
        const lower = { from: { requests: { cpu: '100m' }, limits: {} }, to: { requests: { cpu: '80m' }, limits: {} } };
        expect(sizesOf(await cluster.resizePod({ ...resizeOf(before), ...lower }))).toMatchObject({
          requests: { cpu: '80m', memory: '128Mi' },
        });
        const equal = {
          from: { requests: { cpu: '80m', memory: '128Mi' }, limits: {} },
          to: { requests: { cpu: '500m', memory: '256Mi' }, limits: {} },
        };
        const failure = await failureOf(cluster.resizePod({ ...resizeOf(before), ...equal }));
        expect(failure.failure).toMatchObject({ status: 422, code: 'Invalid', applied: 'no' });
        expect(failure.message).toMatch(/QOS Class may not change/i);
      });

      test('of a request above its limit is not valid', async () => {
        const before = await runningPod('above');
        const change = {
          from: { requests: { memory: '128Mi' }, limits: {} },
          to: { requests: { memory: '1Gi' }, limits: {} },
        };
        const failure = await failureOf(cluster.resizePod({ ...resizeOf(before), ...change }));
        expect(failure.failure).toMatchObject({ status: 422, code: 'Invalid', applied: 'no' });
        expect(failure.message).toMatch(/must be less than or equal to memory limit/);
      });
    });

    describe('another writer', () => {
      test('who was faster with the same container wins', async () => {
        const before = await runningPod('contested');
        await using forwarded = await forwardedAdapter(real, {
          before: async ({ method }) => {
            if (method === 'PATCH') {
              await resizeByHand('contested', { limits: { memory: '300Mi' } });
            }
          },
        });
        const failure = await failureOf(forwarded.cluster.resizePod(resizeOf(before)));
        expect(failure.failure).toMatchObject({ status: 409, code: 'Conflict', applied: 'no' });
        expect(failure.message).toContain('300Mi');
        expect(sizesOf(await read('contested')).limits).toMatchObject({ memory: '300Mi' });
      });

      test('of something else does not matter', async () => {
        const before = await runningPod('labelled');
        await using forwarded = await forwardedAdapter(real, {
          before: async ({ method }) => {
            if (method === 'PATCH') {
              await real.api.merge(named('Pod', 'labelled'), { metadata: { labels: { seen: 'yes' } } });
            }
          },
        });
        const after = await forwarded.cluster.resizePod(resizeOf(before));
        expect(after.meta.labels).toMatchObject({ seen: 'yes' });
        expect(sizesOf(after).limits).toMatchObject({ memory: RAISED });
      });

      test('who set what was not set before is noticed', async () => {
        const before = await runningPod('unset', { requests: { cpu: '100m' }, limits: { cpu: '500m' } });
        const change = { from: { requests: {}, limits: {} }, to: { requests: { memory: '64Mi' }, limits: {} } };
        await using forwarded = await forwardedAdapter(real, {
          before: async ({ method }) => {
            if (method === 'PATCH') {
              await resizeByHand('unset', { requests: { memory: '100Mi' } });
            }
          },
        });
        const failure = await failureOf(forwarded.cluster.resizePod({ ...resizeOf(before), ...change }));
        expect(failure.failure).toMatchObject({ status: 409, applied: 'no' });
        expect(sizesOf(await read('unset')).requests).toMatchObject({ memory: '100Mi' });
      });

      test.for(['deleted', 'made anew'] as const)('who has %s the pod ends the change', async (what) => {
        const name = `pod-${what.replace(' ', '-')}`;
        const before = await runningPod(name);
        await using forwarded = await forwardedAdapter(real, {
          before: async ({ method }) => {
            if (method === 'PATCH') {
              await removePod(name);
              if (what === 'made anew') {
                await remadePod(name);
              }
            }
          },
        });
        const failure = await failureOf(forwarded.cluster.resizePod(resizeOf(before)));
        expect(failure.failure).toMatchObject(
          what === 'deleted' ? { status: 404, code: 'NotFound', applied: 'no' } : { status: 409, applied: 'no' },
        );
        if (what === 'made anew') {
          expect(sizesOf(await read(name)).limits).toMatchObject({ memory: '256Mi' });
        }
      });
    });

    describe('a template', () => {
      test.for<WorkloadKind>(['Deployment', 'StatefulSet', 'DaemonSet'])(
        'of a %s is rolled out by its controller',
        async (kind) => {
          const name = `rolled-${kind.toLowerCase()}`;
          await real.api.create(workload(kind, namespace, name, BURSTABLE, { replicas: 2 }));
          const before = await rolledOut(kind, name);
          const change: TemplateChange = {
            kind,
            namespace,
            name,
            uid: before.meta.uid,
            container: 'app',
            role: 'main',
            ...RAISE,
          };
          const answered = await cluster.patchTemplate(change);
          expect(answered.containers[0]?.resources.limits).toMatchObject({ memory: RAISED });
          expect(answered.meta.generation).toBe(before.meta.generation + 1);
          await rolledOut(kind, name);
          const pods = (await cluster.listPods(namespace)).filter(({ meta }) => meta.labels['app'] === name);
          expect(pods).toHaveLength(before.replicas);
          expect(pods.map((one) => sizesOf(one).limits['memory'])).toEqual(pods.map(() => RAISED));
          const again = await failureOf(cluster.patchTemplate(change));
          expect(again.failure).toMatchObject({ status: 409, code: 'Conflict', applied: 'no' });
        },
      );

      test('that another writer changed first is left alone', async () => {
        await real.api.create(workload('Deployment', namespace, 'contested', BURSTABLE));
        const { meta } = await rolledOut('Deployment', 'contested');
        await using forwarded = await forwardedAdapter(real, {
          before: async ({ method }) => {
            if (method === 'PATCH') {
              await real.api.apply(
                workload('Deployment', namespace, 'contested', { ...BURSTABLE, limits: { memory: '300Mi' } }),
              );
            }
          },
        });
        const failure = await failureOf(
          forwarded.cluster.patchTemplate({
            kind: 'Deployment',
            namespace,
            name: 'contested',
            uid: meta.uid,
            container: 'app',
            role: 'main',
            ...RAISE,
          }),
        );
        expect(failure.failure).toMatchObject({ status: 409, code: 'Conflict', applied: 'no' });
        expect(failure.message).toContain('300Mi');
      });
    });

    describe('a rule of the cluster', () => {
      test('a quota refuses a resize that it has no room for', async () => {
        const tight = await real.createNamespace('quota');
        await runningPod('app', BURSTABLE, {}, {}, tight);
        await createQuota(real, resourceQuota(tight, 'tight', { 'limits.memory': '300Mi' }), {
          'limits.memory': '256Mi',
        });
        await untilRefused(tight);
        const failure = await failureOf(cluster.resizePod(resizeOf(await read('app', tight))));
        expect(failure.failure).toMatchObject({ status: 403, code: 'Forbidden', applied: 'no' });
        expect(failure.message).toMatch(/exceeded quota: tight/);
        expect(failure.remedy).toMatch(/^A rule of the cluster refused it/);
      });

      test('a limit range refuses a resize above its maximum', async () => {
        const tight = await real.createNamespace('range');
        await runningPod('app', BURSTABLE, {}, {}, tight);
        await real.api.create(limitRange(tight, 'range', { max: { memory: '300Mi' } }));
        await untilRefused(tight);
        const failure = await failureOf(cluster.resizePod(resizeOf(await read('app', tight))));
        expect(failure.failure).toMatchObject({ status: 403, code: 'Forbidden', applied: 'no' });
        expect(failure.message).toMatch(/maximum memory usage per Container is 300Mi/);
      });

      test('an admission webhook denies in its own words', async ({ skip }) => {
        skip(real.own === undefined, 'a cluster that was lent cannot call back to this machine');
        const guarded = await real.createNamespace('webhook');
        await runningPod('app', BURSTABLE, {}, {}, guarded);
        await using webhook = await startDenyingWebhook('deny.nightshift.test', 'sizes are frozen until Monday');
        const configuration = webhook.configuration(guarded);
        await real.api.create(configuration);
        await untilRefused(guarded);
        const failure = await failureOf(cluster.resizePod(resizeOf(await read('app', guarded))));
        await real.api.remove(configuration);
        expect(failure.failure).toMatchObject({ status: 403, applied: 'no' });
        expect(failure.message).toMatch(/denied the request: sizes are frozen until Monday/);
        expect(failure.remedy).toMatch(/^A rule of the cluster refused it/);
        expect(webhook.asked()).toBeGreaterThan(0);
        expect(sizesOf(await read('app', guarded)).limits).toMatchObject({ memory: '256Mi' });
      });

      test('an admission webhook that is down fails the change, and nothing has happened', async ({ skip }) => {
        skip(real.own === undefined, 'a cluster that was lent cannot call back to this machine');
        const guarded = await real.createNamespace('webhook-down');
        await runningPod('app', BURSTABLE, {}, {}, guarded);
        const webhook = await startDenyingWebhook('down.nightshift.test', 'never said');
        const configuration = webhook.configuration(guarded);
        await webhook[Symbol.asyncDispose]();
        await real.api.create(configuration);
        await untilRefused(guarded);
        const failure = await failureOf(cluster.resizePod(resizeOf(await read('app', guarded))));
        await real.api.remove(configuration);
        // The server says 500 here, as it does after a change that it lost track of: only a look at the pod tells.
        expect(failure.failure).toMatchObject({ status: 500, code: 'InternalError', applied: 'unknown' });
        expect(failure.message).toMatch(/failed calling webhook/);
        expect(sizesOf(await read('app', guarded)).limits).toMatchObject({ memory: '256Mi' });
      });
    });
  },
);

function named(kind: 'Pod', name: string, where: string = namespace): ObjectName {
  return { apiVersion: 'v1', kind, metadata: { namespace: where, name } };
}

async function read(name: string, where: string = namespace): Promise<Pod> {
  const found = await cluster.readPod(where, name);
  if (found === undefined) {
    throw new Error(`There is no pod ${name}.`);
  }
  return found;
}

async function runningPod(
  name: string,
  sizes: Sizes = BURSTABLE,
  spec: Readonly<Record<string, unknown>> = {},
  annotations: Readonly<Record<string, string>> = {},
  where: string = namespace,
): Promise<Pod> {
  await real.api.create(pod(where, name, sizes, { spec, annotations }));
  return until(
    `pod ${name} runs`,
    () => read(name, where),
    ({ ready }) => ready,
  );
}

/** The stage that removes pods goes by their names: it may take the new pod for the old one, once. */
async function remadePod(name: string): Promise<Pod> {
  return runningPod(name).catch(async (error: unknown) => {
    if ((await cluster.readPod(namespace, name)) !== undefined) {
      throw error;
    }
    return runningPod(name);
  });
}

async function removePod(name: string): Promise<void> {
  await real.api.remove(named('Pod', name), { gracePeriodSeconds: 0 });
  await until(
    `pod ${name} is gone`,
    () => cluster.readPod(namespace, name),
    (found) => found === undefined,
  );
}

function sizesOf(found: Pod): Required<Sizes> {
  return found.containers[0]?.resources ?? { requests: {}, limits: {} };
}

function resizeOf(found: Pod): PodResize {
  const { name, uid } = found.meta;
  return { namespace: found.meta.namespace, pod: name, uid, container: 'app', role: 'main', ...RAISE };
}

/** As `kubectl patch --subresource resize` does it. */
async function resizeByHand(name: string, resources: Sizes): Promise<void> {
  await real.api.call('PATCH', await real.api.pathOf(named('Pod', name), 'resize'), {
    contentType: 'application/strategic-merge-patch+json',
    body: { spec: { containers: [{ name: 'app', resources }] } },
  });
}

/** Admission works from a watch of its own: waits, with dry runs, until it refuses the resize of `app` in that namespace. */
async function untilRefused(where: string): Promise<void> {
  const path = await real.api.pathOf(named('Pod', 'app', where), 'resize');
  await until(
    'admission has seen the rule',
    () =>
      real.api.send('PATCH', path, {
        query: { dryRun: 'All' },
        contentType: 'application/strategic-merge-patch+json',
        body: { spec: { containers: [{ name: 'app', resources: { limits: { memory: RAISED } } }] } },
      }),
    ({ status }) => status >= 400,
  );
}

async function rolledOut(kind: WorkloadKind, name: string): Promise<Workload> {
  const found = await until(
    `${kind} ${name} is rolled out`,
    () => cluster.readWorkload(kind, namespace, name),
    (one) =>
      one !== undefined &&
      one.observedGeneration === one.meta.generation &&
      one.replicas > 0 &&
      one.updatedReplicas === one.replicas &&
      one.readyReplicas === one.replicas &&
      !one.revisionPending,
  );
  if (found === undefined) {
    throw new Error(`There is no ${kind} ${name}.`);
  }
  await until(
    `the pods before the last change of ${kind} ${name} are gone`,
    async () => (await cluster.listPods(namespace)).filter(({ meta }) => meta.labels['app'] === name),
    (pods) => pods.length === found.replicas,
  );
  return found;
}
