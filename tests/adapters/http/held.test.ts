// What is held for a time.
import { expect, test } from 'vitest';
import { heldFor } from '../../../shared/adapters/http/held.ts';

test('what fails late takes nothing newer with it', async () => {
  let at = 0;
  let fail: (error: Error) => void = () => undefined;
  const answers = [
    new Promise<string>((_, reject) => {
      fail = reject;
    }),
    Promise.resolve('newer'),
    Promise.resolve('not needed'),
  ];
  const read = heldFor(1000, { now: () => new Date(at) }, () => answers.shift());
  const first = read();
  at = 1000;
  await expect(read()).resolves.toBe('newer');
  fail(new Error('late'));
  await expect(first).rejects.toThrow('late');
  await expect(read()).resolves.toBe('newer');
});
