// Where credentials come from: contexts, tokens, certificates and plugins, and what is told when they are not there.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { kubernetesCluster } from '../../../shared/adapters/kubernetes/cluster.ts';
import { CallerError, ConfigurationError, PlatformError } from '../../../shared/core/errors.ts';
import type { Cluster } from '../../../shared/ports/cluster.ts';
import { selfSigned } from './certificate.ts';
import { json, podJson, podList, rewriteKubeconfig, rig, testClock, writeKubeconfig } from './api-server.ts';

const listed = (_request: unknown, response: Parameters<typeof json>[0]) => {
  json(response, 200, podList([podJson('a')]));
};

function clusterOf(kubeconfig: string, context?: string): Cluster {
  return kubernetesCluster({
    name: 'test',
    kubeconfig,
    clock: testClock([]),
    random: () => 0,
    deadlineSeconds: 5,
    ...(context === undefined ? {} : { context }),
  });
}

async function thrown(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'nightshift-credentials-'));
  onTestFinished(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

describe('the server address', () => {
  test('is told without credentials, and its path begins every path', async () => {
    const { url, asked } = await rig(listed);
    const kubeconfig = writeKubeconfig(`${url.replace('//', '//user:secret@')}/k8s/clusters/c-1/`, {});
    const cluster = clusterOf(kubeconfig);
    expect(cluster.server).toBe('context (current) of the kubeconfig');
    await cluster.listPods('shop');
    expect(cluster.server).toBe(`${url}/k8s/clusters/c-1`);
    expect(asked[0]?.path).toBe('/k8s/clusters/c-1/api/v1/namespaces/shop/pods');
  });

  test('comes from several files as with kubectl: the first wins, and one may be missing', async () => {
    const right = await rig(listed);
    const wrong = await rig(listed);
    const files = [join(folder(), 'not-there'), writeKubeconfig(right.url, {}), writeKubeconfig(wrong.url, {})];
    await clusterOf(files.join(delimiter)).listPods('shop');
    expect([right.asked.length, wrong.asked.length]).toEqual([1, 0]);
  });

  test('names in a path are encoded', async () => {
    const { cluster, asked } = await rig(listed);
    await thrown(cluster.readPod('shop', '../../nodes?x#y'));
    expect(asked[0]?.path).toBe('/api/v1/namespaces/shop/pods/..%2F..%2Fnodes%3Fx%23y');
  });

  test('a name that would take a part of the path away is sent nowhere', async () => {
    const { cluster, asked } = await rig(listed);
    expect(await thrown(cluster.listPods('..'))).toBeInstanceOf(CallerError);
    expect(asked).toEqual([]);
  });
});

describe('a wrong kubeconfig', () => {
  test.each([
    [
      'an unknown context',
      (path: string) => clusterOf(path, 'prod'),
      'has no context "prod". Choose one of these contexts: main, other.',
    ],
    ['a missing file', (path: string) => clusterOf(`${path}-gone`), 'cannot be read: ENOENT'],
  ])('%s is told with what to do', async (_name, open, words) => {
    const error = await thrown(open(writeKubeconfig('http://127.0.0.1:1', {})).listPods('shop'));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).full).toContain(words);
  });

  test('is read again by the next call once it is mended', async () => {
    const { url } = await rig(listed);
    const kubeconfig = writeKubeconfig(url, {});
    writeFileSync(kubeconfig, 'clusters: [{}]');
    const cluster = clusterOf(kubeconfig);
    expect(await thrown(cluster.listPods('shop'))).toBeInstanceOf(ConfigurationError);
    rewriteKubeconfig(kubeconfig, url, {});
    expect(await cluster.listPods('shop')).toHaveLength(1);
  });
});

describe('credentials', () => {
  test('a token file may end with a line feed, basic credentials and impersonation are sent', async () => {
    const path = join(folder(), 'token');
    writeFileSync(path, 'from-file\n');
    const fromFile = await rig(listed, { user: { 'auth-provider': { name: 'file', config: { tokenFile: path } } } });
    await fromFile.cluster.listPods('shop');
    expect(fromFile.asked[0]?.headers.authorization).toBe('Bearer from-file');
    const basic = await rig(listed, { user: { username: 'jo', password: 'pw', as: 'boss' } });
    await basic.cluster.listPods('shop');
    expect(basic.asked[0]?.headers).toMatchObject({
      authorization: `Basic ${btoa('jo:pw')}`,
      'impersonate-user': 'boss',
    });
  });

  test('a plugin runs once for calls that begin together, is told which answer is wanted, and runs again after a 401', async () => {
    const runs = join(folder(), 'runs');
    const script = [
      `require('fs').appendFileSync(${JSON.stringify(runs)}, process.env.KUBERNETES_EXEC_INFO + '\\n')`,
      `const runs = require('fs').readFileSync(${JSON.stringify(runs)}, 'utf8').split('\\n').length - 1`,
      `console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'run-' + runs } }))`,
    ].join(';');
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', script],
      interactiveMode: 'Never',
    };
    const { cluster, asked } = await rig(
      (request, response) => {
        if (request.headers.authorization === 'Bearer run-1') {
          json(response, 401, {});
        } else {
          listed(request, response);
        }
      },
      { user: { exec } },
    );
    await Promise.all([cluster.listPods('shop'), cluster.listPods('shop')]);
    await cluster.listPods('shop');
    expect(asked.map(({ headers }) => headers.authorization).toSorted()).toEqual([
      'Bearer run-1',
      'Bearer run-1',
      'Bearer run-2',
      'Bearer run-2',
      'Bearer run-2',
    ]);
    const [told = ''] = readFileSync(runs, 'utf8').split('\n');
    expect(JSON.parse(told)).toMatchObject({ kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1' });
  });

  test.each([
    [
      'is not installed',
      { command: 'no-such-credential-plugin' },
      'no-such-credential-plugin of user "u" of context "main" is not installed here',
    ],
    [
      'fails',
      { command: process.execPath, args: ['-e', 'console.error("please log in"); process.exit(1)'] },
      'failed: please log in',
    ],
  ])('a plugin that %s is told', async (_name, exec, words) => {
    const { cluster, asked } = await rig(listed, {
      user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', ...exec } },
    });
    const error = await thrown(cluster.listPods('shop'));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).message).toContain(words);
    expect(asked).toHaveLength(0);
  });

  test('a plugin that waits for a person ends at the deadline', async () => {
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', 'setTimeout(() => {}, 3000)'],
    };
    const { cluster } = await rig(listed, { user: { exec }, deadlineSeconds: 0.2 });
    expect(((await thrown(cluster.listPods('shop'))) as ConfigurationError).message).toContain(
      'were not ready within 0.2 s',
    );
  });
});

describe('TLS', () => {
  test('trusts the CA of the kubeconfig alone, shows the client certificate, and keeps the connection', async () => {
    const path = folder();
    const { cert, key } = selfSigned('jo', '127.0.0.1');
    writeFileSync(join(path, 'cert.pem'), cert);
    const seen = new Set<unknown>();
    const names: unknown[] = [];
    const server = createServer(
      { cert, key, ca: cert, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        seen.add(request.socket);
        names.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
        listed(request, response);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const user = {
      'client-certificate': join(path, 'cert.pem'),
      'client-key-data': Buffer.from(key).toString('base64'),
    };
    const trusted = clusterOf(
      writeKubeconfig(url, user, { 'certificate-authority-data': Buffer.from(cert).toString('base64') }),
    );
    await trusted.listPods('shop');
    await trusted.listPods('shop');
    expect(names).toEqual(['jo', 'jo']);
    expect(seen.size).toBe(1);
    const error = await thrown(clusterOf(writeKubeconfig(url, user)).listPods('shop'));
    expect(error).toBeInstanceOf(PlatformError);
    expect((error as PlatformError).failure).toMatchObject({ applied: 'no', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect((error as PlatformError).message).toContain('the TLS connection to 127.0.0.1');
  });
});
