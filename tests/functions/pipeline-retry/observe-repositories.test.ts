// What a list of pipelines leaves to be remembered of its repository.
import { describe, expect, it } from 'vitest';
import { listFailures } from '../../../functions/pipeline-retry/observe-repositories.ts';
import { PipelineRetryPolicy } from '../../../functions/pipeline-retry/schema.ts';
import type { RepositoryState } from '../../../functions/pipeline-retry/schema-memory.ts';
import { PlatformError } from '../../../shared/core/errors.ts';
import type { Ci, CiPipeline, CiPipelineQuery, CiPriority, CiState } from '../../../shared/ports/ci.ts';
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
  const ci = {
    prioritised: () => ({ pipelines: () => Promise.resolve({ items: pipelines, next: null }) }),
  } as unknown as Ci;
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

describe('where requests are short', () => {
  const listedMinutesAgo = (minutes: number, isRunning = false): RepositoryState => ({
    listedAt: minutesBefore(minutes),
    since: minutesBefore(minutes),
    activeAt: minutesBefore(minutes < 10 ? 20 : 2000),
    activity: 1,
    isRunning,
  });
  const REPOSITORIES = {
    active: listedMinutesAgo(5),
    running: listedMinutesAgo(4, true),
    idle: listedMinutesAgo(60),
    'idle-soon': listedMinutesAgo(57.5),
  };

  /** With so many requests left of each priority. */
  async function listed(
    left: Readonly<Record<CiPriority, number>>,
    hinted: readonly string[] = [],
    repositories: Readonly<Record<string, RepositoryState>> = REPOSITORIES,
  ) {
    const rooms = { ...left };
    const asked: string[] = [];
    const ci = {
      prioritised: (priority: CiPriority) => ({
        pipelines: ({ repository }: CiPipelineQuery) => {
          rooms[priority] -= 1;
          if (rooms[priority] < 0) {
            const failure = {
              system: 'CI',
              operation: 'list',
              target: '',
              code: 'ALLOWANCE_SPENT',
              applied: 'no',
            } as const;
            return Promise.reject(new PlatformError(failure, 'spent'));
          }
          asked.push(`${repository} ${priority}`);
          return Promise.resolve({ items: [], next: null });
        },
      }),
    } as unknown as Ci;
    const { putOffRepositories, listed: remembered } = await listFailures({
      ci,
      memory: { listedAt: NOW, repositories: { ...repositories } },
      policy: PipelineRetryPolicy.parse({}),
      now: NOW,
      hinted,
    });
    return { asked: asked.sort(), putOffRepositories, idleSoonAt: remembered['idle-soon']?.listedAt ?? null };
  }

  it('what must be listed is, and what may come later is not missed', async () => {
    expect(await listed({ urgent: 9, background: 9, 'best-effort': 0 })).toEqual({
      asked: ['active background', 'idle background'],
      putOffRepositories: 0,
      idleSoonAt: null,
    });
    expect((await listed({ urgent: 9, background: 9, 'best-effort': 9 })).asked).toEqual([
      'active background',
      'idle background',
      'idle-soon best-effort',
      'running best-effort',
    ]);
  });

  it('however many may come later, none of them is missed', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`idle-${String(index)}`, listedMinutesAgo(57.5)]),
    );
    const { asked, putOffRepositories } = await listed({ urgent: 9, background: 9, 'best-effort': 2 }, [], many);
    expect([asked.length, putOffRepositories]).toEqual([2, 0]);
  });

  it('the most urgent is listed, and how many must wait that should not is told', async () => {
    expect(await listed({ urgent: 9, background: 1, 'best-effort': 0 })).toMatchObject({
      asked: ['idle background'],
      putOffRepositories: 1,
    });
  });

  it('what a webhook told of is listed whatever its turn, and its wait is told', async () => {
    expect((await listed({ urgent: 1, background: 0, 'best-effort': 0 }, ['idle-soon'])).asked).toEqual([
      'idle-soon urgent',
    ]);
    expect(await listed({ urgent: 0, background: 0, 'best-effort': 0 }, ['idle-soon'])).toMatchObject({
      asked: [],
      putOffRepositories: 3,
    });
  });
});
