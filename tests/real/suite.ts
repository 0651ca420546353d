// A suite that needs real servers: skipped, with the reason in its name, where they cannot be had.
import { describe, inject } from 'vitest';
import type { Part } from './setup.ts';

export function describeWith(parts: readonly Part[], name: string, tests: () => void): void {
  const missing = inject('missing');
  const why = parts.map((part) => missing[part]).find((reason) => reason !== undefined);
  if (why === undefined) {
    describe(name, tests);
  } else {
    describe.skip(`${name} (skipped: ${why.split('\n')[0] ?? ''})`, tests);
  }
}
