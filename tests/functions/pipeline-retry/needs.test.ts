// What a run reads: whose turn it is, which pipelines first, and what waits for the end of a storm.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueRepositories, pipelinesToRead } from '../../../functions/pipeline-retry/needs.ts';
import { PipelineRetryPolicy } from '../../../functions/pipeline-retry/schema.ts';
import {
  type FoundPipeline,
  NO_MEMORY,
  type RepositoryState,
} from '../../../functions/pipeline-retry/schema-memory.ts';
import { minutesBefore, NOW } from './failed-pipelines.ts';

const POLICY = PipelineRetryPolicy.parse({});

function state(listedMinutes: number | null, activeMinutes: number | null, activity = 1): RepositoryState {
  const at = (minutes: number | null): string | null => (minutes === null ? null : minutesBefore(minutes));
  return {
    listedAt: at(listedMinutes),
    since: at(listedMinutes),
    activeAt: at(activeMinutes),
    activity,
    isRunning: false,
  };
}

function due(states: Readonly<Record<string, RepositoryState>>, policy = POLICY): readonly string[] {
  return dueRepositories(Object.keys(states), states, policy, NOW).map(({ repository }) => repository);
}

describe('whose turn it is', () => {
  it('an active repository after five minutes, an idle one within an hour, a new one at once', () => {
    const states = {
      'active-late': state(5, 10),
      'active-early': state(4, 10),
      'idle-late': state(57, 2000),
      'idle-early': state(56, 2000),
      'never-built-late': state(61, null),
      new: state(null, null),
    };
    expect(due(states)).toEqual(['new', 'never-built-late', 'active-late', 'idle-late']);
  });

  it('first those whose time is over, by how many times it is, then those whose time is over soonest', () => {
    const states = {
      'active-over-twice': state(11, 10),
      'idle-over-twice': state(121, 2000),
      'active-over': state(6.5, 10),
      'idle-over': state(62, 2000),
      'active-soon': state(5.4, 10),
      'running-soon': { ...state(4, 10), isRunning: true },
      'idle-soon': state(58, 2000),
      'idle-soonest': state(59.5, 2000),
    };
    expect(due(states)).toEqual([
      'idle-over-twice',
      'active-over-twice',
      'active-over',
      'idle-over',
      'active-soon',
      'idle-soonest',
      'running-soon',
      'idle-soon',
    ]);
  });

  it('where something ran when it was listed a minute sooner, and before one that waits as long', () => {
    const states = {
      still: state(5, 10),
      running: { ...state(5, 10), isRunning: true },
      sooner: { ...state(4, 10), isRunning: true },
      'too soon': { ...state(3, 10), isRunning: true },
    };
    expect(due(states)).toEqual(['running', 'still', 'sooner']);
    expect(due(states, PipelineRetryPolicy.parse({ activeEvery: '1m' }))).toHaveLength(4);
  });

  it('what is looked at sooner than it must be may wait where requests are short', () => {
    const states = {
      'idle-early': state(57, 2000),
      'idle-due': state(59.5, 2000),
      'running-early': { ...state(4, 10), isRunning: true },
      'running-due': { ...state(5, 10), isRunning: true },
      'active-due': state(5, 10),
      new: state(null, null),
    };
    const early = dueRepositories(Object.keys(states), states, POLICY, NOW).filter(({ isEarly }) => isEarly);
    expect(early.map(({ repository }) => repository).sort()).toEqual(['idle-early', 'running-early']);
  });

  it('only so many count as active, those that build most, whichever built last', () => {
    const states = { a: state(10, 1, 1), b: state(10, 20, 5), c: state(10, 30, 4) };
    expect(due(states, PipelineRetryPolicy.parse({ activeRepositories: 2 }))).toEqual(['b', 'c']);
  });

  it('builds of yesterday count less than those of today', () => {
    const states = { yesterday: state(1200, 1210, 9), today: state(30, 40, 2) };
    expect(due(states, PipelineRetryPolicy.parse({ activeRepositories: 1, idleEvery: '2d' }))).toEqual(['today']);
  });

  it('a tick that comes a second early does not cost a minute', () => {
    expect(due({ shop: state(5 - 1 / 60, 10) })).toEqual(['shop']);
    expect(due({ shop: state(4, 10) })).toEqual([]);
  });

  it('a repository that was never listed is looked at no further back than failures are rerun', () => {
    const [first] = dueRepositories(['new'], {}, POLICY, NOW);
    expect(first?.since).toBe(minutesBefore(120));
  });
});

function found(fields: Partial<FoundPipeline> & { readonly uuid: string }): FoundPipeline {
  return { repository: 'shop', number: 1, completedAt: minutesBefore(3), signatures: null, again: null, ...fields };
}

describe('which pipelines are read', () => {
  it('the newest first, the rest waits', () => {
    const all = [1, 9, 5].map((minutes) =>
      found({ uuid: `{${String(minutes)}}`, completedAt: minutesBefore(minutes) }),
    );
    const { read, waiting } = pipelinesToRead(
      all,
      NO_MEMORY.signatures,
      PipelineRetryPolicy.parse({ pipelinesPerRun: 2 }),
      NOW,
    );
    expect(read.map(({ uuid }) => uuid)).toEqual(['{1}', '{5}']);
    expect(waiting.map(({ uuid }) => uuid)).toEqual(['{9}']);
  });

  const storms = { dns: minutesBefore(40) };
  const sighting = (minutes: number): (typeof NO_MEMORY.signatures.sightings)[number] => ({
    repository: 'shop',
    pipeline: '{x}',
    signature: 'dns',
    at: minutesBefore(minutes),
  });
  const held = Array.from({ length: 12 }, (_, index) =>
    found({ uuid: `{${String(index)}}`, signatures: ['dns'], completedAt: minutesBefore(20 + index) }),
  );

  it('none that waits for a storm which is on', () => {
    const memory = { ...NO_MEMORY.signatures, storms, sightings: [sighting(3)] };
    const { read, waiting } = pipelinesToRead([...held, found({ uuid: '{new}' })], memory, POLICY, NOW);
    expect(read.map(({ uuid }) => uuid)).toEqual(['{new}']);
    expect(waiting).toHaveLength(12);
  });

  it('a few at a time when it is over, those first that waited longest', () => {
    const memory = { ...NO_MEMORY.signatures, storms, sightings: [sighting(11)] };
    const { read } = pipelinesToRead(held, memory, POLICY, NOW);
    expect(read.map(({ uuid }) => uuid).sort()).toEqual(['{10}', '{11}', '{7}', '{8}', '{9}']);
  });

  it('each pipeline is read or waits, none is lost', () => {
    const any = fc.array(
      fc.record({
        uuid: fc.uuid(),
        minutes: fc.integer({ min: 0, max: 200 }),
        signatures: fc.constantFrom(null, ['dns'], ['git'], ['dns', 'git']),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(any, fc.integer({ min: 0, max: 30 }), (items, minutes) => {
        const all = items.map(({ uuid, minutes: age, signatures }) =>
          found({ uuid, signatures: signatures === null ? null : [...signatures], completedAt: minutesBefore(age) }),
        );
        const memory = { ...NO_MEMORY.signatures, storms, sightings: [sighting(minutes)] };
        const { read, waiting } = pipelinesToRead(all, memory, POLICY, NOW);
        expect([...read, ...waiting].map(({ uuid }) => uuid).sort()).toEqual(all.map(({ uuid }) => uuid).sort());
        expect(read.length).toBeLessThanOrEqual(POLICY.pipelinesPerRun);
      }),
    );
  });
});
