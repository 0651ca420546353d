// What a real API server says of itself, and how it refuses: discovery, namespaces that are not there, missing rights, credentials that
// ended. No definition of the VPA is installed here: an API that is down stands in its place.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubernetesClusterOptions } from '../../shared/adapters/kubernetes/cluster.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { until } from './kubernetes-api.ts';
import { expiredToken, type RealCluster } from './kubernetes-cluster.ts';
import { startKubernetes } from './kubernetes.ts';
import { adapterOf, failureOf } from './rig.ts';
import { describeWith } from './suite.ts';

const VERTICAL_AUTOSCALING = 'v1.autoscaling.k8s.io';

let real: RealCluster;

describeWith(
  ['kubernetes'],
  'discovery and refusals',
  () => real?.log(),
  () => {
    beforeAll(async () => {
      real = await startKubernetes();
    });
    afterAll(async () => {
      await real?.close();
    });

    describe('discovery', () => {
      test('tells version, in-place resize and that there are no vertical autoscalers', async () => {
        const version = await adapter().version();
        expect(version).toMatchObject({ major: 1, podResize: true });
        expect(version.gitVersion).toMatch(/^v1\.\d+\.\d+/);
        expect(version.minor).toBeGreaterThanOrEqual(33);
        const served = await real.api.send('GET', '/apis/autoscaling.k8s.io/v1');
        expect(version.verticalAutoscalers).toBe(served.status === 200);
      });

      test('tells the time of the server', async () => {
        const difference = Date.parse((await adapter().serverTime()) ?? '') - Date.now();
        expect(Math.abs(difference)).toBeLessThan(30_000);
      });

      test('counts an aggregated API that is down as vertical autoscalers that cannot be read', async ({ skip }) => {
        skip(real.own === undefined, 'a cluster that was lent is not broken');
        const namespace = await real.createNamespace('down');
        await real.api.create({
          apiVersion: 'apiregistration.k8s.io/v1',
          kind: 'APIService',
          metadata: { name: VERTICAL_AUTOSCALING },
          spec: {
            group: 'autoscaling.k8s.io',
            version: 'v1',
            groupPriorityMinimum: 100,
            versionPriority: 100,
            insecureSkipTLSVerify: true,
            service: { namespace, name: 'nobody' },
          },
        });
        await until(
          'the API server refuses what the aggregated API should answer',
          () => real.api.send('GET', '/apis/autoscaling.k8s.io/v1'),
          ({ status }) => status === 503,
        );
        const cluster = adapter();
        expect((await cluster.version()).verticalAutoscalers).toBe(true);
        const autoscalers = await cluster.listVerticalAutoscalers(namespace);
        expect('unreadable' in autoscalers && autoscalers.unreadable).toMatch(/503/);
        await real.api.remove({
          apiVersion: 'apiregistration.k8s.io/v1',
          kind: 'APIService',
          metadata: { name: VERTICAL_AUTOSCALING },
        });
        await until(
          'the API is gone',
          () => real.api.send('GET', '/apis/autoscaling.k8s.io/v1'),
          ({ status }) => status === 404,
        );
      });
    });

    describe('refusals', () => {
      test('tell a namespace that is not there from one that is empty', async () => {
        const cluster = adapter();
        expect(await cluster.listPods(await real.createNamespace('empty'))).toEqual([]);
        await expect(cluster.listPods('no-such-namespace')).rejects.toMatchObject({
          failure: { status: 404, code: 'NotFound' },
        });
        expect(await cluster.namespaceExists('no-such-namespace')).toBe(false);
        expect(await cluster.readPod('default', 'no-such-pod')).toBeUndefined();
        expect(await cluster.readWorkload('StatefulSet', 'default', 'no-such-set')).toBeUndefined();
      });

      test('name the permission that is missing', async () => {
        const namespace = await real.createNamespace('bare');
        const cluster = adapter({ kubeconfig: await real.kubeconfigFor({ namespace, name: 'nobody' }) });
        const failure = await failureOf(cluster.listPods(namespace));
        expect(failure.failure).toMatchObject({ status: 403, code: 'Forbidden' });
        expect(failure.remedy).toBe(
          `Grant system:serviceaccount:${namespace}:nobody the verb list on pods in namespace ${namespace}.`,
        );
        const nodes = await cluster.listNodes();
        expect('unreadable' in nodes && nodes.unreadable).toContain('the verb list on nodes in the whole cluster');
        const quotas = await cluster.listQuotas(namespace);
        expect('unreadable' in quotas && quotas.unreadable).toContain('the verb list on resourcequotas');
      });

      test('say beforehand what is permitted', async () => {
        const namespace = await real.createNamespace('asking');
        const permission = { verb: 'list', group: '', resource: 'pods', subresource: '', namespace };
        const account = await real.kubeconfigFor({ namespace, name: 'reader' });
        const ask = (): Promise<readonly { readonly allowed: boolean }[]> =>
          adapter({ kubeconfig: account }).allowed([
            permission,
            { ...permission, verb: 'patch', subresource: 'resize' },
            { ...permission, group: 'apps', resource: 'deployments' },
          ]);
        expect((await ask()).map(({ allowed }) => allowed)).toEqual([false, false, false]);
        await real.api.create({
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'Role',
          metadata: { namespace, name: 'reader' },
          rules: [
            { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
            { apiGroups: [''], resources: ['pods/resize'], verbs: ['patch'] },
          ],
        });
        await real.api.create({
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'RoleBinding',
          metadata: { namespace, name: 'reader' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
          subjects: [{ kind: 'ServiceAccount', namespace, name: 'reader' }],
        });
        const answers = await until('the role is in force', ask, ([first]) => first?.allowed === true);
        expect(answers.map(({ allowed }) => allowed)).toEqual([true, true, false]);
      });

      test.for(['unknown', 'expired', 'revoked'] as const)(
        'of a token that is %s are of the credentials',
        async (kind, { skip }) => {
          const { own } = real;
          skip(own === undefined && kind === 'expired', 'only the key of a cluster of our own is at hand');
          const namespace = await real.createNamespace('token');
          const account = { namespace, name: 'gone' };
          const kubeconfig = await real.kubeconfigFor(account);
          let used = kubeconfig;
          if (kind === 'revoked') {
            await real.api.remove({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: account });
          } else {
            used = await real.writeKubeconfig(
              kind === 'expired' && own !== undefined ? expiredToken(own, account, new Date()) : 'no-token',
            );
          }
          const failure = await until(
            'the token is refused',
            () => failureOf(adapter({ kubeconfig: used }).listPods(namespace)),
            ({ failure: { status } }) => status === 401,
          );
          expect(failure.failure).toMatchObject({ code: 'Unauthorized', applied: 'no' });
          expect(failure.remedy).toContain('Renew the credentials');
        },
      );
    });
  },
);

function adapter(options: Partial<KubernetesClusterOptions> = {}): Cluster {
  return adapterOf(real, options);
}
