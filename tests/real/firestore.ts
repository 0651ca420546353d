// Google's Firestore emulator for tests. It comes with the Google Cloud CLI and from no package registry, so it is looked for and not
// built; or whatever FIRESTORE_EMULATOR_HOST names. Each test takes a project of its own, which is empty.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { firestoreStore } from '../../shared/adapters/firestore/store.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Store } from '../../shared/ports/store.ts';
import { systemClock, systemRandom } from '../../shared/adapters/system/clock.ts';
import { type Server, startServer } from './server.ts';

const JAR = 'cloud-firestore-emulator/cloud-firestore-emulator.jar';

/** Where packages and the installer put the Google Cloud CLI. */
const SDK_FOLDERS = [
  '/usr/lib/google-cloud-sdk',
  '/usr/share/google-cloud-sdk',
  '/opt/google-cloud-sdk',
  '/snap/google-cloud-cli/current',
];

export interface FirestoreEmulator extends AsyncDisposable {
  /** `host:port` */
  readonly host: string;
  /** What it wrote; empty for one that we did not start. */
  log(): string;
}

export async function whyNoFirestoreEmulator(): Promise<string | undefined> {
  if ((await jarPath()) === undefined) {
    return 'The Firestore emulator is not installed: `gcloud components install cloud-firestore-emulator`, or set FIRESTORE_EMULATOR_HOST.';
  }
  try {
    await promisify(execFile)('java', ['-version']);
    return undefined;
  } catch {
    return 'The Firestore emulator needs Java, and there is no `java` on the PATH.';
  }
}

async function jarPath(): Promise<string | undefined> {
  const home = process.env['HOME'] ?? '';
  const root = process.env['CLOUDSDK_ROOT_DIR'] ?? '';
  for (const folder of [...(root === '' ? [] : [root]), ...SDK_FOLDERS, path.join(home, 'google-cloud-sdk')]) {
    const jar = path.join(folder, 'platform', JAR);
    const isThere = await access(jar).then(
      () => true,
      () => false,
    );
    if (isThere) {
      return jar;
    }
  }
  return undefined;
}

export async function startFirestoreEmulator(): Promise<FirestoreEmulator> {
  const given = process.env['FIRESTORE_EMULATOR_HOST'];
  if (given !== undefined && given !== '') {
    return { host: given, log: () => '', [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const jar = (await jarPath()) ?? '';
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
