// Why the steps of a pipeline failed: what their logs say, and what is known of their tests. Pure.
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineFacts, StepFacts } from './schema-facts.ts';

/** Why one step failed. */
export interface Cause {
  readonly step: StepFacts;
  readonly verdict: 'transient' | 'regular' | 'unknown';
  readonly category: string | null;
  readonly signature: string | null;
  readonly confidence: number;
  /** The most telling line of the log. */
  readonly line: { readonly number: number; readonly text: string } | null;
}

/** The signature of tests that are known to fail for no fault of a change. It is nobody's upstream. */
export const FLAKY_TEST = 'flaky-test';

/** The causes of the steps that failed, in their order. */
export function causesOf({ steps }: PipelineFacts, policy: PipelineRetryPolicy): readonly Cause[] {
  return steps.filter(hasFailed).map((step) => causeOf(step, policy));
}

/** Signatures of the transient causes, each once, sorted. */
export function signaturesOf(causes: readonly Cause[]): readonly string[] {
  const signatures = causes.flatMap(({ verdict, signature }) =>
    verdict === 'transient' && signature !== null ? [signature] : [],
  );
  return [...new Set(signatures)].sort();
}

function hasFailed({ result }: StepFacts): boolean {
  return result === 'failed' || result === 'error';
}

/** What the log says, unless it blames tests of which each is known to fail for no fault of a change. */
function causeOf(step: StepFacts, policy: PipelineRetryPolicy): Cause {
  const { explanation } = step;
  if (explanation === null) {
    return { step, verdict: 'unknown', category: null, signature: null, confidence: 0, line: null };
  }
  const line = explanation.lines[0] ?? null;
  if (explanation.category === 'test' && isOnlyFlaky(step, policy)) {
    return { step, verdict: 'transient', category: FLAKY_TEST, signature: FLAKY_TEST, confidence: 1, line };
  }
  const { verdict, category, signature, confidence } = explanation;
  // A transient cause that has no name cannot be counted, and what cannot be counted cannot be stopped.
  return {
    step,
    verdict: verdict === 'transient' && signature === null ? 'unknown' : verdict,
    category,
    signature,
    confidence,
    line,
  };
}

function isOnlyFlaky({ failedTests, failedTestCount }: StepFacts, { flaky }: PipelineRetryPolicy): boolean {
  return (
    failedTestCount > 0 &&
    failedTests.length === failedTestCount &&
    failedTests.every(({ sameCommit, branches }) => sameCommit >= flaky.sameCommit || branches >= flaky.commits)
  );
}

/** The causes in words, such as `Step "test" failed of dns/resolve: "Could not resolve host"`. */
export function causesInWords(causes: readonly Cause[]): string {
  return causes
    .map(({ step, signature, category, line }) => {
      const what = signature ?? category ?? 'an unknown cause';
      return `step "${shortened(step.name, 60)}" failed of ${what}${line === null ? '' : ` (“${shortened(line.text.trim(), 160)}”)`}`;
    })
    .join('; ');
}

export function secondsOf(iso: string): number {
  return Date.parse(iso) / 1000;
}

export function shortened(value: string, length: number): string {
  return value.length <= length ? value : `${value.slice(0, length - 1)}…`;
}
