// Every way in which a call can fail: what is tried again, what is told, and never half a list.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { exchange } from '../../../shared/adapters/http/exchange.ts';
import { kubernetesCluster } from '../../../shared/adapters/kubernetes/cluster.ts';
import { PlatformError } from '../../../shared/core/errors.ts';
import { createServer as createHttpServer } from 'node:http';
import {
  type Answer,
  json,
  podJson,
  podList,
  protobuf,
  refusal,
  rewriteKubeconfig,
  rig,
  testClock,
  writeKubeconfig,
} from './api-server.ts';

async function failed(promise: Promise<unknown>): Promise<PlatformError> {
  const error: unknown = await promise.then(
    () => 'nothing',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PlatformError);
  return error as PlatformError;
}

/** Answers in turn, the last for ever. */
function inTurn(...answers: readonly Answer[]): Answer {
  let index = 0;
  return (request, response) => {
    answers[Math.min(index++, answers.length - 1)]?.(request, response);
  };
}

const good: Answer = (_request, response) => {
  json(response, 200, podList([podJson('a')]));
};
const destroyed: Answer = (_request, response) => response.destroy();
const cut: Answer = (_request, response) => {
  const body = JSON.stringify(podList([podJson('a'), podJson('b')]));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(body.length) });
  response.write(body.slice(0, body.length / 2), () => response.destroy());
};

function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    json(response, code, refusal(code, 'Because', 'it is so'), headers);
  };
}

describe('a read is tried again', () => {
  test.each([
    ['a connection that is closed', destroyed],
    ['a reply that is cut', cut],
    ['500', status(500)],
    ['502', status(502)],
    ['503', status(503)],
    ['504', status(504)],
    ['429', status(429)],
  ])('after %s, twice at most', async (_name, bad) => {
    const recovered = await rig(inTurn(bad, bad, good));
    expect(await recovered.cluster.listPods('shop')).toHaveLength(1);
    // Half of 250 and of 500 ms: the random number is 0.5.
    expect(recovered.waits).toEqual([125, 250]);
    const lost = await rig(bad);
    expect((await failed(lost.cluster.listPods('shop'))).failure.applied).toBe('no');
    expect(lost.asked).toHaveLength(3);
  });

  test('after the time that the server asks for', async () => {
    const { cluster, waits } = await rig(inTurn(status(429, { 'retry-after': '7' }), good));
    await cluster.listPods('shop');
    expect(waits).toEqual([7125]);
  });

  test('not when the server asks for longer than a run should wait', async () => {
    const { cluster, waits } = await rig(status(429, { 'retry-after': '31' }));
    const error = await failed(cluster.listPods('shop'));
    expect(error.failure).toMatchObject({ status: 429, retryAfterSeconds: 31 });
    expect(error.full).toContain('Try again after 31 s.');
    expect(waits).toEqual([]);
  });

  test.each([400, 403, 404, 409, 422])('not after %i', async (code) => {
    const { cluster, asked } = await rig(status(code));
    const error = await failed(cluster.listPods('shop'));
    expect(error.failure).toMatchObject({
      status: code,
      code: 'Because',
      system: 'Kubernetes API',
      operation: 'list pods',
      target: 'namespace shop of cluster test',
    });
    expect(error.message).toContain('it is so');
    expect(asked).toHaveLength(1);
  });
});

test('a list whose second page is lost fails as a whole', async () => {
  const { cluster } = await rig((request, response) => {
    if (request.query.get('continue') === null) {
      json(response, 200, podList([podJson('a')], { continue: 'two' }));
    } else {
      response.destroy();
    }
  });
  expect((await failed(cluster.listPods('shop'))).message).toContain('was lost before an answer came');
});

describe('a reply that makes no sense', () => {
  const html = '<html>Please log in</html>';
  test.each([
    ['other JSON', 'application/json', '{"unexpected":["garbage"]}', 'should be a PodList and is of no kind'],
    ['a list', 'application/json', '[]', 'a list should be an object'],
    ['another kind', 'application/json', '{"kind":"NodeList","items":[]}', 'should be a PodList and is NodeList'],
    ['no items', 'application/json', '{"kind":"PodList","metadata":{}}', 'PodList.items should be a list'],
    ['a pod without a name', 'application/json', '{"kind":"PodList","metadata":{},"items":[{}]}', 'a Pod has no name'],
    ['half JSON', 'application/json', '{"kind":"PodL', 'not valid JSON'],
    ['a login page', 'text/html', html, '(text/html)'],
    ['no protobuf', 'application/vnd.kubernetes.protobuf', html, "Kubernetes' protobuf prefix"],
  ])('fails: %s', async (_name, type, body, words) => {
    const { cluster, asked } = await rig((_request, response) => {
      response.writeHead(200, { 'content-type': type }).end(body);
    });
    const error = await failed(cluster.listPods('shop'));
    expect(error.failure).toMatchObject({ status: 200, code: 'MalformedReply', applied: 'no' });
    expect(error.message).toContain(words);
    expect(asked).toHaveLength(1);
  });

  test('fails as protobuf of another kind, and does not answer for version, access or discovery either', async () => {
    const other = await rig((_request, response) => {
      protobuf(response, 200, 'NodeList', 'v1', { metadata: {}, items: [] });
    });
    expect((await failed(other.cluster.listPods('shop'))).message).toContain('is NodeList');
    const garbage = await rig((_request, response) => {
      json(response, 200, { unexpected: ['garbage'] });
    });
    await failed(garbage.cluster.version());
    await failed(garbage.cluster.readPod('shop', 'a'));
    await failed(
      garbage.cluster.allowed([{ verb: 'get', group: '', resource: 'pods', subresource: '', namespace: '' }]),
    );
  });
});

describe('no answer', () => {
  test('ends at the deadline, and is not tried again', async () => {
    const { cluster, asked } = await rig(() => undefined, { deadlineSeconds: 0.1 });
    const error = await failed(cluster.listPods('shop'));
    expect(error.failure.code).toBe('TIMEOUT');
    expect(error.message).toContain('no answer from 127.0.0.1');
    expect(asked).toHaveLength(1);
  });

  test('half an answer ends there too', async () => {
    const { cluster } = await rig(
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).write('{"kind":');
      },
      { deadlineSeconds: 0.1 },
    );
    expect((await failed(cluster.listPods('shop'))).message).toContain('no complete answer');
  });

  test('a refused connection and an unknown name are told in plain words', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const options = { name: 'test', clock: testClock([]), random: () => 0 };
    const refused = kubernetesCluster({ ...options, kubeconfig: writeKubeconfig(`http://127.0.0.1:${port}`, {}) });
    const error = await failed(refused.listPods('shop'));
    expect(error.message).toContain(`127.0.0.1:${port} refused the connection`);
    expect(error.failure.code).toBe('ECONNREFUSED');
    const unknown = kubernetesCluster({ ...options, kubeconfig: writeKubeconfig('http://no-such-host.invalid', {}) });
    expect((await failed(unknown.listPods('shop'))).message).toMatch(/no-such-host\.invalid/);
  });

  test('TLS that does not stand is told, with what to check', async () => {
    const { url } = await rig(good);
    const kubeconfig = writeKubeconfig(url.replace('http:', 'https:'), {});
    const error = await failed(
      kubernetesCluster({ name: 'test', kubeconfig, clock: testClock([]), random: () => 0 }).listPods('shop'),
    );
    expect(error.message).toContain('the TLS connection to 127.0.0.1');
    expect(error.full).toContain('certificate authority');
  });
});

describe('refused credentials', () => {
  test('are read anew once, for calls that met the refusal together as well', async () => {
    const setup = await rig((request, response) => {
      if (request.headers.authorization === 'Bearer second') {
        good(request, response);
      } else {
        rewriteKubeconfig(setup.kubeconfig, setup.url, { token: 'second' });
        json(response, 401, refusal(401, 'Unauthorized', 'Unauthorized'));
      }
    });
    const lists = await Promise.all([setup.cluster.listPods('shop'), setup.cluster.listPods('shop')]);
    expect(lists.flat()).toHaveLength(2);
    expect(setup.waits).toEqual([]);
  });

  test('that stay refused are told, with the context to renew', async () => {
    const { cluster, asked } = await rig(status(401));
    const error = await failed(cluster.listPods('shop'));
    expect(error.failure.status).toBe(401);
    expect(error.full).toContain('Renew the credentials of context "main"');
    expect(asked).toHaveLength(2);
  });
});

test('foreign text in a refusal is put on one line and capped', async () => {
  const { cluster } = await rig((_request, response) => {
    json(response, 403, refusal(403, 'Forbidden', `a\n\u0007b\u202e ${'x'.repeat(5000)}`));
  });
  const { message } = await failed(cluster.listPods('shop'));
  expect(message).toContain('a b x');
  expect(message.length).toBeLessThan(800);
});

test('a compressed reply is unpacked, and a broken one is no reply', async () => {
  const body = JSON.stringify(podList([podJson('a')]));
  const server = createHttpServer((request, response) => {
    const packed = gzipSync(body);
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(request.url === '/whole' ? packed : packed.subarray(0, 40));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const request = { method: 'GET', headers: { 'accept-encoding': 'gzip' }, deadlineMilliseconds: 5000 } as const;
  expect((await exchange({ ...request, url: new URL(`${base}/whole`) })).body.toString()).toBe(body);
  await expect(exchange({ ...request, url: new URL(`${base}/half`) })).rejects.toMatchObject({
    reason: 'connection',
  });
});
