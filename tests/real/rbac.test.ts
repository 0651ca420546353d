// What `nightshift rbac` writes, applied with kubectl to a real API server: every duty then runs with exactly those rights.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { main } from '../../shared/local/cli.ts';
import { testTerminal } from '../cli/terminal.ts';
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
      const observed = await stage.createNamespace('granted-observed');
      const modes = [
        { action: '*', namespace: observed, mode: 'observe' },
        { action: '*', mode: 'auto' },
      ];
      const duties = { rebalance: { scopes: [{ cluster: 'test', namespaces: [place.namespace, observed] }] } };
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
      const asking = adapterOf(real, { kubeconfig });
      const resize = { verb: 'patch', group: '', resource: 'pods', subresource: 'resize' };
      await until(
        'the rights are in force',
        () => asking.allowed([{ ...resize, namespace: place.namespace }]),
        ([answer]) => answer?.allowed === true,
      );
      const template = { verb: 'patch', group: 'apps', resource: 'deployments', subresource: '' };
      const [resizes, templates] = await asking.allowed(
        [resize, template].map((one) => ({ ...one, namespace: observed })),
      );
      expect([resizes?.allowed, templates?.allowed]).toEqual([false, false]);

      await using inPlace = await openLive({ ...place, kubeconfig, policy: { modes, duties } });
      const report = await inPlace.run();
      expect(report.run.problems).toEqual([]);
      expect(outcomesOf(report)).toEqual(Array.from({ length: 3 }, () => 'cluster.resize-container applied'));
      expect((await inPlace.run(observed)).run.problems).toEqual([]);

      const settler = { namespace: 'nightshift', name: 'nightshift-settle' };
      const settled = await inPlace.settle(await real.kubeconfigFor(settler), 30);
      expect(settled).toMatchObject({ problems: [] });

      // A resize that is still under way holds its pod.
      await until(
        'the resizes are done',
        () => adapterOf(real).listPods(place.namespace),
        (pods) => pods.every(({ resize: pending }) => pending === null),
      );
      const anotherDay = await stage.prepareAgain(place.namespace, ({ containers }) =>
        containers[0]?.resources.limits['memory'] === '320Mi' ? { memory: steady(310 * 1024 ** 2), cores: 0.05 } : CALM,
      );
      await using rollout = await openLive({
        ...anotherDay,
        kubeconfig,
        policy: { modes, duties: { rebalance: { ...duties.rebalance, apply: 'rollout' } } },
      });
      expect(outcomesOf(await rollout.run())).toEqual(
        Array.from({ length: 3 }, () => 'cluster.patch-template applied'),
      );

      const used = await usedBy(real, account);
      expect(used.refused).toEqual([]);
      expect(used.permissions).toEqual(await grantedTo('rebalance'));
      const usedToSettle = await usedBy(real, settler);
      expect(usedToSettle.refused).toEqual([]);
      expect(await grantedTo('settle')).toEqual(expect.arrayContaining([...usedToSettle.permissions]));
      expect(usedToSettle.permissions.length).toBeGreaterThan(0);
    });
  },
);
