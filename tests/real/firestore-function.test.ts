// Many instances of the deployed function on one Firestore: whatever comes at once, each change is made once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Deployed, deployOn, firestoreVariables, post, SCOPE } from '../adapters/firestore/deployed.ts';
import { emptyProject, type FirestoreEmulator, openFirestore, startFirestoreEmulator } from './firestore.ts';
import { describeWith } from './suite.ts';

const INSTANCES = 2;
const CALLS = 50;

let emulator: FirestoreEmulator | undefined;
let deployed: Deployed | undefined;
const project = emptyProject();

describeWith(
  ['firestore'],
  'Instances on one Firestore',
  () => `${emulator?.log() ?? ''}\n${deployed?.output() ?? ''}`,
  () => {
    beforeAll(async () => {
      emulator = await startFirestoreEmulator();
      deployed = await deployOn({ variables: firestoreVariables(emulator.host, project), instances: INSTANCES });
    });
    afterAll(async () => {
      await deployed?.close();
      await emulator?.[Symbol.asyncDispose]();
    });

    test(`${String(CALLS)} calls at once of one scope change each thing once`, async () => {
      const urls = deployed?.urls ?? [];
      const statuses = await Promise.all(
        Array.from({ length: CALLS }, async (_, index) => {
          const response = await post(urls[index % urls.length] ?? '', { scope: SCOPE });
          await response.text();
          return response.status;
        }),
      );
      // Somebody works, and the others are told that somebody does.
      expect(new Set(statuses)).toEqual(new Set([200, 409]));
      expect(deployed?.patches()).toBe(2);
      const store = openFirestore(emulator?.host ?? '', project);
      const actions = await store.query<{ state: string }>('actions', { where: [], limit: 100 });
      expect(actions.map(({ data }) => data.state)).toEqual(['applied', 'applied']);
      await store.close();
    });

    test('the same message at all instances is one run', async () => {
      const message = { data: Buffer.from(JSON.stringify({ scope: SCOPE })).toString('base64'), messageId: '4711' };
      const body = { message, subscription: 'projects/p/subscriptions/s' };
      const ids = new Set<string>();
      for (let turn = 0; turn < 3; turn += 1) {
        const replies = await Promise.all(
          (deployed?.urls ?? []).map(async (url) => {
            const response = await post(url, body);
            return (await response.json()) as { run?: { id: string } };
          }),
        );
        for (const { run } of replies) {
          ids.add(run?.id ?? 'busy');
        }
      }
      ids.delete('busy');
      expect(ids.size).toBe(1);
    });
  },
);
