// Starts the shipped programs as processes of their own and watches what they print.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves with the first match of `pattern` in what it prints; rejects when it ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  readonly finished: Promise<Finished>;
}

/** Runs a program under this test's own Node, with nothing of our environment but what it needs to run. */
export function start(args: readonly string[], env: Readonly<Record<string, string>>, cwd: string = ROOT): Running {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: cwd, NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  const told = (): void => {
    for (const watcher of watchers) {
      watcher();
    }
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    told();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    told();
  });
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
      told();
    });
  });
  return {
    child,
    output: () => stdout + stderr,
    finished,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(stdout + stderr);
          if (match !== null) {
            watchers.delete(look);
            resolve(match);
          } else if (child.exitCode !== null) {
            reject(
              new Error(
                `It ended with ${String(child.exitCode)} before it printed ${String(pattern)}:\n${stdout}${stderr}`,
              ),
            );
          }
        };
        watchers.add(look);
        look();
      }),
  };
}

/** Runs the command line to its end. */
export function nightshift(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string = ROOT,
): Promise<Finished> {
  return start([path.join(ROOT, 'bin/nightshift.mjs'), ...args], env, cwd).finished;
}
