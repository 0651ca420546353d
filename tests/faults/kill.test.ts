// A process is killed (SIGKILL) at every step, every commit, and before and after every call; replies are lost; instances meet; clocks jump.
// Judged by what the systems hold in the end: one effect, or none and a person is told; one message; one issue; a whole journal.
import { describe, expect, test } from 'vitest';
import { INGRESS_STEPS, STEPS } from '../../shared/runtime/context.ts';
import { countCase } from './count.ts';
import { casesOf, type FaultCase, playUsual, sampleOf, type Usual } from './kill/cases.ts';
import { scenesOf } from './kill/scenes.ts';
import { judge } from './kill/verdict.ts';
import { ALL } from './kinds.ts';

/** The fast tier plays a sample of the cases, always the same for a seed. */
const SEED = Number(process.env['FAULTS_SEED'] ?? 20_261_126);
const SAMPLE = 10;

const usuals: Usual[] = [];
for (const scene of scenesOf()) {
  usuals.push(await playUsual(scene));
}
const cases = usuals.flatMap(casesOf);
/** What once went wrong is tried each time. */
const REGRESSIONS: readonly string[] = [
  'notice: run: killed before bitbucket start pipeline #1',
  'notice: run: another instance before bitbucket start pipeline #1, after 360 s',
  'ci.rerun: undo by hand: another instance at target-read #1, after 360 s',
  'ci.rerun: undo by hand: reply lost of bitbucket stop pipeline #1',
  'issue: run: another instance before kubernetes patch deployments #1, after 360 s',
  'event: a click: killed at event-stored #1',
];
const chosen = ALL ? cases : [...new Set([...REGRESSIONS.map(caseNamed), ...sampleOf(cases, SAMPLE, SEED)])];

function caseNamed(name: string): FaultCase {
  const found = cases.find((one) => one.name === name);
  if (found === undefined) {
    throw new Error(`There is no case "${name}" any more: name the one that takes its place.`);
  }
  return found;
}

describe('the plays without a strike', () => {
  test.each(usuals.map((usual) => [usual.scene.name, usual] as const))(
    '%s: one of each, and told',
    (_name, { end }) => {
      expect(judge(end, end, true)).toEqual({ duplicates: [], losses: [] });
      expect(end.applied.size + end.outbox.length).toBeGreaterThan(0);
    },
  );

  test('reach every step of the runtime: a new step needs a scene whose job comes to it', () => {
    const reached = new Set(usuals.flatMap(({ trace }) => trace));
    expect([...STEPS, ...INGRESS_STEPS].filter((step) => !reached.has(step))).toEqual([]);
  });

  test('a kind that no scenario shows is told, with what to add', () => {
    expect(() => scenesOf(['cluster.drain-node'])).toThrow(
      /No scenario shows the action kind cluster\.drain-node: add a folder/,
    );
    expect(() => scenesOf([], ['carrier-pigeon'])).toThrow(
      /No scenario shows the outbox kind carrier-pigeon: add a folder/,
    );
  });
});

describe(`${String(chosen.length)} of ${String(cases.length)} cases${ALL ? '' : `, seed ${String(SEED)}`}`, () => {
  test.concurrent.for(chosen.map((one) => [one.name, one] as const))('%s', async ([, one], context) => {
    countCase(context, await one.play());
  });
});
