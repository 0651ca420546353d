// What a list of pipelines leaves to be remembered of its repository.
import { describe, expect, it } from 'vitest';
import { listFailures } from '../../../functions/pipeline-retry/observe-repositories.ts';
import { PipelineRetryPolicy } from '../../../functions/pipeline-retry/schema.ts';
import type { Ci, CiPipeline, CiState } from '../../../shared/ports/ci.ts';
import { minutesBefore, NOW } from './failed-pipelines.ts';

function pipeline(state: CiState, minutes: number): CiPipeline {
  const isOver = state === 'completed';
  return {
    repository: 'shop',
    uuid: `{${state}-${String(minutes)}}`,
    buildNumber: minutes,
    state,
    result: isOver ? 'successful' : null,
    createdAt: minutesBefore(minutes),
    completedAt: isOver ? minutesBefore(minutes - 1) : null,
    target: { kind: 'branch', name: 'main', commit: 'abc', selector: null },
  } as unknown as CiPipeline;
}

async function stateAfter(...pipelines: readonly CiPipeline[]): Promise<unknown> {
  const ci = { pipelines: () => Promise.resolve({ items: pipelines, next: null }) } as unknown as Ci;
  const never = { listedAt: null, since: null, activeAt: null, activity: 0, isRunning: false };
  const { listed } = await listFailures({
    ci,
    memory: { listedAt: NOW, repositories: { shop: never } },
    policy: PipelineRetryPolicy.parse({}),
    now: NOW,
    hinted: [],
  });
  return listed['shop'];
}

describe('what is remembered of a repository', () => {
  it('that something runs: the next list comes sooner, and begins with it', async () => {
    expect(await stateAfter(pipeline('completed', 30), pipeline('running', 20))).toMatchObject({
      isRunning: true,
      since: minutesBefore(20),
    });
  });

  it('not so of what has ended, or waits for a person', async () => {
    expect(await stateAfter(pipeline('completed', 30))).toMatchObject({ isRunning: false, since: minutesBefore(10) });
    expect(await stateAfter(pipeline('paused', 30))).toMatchObject({ isRunning: false, since: minutesBefore(30) });
  });
});
