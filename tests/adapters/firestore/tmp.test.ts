import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { firestoreStore } from '../../../shared/adapters/firestore/store.ts';
import type { Store } from '../../../shared/ports/store.ts';
import { storeContract } from '../../contract/store.ts';

storeContract('Firestore emulator', async (clock) => {
  const project = `p-${randomUUID().slice(0, 8)}`;
  const open = (): Store =>
    firestoreStore({
      project,
      database: 'nightshift',
      clock: { now: () => clock.now(), sleep: (ms) => delay(ms) },
      random: Math.random,
      emulatorHost: '127.0.0.1:18085',
    });
  let store = open();
  return {
    store,
    second: () => Promise.resolve(open()),
    reopen: async () => {
      await store.close();
      store = open();
      return store;
    },
    dispose: () => store.close(),
  };
});
