// Google's Pub/Sub emulator for tests, over its REST API; or whatever PUBSUB_EMULATOR_HOST names. Looked for and not built, as the
// Firestore emulator.
import { z } from 'zod';
import { sdkFile, whyNoEmulator } from './google-sdk.ts';
import { startServer } from './server.ts';

const SCRIPT = 'platform/pubsub-emulator/bin/cloud-pubsub-emulator';

export interface PushSubscription {
  readonly topic: string;
  readonly endpoint: string;
  readonly deadLetterTopic: string;
  readonly maxDeliveryAttempts: number;
}

const Pulled = z.looseObject({
  receivedMessages: z
    .array(
      z.looseObject({
        message: z.looseObject({ data: z.string(), attributes: z.record(z.string(), z.string()).optional() }),
      }),
    )
    .optional(),
});

/** Resources are of one project. */
export interface PubSubEmulator extends AsyncDisposable {
  /** `http://host:port` */
  readonly url: string;
  createTopic(topic: string): Promise<void>;
  createPush(subscription: string, options: PushSubscription): Promise<void>;
  createPull(subscription: string, topic: string): Promise<void>;
  /** What waits now, as its data in JSON and its attributes. It is not acknowledged. */
  pull(
    subscription: string,
  ): Promise<readonly { readonly data: unknown; readonly attributes: Readonly<Record<string, string>> }[]>;
  /** What it wrote; empty for one that we did not start. */
  log(): string;
}

export function whyNoPubSubEmulator(): Promise<string | undefined> {
  return whyNoEmulator('Pub/Sub', SCRIPT, 'pubsub-emulator', 'PUBSUB_EMULATOR_HOST');
}

export async function startPubSubEmulator(project: string): Promise<PubSubEmulator> {
  const given = process.env['PUBSUB_EMULATOR_HOST'] ?? '';
  const command = (await sdkFile(SCRIPT)) ?? '';
  const server =
    given === ''
      ? await startServer({
          name: 'pubsub-emulator',
          command,
          portCount: 1,
          args: ({ ports: [port] }) => ['--host=127.0.0.1', `--port=${String(port)}`],
          environment: () => ({ JAVA_OPTS: '-Xmx256m' }),
          ready: async ([port]) => (await fetch(`http://127.0.0.1:${String(port)}/`)).ok,
        })
      : undefined;
  const url = `http://${server === undefined ? given : `127.0.0.1:${String(server.ports[0])}`}`;
  const base = `projects/${project}`;

  async function send(method: 'PUT' | 'POST', name: string, body: object): Promise<unknown> {
    const response = await fetch(`${url}/v1/${base}/${name}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) {
      throw new Error(`${method} ${name}: ${String(response.status)} ${await response.text()}`);
    }
    return response.json();
  }

  return {
    url,
    async createTopic(topic) {
      await send('PUT', `topics/${topic}`, {});
    },
    async createPush(subscription, { topic, endpoint, deadLetterTopic, maxDeliveryAttempts }) {
      await send('PUT', `subscriptions/${subscription}`, {
        topic: `${base}/topics/${topic}`,
        pushConfig: { pushEndpoint: endpoint },
        ackDeadlineSeconds: 600,
        deadLetterPolicy: { deadLetterTopic: `${base}/topics/${deadLetterTopic}`, maxDeliveryAttempts },
        retryPolicy: { minimumBackoff: '0.1s', maximumBackoff: '1s' },
      });
    },
    async createPull(subscription, topic) {
      await send('PUT', `subscriptions/${subscription}`, { topic: `${base}/topics/${topic}` });
    },
    async pull(subscription) {
      const body = { maxMessages: 10, returnImmediately: true };
      const { receivedMessages = [] } = Pulled.parse(await send('POST', `subscriptions/${subscription}:pull`, body));
      return receivedMessages.map(({ message: { data, attributes = {} } }) => ({
        data: JSON.parse(Buffer.from(data, 'base64').toString('utf8')) as unknown,
        attributes,
      }));
    },
    log: () => server?.log() ?? '',
    [Symbol.asyncDispose]: async () => {
      await server?.close();
    },
  };
}
