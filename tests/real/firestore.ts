// Google's Firestore emulator for tests. It comes with the Google Cloud CLI and from no package registry, so it is looked for and not
// built; or whatever FIRESTORE_EMULATOR_HOST names. Each test takes a project of its own, which is empty.
import { randomBytes } from 'node:crypto';
import { firestoreStore } from '../../shared/adapters/firestore/store.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Store } from '../../shared/ports/store.ts';
import { systemClock, systemRandom } from '../../shared/adapters/system/clock.ts';
import { sdkFile, whyNoEmulator } from './google-sdk.ts';
import { type Server, startServer } from './server.ts';

const JAR = 'platform/cloud-firestore-emulator/cloud-firestore-emulator.jar';

export interface FirestoreEmulator extends AsyncDisposable {
  /** `host:port` */
  readonly host: string;
  /** What it wrote; empty for one that we did not start. */
  log(): string;
}

export function whyNoFirestoreEmulator(): Promise<string | undefined> {
  return whyNoEmulator('Firestore', JAR, 'cloud-firestore-emulator', 'FIRESTORE_EMULATOR_HOST');
}

export async function startFirestoreEmulator(): Promise<FirestoreEmulator> {
  const given = process.env['FIRESTORE_EMULATOR_HOST'];
  if (given !== undefined && given !== '') {
    return { host: given, log: () => '', [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const jar = (await sdkFile(JAR)) ?? '';
  const server: Server = await startServer({
    name: 'firestore-emulator',
    command: 'java',
    portCount: 2,
    args: ({ ports: [port, websocketPort] }) => [
      '-Duser.language=en',
      '-Xmx512m',
      '-cp',
      jar,
      'com.google.cloud.datastore.emulator.firestore.CloudFirestore',
      '--host=127.0.0.1',
      `--port=${String(port)}`,
      `--websocket_port=${String(websocketPort)}`,
    ],
    ready: async ([port]) => (await fetch(`http://127.0.0.1:${String(port)}/`)).ok,
  });
  return {
    host: `127.0.0.1:${String(server.ports[0])}`,
    log: () => server.log(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

export function emptyProject(): string {
  return `nightshift-${randomBytes(6).toString('hex')}`;
}

/** The times of `clock`, and real waiting: the emulator's contention ends by time alone. */
export function openFirestore(host: string, project: string, clock: Clock = systemClock): Store {
  return firestoreStore({
    project,
    database: 'nightshift',
    clock: { now: () => clock.now(), sleep: systemClock.sleep },
    random: systemRandom,
    emulatorHost: host,
    // A machine that builds and tests at the same time is slow; a hang is still told.
    deadlineSeconds: 60,
  });
}
