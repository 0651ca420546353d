// A rerun and the allowance of requests: what waits for it is urgent, looking at what became of it is not.
import { expect, test } from 'vitest';
import { rerunPipeline } from '../../shared/actions/rerun-pipeline.ts';
import type { ActionProposal } from '../../shared/core/action.ts';
import type { Ci, CiPriority } from '../../shared/ports/ci.ts';
import type { Ports } from '../../shared/ports/ports.ts';

const ACTION = {
  kind: 'ci.rerun',
  target: { workspace: 'example', repository: 'shop', pipeline: '{failed}', number: 7 },
  from: { rerun: 0 },
  to: {
    rerun: 1,
    commit: 'abc1234',
    target: { kind: 'branch', name: 'main', commit: 'abc1234', selector: null },
    variables: [],
    signatures: [],
    createdAt: '2026-03-04T10:00:00Z',
    failedAt: '2026-03-04T10:05:00Z',
  },
} as unknown as ActionProposal;

test('is looked for and started at once, and looked at when requests are there', async () => {
  const asked: string[] = [];
  const ci = {
    prioritised: (priority: CiPriority) => ({
      pipelinesFor: () => {
        asked.push(`list ${priority}`);
        return Promise.resolve([]);
      },
      start: () => {
        asked.push(`start ${priority}`);
        return Promise.resolve({ uuid: '{new}', buildNumber: 8, url: 'https://bitbucket.org/example/shop/8' });
      },
    }),
  } as unknown as Ci;
  const ports = { ci } as unknown as Ports;
  await rerunPipeline.look(ports, ACTION);
  await rerunPipeline.apply(ports, ACTION);
  const seen = await rerunPipeline.observe?.(ports, {} as never, ACTION, '2026-03-04T10:20:00Z', 'after');
  expect(asked).toEqual(['list urgent', 'start urgent', 'list best-effort']);
  expect(seen).toMatchObject({ state: 'missing' });
});
