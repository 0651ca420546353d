// Which steps got slower, so that noise is named in one report of a hundred at most: ranks and not means, a correction for the
// number of steps, a least effect, and more than one slow day. Pure.
import { type Distribution, quantile } from '../../shared/core/distribution.ts';
import { believed, largerByChance } from '../../shared/core/rank-test.ts';
import type { PipelineReportPolicy } from './schema.ts';
import type { Comparison, PipelineReportFacts } from './schema-facts.ts';

export interface SlowerStep {
  readonly repository: string;
  readonly step: string;
  readonly medianSeconds: number;
  readonly medianBeforeSeconds: number;
  readonly ratio: number;
  readonly runs: number;
  readonly runsBefore: number;
  /** Of seeing this if nothing had changed. */
  readonly chance: number;
}

/** Strongest first. */
export function slowerSteps(
  { repositories }: Pick<PipelineReportFacts, 'repositories'>,
  { slower }: Pick<PipelineReportPolicy, 'slower'>,
): readonly SlowerStep[] {
  const compared = repositories.flatMap(({ repository, comparisons }) =>
    comparisons.map((comparison) => ({
      repository,
      comparison,
      chance: largerByChance(comparison.before, comparison.recent),
    })),
  );
  // All steps that were tested count, and not only those that look slow: else the correction would be none.
  const isBelieved = believed(
    compared.map(({ chance }) => chance),
    slower.falseAlarmRate,
  );
  return compared
    .flatMap(({ repository, comparison, chance }, index): readonly SlowerStep[] => {
      const step = grownStep(repository, comparison, chance);
      return isBelieved[index] === true && isWorthALine(step, comparison, slower) ? [step] : [];
    })
    .sort((a, b) => b.ratio - a.ratio || (a.repository < b.repository ? -1 : 1));
}

function isWorthALine(
  { medianSeconds, medianBeforeSeconds, ratio }: SlowerStep,
  { slowDays }: Comparison,
  slower: PipelineReportPolicy['slower'],
): boolean {
  return (
    ratio >= slower.minimumRatio &&
    medianSeconds - medianBeforeSeconds >= slower.minimumSeconds &&
    slowDays >= Math.min(slower.minimumDays, slower.recentDays)
  );
}

function grownStep(repository: string, { step, recent, before }: Comparison, chance: number): SlowerStep {
  const medianSeconds = median(recent);
  const medianBeforeSeconds = median(before);
  return {
    repository,
    step,
    medianSeconds,
    medianBeforeSeconds,
    ratio: medianBeforeSeconds === 0 ? 1 : medianSeconds / medianBeforeSeconds,
    runs: recent.count,
    runsBefore: before.count,
    chance,
  };
}

function median(distribution: Distribution): number {
  return quantile(distribution, 0.5) ?? 0;
}
