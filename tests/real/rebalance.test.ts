// `rebalance` on real servers from end to end: pods of real controllers, a day of samples in a real VictoriaMetrics, changes through the
// API server, and the rights that the deployment would give its service account.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WorkloadKind } from '../../shared/ports/cluster.ts';
import { until } from './kubernetes-api.ts';
import { openLive } from './live.ts';
import { BURSTABLE, GUARANTEED, horizontalPodAutoscaler, verticalPodAutoscaler } from './objects.ts';
import { grantedTo, grantTo, rulesFor, usedBy } from './permissions.ts';
import { adapterOf } from './rig.ts';
import {
  CALM,
  deployment,
  IDLE,
  KILLED,
  LARGE,
  NEAR_LIMIT,
  outcomesOf,
  rulesOf,
  type Stage,
  startStage,
} from './stage.ts';
import { describeWith } from './suite.ts';
import { steady } from './usage.ts';

const ROLLOUT = { duties: { rebalance: { apply: 'rollout' } } };

let stage: Stage;

describeWith(
  ['kubernetes', 'metrics'],
  'rebalance on real servers',
  () => stage?.log(),
  () => {
    beforeAll(async () => {
      stage = await startStage();
    });
    afterAll(async () => {
      await stage?.[Symbol.asyncDispose]();
    });

    test('raises, trims, escalates and leaves alone in place; a second tick changes nothing', async () => {
      const place = await stage.prepare('in-place', [
        deployment('killed', { usage: [KILLED, CALM] }),
        deployment('tight', { usage: [NEAR_LIMIT] }),
        deployment('sleepy', { sizes: LARGE, usage: [IDLE, IDLE] }),
        deployment('vault', { usage: [NEAR_LIMIT], annotations: { 'nightshift.dev/protect': 'yes' } }),
        deployment('tuned', { usage: [NEAR_LIMIT] }),
        deployment('scaled', { usage: [NEAR_LIMIT] }),
        deployment('fine', { usage: [CALM] }),
      ]);
      const { api, kubeconfig } = stage.real;
      await api.create(verticalPodAutoscaler(place.namespace, 'tuned', { kind: 'Deployment', name: 'tuned' }));
      await api.create(horizontalPodAutoscaler(place.namespace, 'scaled', ['memory']));
      await using live = await openLive({ ...place, kubeconfig });
      const { jira, slack } = live.platform.doubles;

      const first = await live.run();
      expect(rulesOf(first)).toEqual({
        killed: ['rebalance/healthy', 'rebalance/raise-memory-after-oom'],
        tight: ['rebalance/raise-memory-near-limit'],
        sleepy: ['rebalance/lower-requests-when-idle', 'rebalance/lower-requests-when-idle'],
        vault: ['rebalance/hold-protected'],
        tuned: ['rebalance/hold-autoscaler'],
        scaled: ['rebalance/hold-autoscaler'],
        fine: ['rebalance/healthy'],
      });
      expect(first.run.problems).toEqual([]);
      expect(outcomesOf(first)).toEqual([
        'cluster.resize-container applied',
        'cluster.resize-container applied',
        'cluster.resize-container applied',
        // Half of a workload is changed at once: one of the two idle pods waits for the next wave.
        'cluster.resize-container refused',
      ]);
      const sizes = await until(
        'the nodes have carried the resizes out',
        () => stage.sizesOf(place.namespace),
        (all) => [...all.values()].flat().every((size) => /, (\S+) of \1$/.test(size)),
      );
      expect(Object.fromEntries(sizes)).toEqual({
        killed: ['128Mi, 256Mi of 256Mi', '128Mi, 320Mi of 320Mi'],
        tight: ['128Mi, 320Mi of 320Mi'],
        sleepy: [expect.stringMatching(/^4\d\d\S+, 1Gi of 1Gi$/), '512Mi, 1Gi of 1Gi'],
        vault: ['128Mi, 256Mi of 256Mi'],
        tuned: ['128Mi, 256Mi of 256Mi'],
        scaled: ['128Mi, 256Mi of 256Mi'],
        fine: ['128Mi, 256Mi of 256Mi'],
      });
      expect(jira.state().issues).toHaveLength(3);
      expect(slack.state().messages).toHaveLength(1);

      const second = await live.run();
      expect(outcomesOf(second).filter((outcome) => outcome.endsWith('applied'))).toEqual([]);
      expect(rulesOf(second)).toMatchObject({ tight: ['rebalance/healthy'], vault: ['rebalance/hold-protected'] });
      expect(await stage.sizesOf(place.namespace)).toEqual(sizes);
      expect(jira.state().issues).toHaveLength(3);
      expect(live.platform.violations()).toEqual([]);
    });

    test('keeps the quality of service that the API server gave a pod', async () => {
      const place = await stage.prepare('qos', [
        deployment('guaranteed', { sizes: GUARANTEED, usage: [IDLE] }),
        deployment('besteffort', { sizes: {}, usage: [CALM] }),
      ]);
      await using live = await openLive({ ...place, kubeconfig: stage.real.kubeconfig });
      const report = await live.run();
      expect(rulesOf(report)).toMatchObject({ guaranteed: ['rebalance/lower-requests-when-idle'] });
      expect(outcomesOf(report)).toEqual(['cluster.resize-container applied']);
      const pods = await stage.cluster.listPods(place.namespace);
      expect(pods.map(({ qosClass }) => qosClass).sort()).toEqual(['BestEffort', 'Guaranteed']);
      const trimmed = pods.find(({ qosClass }) => qosClass === 'Guaranteed')?.containers[0]?.resources;
      expect(trimmed?.requests).toEqual(trimmed?.limits);
      expect(trimmed?.requests).not.toEqual(GUARANTEED.requests);
    });

    test('two runs at the same moment, each with a journal of its own, change a pod once', async () => {
      const place = await stage.prepare('twice', [deployment('tight', { usage: [NEAR_LIMIT] })]);
      await using one = await openLive({ ...place, kubeconfig: stage.real.kubeconfig });
      await using other = await openLive({ ...place, kubeconfig: stage.real.kubeconfig });
      const reports = await Promise.all([one.run(), other.run()]);
      // As if a journal were lost: the precondition that the API server itself checks is what is left.
      expect(reports.flatMap(outcomesOf).filter((outcome) => outcome.endsWith('applied'))).toHaveLength(1);
      expect((await stage.sizesOf(place.namespace)).get('tight')).toEqual([expect.stringMatching(/ of 320Mi$/)]);
    });

    test.for<WorkloadKind>(['Deployment', 'StatefulSet', 'DaemonSet'])(
      'rolls a new template out over a %s',
      async (kind) => {
        const place = await stage.prepare(`rollout-${kind.toLowerCase()}`, [
          { kind, name: 'tight', sizes: BURSTABLE, usage: [NEAR_LIMIT, CALM, CALM] },
        ]);
        await using live = await openLive({ ...place, kubeconfig: stage.real.kubeconfig, policy: ROLLOUT });
        expect(outcomesOf(await live.run())).toEqual(['cluster.patch-template applied']);
        const wanted = Array.from({ length: 3 }, () => '128Mi, 320Mi of 320Mi');
        await until(
          `the ${kind} is rolled out`,
          async () => (await stage.sizesOf(place.namespace)).get('tight'),
          (sizes) => JSON.stringify(sizes) === JSON.stringify(wanted),
        );
        const found = await stage.cluster.readWorkload(kind, place.namespace, 'tight');
        expect(found?.meta.generation).toBe(2);
        expect(outcomesOf(await live.run()).filter((outcome) => outcome.endsWith('applied'))).toEqual([]);
      },
    );

    test('needs exactly the permissions that its capabilities derive', async ({ skip }) => {
      const { real } = stage;
      skip(real.own === undefined, 'a cluster that was lent shows no audit log');
      const place = await stage.prepare('permitted', [
        deployment('tight', { usage: [NEAR_LIMIT] }),
        { kind: 'StatefulSet', name: 'set', sizes: BURSTABLE, usage: [NEAR_LIMIT] },
        { kind: 'DaemonSet', name: 'daemons', sizes: BURSTABLE, usage: [NEAR_LIMIT, CALM, CALM] },
      ]);
      const empty = await stage.createNamespace('permitted-empty');
      const account = { namespace: place.namespace, name: 'rebalance' };
      await grantTo(real, account, [place.namespace, empty], 'rebalance');
      const kubeconfig = await real.kubeconfigFor(account);
      await untilAllowed(kubeconfig, [place.namespace, empty]);

      await using inPlace = await openLive({ ...place, kubeconfig });
      const report = await inPlace.run();
      expect(report.run.problems).toEqual([]);
      expect(outcomesOf(report)).toEqual(Array.from({ length: 3 }, () => 'cluster.resize-container applied'));
      expect((await inPlace.run(empty)).decisions).toEqual([]);

      // Another day, on which the raised pods are near their new limits, and policy wants the templates changed.
      const anotherDay = await stage.prepareAgain(place.namespace, ({ containers }) =>
        containers[0]?.resources.limits['memory'] === '320Mi' ? { memory: steady(310 * 1024 ** 2), cores: 0.05 } : CALM,
      );
      await using rollout = await openLive({ ...anotherDay, kubeconfig, policy: ROLLOUT });
      const rolled = await rollout.run();
      expect(rolled.run.problems).toEqual([]);
      expect(outcomesOf(rolled)).toEqual(Array.from({ length: 3 }, () => 'cluster.patch-template applied'));

      const used = await usedBy(real, account);
      expect(used.refused).toEqual([]);
      expect(used.permissions).toEqual(await grantedTo('rebalance'));
    });
  },
);

/** RBAC works from a watch of its own: waits until the rights are in force, by questions that are no use of them. */
async function untilAllowed(kubeconfig: string, namespaces: readonly string[]): Promise<void> {
  const asking = adapterOf(stage.real, { kubeconfig });
  const rules = await rulesFor('rebalance');
  const permissions = rules.flatMap(({ verb, group, resource, subresource, clusterWide }) =>
    (clusterWide ? [''] : namespaces).map((namespace) => ({ verb, group, resource, subresource, namespace })),
  );
  await until(
    'the rights of the service account are in force',
    () => asking.allowed(permissions),
    (answers) => answers.every(({ allowed }) => allowed),
  );
}
