// Which contexts a kubeconfig offers, for a person to choose from.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { offeredContexts } from '../../../shared/adapters/kubernetes/contexts.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-contexts-'));
  vi.stubEnv('HOME', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function kubeconfig(name: string, contexts: readonly string[], current?: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(
    file,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: contexts.map((one) => ({ name: one, cluster: { server: `https://${one}.example` } })),
      users: [],
      contexts: contexts.map((one) => ({ name: one, context: { cluster: one, user: '' } })),
      ...(current === undefined ? {} : { 'current-context': current }),
    }),
  );
  return file;
}

describe('offered contexts', () => {
  it('are those of the file, with the current one', async () => {
    vi.stubEnv('KUBECONFIG', await kubeconfig('one', ['dev', 'prod'], 'prod'));
    expect(offeredContexts()).toEqual({ names: ['dev', 'prod'], current: 'prod' });
  });

  it('are those of all files of a list', async () => {
    const files = [await kubeconfig('one', ['dev'], 'dev'), await kubeconfig('two', ['prod'])];
    vi.stubEnv('KUBECONFIG', files.join(path.delimiter));
    expect(offeredContexts()).toEqual({ names: ['dev', 'prod'], current: 'dev' });
  });

  it('have no current one when the file names none that is there', async () => {
    vi.stubEnv('KUBECONFIG', await kubeconfig('one', ['dev'], 'gone'));
    expect(offeredContexts()).toEqual({ names: ['dev'], current: undefined });
  });

  it.each([['none'], ['broken']])('are none when the file is %s', async (name) => {
    await writeFile(path.join(folder, 'broken'), 'a: [');
    vi.stubEnv('KUBECONFIG', path.join(folder, name));
    expect(offeredContexts()).toEqual({ names: [], current: undefined });
  });
});
