// A scheduled tick of the built function fans out over Google's Pub/Sub emulator by push: each scope is one run, a receiver that fails is
// asked again, and what fails for ever ends in the dead letter topic.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { topicOf } from '../../shared/runtime/http.ts';
import { type Deployed, deployOn } from '../adapters/firestore/deployed.ts';
import { until } from './kubernetes-api.ts';
import { type PubSubEmulator, startPubSubEmulator } from './pubsub.ts';
import { describeWith } from './suite.ts';

const PROJECT = 'nightshift-real';
const TOPIC = topicOf('rebalance');
const DEAD = `${TOPIC}-dead`;
const ATTEMPTS = 5;
/** It is not in the kubeconfig, so that every run of it fails in the function itself. */
const LOST = { cluster: 'lost', namespace: 'default' };
/** The receiver is down for its first deliveries. */
const FLAKY = { cluster: 'test', namespace: 'flaky' };
const FLAKY_FAILURES = 2;
const SCOPES = [{ cluster: 'test', namespace: 'default' }, { cluster: 'test', namespace: 'quiet' }, FLAKY, LOST];

interface Delivery {
  readonly scope: string;
  readonly id: string;
  readonly status: number;
}

let emulator: PubSubEmulator | undefined;
let deployed: Deployed | undefined;
let receiver: Server | undefined;
let folder = '';
const deliveries: Delivery[] = [];

interface Push {
  readonly message: { readonly data: string; readonly attributes: { readonly id: string } };
}

/** Stands before the function as the platform's front end does, which may be down itself. */
async function receive(body: string): Promise<number> {
  const { message } = JSON.parse(body) as Push;
  const { scope } = JSON.parse(Buffer.from(message.data, 'base64').toString('utf8')) as { scope: object };
  const name = JSON.stringify(scope);
  const isDown =
    name === JSON.stringify(FLAKY) && deliveries.filter((one) => one.scope === name).length < FLAKY_FAILURES;
  let status = 503;
  if (!isDown) {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(deployed?.urls[0] ?? '', { method: 'POST', headers, body });
    await response.text();
    ({ status } = response);
  }
  deliveries.push({ scope: name, id: message.attributes.id, status });
  return status;
}

const statusesOf = (scope: object): readonly number[] =>
  deliveries.filter((one) => one.scope === JSON.stringify(scope)).map(({ status }) => status);

async function tick(time: string): Promise<unknown> {
  const response = await fetch(deployed?.urls[0] ?? '', {
    method: 'POST',
    headers: {
      'x-cloudscheduler': 'true',
      'x-cloudscheduler-jobname': 'rebalance',
      'x-cloudscheduler-scheduletime': time,
    },
  });
  return response.json();
}

describeWith(
  ['pubsub'],
  'Pub/Sub emulator',
  () => `${emulator?.log() ?? ''}\n${deployed?.output() ?? ''}`,
  () => {
    beforeAll(async () => {
      emulator = await startPubSubEmulator(PROJECT);
      folder = await mkdtemp(path.join(tmpdir(), 'nightshift-pubsub-'));
      deployed = await deployOn({
        instances: 1,
        variables: {
          NIGHTSHIFT_STORE: `sqlite:${path.join(folder, 'state.sqlite')}`,
          PUBSUB_PROJECT: PROJECT,
          PUBSUB_API_URL: emulator.url,
        },
        namespaces: ['quiet', 'flaky'],
        policy: {
          clusters: { lost: { context: 'lost', metrics: { url: '${METRICS_URL}' } } },
          duties: {
            rebalance: {
              scopes: SCOPES.map(({ cluster, namespace }) => ({ cluster, namespaces: [namespace] })),
            },
          },
        },
      });
      receiver = createServer((request, response) => {
        void request.toArray().then(async (chunks: Buffer[]) => {
          response.writeHead(await receive(Buffer.concat(chunks).toString('utf8'))).end();
        });
      });
      await new Promise<void>((resolve) => receiver?.listen(0, '127.0.0.1', resolve));
      await emulator.createTopic(TOPIC);
      await emulator.createTopic(DEAD);
      await emulator.createPull(DEAD, DEAD);
      await emulator.createPush(TOPIC, {
        topic: TOPIC,
        endpoint: `http://127.0.0.1:${String((receiver.address() as AddressInfo).port)}/`,
        deadLetterTopic: DEAD,
        maxDeliveryAttempts: ATTEMPTS,
      });
    });
    afterAll(async () => {
      await emulator?.[Symbol.asyncDispose]();
      receiver?.closeAllConnections();
      receiver?.close();
      await deployed?.close();
      await rm(folder, { recursive: true, force: true });
    });

    test('a tick is one run for each scope; what failed is delivered again, and after 5 attempts a dead letter', async () => {
      expect(await tick('2026-03-04T10:00:00Z')).toEqual({ result: 'fanned-out', scopes: SCOPES.length });

      const dead = await until(
        'the scope that fails for ever is a dead letter',
        async () => (await emulator?.pull(DEAD)) ?? [],
        (messages) => messages.length > 0,
      );
      expect(dead.map(({ data }) => data)).toEqual([{ scope: LOST, dry_run: false }]);
      expect(statusesOf(LOST)).toEqual(Array.from({ length: ATTEMPTS }, () => 500));
      await until(
        'the receiver that was down is up',
        () => Promise.resolve(statusesOf(FLAKY)),
        (statuses) => statuses.length > FLAKY_FAILURES,
      );
      expect(statusesOf(FLAKY)).toEqual([503, 503, 200]);
      expect(SCOPES.slice(0, 2).map(statusesOf)).toEqual([[200], [200]]);
      expect(deployed?.patches()).toBe(2);
    });

    test('the same tick again runs nothing again', async () => {
      const told = (): number => deployed?.scenario.platform.doubles.slack.state().messages.length ?? 0;
      const before = told();
      deliveries.length = 0;
      await tick('2026-03-04T10:00:00Z');
      await until(
        'all scopes are delivered',
        () => Promise.resolve(deliveries.filter(({ status }) => status === 200).length),
        (done) => done === SCOPES.length - 1,
      );
      expect(deployed?.patches()).toBe(2);
      expect(told()).toBe(before);
      expect(SCOPES.slice(0, 3).map(statusesOf)).toEqual([[200], [200], [503, 503, 200]]);
    });
  },
);
