// The namespace of the benchmarks: it reaches every kind of verdict, so that no part of a run is left out of the figures.
import { expect, test } from 'vitest';
import { namespaceScenario } from '../../scripts/bench/namespace.ts';
import type { CanonicalReport } from '../../shared/core/report.ts';
import { openScenario } from '../../shared/local/scenario.ts';

const NOW = '2026-03-04T10:00:00Z';

async function dryRun(pods: number, isSteady = false): Promise<CanonicalReport> {
  const running = await openScenario(namespaceScenario({ pods, now: NOW, isSteady }), { duty: 'rebalance' });
  try {
    const result = await running.run({ dryRun: true });
    if (result.kind === 'busy') {
      throw new Error('busy');
    }
    expect(running.platform.violations()).toEqual([]);
    return result.report;
  } finally {
    await running.close();
  }
}

test('every part of a run has something to do', async () => {
  const { decisions } = await dryRun(100);
  expect(new Set(decisions.map(({ rule }) => rule))).toEqual(
    new Set([
      'rebalance/raise-memory-after-oom',
      'rebalance/raise-memory-near-limit',
      'rebalance/lower-requests-when-idle',
      'rebalance/escalate-inconsistent-metrics',
      'rebalance/no-data',
      'rebalance/healthy',
    ]),
  );
});

test('a steady namespace needs nothing', async () => {
  const { decisions, run } = await dryRun(20, true);
  expect(new Set(decisions.map(({ rule }) => rule))).toEqual(new Set(['rebalance/healthy']));
  expect(run.problems).toEqual([]);
});
