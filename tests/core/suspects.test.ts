// Which commit broke a build: what a person would say, from the same facts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { correlate, type CorrelationInput, type FailureTrace, type SuspectCommit } from '../../shared/core/suspects.ts';

function commit(hash: string, paths: readonly string[], fields: Partial<SuspectCommit> = {}): SuspectCommit {
  return {
    hash,
    author: 'Ada',
    message: hash,
    url: `https://ci.example/${hash}`,
    at: null,
    paths,
    isWhole: true,
    ...fields,
  };
}

function trace(fields: Partial<FailureTrace> = {}): FailureTrace {
  return { step: 'test', category: 'test', lines: [], failedTests: [], ...fields };
}

function ranked(input: Partial<CorrelationInput>): readonly string[] {
  const correlation = correlate({
    trace: trace(),
    commits: [],
    hasLastGood: true,
    unchangedBranches: [],
    isTransient: false,
    ...input,
  });
  return correlation.verdict === 'suspects'
    ? correlation.suspects.map(({ commit: one, confidence }) => `${one.hash} ${confidence}`)
    : [correlation.verdict];
}

const OTHERS = [commit('readme', ['README.md']), commit('api', ['src/api/routes.ts'])];

describe('the commit that is named by the failure', () => {
  it.each<[string, FailureTrace]>([
    [
      'a stack frame with the path of the build folder',
      trace({ lines: ['    at add (/opt/atlassian/pipelines/agent/build/src/cart/add.ts:12:7)'] }),
    ],
    [
      'a compiler with the path',
      trace({ category: 'compile', lines: ["src/cart/add.ts(3,1): error TS2304: Cannot find name 'x'."] }),
    ],
    ['a failed test of the same name', trace({ failedTests: ['CartAddTest sums prices', 'shop.cart.AddTest'] })],
  ])('by %s comes first', (_, failure) => {
    const found = ranked({ trace: failure, commits: [...OTHERS, commit('cart', ['src/cart/add.ts'])] });
    expect(found[0]).toMatch(/^cart (HIGH|MEDIUM)$/);
  });

  it('and is the only one since the last pass is certain', () => {
    const failure = trace({ lines: ['FAIL tests/cart.spec.ts'] });
    expect(ranked({ trace: failure, commits: [commit('cart', ['tests/cart.spec.ts'])] })).toEqual(['cart HIGH']);
  });

  it('is not one whose file only ends alike', () => {
    const failure = trace({
      step: 'check',
      category: null,
      lines: ['src/shopping-cart.ts:3 failed', 'myrouter.ts broke'],
    });
    expect(ranked({ trace: failure, commits: [commit('x', ['lib/cart.ts']), commit('y', ['lib/router.ts'])] })).toEqual(
      ['x LOW', 'y LOW'],
    );
  });

  it('is not found by a name that every repository has', () => {
    const failure = trace({ step: 'check', category: null, lines: ['at main (index.ts:1)'] });
    expect(ranked({ trace: failure, commits: [commit('a', ['src/index.ts']), commit('b', ['src/b.ts'])] })[0]).toBe(
      'a LOW',
    );
  });
});

describe('what only fits', () => {
  it('a lock file for a dependency that cannot be resolved, the pipeline file for a missing variable', () => {
    const commits = [...OTHERS, commit('lock', ['package-lock.json']), commit('pipeline', ['bitbucket-pipelines.yml'])];
    expect(ranked({ commits, trace: trace({ step: 'install', category: 'dependency-resolution' }) })[0]).toBe(
      'lock LOW',
    );
    expect(ranked({ commits, trace: trace({ step: 'ship', category: 'missing-variable' }) })[0]).toBe('pipeline LOW');
  });

  it('a commit that changes documents only comes last', () => {
    expect(ranked({ commits: [commit('docs', ['docs/a.md', 'README.md']), commit('code', ['src/a.ts'])] })).toEqual([
      'code LOW',
      'docs LOW',
    ]);
  });

  it('one of which not every path was read is not called documents only', () => {
    const [first] = ranked({
      commits: [commit('big', ['README.md'], { isWhole: false }), commit('code', ['src/a.ts'])],
    });
    expect(first).toBe('big LOW');
  });
});

describe('not a commit', () => {
  it('when branches without a change fail alike', () => {
    expect(ranked({ commits: OTHERS, unchangedBranches: ['release/1'] })).toEqual(['not-a-commit']);
  });

  it('when the cause would pass by itself', () => {
    expect(ranked({ commits: OTHERS, isTransient: true })).toEqual(['not-a-commit']);
  });

  it('is not said when there is only nothing to look at', () => {
    expect(ranked({ commits: [] })).toEqual(['unknown']);
    expect(ranked({ commits: [], hasLastGood: false })).toEqual(['unknown']);
  });
});

describe('whatever the commits', () => {
  const anyCommit = fc.record({ hash: fc.uuid(), paths: fc.array(fc.string({ maxLength: 40 }), { maxLength: 5 }) });

  it('each suspect has a reason, the strongest first, and the same input the same answer', () => {
    fc.assert(
      fc.property(fc.array(anyCommit, { maxLength: 8 }), fc.array(fc.string()), (commits, lines) => {
        const input = {
          trace: trace({ lines }),
          commits: commits.map(({ hash, paths }) => commit(hash, paths)),
          hasLastGood: true,
          unchangedBranches: [],
          isTransient: false,
        };
        const found = correlate(input);
        expect(correlate(input)).toEqual(found);
        if (found.verdict === 'suspects') {
          const scores = found.suspects.map(({ score }) => score);
          expect(scores).toEqual([...scores].sort((a, b) => b - a));
          expect(found.suspects.every(({ reasons }) => reasons.length > 0)).toBe(true);
        }
      }),
    );
  });
});
