// How the reruns of each signature ended, over all that is remembered. Pure.
import type { PipelineRetryFacts } from './schema-facts.ts';
import type { RerunFacts, SignatureRecord } from './schema-memory.ts';

/** What was remembered, and the reruns that ended since. */
export function recordsOf({
  memory,
  reruns,
}: Pick<PipelineRetryFacts, 'memory' | 'reruns'>): Record<string, SignatureRecord> {
  const before = new Map(memory.signatures.reruns.map((rerun) => [rerun.actionId, rerun.outcome]));
  const records: Record<string, SignatureRecord> = { ...memory.signatures.records };
  for (const { actionId, outcome, signatures } of reruns) {
    if (!isOver(outcome) || isOver(before.get(actionId) ?? 'open')) {
      continue;
    }
    for (const signature of signatures) {
      const { passed, failed } = records[signature] ?? { passed: 0, failed: 0 };
      records[signature] = outcome === 'passed' ? { passed: passed + 1, failed } : { passed, failed: failed + 1 };
    }
  }
  return records;
}

function isOver(outcome: RerunFacts['outcome']): boolean {
  return outcome === 'passed' || outcome === 'failed';
}
