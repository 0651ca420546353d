// Which kubeconfigs are read without Kubernetes' own client, and that both readers let a request in alike.
import { writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { expect, test } from 'vitest';
import { loadAccess } from '../../../shared/adapters/kubernetes/kubeconfig.ts';
import { plainAccess } from '../../../shared/adapters/kubernetes/plain-access.ts';
import { writeKubeconfig } from './api-server.ts';

const PEM = Buffer.from('-----BEGIN').toString('base64');
const URL_OF_IT = 'https://user:secret@api.example.com:6443/k8s';

test.each([
  ['a token', { token: 'secret\n' }, {}],
  ['a password', { username: 'jo', password: 'pw' }, {}],
  [
    'certificates',
    { 'client-certificate-data': PEM, 'client-key-data': PEM },
    { 'certificate-authority-data': PEM, 'tls-server-name': 'api' },
  ],
  ['no check of certificates', { token: 'secret' }, { 'insecure-skip-tls-verify': true }],
  ['nothing', {}, {}],
])('with %s the plain reader and the client say the same', async (_name, user, cluster) => {
  const source = { kubeconfig: writeKubeconfig(URL_OF_IT, user, cluster) };
  const [plain, byClient] = [await plainAccess(source), await loadAccess(source)];
  expect([plain?.server.href, plain?.context]).toEqual([byClient.server.href, byClient.context]);
  const [ours, theirs] = [await plain?.admission(), await byClient.admission()];
  expect([ours?.headers, ours?.auth]).toEqual([theirs.headers, theirs.auth]);
  const tls = (agent: unknown) => {
    const { ca, cert, key, servername, rejectUnauthorized } = (agent as { options: Record<string, unknown> }).options;
    return { ca, cert, key, servername, rejectUnauthorized };
  };
  expect(tls(ours?.agent)).toEqual(tls(theirs.agent));
});

test.each([
  ['a plugin', { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'x' } }, {}],
  ['a provider', { 'auth-provider': { name: 'gcp', config: {} } }, {}],
  ['impersonation', { token: 'a', as: 'boss' }, {}],
  ['a token file', { tokenFile: '/token' }, {}],
  ['a certificate file', { 'client-certificate': 'cert.pem', 'client-key-data': PEM }, {}],
  ['a proxy', { token: 'a' }, { 'proxy-url': 'http://proxy.example.com' }],
  ['a token that is a number', { token: 12345 }, {}],
])('%s is left to the client', async (_name, user, cluster) => {
  expect(await plainAccess({ kubeconfig: writeKubeconfig(URL_OF_IT, user, cluster) })).toBeUndefined();
});

test('what is missing, broken, unknown, several or not named is left to the client', async () => {
  const file = writeKubeconfig(URL_OF_IT, { token: 'a' });
  const broken = writeKubeconfig(URL_OF_IT, {});
  writeFileSync(broken, 'a: [');
  const sources = [
    {},
    { kubeconfig: `${file}-gone` },
    { kubeconfig: broken },
    { kubeconfig: file, context: 'nowhere' },
    { kubeconfig: [file, file].join(delimiter) },
    { kubeconfig: writeKubeconfig('ftp://api.example.com', { token: 'a' }) },
  ];
  expect(await Promise.all(sources.map(plainAccess))).toEqual(sources.map(() => undefined));
});
