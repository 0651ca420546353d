// What is remembered: nothing twice, nothing lost, and what reruns and tests taught.
import { describe, expect, it } from 'vitest';
import { remember } from '../../../functions/pipeline-retry/decide-remember.ts';
import { testHistory } from '../../../functions/pipeline-retry/decide-tests.ts';
import {
  type HeldMemory,
  NO_MEMORY,
  type PipelineMemory,
  type SignatureMemory,
} from '../../../functions/pipeline-retry/schema-memory.ts';
import type { OutcomeState } from '../../../shared/core/report.ts';
import {
  COMPILE,
  decided,
  factsOf,
  type Given,
  minutesBefore,
  NOW,
  pipeline,
  policyOf,
  rerun,
  step,
} from './failed-pipelines.ts';

function after(
  given: Given,
  outcome: OutcomeState = 'applied',
): { pipelines: PipelineMemory; signatures: SignatureMemory; held: HeldMemory } {
  const documents = remember({
    facts: factsOf(given),
    policy: policyOf(given),
    decided: decided(given).map((decision) =>
      decision.verdict === 'act'
        ? { decision, outcome: { state: outcome, detail: '', actionId: 'b'.repeat(64) } }
        : { decision },
    ),
  });
  return {
    pipelines: documents['pipelines']?.value as unknown as PipelineMemory,
    signatures: documents['signatures']?.value as unknown as SignatureMemory,
    held: documents['held']?.value as unknown as HeldMemory,
  };
}

describe('a pipeline', () => {
  it.each<[OutcomeState, 'handled' | 'waiting']>([
    ['applied', 'handled'],
    ['waiting', 'handled'],
    ['unknown', 'handled'],
    ['repeated', 'handled'],
    ['stale', 'handled'],
    ['observed', 'handled'],
    ['refused', 'waiting'],
    ['failed', 'waiting'],
  ])('whose rerun is %s is %s', (outcome, place) => {
    const { pipelines } = after({}, outcome);
    expect(Object.keys(pipelines.handled)).toEqual(place === 'handled' ? ['{p-1}'] : []);
    expect(pipelines.waiting.map(({ uuid }) => uuid)).toEqual(place === 'waiting' ? ['{p-1}'] : []);
  });

  it('that the platform refused to start three times is given up', () => {
    const reruns = [1, 2].map((index) => rerun({ actionId: String(index), pipeline: '{p-1}', outcome: 'not-started' }));
    expect(Object.keys(after({ facts: { reruns } }, 'failed').pipelines.handled)).toEqual(['{p-1}']);
  });

  it('that is left alone for good is not looked at again', () => {
    const { pipelines } = after({ pipelines: [pipeline({ steps: [step({ explanation: COMPILE })] })] });
    expect(pipelines).toEqual({ handled: { '{p-1}': NOW }, waiting: [] });
  });

  it('that could not be read comes again until it is too old', () => {
    const unread = (completedAt: string): PipelineMemory =>
      after({ pipelines: [pipeline({ missing: 'Its steps cannot be read.', completedAt })] }).pipelines;
    expect(unread(minutesBefore(3)).waiting).toHaveLength(1);
    expect(unread(minutesBefore(121)).waiting).toHaveLength(0);
  });

  it('that waits for the end of a storm waits with its signature', () => {
    const pipelines = ['a', 'b', 'c', 'd', 'e'].map((repository) => pipeline({ repository, uuid: `{${repository}}` }));
    const memory = after({ pipelines });
    expect(memory.pipelines.waiting.map(({ signatures }) => signatures)).toEqual(Array(5).fill(['dns/resolve']));
    expect(memory.signatures.storms).toEqual({ 'dns/resolve': minutesBefore(3) });
    expect(memory.signatures.sightings).toHaveLength(5);
    expect(memory.held.pipelines.map(({ uuid }) => uuid).sort()).toEqual(['{a}', '{b}', '{c}', '{d}', '{e}']);
  });

  it('that was left for the next run is kept', () => {
    const left = [
      { repository: 'shop', uuid: '{z}', number: 3, completedAt: minutesBefore(1), signatures: null, again: null },
    ];
    expect(after({ pipelines: [], facts: { left } }).pipelines.waiting).toEqual(left);
  });

  it('is forgotten after two days, when no list shows it any more', () => {
    const handled = { '{old}': minutesBefore(2 * 1440), '{young}': minutesBefore(2 * 1440 - 1) };
    const facts = { memory: { ...NO_MEMORY, pipelines: { handled, waiting: [] } } };
    expect(Object.keys(after({ pipelines: [], facts }).pipelines.handled)).toEqual(['{young}']);
  });
});

describe('a storm', () => {
  it('that is over is forgotten once nobody waits for its end', () => {
    const storms = { 'dns/resolve': minutesBefore(60) };
    const sightings = [{ repository: 'a', pipeline: '{a}', signature: 'dns/resolve', at: minutesBefore(30) }];
    const left = [
      {
        repository: 'a',
        uuid: '{a}',
        number: 1,
        completedAt: minutesBefore(30),
        signatures: ['dns/resolve'],
        again: null,
      },
    ];
    expect(after({ pipelines: [], signatures: { storms, sightings }, facts: { left } }).signatures.storms).toEqual(
      storms,
    );
    expect(after({ pipelines: [], signatures: { storms, sightings } }).signatures.storms).toEqual({});
  });
});

describe('the record of a signature', () => {
  it('counts each rerun once, when it ended', () => {
    const open = rerun({ actionId: 'x', outcome: 'open' });
    const signatures = { records: { 'dns/resolve': { passed: 1, failed: 0 } }, reruns: [open] };
    const ended = { reruns: [{ ...open, outcome: 'failed' as const }] };
    const first = after({ pipelines: [], signatures, facts: ended }).signatures;
    expect(first.records).toEqual({ 'dns/resolve': { passed: 1, failed: 1 } });
    const second = after({ pipelines: [], signatures: first, facts: { reruns: first.reruns } }).signatures;
    expect(second.records).toEqual(first.records);
  });

  it('counts nothing for one that never started', () => {
    const open = rerun({ outcome: 'open' });
    const facts = { reruns: [{ ...open, outcome: 'not-started' as const }] };
    expect(after({ pipelines: [], signatures: { reruns: [open] }, facts }).signatures.records).toEqual({});
  });
});

describe('a test', () => {
  const failure = (branch: string, minutes: number, commit = branch) => ({
    repository: 'shop',
    test: 'cart adds',
    branch,
    commit,
    at: minutesBefore(minutes),
  });
  const pass = (branch: string, minutes: number, commit = branch) => ({
    repository: 'shop',
    branch,
    commit,
    at: minutesBefore(minutes),
  });
  const history = (testFailures: ReturnType<typeof failure>[], passes: ReturnType<typeof pass>[]) =>
    testHistory({ memory: { signatures: NO_MEMORY.signatures }, testFailures, passes }, 'shop', 'cart adds');

  it('failed and passed on one commit', () => {
    expect(history([failure('a', 30, 'c1')], [pass('a', 10, 'c1')]).sameCommit).toBe(1);
    expect(history([failure('a', 30, 'c1')], [pass('a', 10, 'c2'), pass('b', 10, 'c1')]).sameCommit).toBe(0);
  });

  it('fails on unrelated branches only when others passed in between', () => {
    const failures = [failure('a', 90), failure('b', 60), failure('c', 30)];
    expect(history(failures, [pass('main', 70), pass('main', 40)]).branches).toBe(3);
    expect(history(failures, []).branches).toBe(1);
    expect(history(failures, [pass('main', 70)]).branches).toBe(2);
    expect(history([failure('a', 90), failure('a', 30)], [pass('main', 60)]).branches).toBe(1);
  });

  it('of another repository is another test', () => {
    expect(history([{ ...failure('a', 30, 'c1'), repository: 'api' }], [pass('a', 10, 'c1')])).toEqual({
      sameCommit: 0,
      branches: 0,
    });
  });
});
