// What a model could be asked about a scenario: the evidence of a run over it, made again from what the run recorded. Asks nobody.
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { BugError } from '../core/errors.ts';
import type { Wording } from '../core/report.ts';
import type { Duty } from '../runtime/duty.ts';
import { recordedRun, type RecordedRun } from '../runtime/replay.ts';
import { openScenario } from './scenario.ts';

/** Each prompt with its evidence; none where nothing happened. */
export async function scenarioWordings(duty: string, folder: string): Promise<readonly Wording[]> {
  const scenario = await openScenario(loadScenario(folder), { duty });
  try {
    const result = await scenario.run();
    if (result.kind === 'busy') {
      throw new BugError(`The scenario ${folder} is being run by another.`);
    }
    return wordingsAgain(scenario.ready.duty, await recordedRun(scenario.store, result.report.run.id));
  } finally {
    await scenario.close();
  }
}

function wordingsAgain(duty: Duty, { recording }: RecordedRun): readonly Wording[] {
  const { facts, policy } = recording;
  const outcomes = new Map(recording.outcomes.map(({ subject, outcome }) => [JSON.stringify(subject), outcome]));
  const decided = duty.decide(facts, policy).map((decision) => {
    const outcome = outcomes.get(JSON.stringify(decision.subject));
    return outcome === undefined ? { decision } : { decision, outcome };
  });
  const { wording, analysis } = duty.report({ facts, policy, decided, dryRun: false });
  return [wording, analysis].filter((one) => one !== undefined);
}
