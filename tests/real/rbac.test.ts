// What `nightshift rbac` writes, applied with kubectl to a real API server: every duty then runs with exactly those rights.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { main } from '../../shared/local/cli.ts';
import { testTerminal } from '../cli/terminal.ts';
import type { Pod } from '../../shared/ports/cluster.ts';
import { until } from './kubernetes-api.ts';
import { openLive } from './live.ts';
import { BURSTABLE } from './objects.ts';
import { grantedTo, usedBy } from './permissions.ts';
import { adapterOf } from './rig.ts';
import { removeFolder, temporaryFolder } from './server.ts';
import { CALM, deployment, NEAR_LIMIT, outcomesOf, type Stage, startStage } from './stage.ts';
import { describeWith } from './suite.ts';
import { steady } from './usage.ts';

const run = promisify(execFile);

let stage: Stage;
let folder = '';

describeWith(
  ['kubernetes', 'metrics', 'kubectl'],
  'nightshift rbac on a real API server',
  () => stage?.log(),
  () => {
    beforeAll(async () => {
      stage = await startStage();
      folder = temporaryFolder('rbac');
    });
    afterAll(async () => {
      await stage?.[Symbol.asyncDispose]();
      await removeFolder(folder);
    });

    test('each duty needs all of what its account was given, and nothing else; what is observed cannot be written', async ({
      skip,
    }) => {
      const { real } = stage;
      skip(real.own === undefined, 'a cluster that was lent shows no audit log');
      const place = await stage.prepare('granted', [
        deployment('tight', { usage: [NEAR_LIMIT] }),
        { kind: 'StatefulSet', name: 'set', sizes: BURSTABLE, usage: [NEAR_LIMIT] },
        { kind: 'DaemonSet', name: 'daemons', sizes: BURSTABLE, usage: [NEAR_LIMIT, CALM, CALM] },
      ]);
      const emptied = await stage.prepare('granted-emptied', [deployment('tight', { usage: [NEAR_LIMIT] })]);
      const observed = await stage.createNamespace('granted-observed');
      const modes = [
        { action: '*', namespace: observed, mode: 'observe' },
        { action: '*', mode: 'auto' },
      ];
      const namespaces = [place.namespace, emptied.namespace, observed];
      const duties = { rebalance: { scopes: [{ cluster: 'test', namespaces }] } };
      const policy = path.join(folder, 'policy.yaml');
      const clusters = { test: { metrics: { url: place.metricsUrl } } };
      await writeFile(policy, stringify({ version: 1, clusters, modes, duties }));
      const out = path.join(folder, 'rbac');
      const terminal = testTerminal();
      expect(await main(['rbac', '--policy', policy, '--project', 'shop-prod', '--out', out], terminal)).toBe(0);
      const applied = await run('kubectl', [
        '--kubeconfig',
        real.kubeconfig,
        'apply',
        '-k',
        path.join(out, 'kubernetes/test'),
      ]);
      expect(applied.stdout).toContain('clusterrolebinding.rbac.authorization.k8s.io/nightshift-rebalance created');

      const account = { namespace: 'nightshift', name: 'nightshift-rebalance' };
      const kubeconfig = await real.kubeconfigFor(account);
      const settler = { namespace: 'nightshift', name: 'nightshift-settle' };
      const settling = await real.kubeconfigFor(settler);
      const asking = adapterOf(real, { kubeconfig });
      const resize = { verb: 'patch', group: '', resource: 'pods', subresource: 'resize' };
      await until(
        'the rights are in force',
        () => asking.allowed([{ ...resize, namespace: place.namespace }]),
        ([answer]) => answer?.allowed === true,
      );
      await until(
        'the rights of settle are in force',
        () => adapterOf(real, { kubeconfig: settling }).allowed([{ ...resize, namespace: emptied.namespace }]),
        ([answer]) => answer?.allowed === true,
      );
      // What is only observed cannot be written by anybody, and ingress is nobody in this cluster.
      const template = { verb: 'patch', group: 'apps', resource: 'deployments', subresource: '' };
      for (const credentials of [kubeconfig, settling]) {
        const answers = await adapterOf(real, { kubeconfig: credentials }).allowed(
          [resize, template].map((one) => ({ ...one, namespace: observed })),
        );
        expect(answers.map(({ allowed }) => allowed)).toEqual([false, false]);
      }
      expect(applied.stdout).not.toContain('ingress');

      const approvers = [{ users: ['U0ALICE'] }];
      await using inPlace = await openLive({ ...place, kubeconfig, policy: { modes, approvers, duties } });
      const report = await inPlace.run();
      expect(report.run.problems).toEqual([]);
      expect(outcomesOf(report)).toEqual(Array.from({ length: 3 }, () => 'cluster.resize-container applied'));
      expect((await inPlace.run(observed)).run.problems).toEqual([]);

      // A click that ingress took; settle undoes it with its own rights and judges the rest.
      await inPlace.click('Undo');
      expect(await inPlace.settle(settling, 0)).toMatchObject({ problems: [] });
      await until(
        'the undone resize is back',
        async () => [...(await stage.sizesOf(place.namespace)).values()].flat(),
        (sizes) => sizes.filter((size) => size.endsWith(' of 320Mi')).length === 2,
      );
      expect(await inPlace.settle(settling, 30)).toMatchObject({ problems: [] });

      // A resize that is still under way holds its pod.
      await until(
        'the resizes are done',
        () => adapterOf(real).listPods(place.namespace),
        (pods) => pods.every(({ resize: pending }) => pending === null),
      );
      // Another day on which each workload has one pod near its limit: a raised one, or where the raise was undone any.
      const pods = await adapterOf(real).listPods(place.namespace);
      const isRaised = ({ containers }: Pod): boolean => containers[0]?.resources.limits['memory'] === '320Mi';
      const tight = new Set(
        ['tight', 'set', 'daemons'].map((app) => {
          const own = pods.filter(({ meta }) => meta.labels['app'] === app);
          return (own.find(isRaised) ?? own[0])?.meta.name;
        }),
      );
      const anotherDay = await stage.prepareAgain(place.namespace, (pod) =>
        !tight.has(pod.meta.name)
          ? CALM
          : isRaised(pod)
            ? { memory: steady(310 * 1024 ** 2), cores: 0.05 }
            : NEAR_LIMIT,
      );
      const rolling = { modes, approvers, duties: { rebalance: { ...duties.rebalance, apply: 'rollout' } } };
      await using rollout = await openLive({ ...anotherDay, kubeconfig, policy: rolling });
      const rolled = outcomesOf(await rollout.run());
      expect(rolled).toEqual(Array.from({ length: 3 }, () => 'cluster.patch-template applied'));
      for (const place of rolled.keys()) {
        await rollout.click('Undo', place);
      }
      expect(await rollout.settle(settling, 0)).toMatchObject({ problems: [] });

      // A template whose pods are all gone asks for no other right.
      await using gone = await openLive({ ...emptied, kubeconfig, policy: rolling });
      expect(outcomesOf(await gone.run())).toEqual(['cluster.patch-template applied']);
      await real.api.send('PATCH', `/apis/apps/v1/namespaces/${emptied.namespace}/deployments/tight`, {
        body: { spec: { replicas: 0 } },
        contentType: 'application/merge-patch+json',
      });
      await until(
        'its pods are gone',
        () => adapterOf(real).listPods(emptied.namespace),
        (pods) => pods.length === 0,
      );
      expect(await gone.settle(settling, 30)).toMatchObject({ problems: [] });

      const used = await usedBy(real, account);
      expect(used.refused).toEqual([]);
      expect(used.permissions).toEqual(await grantedTo('rebalance'));
      const usedToSettle = await usedBy(real, settler);
      expect(usedToSettle.refused).toEqual([]);
      expect(usedToSettle.permissions).toEqual(await grantedTo('settle'));
    });
  },
);
