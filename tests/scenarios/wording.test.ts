// The model's words over the whole of a run, on the embedded platform: they come when they are true and in time, and the same report
// goes out with the template's when the model is off, dead, slow, or talks rubbish.
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Fault } from '../../fixtures/platform/kit.ts';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { CanonicalReport } from '../../shared/core/report.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { recordedRun, replayRun } from '../../shared/runtime/replay.ts';
import { readRun } from '../../shared/runtime/run-record.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');
const QUIET = path.resolve(import.meta.dirname, '../../fixtures/rebalance/sticky-oom-gauge');
const TRUE_WORDS =
  'The memory limit of checkout-service was raised from 1Gi to 1280Mi after 4 OOM kills. cart-service gave back what it does not use. recommendation-service needs a person.';
const TRUE_ANALYSIS =
  'checkout-service had 4 OOM kills with a memory limit of 1Gi. recommendation-service has an average of 15% of CPU and a p95 of 70%.';
const TEMPLATE = 'cart-service got memory request 512Mi → 410Mi, CPU request 500m → 400m';

let running: RunningScenario | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
});

interface Told {
  readonly report: CanonicalReport;
  readonly posted: string;
  readonly asked: number;
  readonly scenario: RunningScenario;
}

async function tell(
  replies: readonly (string | JsonObject)[],
  {
    model = { ollama: {} },
    faults = [],
    deadlineSeconds,
  }: { model?: unknown; faults?: Fault[]; deadlineSeconds?: number } = {},
): Promise<Told> {
  const loaded = loadScenario(FOLDER);
  const scenario = { ...loaded, policy: { ...loaded.policy, model } as JsonObject };
  running = await openScenario(scenario, {
    duty: 'rebalance',
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
  });
  running.platform.doubles.ollama.say(replies);
  for (const fault of faults) {
    running.platform.inject(fault);
  }
  const result = await running.run();
  if (result.kind === 'busy') {
    throw new Error('The scope was busy.');
  }
  expect(running.platform.violations()).toEqual([]);
  const [message] = running.platform.doubles.slack.state().messages;
  return {
    report: result.report,
    posted: JSON.stringify(message),
    asked: running.platform.doubles.ollama.asked.length,
    scenario: running,
  };
}

/** The report without whose words it is, and without the ports of this platform. */
function withoutWords(report: CanonicalReport): string {
  const { words: _words, analysis: _analysis, ...run } = report.run;
  return JSON.stringify({ ...report, run }).replaceAll(/127\.0\.0\.1:[0-9]+/g, 'platform');
}

test('words that are true stand in the message, by one edit, and are kept with the run', async () => {
  const { report, posted, scenario } = await tell([{ text: TRUE_WORDS }, { text: TRUE_ANALYSIS }]);

  expect(report.run.words).toEqual({ by: 'model', why: null });
  expect(posted).toContain('after 4 OOM kills. cart-service gave back');
  expect(posted).not.toContain(TEMPLATE);
  const calls = scenario.platform.calls.map(({ operation }) => operation);
  expect(calls.filter((operation) => operation === 'chat.postMessage')).toHaveLength(2);
  expect(calls.filter((operation) => operation === 'chat.update')).toHaveLength(1);
  expect(calls.indexOf('chat.postMessage')).toBeLessThan(calls.indexOf('chat'));
  const stored = await readRun({ ports: { store: scenario.store } }, report.run.id);
  expect(stored?.report?.run.words).toEqual({ by: 'model', why: null });
  expect(stored?.record.words?.replies).toEqual([JSON.stringify({ text: TRUE_WORDS })]);
});

test('a run that a model worded replays to the same bytes', async () => {
  const { report, scenario } = await tell([{ text: TRUE_WORDS }]);

  expect(replayRun(scenario.ready.duty, await recordedRun(scenario.store, report.run.id))).toBeUndefined();
});

test('a reply that is refused is asked for once more, with the reason', async () => {
  const { report, scenario, asked } = await tell([
    { text: 'checkout-service got 2Gi of memory.' },
    { text: TRUE_WORDS },
    { text: TRUE_ANALYSIS },
  ]);

  expect(asked).toBe(3);
  expect(report.run.words).toEqual({ by: 'model', why: null });
  expect(scenario.platform.doubles.ollama.asked[1]?.messages.at(-1)?.content).toContain('"2Gi" is not in the evidence');
});

test('a secret in the evidence does not reach the model', async () => {
  const loaded = loadScenario(FOLDER);
  const scenario = { ...loaded, policy: { ...loaded.policy, model: { ollama: {} } } as JsonObject };
  running = await openScenario(scenario, { duty: 'rebalance' });
  running.platform.doubles.ollama.say([{ text: TRUE_WORDS }, { text: TRUE_ANALYSIS }]);
  const { surroundings } = running.ready;
  Object.assign(surroundings, { mask: (text: string) => text.replaceAll('checkout-service', '***') });
  await running.run();

  // Later requests repeat what the model itself said.
  const sent = JSON.stringify(running.platform.doubles.ollama.asked[0]);
  expect(sent).toContain('recommendation-service');
  expect(sent).not.toContain('checkout-service');
});

describe('the analysis', () => {
  test('that is true is said once in the thread of the message, after the summary and by a prompt of its own', async () => {
    const { report, scenario } = await tell([{ text: TRUE_WORDS }, { text: TRUE_ANALYSIS }]);

    expect(report.run.analysis).toEqual({ by: 'model', why: null });
    const [message, said, ...more] = scenario.platform.doubles.slack.state().messages;
    expect(more).toEqual([]);
    expect(said?.threadTs).toBe(message?.ts);
    expect(said?.text).toContain('*What the measurements show:* checkout-service had 4 OOM kills');
    expect(scenario.platform.doubles.ollama.asked.map(({ messages }) => messages[0]?.content.split('\n')[0])).toEqual([
      expect.stringContaining('You write short, plain English') as unknown,
      expect.stringContaining('You explain resource measurements') as unknown,
    ]);
    await scenario.run();
    expect(scenario.platform.doubles.slack.state().messages).toHaveLength(2);
  });

  test.each([
    ['claims a change', { text: 'The memory limit of checkout-service was raised to 1280Mi.' }, /"raised"/],
    ['takes the p95 for the average', { text: 'recommendation-service averages 70% of its CPU.' }, /"70%"/],
    ['advises', { text: 'checkout-service should get 2Gi.' }, /"should"/],
  ])('that %s is not said, and the report tells why', async (_, reply, why) => {
    const { report, scenario } = await tell([{ text: TRUE_WORDS }, reply]);

    expect(report.run.words).toEqual({ by: 'model', why: null });
    expect(report.run.analysis).toEqual({ by: 'template', why: expect.stringMatching(why) as unknown });
    expect(scenario.platform.doubles.slack.state().messages).toHaveLength(1);
    const stored = await readRun({ ports: { store: scenario.store } }, report.run.id);
    expect(stored?.report?.run.analysis?.by).toBe('template');
    expect(stored?.record.analysis?.replies).toHaveLength(2);
  });

  test('is not asked for when the model did not answer at all', async () => {
    const { report, scenario } = await tell([], {
      faults: [{ system: 'ollama', operation: 'chat', kind: 'hang' }],
      deadlineSeconds: 1,
    });

    expect(report.run.analysis).toEqual(report.run.words);
    expect(scenario.platform.calls.filter(({ operation }) => operation === 'chat')).toHaveLength(
      scenario.platform.calls.filter(({ system }) => system === 'ollama').length,
    );
    expect(report.run.analysis?.why).toMatch(/deadline of 1 s/);
  });
});

test('nothing is asked when nothing happened, though the day is told', async () => {
  const loaded = loadScenario(QUIET);
  running = await openScenario(
    { ...loaded, policy: { ...loaded.policy, model: { ollama: {} } } as JsonObject },
    {
      duty: 'rebalance',
    },
  );

  const result = await running.run();

  expect(running.platform.doubles.slack.state().messages).toHaveLength(1);
  expect(running.platform.doubles.ollama.asked).toEqual([]);
  expect(result.kind === 'busy' ? undefined : result.report.run).not.toHaveProperty('words');
});

test('nothing is asked in a dry run, and nothing when nothing is told', async () => {
  const { scenario } = await tell([{ text: TRUE_WORDS }]);
  const before = scenario.platform.doubles.ollama.asked.length;

  await scenario.run({ dryRun: true });
  await scenario.run();

  expect(scenario.platform.doubles.ollama.asked).toHaveLength(before);
});

describe('the same report goes out with the template', () => {
  const fault = (kind: Fault['kind'], delayMilliseconds?: number): Fault => ({
    system: 'ollama',
    operation: 'chat',
    kind,
    ...(delayMilliseconds === undefined ? {} : { delayMilliseconds }),
  });
  const cases: [string, Parameters<typeof tell>, RegExp][] = [
    [
      'a model that was not pulled',
      [[], { model: { ollama: { models: { summary: 'big:70b' } } } }],
      /ollama pull big:70b/,
    ],
    ['a dead server', [[], { faults: [fault('refuse')] }], /connection was lost|refused the connection/],
    ['a runner that died', [[], { faults: [fault('500')] }], /llama runner process has terminated/],
    ['a server that hangs', [[], { faults: [fault('hang')], deadlineSeconds: 1 }], /deadline of 1 s/],
    [
      'a slow stream',
      [[{ text: TRUE_WORDS }], { faults: [fault('trickle', 300)], deadlineSeconds: 1 }],
      /deadline of 1 s/,
    ],
    [
      'a cut stream',
      [[{ text: TRUE_WORDS }], { faults: [fault('cut')] }],
      /lost in the middle|before the reply was whole/,
    ],
    ['garbage', [[], { faults: [fault('garbage')] }], /not JSON/],
    ['no JSON', [['I cannot help with that.']], /no JSON/],
    ['another shape', [[{ summary: 'x' }]], /not of the wanted shape/],
    ['a huge reply', [['x'.repeat(100_000)]], /no JSON|longer than/],
    ['invented numbers', [[{ text: 'checkout-service was OOM-killed 9 times.' }]], /"9"/],
    ['invented actions', [[{ text: 'I restarted checkout-service.' }]], /"restarted"/],
  ];

  test.each(cases)('for %s', async (_name, given, why) => {
    const off = await tell([], { model: 'none' });
    await running?.close();
    const { report, posted } = await tell(...given);

    expect(report.run.words?.by).toBe('template');
    expect(report.run.words?.why).toMatch(why);
    expect(withoutWords(report)).toBe(withoutWords(off.report));
    expect(posted).toContain(TEMPLATE);
    expect(off.posted).toContain(TEMPLATE);
  });

  test('without a model at all, of which the report says nothing', async () => {
    const { report, asked } = await tell([], { model: 'none' });

    expect(asked).toBe(0);
    expect(report.run).not.toHaveProperty('words');
  });
});
