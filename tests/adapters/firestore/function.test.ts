// The function as it is deployed, with Google's client bundled into it, keeps its state in Firestore.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Deployed, deployOn, firestoreVariables, post, SCOPE } from './deployed.ts';
import { type FirestoreDouble, PREFIX, startFirestoreDouble } from './double.ts';

let double: FirestoreDouble;
let deployed: Deployed;

beforeAll(async () => {
  double = await startFirestoreDouble();
  deployed = await deployOn({ variables: firestoreVariables(double.host, 'shop-prod'), instances: 1 });
}, 60_000);
afterAll(async () => {
  await deployed.close();
  await double.close();
});

test('the bundle runs a duty on Firestore, once for the same message', async () => {
  const [url = ''] = deployed.urls;
  const message = { data: Buffer.from(JSON.stringify({ scope: SCOPE })).toString('base64'), messageId: '4711' };
  const answers = [];
  for (let time = 0; time < 2; time += 1) {
    const response = await post(url, { message, subscription: 'projects/p/subscriptions/s' });
    answers.push({ status: response.status, body: (await response.json()) as { run?: { id: string } } });
  }
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(answers[1]?.body.run?.id).toBe(answers[0]?.body.run?.id);
  expect(deployed.patches()).toBe(2);
  const collections = new Set(double.names().map((name) => name.slice(PREFIX.length + 1).split('/')[0]));
  expect([...collections]).toEqual(expect.arrayContaining(['actions', 'chunks', 'journal', 'outbox', 'runs']));
});
