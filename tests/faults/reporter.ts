// The last line of `npm run faults`: how many cases there were, and what happened twice or was lost in any of them. A case that
// did not come to its verdict counts as a loss: nobody knows what became of it.
import type { Reporter, TestModule } from 'vitest/node';

export default class FaultReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const sum = { cases: 0, duplicates: 0, losses: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const counted = test.meta().faultCase;
        const failed = test.result().state === 'failed';
        sum.cases += counted !== undefined || failed ? 1 : 0;
        sum.duplicates += counted?.duplicates ?? 0;
        sum.losses += counted?.losses ?? (failed ? 1 : 0);
      }
    }
    process.stdout.write(
      `cases ${String(sum.cases)}, duplicates ${String(sum.duplicates)}, losses ${String(sum.losses)}\n`,
    );
    if (sum.cases === 0 || sum.duplicates > 0 || sum.losses > 0) {
      process.exitCode = 1;
    }
  }
}
