// Which tests are known to fail for no fault of a change: from failures and passes that are remembered. Pure.
import { secondsOf } from './decide-causes.ts';
import type { PipelineRetryFacts } from './schema-facts.ts';
import type { BranchPass, TestFailure } from './schema-memory.ts';

interface Past {
  readonly memory: Pick<PipelineRetryFacts['memory'], 'signatures'>;
  readonly testFailures: readonly TestFailure[];
  readonly passes: readonly BranchPass[];
}

/** What is known of a test: commits on which it failed and its pipeline passed, and unrelated branches on which it failed. */
export function testHistory(past: Past, repository: string, test: string): { sameCommit: number; branches: number } {
  const failures = failuresOf(past, repository).filter((failure) => failure.test === test);
  const passes = passesOf(past, repository);
  const passed = new Set(passes.map(({ branch, commit }) => `${branch} ${commit}`));
  const both = failures.filter(({ branch, commit }) => passed.has(`${branch} ${commit}`));
  return { sameCommit: new Set(both.map(({ commit }) => commit)).size, branches: unrelatedBranches(failures, passes) };
}

/**
 * Branches on which the test failed, each counted only when another branch passed since the failure counted before: a test that is
 * broken on the main branch fails on every branch that takes it over, and that is one fault and no flakiness.
 */
function unrelatedBranches(failures: readonly TestFailure[], passes: readonly BranchPass[]): number {
  const counted = new Set<string>();
  let since = Number.NEGATIVE_INFINITY;
  for (const { branch, at } of [...failures].sort((a, b) => secondsOf(a.at) - secondsOf(b.at))) {
    const seconds = secondsOf(at);
    const hasPassed = passes.some(
      (pass) => pass.branch !== branch && secondsOf(pass.at) > since && secondsOf(pass.at) < seconds,
    );
    if (!counted.has(branch) && (counted.size === 0 || hasPassed)) {
      counted.add(branch);
      since = seconds;
    }
  }
  return counted.size;
}

export function failuresOf({ memory, testFailures }: Past, repository: string): readonly TestFailure[] {
  return [...memory.signatures.testFailures, ...testFailures].filter((failure) => failure.repository === repository);
}

export function passesOf({ memory, passes }: Past, repository: string): readonly BranchPass[] {
  return [...memory.signatures.passes, ...passes].filter((pass) => pass.repository === repository);
}
