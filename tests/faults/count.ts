// Counts a fault case for the last line of `npm run faults`, and fails its test when something happened twice or was lost.
import { expect, type TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    faultCase?: { readonly duplicates: number; readonly losses: number };
  }
}

export function countCase(
  { task }: Pick<TestContext, 'task'>,
  verdict: { readonly duplicates: readonly string[]; readonly losses: readonly string[] },
): void {
  task.meta.faultCase = { duplicates: verdict.duplicates.length, losses: verdict.losses.length };
  const { duplicates, losses } = verdict;
  const told = [...duplicates.map((what) => `twice: ${what}`), ...losses.map((what) => `lost: ${what}`)];
  expect(told.join('\n')).toBe('');
}
