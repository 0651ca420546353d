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
      items: ['node-3', 'node-1', 'node-4'].map((name) => ({
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

  describe('asked for by one namespace after another', () => {
    /** `nodes` in the cluster; `length` is what the server tells of them, null where it does not. */
    async function large(nodes: number, length: number | null = nodes) {
      let now = Date.parse('2026-11-03T10:00:00Z');
      let seen = 0;
      const names = Array.from({ length: nodes }, (_, index) => `node-${String(index)}`);
      const one = await rig(
        (request, response) => {
          const only = /^metadata\.name=(.*)$/.exec(request.query.get('fieldSelector') ?? '')?.[1];
          if (only !== undefined) {
            json(response, 200, nodeList(names.includes(only) ? [only] : []));
            return;
          }
          const from = Number(request.query.get('continue') ?? '0');
          const to = from + Number(request.query.get('limit'));
          const more = {
            continue: String(to),
            ...(length === null ? {} : { remainingItemCount: length - to }),
          };
          json(response, 200, nodeList(names.slice(from, to), to < nodes ? more : {}));
        },
        { clock: { now: () => new Date(now), sleep: () => Promise.resolve() } },
      );
      return {
        ...one,
        some: (from: number, count = 5) => one.cluster.listNodes(names.slice(from, from + count)),
        later(milliseconds: number) {
          now += milliseconds;
        },
        /** How the nodes were read since the last time. */
        ways() {
          const ways = one.asked
            .slice(seen)
            .map(({ query }) =>
              query.has('fieldSelector') ? 'single' : query.get('limit') === '1' ? 'count' : 'page',
            );
          seen = one.asked.length;
          return Object.fromEntries([...new Set(ways)].map((way) => [way, ways.filter((one) => one === way).length]));
        },
      };
    }

    test('are read whole once asking one by one has cost as much, and not again within a minute', async () => {
      const { some, ways, later, cluster } = await large(400);
      for (const [from, asked] of [
        [0, { count: 1, single: 5 }],
        [5, { single: 5 }],
        [10, { single: 5 }],
        [15, { page: 1 }],
        [100, {}],
        [0, {}],
      ] as const) {
        expect(await some(from)).toMatchObject({
          items: [0, 1, 2, 3, 4].map((index) => ({ name: `node-${String(from + index)}` })),
        });
        expect(ways()).toEqual(asked);
      }
      expect(await cluster.listNodes(['node-9', 'made-meanwhile'])).toMatchObject({ items: [{ name: 'node-9' }] });
      expect(ways()).toEqual({ single: 1 });
      expect(await cluster.listNodes()).toMatchObject({ items: { length: 400 } });
      later(59_999);
      await some(200);
      expect(ways()).toEqual({});
      later(1);
      await some(200);
      expect(ways()).toEqual({ count: 1, single: 5 });
    });

    test('are not asked for again, nor is one that is gone', async () => {
      const { cluster, ways } = await large(400);
      await cluster.listNodes(['node-1', 'gone']);
      await cluster.listNodes(['gone', 'node-1', 'node-2']);
      expect(ways()).toEqual({ single: 3 });
      expect(await cluster.listNodes(['gone'])).toEqual({ items: [] });
      expect(ways()).toEqual({});
    });

    test('where nobody tells how many there are, cost no more than twice the whole list', async () => {
      const { some, ways } = await large(2600, null);
      let pages = 0;
      for (let from = 0; from < 260; from += 5) {
        await some(from);
        pages += ways()['page'] ?? 0;
      }
      expect(pages).toBeLessThanOrEqual(2 * 6 + 1);
      await some(2000);
      expect(ways()).toEqual({});
    });

    test('are asked for anew after a failure', async () => {
      let isBroken = true;
      const { cluster, asked } = await rig((_request, response) => {
        json(
          response,
          isBroken ? 403 : 200,
          isBroken ? { kind: 'Status', apiVersion: 'v1', code: 403 } : nodeList(['a', 'b', 'c', 'd']),
        );
      });
      expect(await cluster.listNodes(['a', 'b', 'c', 'd'])).toHaveProperty('unreadable');
      isBroken = false;
      expect(await cluster.listNodes(['a', 'b', 'c', 'd'])).toMatchObject({ items: { length: 4 } });
      expect(asked).toHaveLength(3);
    });

    test('tell how long the list of pods is as well, once a minute', async () => {
      const { cluster, asked } = await rig((request, response) => {
        const isCount = request.query.get('limit') === '1';
        json(response, 200, podList([], isCount ? { continue: 'more', remainingItemCount: 100_000 } : {}));
      });
      const nodes = ['node-1', 'node-2', 'node-3', 'node-4'];
      await cluster.listPodsOnNodes(nodes);
      await cluster.listPodsOnNodes(nodes);
      expect(asked.map(({ query }) => query.get('limit'))).toEqual(['1', ...Array<string>(8).fill('500')]);
    });
  });
});
