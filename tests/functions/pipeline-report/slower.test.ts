import { describe, expect, test } from 'vitest';
import { slowerSteps } from '../../../functions/pipeline-report/decide-slower.ts';
import { PipelineReportPolicy } from '../../../functions/pipeline-report/schema.ts';
import type { Comparison, RepositoryFacts } from '../../../functions/pipeline-report/schema-facts.ts';
import { NOTHING } from '../../../functions/pipeline-report/decide-window.ts';
import { distributionOf } from '../../../shared/core/distribution.ts';

/** The same values in each run of the test. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

/** Durations around `median`, spread as build times are. */
function durations(random: () => number, count: number, median: number, spread: number): readonly number[] {
  return Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    return median * Math.exp(spread * normal);
  });
}

function factsWith(comparisons: readonly Comparison[]): { readonly repositories: RepositoryFacts[] } {
  const rest = { repository: 'shop', missingDays: 0, window: NOTHING, before: NOTHING, steps: [], broken: [] };
  return { repositories: [{ ...rest, comparisons: [...comparisons] }] };
}

function comparison(step: string, before: readonly number[], recent: readonly number[], slowDays = 7): Comparison {
  return { step, before: distributionOf(before), recent: distributionOf(recent), slowDays };
}

const usual = PipelineReportPolicy.parse({});
/** Without what keeps small effects out, so that the test of chance stands alone. */
const bare = PipelineReportPolicy.parse({ slower: { minimumRatio: 1.000001, minimumSeconds: 0, minimumDays: 1 } });

describe('noise', () => {
  test.each([0.05, 0.3, 1])('of spread %s names a step in fewer reports than the stated rate', (spread) => {
    const reports = 400;
    const random = randomOf(Math.round(spread * 1000));
    let alarms = 0;
    for (let report = 0; report < reports; report += 1) {
      const steps = Array.from({ length: 15 }, (_, index) =>
        comparison(`step ${String(index)}`, durations(random, 60, 100, spread), durations(random, 20, 100, spread)),
      );
      alarms += Number(slowerSteps(factsWith(steps), bare).length > 0);
    }
    // 1% of 400 are 4; ten or more would come by chance once in 125 times if the rate were exactly that.
    expect(alarms).toBeLessThan(10);
  });

  test('with a few outliers names nothing', () => {
    const random = randomOf(3);
    const recent = [...durations(random, 36, 100, 0.1), 5000, 6000, 7000, 8000];
    expect(slowerSteps(factsWith([comparison('Build', durations(random, 60, 100, 0.1), recent)]), usual)).toEqual([]);
  });
});

test('a third more time is found among steps that only wobble', () => {
  const random = randomOf(1);
  const steps = Array.from({ length: 30 }, (_, index) =>
    comparison(`step ${String(index)}`, durations(random, 90, 200, 0.3), durations(random, 30, 200, 0.3)),
  );
  const slower = comparison('Tests', durations(random, 90, 200, 0.3), durations(random, 30, 270, 0.3));
  expect(slowerSteps(factsWith([...steps, slower]), usual).map(({ step }) => step)).toEqual(['Tests']);
});

test.each([
  ['faster', durations(randomOf(1), 30, 100, 0.1), 7],
  ['5% slower, however certain', durations(randomOf(1), 2000, 210, 0.1), 7],
  ['slower on one day alone', durations(randomOf(1), 30, 300, 0.1), 1],
])('a step that is %s is not named', (_what, recent, slowDays) => {
  const before = durations(randomOf(2), 2000, 200, 0.1);
  expect(slowerSteps(factsWith([comparison('Build', before, recent, slowDays)]), usual)).toEqual([]);
});
