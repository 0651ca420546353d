// What `npm run demo -- --keep` leaves running stays usable for hours: its clock is driven here.
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { FOLLOW_MILLISECONDS, follower } from '../../shared/local/follow-clock.ts';
import { openScenario } from '../../shared/local/scenario.ts';

const START = Date.parse('2026-03-04T10:00:00Z');
const HOUR = 3_600_000;
const CHALLENGE = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');

test('metrics stay fresh and verdicts stay those of a rebalanced namespace for three hours', async () => {
  const running = await openScenario(loadScenario(CHALLENGE, new Date(START)), { duty: 'rebalance' });
  onTestFinished(() => running.close());
  await running.run({ trigger: 'schedule' });
  const follow = follower(running);
  const seen = new Set<string>();
  for (let at = START + FOLLOW_MILLISECONDS; at <= START + 3 * HOUR; at += FOLLOW_MILLISECONDS) {
    follow(new Date(at));
    if ((at - START) % (HOUR / 4) === 0) {
      const result = await running.run({ dryRun: true });
      if (result.kind === 'busy') {
        throw new Error('A dry run takes no lease.');
      }
      expect(result.report.run.problems).toEqual([]);
      expect(result.report.run.now).toBe(new Date(at).toISOString());
      for (const { subject, rule } of result.report.decisions) {
        seen.add(`${subject['pod'] ?? ''} ${rule}`);
      }
    }
  }
  expect([...seen].filter((one) => /no-data|inconsistent/.test(one))).toEqual([
    'recommendation-service rebalance/escalate-inconsistent-metrics',
  ]);
  expect([...seen].filter((one) => one.startsWith('auth-service'))).toEqual(['auth-service rebalance/healthy']);
});
