// What stands against `rebalance` on a real API server: quotas, limit ranges, policy engines, other writers, nodes without room, and
// credentials that ended. Each ends in nothing changed and somebody told, or in the next run.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from './kubernetes-api.ts';
import { startForwarder } from './forwarder.ts';
import { type Live, openLive } from './live.ts';
import { limitRange, resourceQuota } from './objects.ts';
import { createQuota, failureOf } from './rig.ts';
import { deployment, NEAR_LIMIT, outcomesOf, type Place, rulesOf, type Stage, startStage } from './stage.ts';
import { describeWith } from './suite.ts';
import { steady } from './usage.ts';
import { startDenyingWebhook } from './webhook.ts';

const AS_IT_WAS = ['128Mi, 256Mi of 256Mi'];

let stage: Stage;

describeWith(
  ['kubernetes', 'metrics'],
  'what stands against rebalance',
  () => stage?.log(),
  () => {
    beforeAll(async () => {
      stage = await startStage();
    });
    afterAll(async () => {
      await stage?.[Symbol.asyncDispose]();
    });

    describe('is seen before', () => {
      test('a quota without room is escalated', async () => {
        const place = await tight('quota');
        await createQuota(stage.real, resourceQuota(place.namespace, 'quota', { 'limits.memory': '300Mi' }), {
          'limits.memory': '256Mi',
        });
        await expectEscalation(place);
      });

      test('a limit range below the new size is escalated', async () => {
        const place = await tight('range');
        await stage.real.api.create(limitRange(place.namespace, 'range', { max: { memory: '300Mi' } }));
        await expectEscalation(place);
      });

      async function expectEscalation(place: Place): Promise<void> {
        await using live = await open(place);
        const report = await live.run();
        expect(rulesOf(report)).toEqual({ tight: ['rebalance/escalate-cannot-fit'] });
        expect(report.actions).toEqual([]);
        expect(live.platform.doubles.jira.state().issues).toHaveLength(1);
        expect((await stage.sizesOf(place.namespace)).get('tight')).toEqual(AS_IT_WAS);
      }
    });

    test('an admission webhook that denies fails the change, which is told once', async ({ skip }) => {
      skip(stage.real.own === undefined, 'a cluster that was lent cannot call back to this machine');
      const place = await tight('webhook');
      await using webhook = await startDenyingWebhook('frozen.nightshift.test', 'sizes are frozen until Monday');
      const configuration = webhook.configuration(place.namespace);
      await stage.real.api.create(configuration);
      await untilDenied(place);
      await using live = await open(place);
      const report = await live.run();
      await live.run();
      await stage.real.api.remove(configuration);
      expect(report.actions).toMatchObject([
        { outcome: 'failed', detail: expect.stringContaining('sizes are frozen until Monday') as string },
      ]);
      expect(live.platform.doubles.jira.state().issues).toHaveLength(1);
      expect((await stage.sizesOf(place.namespace)).get('tight')).toEqual(AS_IT_WAS);
    });

    describe('another writer', () => {
      test('who resized the pod right before wins, and nobody is bothered', async () => {
        const place = await tight('writer');
        await using live = await openBehind(place, async () => {
          await resizeByHand(place, '300Mi');
        });
        const report = await live.run();
        expect(outcomesOf(report)).toEqual(['cluster.resize-container stale']);
        expect(live.platform.doubles.jira.state().issues).toEqual([]);
        expect((await stage.sizesOf(place.namespace)).get('tight')).toEqual([expect.stringMatching(/ of 300Mi$/)]);
      });

      test('who deleted the pod right before leaves nothing to change', async () => {
        const place = await tight('deleter');
        await using live = await openBehind(place, async () => {
          const pod = await podOf(place);
          const metadata = { namespace: place.namespace, name: pod };
          await stage.real.api.remove({ apiVersion: 'v1', kind: 'Pod', metadata }, { gracePeriodSeconds: 0 });
          await until(
            'the pod is gone',
            () => stage.cluster.readPod(place.namespace, pod),
            (found) => found === undefined,
          );
        });
        expect(outcomesOf(await live.run())).toEqual(['cluster.resize-container stale']);
        expect(live.platform.doubles.jira.state().issues).toEqual([]);
      });
    });

    describe('a node', () => {
      test('that never has the room is escalated by the next run', async ({ skip }) => {
        skip(stage.real.own === undefined, 'a real kubelet decides for itself');
        const place = await tight('infeasible', 'Infeasible');
        await using live = await open(place);
        expect(outcomesOf(await live.run())).toEqual(['cluster.resize-container applied']);
        await untilPending(place, 'infeasible');
        const second = await live.run();
        expect(rulesOf(second)).toEqual({ tight: ['rebalance/escalate-resize-infeasible'] });
        expect(live.platform.doubles.jira.state().issues).toHaveLength(1);
      });

      test('that has no room now is waited for', async ({ skip }) => {
        skip(stage.real.own === undefined, 'a real kubelet decides for itself');
        const place = await tight('deferred', 'Deferred');
        await using live = await open(place);
        expect(outcomesOf(await live.run())).toEqual(['cluster.resize-container applied']);
        await untilPending(place, 'deferred');
        const anotherDay = await stage.prepareAgain(place.namespace, () => ({
          memory: steady(310 * 1024 ** 2),
          cores: 0.05,
        }));
        await using later = await open(anotherDay);
        const second = await later.run();
        expect(rulesOf(second)).toEqual({ tight: ['rebalance/hold-resize-pending'] });
        expect(outcomesOf(second)).toEqual([]);
      });
    });

    test('a service account that was deleted fails the run with what to do', async () => {
      const place = await tight('revoked');
      const account = { namespace: place.namespace, name: 'rebalance' };
      const kubeconfig = await stage.real.kubeconfigFor(account);
      await stage.real.api.remove({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: account });
      await using live = await openLive({ ...place, kubeconfig });
      const failure = await failureOf(live.run());
      expect(failure.failure).toMatchObject({ status: 401, code: 'Unauthorized' });
      expect(failure.remedy).toContain('Renew the credentials');
      expect(live.platform.doubles.slack.state().messages).toEqual([]);
    });
  },
);

/** One pod near its limit, whose node puts resizes off as told. */
function tight(prefix: string, putOff?: 'Deferred' | 'Infeasible'): Promise<Place> {
  const annotations: Record<string, string> = putOff === undefined ? {} : { 'nightshift.test/resize': putOff };
  return stage.prepare(prefix, [deployment('tight', { usage: [NEAR_LIMIT], annotations })]);
}

function open(place: Place): Promise<Live> {
  return openLive({ ...place, kubeconfig: stage.real.kubeconfig });
}

/** A run whose first change waits at the API server's door until `meanwhile` is over. */
async function openBehind(place: Place, meanwhile: () => Promise<void>): Promise<Live> {
  let isOver = false;
  const forwarder = await startForwarder({
    kubeconfig: stage.real.kubeconfig,
    before: async ({ method }) => {
      if (method === 'PATCH' && !isOver) {
        isOver = true;
        await meanwhile();
      }
    },
  });
  const live = await openLive({ ...place, kubeconfig: await stage.real.writeKubeconfig(undefined, forwarder.url) });
  return {
    ...live,
    async [Symbol.asyncDispose]() {
      await live[Symbol.asyncDispose]();
      await forwarder[Symbol.asyncDispose]();
    },
  };
}

async function podOf({ namespace }: Place): Promise<string> {
  const pods = await stage.cluster.listPods(namespace);
  const found = pods.find(({ meta }) => meta.labels['app'] === 'tight');
  if (found === undefined) {
    throw new Error(`Namespace ${namespace} has no pod of tight.`);
  }
  return found.meta.name;
}

/** As `kubectl patch --subresource resize` does it; the reply's status. */
async function resizeByHand(
  place: Place,
  memory: string,
  query: Readonly<Record<string, string>> = {},
): Promise<number> {
  const metadata = { namespace: place.namespace, name: await podOf(place) };
  const path = await stage.real.api.pathOf({ apiVersion: 'v1', kind: 'Pod', metadata }, 'resize');
  const { status } = await stage.real.api.send('PATCH', path, {
    query,
    contentType: 'application/strategic-merge-patch+json',
    body: { spec: { containers: [{ name: 'app', resources: { limits: { memory } } }] } },
  });
  return status;
}

async function untilDenied(place: Place): Promise<void> {
  await until(
    'admission asks the webhook',
    () => resizeByHand(place, '320Mi', { dryRun: 'All' }),
    (status) => status === 403,
  );
}

async function untilPending({ namespace }: Place, state: string): Promise<void> {
  await until(
    `the node calls the resize ${state}`,
    () => stage.cluster.listPods(namespace),
    (pods) => pods.some(({ resize }) => resize?.state === state),
  );
}
