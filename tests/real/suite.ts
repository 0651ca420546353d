// A suite that needs real servers: where they cannot be had it is skipped with the reason in its name, or fails in CI. When a test of it
// fails, what the servers wrote last is shown.
import { afterEach, describe, inject, test } from 'vitest';
import type { Part } from './setup.ts';

export function describeWith(
  parts: readonly Part[],
  name: string,
  logOf: () => string | undefined,
  tests: () => void,
): void {
  const missing = inject('missing');
  const why = parts.map((part) => missing[part]).find((reason) => reason !== undefined);
  if (why !== undefined && process.env['CI'] === 'true') {
    test(`${name}: its servers can be had`, () => {
      throw new Error(`With CI=true every part must run. ${why}`);
    });
    return;
  }
  if (why !== undefined) {
    describe.skip(`${name} (skipped: ${why.split('\n')[0] ?? ''})`, tests);
    return;
  }
  describe(name, () => {
    let isShown = false;
    afterEach(({ task }) => {
      // Once: the first failure is the cause, and the logs are long.
      if (task.result?.state === 'fail' && !isShown) {
        isShown = true;
        console.error(`What the servers wrote last, at the failure of "${task.name}":\n${logOf() ?? ''}`);
      }
    });
    tests();
  });
}
