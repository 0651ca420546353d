import { describe, expect, test } from 'vitest';
import {
  ago,
  container,
  decideOne,
  facts,
  idleContainer,
  kills,
  MI,
  oomContainer,
  pod,
  policy,
  short,
} from '../build.ts';
import { decideOn } from '../build.ts';

function label(decision: ReturnType<typeof decideOne>): string {
  expect(short(decision)).toBe('skip no-data');
  return decision.reason.label;
}

describe('no data', () => {
  test.each([
    ['Pending', 'not running'],
    ['Unknown', 'not running'],
  ])('a pod that is %s is not judged', (phase, expected) => {
    expect(label(decideOne(oomContainer(), {}, policy(), { phase }))).toBe(expected);
  });

  test('a terminating pod is not judged, whatever killed it', () => {
    expect(label(decideOne(oomContainer(), {}, policy(), { terminating: true }))).toBe('terminating');
  });

  test('a pod is judged from one hour on', () => {
    const young = { startedAt: ago(0.999), createdAt: ago(2) };
    expect(label(decideOne(container(), {}, policy(), young))).toBe('younger than 1h');
    // An hour old it has too few samples yet; with a lower share for these it is judged.
    const by = policy({ minimumSamplesRatio: 0.04 });
    expect(short(decideOne(container(), {}, by, { startedAt: ago(1) }))).toBe('skip healthy');
  });

  test('a young pod with three OOM kills is raised: kills are data', () => {
    const one = oomContainer({
      oomKills: kills(0.1, 0.2, 0.3),
      memory: { averageBytes: null, p95Bytes: null, maximumBytes: null, samples: 3, fresh: true },
    });
    expect(short(decideOne(one, {}, policy(), { startedAt: ago(0.5) }))).toBe('act raise-memory-after-oom');
  });

  test('a young pod with two OOM kills is not judged', () => {
    expect(label(decideOne(container({ oomKills: kills(0.1, 0.2) }), {}, policy(), { startedAt: ago(0.5) }))).toBe(
      'younger than 1h',
    );
  });

  test.each([
    [71, 'too few samples'],
    [0, 'no metrics'],
    [null, 'no metrics'],
  ])('%s of 288 memory samples are no data', (samples, expected) => {
    const memory = { ...container().memory, samples };
    expect(label(decideOne(container({ memory })))).toBe(expected);
  });

  test('a quarter of the samples is enough', () => {
    expect(short(decideOne(container({ memory: { ...container().memory, samples: 72 } })))).toBe('skip healthy');
  });

  test('samples of the pod that had the name before do not count', () => {
    expect(label(decideOne(container(), {}, policy(), { startedAt: ago(2) }))).toBe('too few samples');
  });

  test.each([
    ['memory', { memory: { ...container().memory, fresh: false } }],
    ['CPU', { cpu: { ...container().cpu, fresh: false } }],
    ['memory that nobody could ask for', { memory: { ...container().memory, fresh: null } }],
  ])('stale %s is no data', (_what, changes) => {
    expect(label(decideOne(container(changes)))).toBe('stale metrics');
  });

  test('kills do not make up for metrics that stopped', () => {
    expect(label(decideOne(oomContainer({ memory: { ...container().memory, fresh: false } })))).toBe('stale metrics');
  });

  test.each([
    [105.1, 'skip no-data'],
    [105, 'act raise-memory-near-limit'],
  ])('an average of %s%% of the limit', (percent, expected) => {
    const averageBytes = Math.floor(1024 * MI * (percent / 100));
    expect(short(decideOne(container({ memory: { ...container().memory, averageBytes } })))).toBe(expected);
  });

  test('a maximum over the limit is contradictory, unless the container was resized in the window', () => {
    const memory = { ...container().memory, maximumBytes: 1200 * MI };
    expect(label(decideOne(container({ memory })))).toBe('contradictory metrics');
    expect(short(decideOne(container({ memory, resizedAt: ago(5) })))).toBe('skip healthy');
    expect(label(decideOne(container({ memory, resizedAt: ago(25) })))).toBe('contradictory metrics');
  });

  test('contradictory metrics are not acted on after kills either', () => {
    const memory = { ...container().memory, averageBytes: 3000 * MI };
    expect(label(decideOne(oomContainer({ memory })))).toBe('contradictory metrics');
  });

  test('a container between two starts is raised when the server saw the OOM kill too', () => {
    const waiting = {
      state: 'waiting',
      stateReason: 'CrashLoopBackOff',
      memory: { ...container().memory, fresh: false },
    } as const;
    expect(short(decideOne(oomContainer({ ...waiting, lastOomKillAt: ago(0.1) })))).toBe('act raise-memory-after-oom');
    expect(label(decideOne(oomContainer({ ...waiting, lastOomKillAt: null })))).toBe('not running');
    expect(label(decideOne(container({ ...waiting, lastOomKillAt: ago(0.1) })))).toBe('not running');
  });

  test('unusable metrics stop every rule and say why', () => {
    const metrics = { unusable: 'The metrics are of several clusters.', oomKillsUnknown: null, problems: [] };
    for (const one of [oomContainer(), container(), idleContainer()]) {
      const decision = decideOne(one, { metrics });
      expect(label(decision)).toBe('metrics unavailable');
      expect(decision.reason.sentence).toBe('The metrics are of several clusters.');
    }
  });

  test('without CPU numbers nothing is idle or healthy, but memory is still raised', () => {
    const cpu = { averageCores: null, p95Cores: null, maximumCores: null, samples: 0, fresh: false };
    expect(label(decideOne(container({ cpu })))).toBe('no metrics');
    expect(label(decideOne(idleContainer({ cpu })))).toBe('no metrics');
    expect(short(decideOne(oomContainer({ cpu })))).toBe('act raise-memory-after-oom');
    const memory = { ...container().memory, averageBytes: 1000 * MI };
    expect(short(decideOne(container({ cpu, memory })))).toBe('act raise-memory-near-limit');
  });

  test('without knowing the OOM kills nothing is idle or healthy', () => {
    const metrics = { unusable: null, oomKillsUnknown: 'timeout', problems: [] };
    expect(label(decideOne(idleContainer(), { metrics }))).toBe('OOM kills unknown');
    expect(decideOne(idleContainer(), { metrics }).reason.evidence['oomKills']).toBeNull();
  });

  test('a kill that the server saw and the metrics did not is contradictory, once both had the time to see it', () => {
    expect(label(decideOne(idleContainer({ lastOomKillAt: ago(2) })))).toBe('contradictory metrics');
    expect(short(decideOne(container({ lastOomKillAt: ago(0.05) })))).toBe('skip healthy');
    expect(short(decideOne(container({ lastOomKillAt: ago(25) })))).toBe('skip healthy');
  });

  test('an idle container without floors, or without readable limit ranges, is not trimmed', () => {
    expect(label(decideOne(idleContainer({ floors: null })))).toBe('no data for a floor');
    expect(label(decideOne(idleContainer({ floors: { memoryMaximumBytes: null, cpuP95Cores: 0.1 } })))).toBe(
      'no data for a floor',
    );
    expect(label(decideOne(idleContainer(), { limitRanges: { unreadable: 'limitranges is forbidden.' } }))).toBe(
      'limit ranges unknown',
    );
  });

  test('a pod that has ended has no container to judge', () => {
    const ended = ['Succeeded', 'Failed'].map((phase) => pod(phase.toLowerCase(), [oomContainer()], { phase }));
    expect(decideOn(facts(ended))).toEqual([]);
  });
});
