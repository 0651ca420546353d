import { expect, test } from 'vitest';
import { failureOf } from '../../../functions/pipeline-report/explanation.ts';
import { readCatalogue } from '../../../shared/config/signatures.ts';
import { explainLog } from '../../../shared/core/log/explain.ts';

const catalogue = await readCatalogue('pipeline-retry');
const failure = (log: string): ReturnType<typeof failureOf> => failureOf(explainLog(log, catalogue), 'step failed');

const vitest = (test: string, seconds: number): string => `
 FAIL  tests/cart.test.ts > ${test}
AssertionError: expected 30 to be 35
 Test Files  1 failed | 12 passed (13)
   Duration  ${String(seconds)}.41s
npm error Lifecycle script \`test\` failed with error:
npm error code 1
`;

test('the same failed test is one cluster from day to day, another test is another one', () => {
  const one = failure(vitest('total of a cart adds prices', 3));
  expect(failure(vitest('total of a cart adds prices', 99)).id).toBe(one.id);
  expect(failure(vitest('menu in French shows accents', 3)).id).not.toBe(one.id);
  expect(one.message).toContain('total of a cart adds prices');
});

test('what passes by itself is one cluster by its signature, whatever host it names', () => {
  const refused = (host: string): string =>
    `npm error code ECONNRESET\nnpm error network request to https://${host}/left-pad failed, reason: read ECONNRESET\n`;
  const one = failure(refused('registry-1.example'));
  expect(one.isTransient).toBe(true);
  expect(failure(refused('registry-2.example')).id).toBe(one.id);
});

test('a log that says nothing is known by what is said in its place', () => {
  expect(failureOf(explainLog('', catalogue), 'agent lost: no heartbeat')).toMatchObject({
    message: 'agent lost: no heartbeat',
    isTransient: false,
    lines: [],
  });
});
