// The rules of pipeline-retry: what is run again, what never is, and what waits.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PipelineFacts, StepFacts } from '../../../functions/pipeline-retry/schema-facts.ts';
import {
  COMPILE,
  decided,
  DNS,
  type Given,
  minutesBefore,
  pipeline,
  rerun,
  step,
  TEST,
  UNKNOWN,
  verdicts,
} from './failed-pipelines.ts';

const ONLY = 'shop #7';

function only(given: Given): string | undefined {
  return verdicts(given)[ONLY];
}

function of(fields: Partial<PipelineFacts>): string | undefined {
  return only({ pipelines: [pipeline(fields)] });
}

function ofSteps(...steps: Partial<StepFacts>[]): string | undefined {
  return of({ steps: steps.map(step) });
}

describe('a pipeline whose every failed step has a transient cause', () => {
  it('is run again for the same commit and selector, with its line and its record as evidence', () => {
    const [decision] = decided({ signatures: { records: { 'dns/resolve': { passed: 8, failed: 2 } } } });
    expect(decision).toMatchObject({
      verdict: 'act',
      reason: {
        rule: 'pipeline-retry/rerun-transient-failure',
        sentence:
          'No fault of the change: step "test" failed of dns/resolve (“Could not resolve host: registry.example”). 8 of 10 reruns of it passed.',
        evidence: { signature: 'dns/resolve', lineNumber: 812, passed: 8, tries: 10, attempt: 1 },
      },
      action: {
        kind: 'ci.rerun',
        target: { workspace: 'acme', repository: 'shop', pipeline: '{p-1}', number: 7 },
        from: { rerun: 0 },
        to: { rerun: 1, commit: 'c0ffee00c0ffee00', target: { name: 'main', selector: { pattern: 'main' } } },
      },
    });
  });

  it('may have other steps that passed, did not run, or do so', () => {
    expect(ofSteps({}, { result: 'successful', explanation: null }, { result: 'not-run', explanation: null })).toBe(
      'act rerun-transient-failure',
    );
  });
});

describe('what would fail again, or is not known', () => {
  it.each<[string, string | undefined, string]>([
    ['a regular failure', ofSteps({ explanation: COMPILE }), 'skip regular-failure'],
    [
      'a regular beside an unknown one',
      ofSteps({ explanation: COMPILE }, { explanation: UNKNOWN }),
      'skip regular-failure',
    ],
    ['a transient beside a regular one', ofSteps({}, { explanation: COMPILE }), 'skip mixed-failure'],
    ['a transient beside an unknown one', ofSteps({ explanation: UNKNOWN }, {}), 'skip mixed-failure'],
    ['an unknown cause', ofSteps({ explanation: UNKNOWN }), 'skip unknown-cause'],
    ['a transient cause without a name', ofSteps({ explanation: { ...DNS, signature: null } }), 'skip unknown-cause'],
    ['a log that is not there', ofSteps({}, { explanation: null, log: 'absent' }), 'skip no-data'],
    ['no failed step', ofSteps({ result: 'successful', explanation: null }), 'skip no-data'],
    ['a pipeline that cannot be read', of({ missing: 'Its steps cannot be read.' }), 'skip no-data'],
    ['a stopped one', of({ result: 'stopped' }), 'skip stopped'],
    ['an expired one', of({ result: 'expired' }), 'skip stopped'],
  ])('%s is not run again', (_, found, wanted) => {
    expect(found).toBe(wanted);
  });

  it('a known issue comes before the rules', () => {
    const known = { id: 'OPS-1', subject: { repository: 'sh*', step: 'test' }, reason: 'mirror is being moved' };
    expect(only({ team: { knownIssues: [known] } })).toBe('skip known-issue');
    expect(only({ team: { knownIssues: [{ ...known, until: minutesBefore(1) }] } })).toBe(
      'act rerun-transient-failure',
    );
    expect(only({ team: { knownIssues: [{ ...known, subject: { repository: 'api' } }] } })).toBe(
      'act rerun-transient-failure',
    );
  });
});

describe('failed tests', () => {
  const failed = (...tests: StepFacts['failedTests']): Partial<StepFacts> => ({
    explanation: TEST,
    failedTests: tests,
    failedTestCount: tests.length,
  });
  const flaky = { name: 'cart adds', sameCommit: 1, branches: 0 };
  const wide = { name: 'cart removes', sameCommit: 0, branches: 3 };
  const real = { name: 'cart counts', sameCommit: 0, branches: 2 };

  it('are flaky by history only, each of them', () => {
    expect(ofSteps(failed(flaky, wide))).toBe('act rerun-transient-failure');
    expect(ofSteps(failed(flaky, real))).toBe('skip regular-failure');
    expect(ofSteps(failed())).toBe('skip regular-failure');
  });

  it('of which not all are seen are not flaky', () => {
    expect(ofSteps({ ...failed(flaky), failedTestCount: 2 })).toBe('skip regular-failure');
  });

  it('make no storm', () => {
    const signatures = {
      sightings: ['a', 'b', 'c', 'd'].map((repository) => ({
        repository,
        pipeline: `{${repository}}`,
        signature: 'other',
        at: minutesBefore(60),
      })),
    };
    const pipelines = ['a', 'b', 'c', 'd'].map((repository) =>
      pipeline({ repository, uuid: `{${repository}}`, steps: [step(failed(flaky))] }),
    );
    expect(new Set(Object.values(verdicts({ pipelines, signatures })))).toContain('act rerun-transient-failure');
    expect(verdicts({ pipelines, signatures })).not.toHaveProperty('flaky-test');
  });
});

describe('a standing hold', () => {
  it.each<[string, string | undefined, string]>([
    ['a step that deployed', ofSteps({}, { result: 'not-run', explanation: null, isDeployment: true }), 'deployment'],
    ['a manual step', ofSteps({}, { result: 'not-run', explanation: null, isManual: true }), 'deployment'],
    ['a run that would deploy', of({ deploys: true }), 'deployment'],
    ['a configuration that cannot be read', of({ deploys: null }), 'deployment'],
    ['secured variables', of({ variables: 'secured' }), 'secured-variables'],
    ['variables that nobody tells', of({ variables: 'unknown' }), 'secured-variables'],
    ['a target that cannot be started again', of({ kind: 'unknown' }), 'unknown-target'],
    [
      'a rerun of ours that was begun',
      only({ facts: { reruns: [rerun({ pipeline: '{p-1}', outcome: 'open' })] } }),
      'attempts',
    ],
    ['a newer commit', of({ branchHead: 'beef' }), 'branch-moved'],
    ['a branch that is gone', of({ branchHead: null }), 'branch-moved'],
    [
      'a merged pull request',
      of({ kind: 'pull-request', pullRequest: { id: 3, state: 'merged' } }),
      'pull-request-closed',
    ],
    ['a pull request that is not found', of({ kind: 'pull-request', pullRequest: null }), 'pull-request-closed'],
    [
      'a later run',
      of({ laterRuns: [{ number: 8, state: 'in progress', createdAt: minutesBefore(1) }] }),
      'another-run',
    ],
    ['a native retry', ofSteps({ hasNativeRetry: true }), 'native-retry'],
    ['our own rerun', of({ attempt: 1 }), 'attempts'],
    ['an old failure', of({ completedAt: minutesBefore(121) }), 'age'],
  ])('%s keeps a pipeline from being run again', (_, found, hold) => {
    expect(found).toBe(`skip hold-${hold}`);
  });

  it.each<[string, Partial<PipelineFacts>]>([
    ['a tag, whatever the branch', { kind: 'tag', branchHead: null }],
    ['plain variables', { variables: 'plain', plainVariables: [{ key: 'A', value: 'b' }] }],
    ['an open pull request', { kind: 'pull-request', pullRequest: { id: 3, state: 'open' } }],
    ['a second attempt that policy allows', { attempt: 1 }],
  ])('%s does not', (_, fields) => {
    const policy = fields.attempt === undefined ? {} : { attempts: 2 };
    expect(only({ pipelines: [pipeline(fields)], policy })).toBe('act rerun-transient-failure');
  });
});

describe('a signature whose reruns fail', () => {
  const record = (passed: number, failed: number): string | undefined =>
    only({ signatures: { records: { 'dns/resolve': { passed, failed } } } });

  it('is no longer rerun once that is certain, and not on a bare mean', () => {
    expect(record(0, 4)).toBe('act rerun-transient-failure');
    expect(record(0, 5)).toBe('skip hold-disproved-signature');
    expect(record(2, 4)).toBe('act rerun-transient-failure');
    expect(record(10, 40)).toBe('skip hold-disproved-signature');
  });
});

describe('the budget of a repository', () => {
  it('holds for now what is over it in the last hour, the reruns of this run included', () => {
    const policy = { rerunsPerRepositoryPerHour: 2 };
    const facts = { reruns: [rerun({ at: minutesBefore(59) })] };
    const pipelines = [1, 2].map((number) => pipeline({ number, uuid: `{p-${String(number)}}` }));
    expect(verdicts({ policy, facts, pipelines })).toEqual({
      'shop #1': 'act rerun-transient-failure',
      'shop #2': 'skip hold-repository-budget',
    });
    const older = {
      reruns: [rerun({ at: minutesBefore(60) }), rerun({ repository: 'api', at: minutesBefore(1) })],
    };
    expect(Object.values(verdicts({ policy, facts: older, pipelines }))).toEqual([
      'act rerun-transient-failure',
      'act rerun-transient-failure',
    ]);
  });
});

describe('a storm', () => {
  const hit = (count: number, minutes = 3): PipelineFacts[] =>
    Array.from({ length: count }, (_, index) =>
      pipeline({
        repository: `repo-${String(index)}`,
        uuid: `{p-${String(index)}}`,
        number: index + 1,
        completedAt: minutesBefore(minutes),
      }),
    );
  const sightings = (count: number, minutes: number) =>
    Array.from({ length: count }, (_, index) => ({
      repository: `repo-${String(index)}`,
      pipeline: `{p-${String(index)}}`,
      signature: 'dns/resolve',
      at: minutesBefore(minutes),
    }));

  it('of 100 failures is one escalation, and every build waits', () => {
    const found = verdicts({ pipelines: hit(100) });
    expect(found['dns/resolve']).toBe('escalate escalate-storm');
    expect(Object.values(found).filter((one) => one === 'skip hold-storm')).toHaveLength(100);
    expect(Object.values(found)).toHaveLength(101);
  });

  it('has one fingerprint however far it goes', () => {
    const about = (count: number): unknown =>
      decided({ pipelines: hit(count) }).find(({ escalation }) => escalation)?.escalation?.about;
    expect(about(5)).toEqual(about(50));
    expect(about(5)).toBeDefined();
  });

  it('is none with four repositories, with many builds of one, or over a longer time', () => {
    expect(Object.values(verdicts({ pipelines: hit(4) }))).toEqual(Array(4).fill('act rerun-transient-failure'));
    const one = hit(5).map((each) => ({ ...each, repository: 'shop' }));
    expect(Object.values(verdicts({ pipelines: one })).every((found) => found.startsWith('act'))).toBe(true);
    const slow = hit(5).map((each, index) => ({ ...each, completedAt: minutesBefore(60 - index * 11) }));
    expect(Object.values(verdicts({ pipelines: slow })).every((found) => found.startsWith('act'))).toBe(true);
  });

  it('goes on while builds fail, and releases them a few at a time when it is over', () => {
    const storms = { 'dns/resolve': minutesBefore(30) };
    const on = verdicts({ pipelines: hit(12, 20), signatures: { storms, sightings: sightings(1, 9) } });
    expect(new Set(Object.values(on))).toEqual(new Set(['escalate escalate-storm', 'skip hold-storm']));
    const over = verdicts({ pipelines: hit(12, 20), signatures: { storms, sightings: sightings(12, 20) } });
    const acts = Object.values(over).filter((found) => found.startsWith('act'));
    expect(acts).toHaveLength(5);
    expect(Object.values(over).filter((found) => found === 'skip hold-spread')).toHaveLength(7);
    expect(over).not.toHaveProperty('dns/resolve');
  });

  it('holds no build of another cause', () => {
    const other = pipeline({ steps: [step({ explanation: { ...DNS, signature: 'git/fetch' } })] });
    expect(verdicts({ pipelines: [...hit(5), other] })[ONLY]).toBe('act rerun-transient-failure');
  });
});

const anyStep = fc.record({
  explanation: fc.constantFrom(DNS, COMPILE, TEST, UNKNOWN, null),
  result: fc.constantFrom('successful', 'failed', 'error', 'stopped', 'not-run', 'unfinished', 'unknown'),
  isDeployment: fc.boolean(),
  hasNativeRetry: fc.boolean(),
}) as fc.Arbitrary<Partial<StepFacts>>;

const anyPipeline = fc.record({
  result: fc.constantFrom('failed', 'error', 'stopped', 'expired'),
  kind: fc.constantFrom('branch', 'tag', 'pull-request', 'commit', 'unknown'),
  variables: fc.constantFrom('none', 'plain', 'secured', 'unknown'),
  deploys: fc.constantFrom(true, false, null),
  branchHead: fc.constantFrom('c0ffee00c0ffee00', 'beef', null),
  attempt: fc.integer({ min: 0, max: 2 }),
  steps: fc.array(anyStep, { maxLength: 4 }).map((steps) => steps.map(step)),
}) as fc.Arbitrary<Partial<PipelineFacts>>;

describe('whatever the facts', () => {
  it('each pipeline has one verdict, and none is run again with a step that is not transient', () => {
    fc.assert(
      fc.property(fc.array(anyPipeline, { maxLength: 6 }), (fields) => {
        const pipelines = fields.map((each, index) =>
          pipeline({ ...each, uuid: `{p-${String(index)}}`, number: index + 1 }),
        );
        const decisions = decided({ pipelines });
        const ofPipelines = decisions.filter(({ subject }) => subject['pipeline'] !== undefined);
        expect(ofPipelines).toHaveLength(pipelines.length);
        for (const { subject, verdict } of ofPipelines) {
          const found = pipelines.find(({ number }) => subject['pipeline'] === `#${String(number)}`);
          const failed = (found?.steps ?? []).filter(({ result }) => result === 'failed' || result === 'error');
          if (verdict === 'act') {
            expect(failed.length).toBeGreaterThan(0);
            expect(failed.every(({ explanation }) => explanation?.verdict === 'transient')).toBe(true);
            expect(found).toMatchObject({ deploys: false, attempt: 0 });
            expect(['none', 'plain']).toContain(found?.variables);
            expect(found?.kind).not.toBe('unknown');
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('the order of the pipelines does not matter', () => {
    fc.assert(
      fc.property(fc.array(anyPipeline, { maxLength: 6 }), (fields) => {
        const pipelines = fields.map((each, index) =>
          pipeline({ ...each, uuid: `{p-${String(index)}}`, number: index + 1 }),
        );
        expect(decided({ pipelines: [...pipelines].reverse() })).toEqual(decided({ pipelines }));
      }),
      { numRuns: 200 },
    );
  });
});
