// The store's contract on Google's Firestore emulator, and what takes several processes: contention and a kill in the middle of a
// commit. What the emulator cannot show (indexes, TTL, quotas, IAM) the double of the fast tier refuses by Google's documentation.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MAX_DOCUMENT_BYTES } from '../../shared/core/collections.ts';
import type { Store } from '../../shared/ports/store.ts';
import { largeWrites, readLarge } from '../../shared/runtime/large-document.ts';
import { storeContract } from '../contract/store.ts';
import { committed, create, version } from '../contract/store-under-test.ts';
import { emptyProject, type FirestoreEmulator, openFirestore, startFirestoreEmulator } from './firestore.ts';
import { describeWith } from './suite.ts';

const CHILD = path.join(import.meta.dirname, 'firestore-child.ts');

let emulator: FirestoreEmulator | undefined;

function host(): string {
  return emulator?.host ?? expect.fail('The emulator does not run.');
}

describeWith(
  ['firestore'],
  'Firestore emulator',
  () => emulator?.log(),
  () => {
    beforeAll(async () => {
      emulator = await startFirestoreEmulator();
    });
    afterAll(async () => {
      await emulator?.[Symbol.asyncDispose]();
    });

    storeContract('Firestore emulator', (clock) => {
      const project = emptyProject();
      let store = openFirestore(host(), project, clock);
      return Promise.resolve({
        store,
        second: () => Promise.resolve(openFirestore(host(), project, clock)),
        reopen: async () => {
          await store.close();
          store = openFirestore(host(), project, clock);
          return store;
        },
        dispose: () => store.close(),
      });
    });

    describe('one commit', () => {
      let store: Store;
      beforeAll(() => {
        store = openFirestore(host(), emptyProject());
      });
      afterAll(() => store.close());

      it('holds documents of the largest size, and gives them back as they were', async () => {
        const text = 'ü'.repeat((MAX_DOCUMENT_BYTES - '{"t":""}'.length) / 2);
        // Firestore takes 10 MiB a request, its emulator no more than 4 MiB.
        const writes = Array.from({ length: 3 }, (_, index) => create('chunks', `large-${String(index)}`, { t: text }));
        committed(await store.commit(writes));
        expect((await store.read('chunks', 'large-2'))?.data).toEqual({ t: text });
      });

      it('holds a document in chunks together with what refers to it', async () => {
        const value = { text: Array.from({ length: 60_000 }, (_, n) => String(Math.sin(n))).join(' ') };
        const { writes, reference } = largeWrites('run-1.facts', value);
        expect(writes.length).toBeGreaterThan(1);
        committed(await store.commit([...writes, create('runs', 'run-1', { facts: reference })]));
        expect(await readLarge(store, reference)).toEqual(value);
      });

      it('gives a new version also when nothing changed, which Firestore alone would not', async () => {
        const first = version(await store.commit([create('runs', 'same', { a: 1 })]));
        const write = { op: 'replace', collection: 'runs', id: 'same', data: { a: 1 }, version: first } as const;
        expect(version(await store.commit([write]))).not.toBe(first);
        expect(await store.commit([write])).toMatchObject({ committed: false });
      });

      it('prunes more than one request holds', async () => {
        const at = '2026-01-01T00:00:00.000Z';
        for (const half of ['a', 'b']) {
          const writes = Array.from({ length: 300 }, (_, n) => create('chunks', `${half}${String(n)}`, {}, at));
          committed(await store.commit(writes));
        }
        expect(await store.prune(550)).toBe(550);
        expect(await store.prune(550)).toBe(50);
      });
    });

    describe('several processes', () => {
      const running: ChildProcess[] = [];
      afterEach(() => {
        for (const child of running.splice(0)) {
          child.kill('SIGKILL');
        }
      });

      function start(project: string, ...parameters: string[]): ChildProcess {
        const started = spawn(process.execPath, ['--no-warnings', CHILD, host(), project, ...parameters], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        running.push(started);
        return started;
      }

      it('count exactly on one document', async () => {
        const project = emptyProject();
        const children = Array.from({ length: 3 }, () => start(project, 'count', '20'));
        const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as unknown));
        expect(codes).toEqual([0, 0, 0]);
        const store = openFirestore(host(), project);
        expect((await store.read('budgets', 'shared'))?.data).toEqual({ used: 60 });
        await store.close();
      });

      it.each([1, 6, 17, 40])('leave each commit whole when one is killed after %i commits', async (commits) => {
        const project = emptyProject();
        const writer = start(project, 'write');
        let acknowledged = 0;
        for await (const line of createInterface({ input: writer.stdout ?? expect.fail('no output') })) {
          acknowledged = Number(line);
          if (acknowledged === commits) {
            // Right away, while the next commit is on its way: between its check and its end, or after it.
            setTimeout(() => writer.kill('SIGKILL'), commits % 8);
          }
        }
        const store = openFirestore(host(), project);
        const documents = await store.query<{ generation: number }>('targets', { where: [], limit: 100 });
        const generations = new Set(documents.map(({ data }) => data.generation));
        expect(documents).toHaveLength(20);
        expect(generations.size).toBe(1);
        expect([...generations][0]).toBeGreaterThanOrEqual(acknowledged);
        // What the dead process's transaction held is free again: another instance takes its lease over.
        const lease = await store.read('leases', 'writer');
        const taken = { collection: 'leases', id: 'writer', data: { holder: 'next' }, version: lease?.version ?? '' };
        committed(await store.commit([{ op: 'replace', ...taken }]));
        await store.close();
      });
    });
  },
);
