// The ports on MCP tools: values exactly as the direct adapters give them, pages put together, and no change on what is not as it was.
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { mcpChat } from '../../../shared/adapters/mcp/chat.ts';
import { mcpCluster } from '../../../shared/adapters/mcp/cluster.ts';
import type { McpConnection } from '../../../shared/adapters/mcp/connection.ts';
import { mcpTracker } from '../../../shared/adapters/mcp/tracker.ts';
import { paragraph, text } from '../../../shared/core/document.ts';
import { PlatformError } from '../../../shared/core/errors.ts';
import type { Cluster, PodResize } from '../../../shared/ports/cluster.ts';
import { toolRig, type ToolRig } from '../../mcp/rig.ts';
import { testClock } from '../../support/runtime.ts';
import { scripted } from './rig.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

/** Our tools without a transport between. */
function inProcess(rig: ToolRig, calls: string[] = []): McpConnection {
  const caller = rig.as('act');
  return {
    label: 'in this process',
    async call({ tool, arguments: input, reply, effect, marker }) {
      calls.push(tool);
      const answer = await caller.call(tool, input, marker);
      if ('error' in answer) {
        throw new PlatformError(
          { system: 'MCP', operation: tool, target: '', applied: effect === 'read' ? 'no' : 'unknown' },
          answer.error,
        );
      }
      return reply.parse(JSON.parse(JSON.stringify(answer.result)));
    },
    takesMarker: () => Promise.resolve(true),
    described: () => Promise.resolve(new Map()),
    problems: () => [],
    close: () => Promise.resolve(),
  };
}

async function clusters(folder: string): Promise<{ direct: Cluster; behind: Cluster; rig: ToolRig; calls: string[] }> {
  const rig = await toolRig({
    folder: path.resolve(import.meta.dirname, '../../../fixtures/rebalance', folder),
    mode: 'auto',
  });
  open.push(rig);
  const calls: string[] = [];
  const behind = mcpCluster({
    connection: inProcess(rig, calls),
    name: 'test',
    remoteName: undefined,
    spelled: (tool) => tool,
  });
  return { direct: rig.running.ready.surroundings.ports.cluster('test'), behind, rig, calls };
}

const byName = <T>(items: readonly T[]): readonly T[] =>
  [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

describe('a cluster behind MCP', () => {
  test.each([
    'challenge',
    'native-sidecar',
    'hold-horizontal-autoscaler',
    'hold-vertical-autoscaler',
    'quota-with-room',
    'cannot-fit-limit-range',
    'forbidden-nodes',
    'resize-infeasible',
  ])('shows %s as the direct adapter does', async (folder) => {
    const { direct, behind } = await clusters(folder);
    const read = async (cluster: Cluster): Promise<unknown> => ({
      version: await cluster.version(),
      pods: byName(await cluster.listPods('default')),
      workloads: byName(await cluster.listWorkloads('default')),
      horizontal: await cluster.listHorizontalAutoscalers('default'),
      vertical: (await cluster.version()).verticalAutoscalers ? await cluster.listVerticalAutoscalers('default') : null,
      quotas: await cluster.listQuotas('default'),
      ranges: await cluster.listLimitRanges('default'),
      nodes: await cluster.listNodes(),
      others: await cluster.listPodsOnNodes(['node-1'], 'default'),
      time: await cluster.serverTime(),
    });
    expect(await read(behind)).toEqual(await read(direct));
  });

  test('puts the pages of a large namespace together', async () => {
    const { direct, behind, calls } = await clusters('five-hundred-pods');
    const pods = await behind.listPods('default');
    expect(byName(pods)).toEqual(byName(await direct.listPods('default')));
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.length).toBeLessThanOrEqual(Math.ceil(pods.length / 100));
  });

  test('tells an empty namespace from none', async () => {
    const { behind } = await clusters('challenge');
    expect(await behind.namespaceExists('default')).toBe(true);
    expect(await behind.namespaceExists('nowhere')).toBe(false);
  });

  const CHANGE: Omit<PodResize, 'uid'> = {
    namespace: 'default',
    pod: 'checkout-service',
    container: 'checkout',
    role: 'main',
    from: { requests: {}, limits: { memory: '1Gi' } },
    to: { requests: {}, limits: { memory: '1280Mi' } },
  };

  test('resizes by the tool and gives the pod as it is then', async () => {
    const { behind } = await clusters('challenge');
    const uid = (await behind.readPod('default', 'checkout-service'))?.meta.uid ?? '';
    const after = await behind.resizePod({ ...CHANGE, uid });
    expect(after.containers[0]?.resources.limits['memory']).toBe('1280Mi');
  });

  test.each([
    ['another size than it was', { from: { requests: {}, limits: { memory: '2Gi' } } }, 'Conflict'],
    ['another pod of that name', { uid: 'another' }, 'NotFound'],
    ['another container', { container: 'other' }, 'NotFound'],
  ])('asks for no change of %s', async (_what, change, code) => {
    const { behind, calls } = await clusters('challenge');
    const uid = (await behind.readPod('default', 'checkout-service'))?.meta.uid ?? '';
    await expect(behind.resizePod({ ...CHANGE, uid, ...change })).rejects.toMatchObject({
      failure: { code, applied: 'no' },
    });
    expect(calls).not.toContain('k8s.update_resources');
  });

  test('a refusal there says that nothing happened, with the reason', async () => {
    const { behind } = await clusters('challenge');
    const uid = (await behind.readPod('default', 'checkout-service'))?.meta.uid ?? '';
    await expect(
      behind.resizePod({ ...CHANGE, uid, to: { requests: {}, limits: { memory: '9Gi' } } }),
    ).rejects.toMatchObject({
      failure: { applied: 'no' },
      message: expect.stringContaining('step is too large') as unknown,
    });
  });

  test('what no tool does is not done', async () => {
    const { behind } = await clusters('challenge');
    await expect(behind.allowed([])).rejects.toMatchObject({ failure: { code: 'NOT_OFFERED', applied: 'no' } });
    const template = {
      kind: 'Deployment',
      name: 'checkout-service',
      uid: '',
      container: 'checkout',
      role: 'main',
      namespace: 'default',
    } as const;
    await expect(behind.patchTemplate({ ...template, from: CHANGE.from, to: CHANGE.to })).rejects.toMatchObject({
      failure: { code: 'NOT_OFFERED', applied: 'no' },
    });
  });
});

describe('chat and tracker on a server that keeps to no markers', () => {
  test('can send, and say that they cannot look', async () => {
    const plain = scripted('works');
    open.push(plain);
    const spelled = (tool: string): string => tool;
    const chat = mcpChat({ connection: plain, spelled, render: () => ({ text: 'hello' }) });
    const message = { title: 'hello', blocks: [] };
    expect(await chat.post({ channel: '#ops', marker: 'm', message, links: {} })).toEqual({
      id: '1.2',
      channel: '#ops',
      url: 'https://chat.example/1',
    });
    await expect(chat.find({ channel: '#ops', marker: 'm', since: '' })).rejects.toMatchObject({
      failure: { code: 'CANNOT_LOOK' },
    });
    const tracker = mcpTracker({ connection: plain, spelled, clock: testClock() });
    await expect(tracker.findOpen({ project: 'OPS', fingerprint: 'f' })).rejects.toMatchObject({
      failure: { code: 'CANNOT_LOOK' },
    });
    const draft = {
      project: 'OPS',
      issueType: 'Task',
      fingerprint: 'f',
      title: 't',
      body: [paragraph(text('b'))],
      labels: [],
    };
    // It answers with the shape of a message.
    await expect(tracker.create(draft)).rejects.toMatchObject({ failure: { code: 'WRONG_SHAPE', applied: 'unknown' } });
  });
});
