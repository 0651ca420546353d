// Runs a server for tests: on free ports of 127.0.0.1, its data in a temporary folder, ready when handed over, its log kept, and
// ended whatever happens to the tests. Knows no particular server.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

export interface ServerOptions {
  readonly name: string;
  readonly command: string;
  /** How many free ports it needs. */
  readonly portCount: number;
  /** Its arguments; `folder` is its own, empty, and removed with it. */
  readonly args: (at: { readonly ports: readonly number[]; readonly folder: string }) => readonly string[];
  /** Whether it serves; a failure counts as "not yet". */
  readonly ready: (ports: readonly number[]) => Promise<boolean>;
  readonly environment?: (at: {
    readonly ports: readonly number[];
    readonly folder: string;
  }) => Readonly<Record<string, string>>;
}

export interface Server extends AsyncDisposable {
  readonly name: string;
  readonly ports: readonly number[];
  readonly folder: string;
  /** The last lines of what it wrote. */
  log(lines?: number): string;
  /** Whether it still runs: a test that failed may have failed because of this. */
  isRunning(): boolean;
  close(): Promise<void>;
}

/** Generous: a machine that builds and tests at the same time is slow, and a server that cannot start says so by ending. */
const READY_SECONDS = 180;
const GRACE_MILLISECONDS = 3000;
const PORT_TRIES = 3;

export async function startServer(options: ServerOptions): Promise<Server> {
  for (let tries = 1; ; tries += 1) {
    const server = await launch(options);
    try {
      await waitUntilReady(options, server);
      return server;
    } catch (error) {
      const log = server.log(200);
      await server.close();
      // Between asking for a free port and listening on it, another process may have taken it.
      if (tries === PORT_TRIES || !/address already in use/i.test(log)) {
        throw error;
      }
    }
  }
}

async function launch(options: ServerOptions): Promise<Server> {
  const folder = temporaryFolder(options.name);
  const ports = await freePorts(options.portCount);
  const logFile = path.join(folder, `${options.name}.log`);
  const output = openSync(logFile, 'a');
  const child = spawn(options.command, options.args({ ports, folder }), {
    // A group of its own: Ctrl-C must not end the servers under tests that are still cleaning up.
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...process.env, ...options.environment?.({ ports, folder }) },
  });
  closeSync(output);
  const failure = new Promise<never>((_resolve, reject) => {
    child.on('error', (error) => {
      reject(new Error(`${options.name} cannot be started: ${error.message}`));
    });
  });
  await Promise.race([failure, new Promise((resolve) => child.once('spawn', resolve))]);
  failure.catch(() => undefined);
  const { pid } = child;
  if (pid === undefined) {
    throw new Error(`${options.name} has no process id.`);
  }
  tellWatchdog('server', String(pid));
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      tellWatchdog('ended', String(pid));
      resolve();
    });
  });
  async function close(): Promise<void> {
    await endGroup(child, pid, ended);
    await removeFolder(folder);
  }
  return {
    name: options.name,
    ports,
    folder,
    log: (lines = 40) => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'),
    isRunning: () => isAlive(child),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function waitUntilReady(options: ServerOptions, server: Server): Promise<void> {
  const deadline = performance.now() + READY_SECONDS * 1000;
  for (;;) {
    if (!server.isRunning()) {
      throw new Error(`${options.name} ended before it was ready. Its log ends with:\n${server.log()}`);
    }
    if (await options.ready(server.ports).catch(() => false)) {
      return;
    }
    if (performance.now() > deadline) {
      throw new Error(
        `${options.name} was not ready within ${String(READY_SECONDS)} s. Its log ends with:\n${server.log()}`,
      );
    }
    await delay(50);
  }
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function endGroup(child: ChildProcess, pid: number | undefined, ended: Promise<void>): Promise<void> {
  if (!isAlive(child)) {
    return;
  }
  signal(pid, 'SIGTERM');
  const timer = setTimeout(() => {
    signal(pid, 'SIGKILL');
  }, GRACE_MILLISECONDS);
  await ended;
  clearTimeout(timer);
}

function signal(pid: number | undefined, name: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) {
    return;
  }
  try {
    process.kill(-pid, name);
  } catch {
    // It ended in this moment.
  }
}

/** So many different ports that nobody listens on now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const holders = await Promise.all(Array.from({ length: count }, listenAnywhere));
  const ports = holders.map((holder) => {
    const address = holder.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}

function listenAnywhere(): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const holder = createServer();
    holder.once('error', reject);
    holder.listen(0, '127.0.0.1', () => {
      resolve(holder);
    });
  });
}

/** A folder that is gone with the tests, also when they are killed. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `nightshift-real-${name}-`));
  tellWatchdog('folder', folder);
  return folder;
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  tellWatchdog('removed', folder);
}

let watchdog: Writable | undefined;

function tellWatchdog(verb: 'server' | 'ended' | 'folder' | 'removed', value: string): void {
  if (watchdog === undefined) {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, 'watchdog.ts')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // It must not keep a process alive that has nothing else to do.
    child.unref();
    watchdog = child.stdin;
    watchdog.on('error', () => undefined);
    if ('unref' in child.stdin && typeof child.stdin.unref === 'function') {
      child.stdin.unref();
    }
  }
  watchdog.write(`${verb}\t${value}\n`);
}
