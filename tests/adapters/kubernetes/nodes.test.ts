// Some nodes and what runs on them, read at the least cost: one by one, or by a list.
import { describe, expect, test } from 'vitest';
import { json, podJson, podList, rig } from './api-server.ts';

describe('listing pods on nodes', () => {
  const answer = (request: { query: URLSearchParams }) => {
    const only = /spec\.nodeName=([^,]+)$/.exec(request.query.get('fieldSelector') ?? '')?.[1];
    return ['node-1', 'node-2', 'node-9']
      .filter((node) => only === undefined || node === only)
      .map((nodeName) => podJson(`on-${nodeName}`, { nodeName }));
  };

  test('asks a few nodes singly and many by one list of the cluster', async () => {
    const { cluster, asked } = await rig((request, response) => {
      json(response, 200, podList(answer(request)));
    });
    const few = await cluster.listPodsOnNodes(['node-1', 'node-2', 'node-1']);
    expect(few).toMatchObject({ items: [{ nodeName: 'node-1' }, { nodeName: 'node-2' }] });
    expect(asked).toHaveLength(2);
    const many = await cluster.listPodsOnNodes(['node-1', 'node-2', 'node-3', 'node-4']);
    expect(many).toMatchObject({ items: [{ nodeName: 'node-1' }, { nodeName: 'node-2' }] });
    expect(asked.map(({ path, query }) => [path, query.get('limit'), query.get('fieldSelector')]).slice(2)).toEqual([
      ['/api/v1/pods', '1', null],
      ['/api/v1/pods', '500', 'status.phase!=Succeeded,status.phase!=Failed,spec.nodeName!='],
    ]);
    expect(
      asked
        .slice(0, 2)
        .every(({ query }) =>
          query.get('fieldSelector')?.startsWith('status.phase!=Succeeded,status.phase!=Failed,spec.nodeName=node-'),
        ),
    ).toBe(true);
  });

  test('of a large cluster asks the nodes, and reads no page of its pods', async () => {
    const { cluster, asked } = await rig((request, response) => {
      const isCount = request.query.get('limit') === '1';
      const metadata = isCount ? { continue: 'more', remainingItemCount: 1000 } : {};
      json(response, 200, podList(isCount ? [podJson('first')] : answer(request), metadata));
    });
    const wanted = ['node-1', 'node-2', 'node-3', 'node-4', 'node-5', 'node-6'];
    expect(await cluster.listPodsOnNodes(wanted)).toMatchObject({
      items: [{ nodeName: 'node-1' }, { nodeName: 'node-2' }],
    });
    const selectors = asked.map(({ query }) => /[^,]+$/.exec(query.get('fieldSelector') ?? '')?.[0]);
    expect(selectors.slice(1).sort()).toEqual(wanted.map((node) => `spec.nodeName=${node}`));
  });

  test('where nobody tells how large it is, reads only so many pages as asking the nodes would cost', async () => {
    const { cluster, asked } = await rig((request, response) => {
      const isWhole =
        request.query.get('fieldSelector')?.startsWith('status') !== true ||
        request.query.get('fieldSelector')?.endsWith('spec.nodeName!=') === true;
      const page = Number(request.query.get('continue') ?? '0') + 1;
      json(response, 200, podList(answer(request), isWhole ? { continue: String(page) } : {}));
    });
    const wanted = Array.from({ length: 7 }, (_, index) => `node-${String(index + 1)}`);
    expect(await cluster.listPodsOnNodes(wanted)).toMatchObject({
      items: [{ nodeName: 'node-1' }, { nodeName: 'node-2' }],
    });
    const selectors = asked.map(({ query }) => /[^,]+$/.exec(query.get('fieldSelector') ?? '')?.[0]);
    expect(selectors.slice(0, 3)).toEqual([undefined, 'spec.nodeName!=', 'spec.nodeName!=']);
    expect(selectors.slice(3).sort()).toEqual(wanted.map((node) => `spec.nodeName=${node}`));
  });

  test('leaves out a namespace that is known already', async () => {
    const { cluster, asked } = await rig((request, response) => {
      json(response, 200, podList(answer(request)));
    });
    await cluster.listPodsOnNodes(['node-1'], 'shop');
    await cluster.listPodsOnNodes(['node-1', 'node-2', 'node-3', 'node-4'], 'shop');
    expect(asked.map(({ query }) => query.get('fieldSelector'))).toEqual([
      'status.phase!=Succeeded,status.phase!=Failed,metadata.namespace!=shop,spec.nodeName=node-1',
      null,
      'status.phase!=Succeeded,status.phase!=Failed,metadata.namespace!=shop,spec.nodeName!=',
    ]);
  });

  test('asks nothing for no node', async () => {
    const { cluster, asked } = await rig((_request, response) => response.destroy());
    expect(await cluster.listPodsOnNodes([])).toEqual({ items: [] });
    expect(asked).toHaveLength(0);
  });
});

describe('named nodes', () => {
  const nodeList = (names: readonly string[], metadata: object = {}) => ({
    kind: 'NodeList',
    apiVersion: 'v1',
    metadata,
    items: names.map((name) => ({ metadata: { name }, spec: {}, status: { allocatable: { memory: '8Gi' } } })),
  });

  test('are picked out of the list of a small cluster, one that is gone left out', async () => {
    const { cluster, asked } = await rig((_request, response) => {
      json(response, 200, nodeList(['node-1', 'node-2', 'node-3', 'node-4']));
    });
    expect(await cluster.listNodes(['node-3', 'node-9', 'node-1', 'node-4'])).toEqual({
      items: ['node-1', 'node-3', 'node-4'].map((name) => ({
        name,
        allocatable: { memory: '8Gi' },
        unschedulable: false,
      })),
    });
    expect(asked.map(({ query }) => [query.get('limit'), query.get('fieldSelector')])).toEqual([
      ['1', null],
      ['500', null],
    ]);
  });

  test.each([
    [99, 'whole'],
    [100, 'singly'],
  ] as const)('of %i more in the cluster are read %s when four are wanted', async (remainingItemCount, way) => {
    const { cluster, asked } = await rig((request, response) => {
      const only = /^metadata\.name=(.*)$/.exec(request.query.get('fieldSelector') ?? '')?.[1];
      const more = request.query.get('limit') === '1' ? { continue: 'more', remainingItemCount } : {};
      json(response, 200, only === undefined ? nodeList(['node-0'], more) : nodeList([only]));
    });
    await cluster.listNodes(['node-0', 'node-1', 'node-2', 'node-3', 'node-0']);
    expect(asked.map(({ query }) => query.get('fieldSelector')).slice(1)).toEqual(
      way === 'whole' ? [null] : [0, 1, 2, 3].map((index) => `metadata.name=node-${String(index)}`),
    );
  });

  test('are asked one by one where there are few, each by its own name alone', async () => {
    const { cluster, asked } = await rig((request, response) => {
      const only = /^metadata\.name=(.*)$/.exec(request.query.get('fieldSelector') ?? '')?.[1];
      json(response, 200, nodeList([only ?? 'another']));
    });
    expect(await cluster.listNodes(['node-1', 'a=b,c', 'node-1'])).toMatchObject({ items: [{ name: 'node-1' }] });
    expect(asked.map(({ query }) => query.get('fieldSelector'))).toEqual([
      'metadata.name=node-1',
      'metadata.name=a\\=b\\,c',
    ]);
  });
});
