// Programs and services that this tier uses when they are there: kubectl, and a registry that npm can install from.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export async function whyNoKubectl(): Promise<string | undefined> {
  try {
    await run('kubectl', ['version', '--client']);
    return undefined;
  } catch {
    return 'There is no kubectl on the PATH: https://kubernetes.io/docs/tasks/tools';
  }
}

export async function whyNoRegistry(): Promise<string | undefined> {
  try {
    await run('npm', ['view', '@google-cloud/functions-framework', 'version'], { timeout: 60_000 });
    return undefined;
  } catch {
    return 'npm reaches no registry from here.';
  }
}
