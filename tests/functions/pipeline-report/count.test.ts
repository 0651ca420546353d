import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dayFrom, EMPTY_DAY, withPipeline, withSteps } from '../../../functions/pipeline-report/decide-count.ts';
import {
  brokenBranches,
  clustersOf,
  numbersOf,
  repositoryDays,
} from '../../../functions/pipeline-report/decide-window.ts';
import {
  type DayMemory,
  type Failure,
  type ReadPipeline,
  type ReadStep,
  RepositoryDay,
} from '../../../functions/pipeline-report/schema-day.ts';
import { added, distributionOf } from '../../../shared/core/distribution.ts';

const DAY = '2026-03-03';
const POLICY = { branches: ['main'] };

function pipeline(number: number, more: Partial<ReadPipeline> = {}): ReadPipeline {
  const at = `${DAY}T${String(Math.floor(number / 60)).padStart(2, '0')}:${String(number % 60).padStart(2, '0')}:00.000Z`;
  return {
    repository: 'shop',
    uuid: `{${String(number)}}`,
    build: { number, commit: `c${String(number)}`, at, url: `https://ci.example/${String(number)}` },
    branch: 'main',
    line: 'main',
    key: `c${String(number)}`,
    isScheduled: false,
    result: 'successful',
    durationSeconds: 100,
    usedSeconds: 60,
    ...more,
  };
}

function step(more: Partial<ReadStep> = {}): ReadStep {
  return {
    id: '{s}',
    name: 'Test',
    result: 'successful',
    startedAt: null,
    seconds: 30,
    isManual: false,
    isAgain: false,
    ...more,
  };
}

const FAILURE: Failure = {
  id: 'a'.repeat(20),
  message: 'cannot find the frobnicator',
  category: 'test',
  signature: null,
  isTransient: false,
  lines: ['cannot find the frobnicator'],
};

function day(name: string, own: RepositoryDay | null): DayMemory {
  return { schema: 1, day: name, repositories: { shop: own } };
}

describe('a day of a repository', () => {
  test('is the same in whatever order its pipelines were listed', () => {
    const result = fc.constantFrom('successful', 'failed', 'stopped', 'running');
    fc.assert(
      fc.property(fc.array(result, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (results, order) => {
        const pipelines = results.map((one, index) => pipeline(index + 1, { result: one as ReadPipeline['result'] }));
        const shuffled = pipelines
          .map((one) => ({ one, at: order.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        expect(dayFrom(shuffled, [])).toEqual(dayFrom(pipelines, []));
      }),
    );
  });

  test('counts what passed, failed and was stopped, and its minutes', () => {
    const counted = dayFrom(
      [
        pipeline(1),
        pipeline(2, { result: 'failed' }),
        pipeline(3, { result: 'stopped' }),
        pipeline(4, { result: 'running' }),
      ],
      [],
    );
    expect(counted).toMatchObject({
      runs: 3,
      successful: 1,
      failed: 1,
      stopped: 1,
      usedSeconds: 180,
      failedSeconds: 120,
    });
    // Of the stopped one a person had enough: its duration says nothing.
    expect(counted?.duration.count).toBe(2);
    expect(counted?.waiting.map(({ state }) => state).sort()).toEqual(['running', 'unread', 'unread', 'unread']);
  });

  test('without pipelines is known and empty', () => {
    expect(dayFrom([], [])).toBeNull();
  });

  test('counts a pipeline that ran when it was listed once it has ended, and once', () => {
    const running = dayFrom([pipeline(1, { result: 'running' })], []) ?? EMPTY_DAY;
    const ended = withPipeline(running, pipeline(1), []);
    expect([running.runs, ended.runs]).toEqual([0, 1]);
    expect(withSteps(ended, pipeline(1), [step()], { read: 0, skipped: 0 }).waiting).toEqual([]);
  });

  test('knows a rerun by what failed before it, today or the day before, and what it cost', () => {
    const failed = pipeline(1, { result: 'failed', key: 'k' });
    const again = pipeline(2, { key: 'k' });
    expect(dayFrom([failed, again], [])).toMatchObject({ reruns: 1, rerunsPassed: 1, rerunSeconds: 60 });
    expect(dayFrom([again], ['k'])).toMatchObject({ reruns: 1, rerunsPassed: 1 });
    expect(dayFrom([again], [])).toMatchObject({ reruns: 0 });
    // A schedule that builds the same commit each night reruns nothing.
    expect(dayFrom([failed, { ...again, isScheduled: true }], [])).toMatchObject({ reruns: 0 });
  });

  test('takes names of steps that are members of every object', () => {
    const steps = ['constructor', 'toString', 'Test'].map((name) => step({ name, result: 'failed' }));
    const counted = withSteps(EMPTY_DAY, pipeline(1), steps, { read: 0, skipped: 3 });
    expect(Object.entries(counted.steps).map(([name, { failed }]) => [name, failed])).toEqual([
      ['constructor', 1],
      ['toString', 1],
      ['Test', 1],
    ]);
    expect(RepositoryDay.parse(JSON.parse(JSON.stringify(counted)))).toEqual(counted);
  });

  test('measures how long the first step waited, apart from its time', () => {
    const first = step({ startedAt: '2026-03-03T00:01:40.000Z' });
    const later = step({ startedAt: '2026-03-03T00:05:00.000Z' });
    const { queue, steps } = withSteps(EMPTY_DAY, pipeline(1), [later, first], { read: 0, skipped: 0 });
    expect(queue).toEqual(distributionOf([40]));
    expect(steps['Test']?.seconds).toEqual(added([distributionOf([30, 30])]));
  });
});

describe('several days', () => {
  test('added up are what one list of all would be', () => {
    const one = [pipeline(1), pipeline(2, { result: 'failed' })];
    const other = [pipeline(3), pipeline(4)];
    const apart = numbersOf([dayFrom(one, []) ?? EMPTY_DAY, dayFrom(other, []) ?? EMPTY_DAY]);
    expect(apart).toEqual(numbersOf([dayFrom([...one, ...other], []) ?? EMPTY_DAY]));
  });

  test('a branch that passed and then failed is broken since its first failure; one that passed again is not', () => {
    const before = dayFrom([pipeline(1)], []) ?? EMPTY_DAY;
    const failing = dayFrom([pipeline(10), pipeline(20, { result: 'failed' }), pipeline(30, { result: 'failed' })], []);
    const days = [before, failing ?? EMPTY_DAY];
    expect(brokenBranches(days, `${DAY}T00:00:00.000Z`, null, POLICY)).toMatchObject([
      { branch: 'main', good: { number: 10 }, bad: { number: 20 } },
    ]);
    const mended = [...days, dayFrom([pipeline(40)], []) ?? EMPTY_DAY];
    expect(brokenBranches(mended, `${DAY}T00:00:00.000Z`, null, POLICY)).toEqual([]);
  });

  test('a branch that policy does not watch breaks nothing, unless it is the main branch', () => {
    const own = pipeline(2, { result: 'failed', line: 'trunk', branch: 'trunk' });
    const days = [dayFrom([own], []) ?? EMPTY_DAY];
    expect(brokenBranches(days, `${DAY}T00:00:00.000Z`, null, POLICY)).toEqual([]);
    expect(brokenBranches(days, `${DAY}T00:00:00.000Z`, 'trunk', POLICY)).toHaveLength(1);
  });

  test('a failure keeps its first sight from memory, and knows the branches that did not change', () => {
    const passed = dayFrom([pipeline(1, { build: { ...pipeline(1).build, commit: 'same' } })], []);
    const failed = pipeline(20, { result: 'failed', build: { ...pipeline(20).build, commit: 'same' } });
    const counted = withSteps(
      dayFrom([failed], []) ?? EMPTY_DAY,
      failed,
      [step({ result: 'failed', failure: FAILURE })],
      {
        read: 1,
        skipped: 0,
      },
    );
    const days = [day('2026-03-02', passed), day(DAY, counted)];
    const seen = { [FAILURE.id]: { firstAt: '2025-12-24T00:00:00.000Z', lastAt: '2025-12-24T00:00:00.000Z' } };
    const [cluster] = clustersOf(days, days.slice(1), ['shop'], seen);
    expect(cluster).toMatchObject({
      id: FAILURE.id,
      count: 1,
      firstAt: '2025-12-24T00:00:00.000Z',
      unchangedBranches: ['shop/main'],
    });
    expect(repositoryDays(days, 'constructor')).toEqual([]);
  });
});
