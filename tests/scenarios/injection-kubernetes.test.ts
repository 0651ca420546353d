// Hostile text in everything of a cluster that a stranger can write to: nodes, labels, states, conditions, autoscalers, quotas, ranges,
// series, errors of the API server, and names that give orders. Judgement and changes stay the same to the byte.
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { DoubleReply } from '../../fixtures/platform/kit.ts';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { MARK, marked } from './hostile/corpus.ts';
import { renamed, withHostileCluster } from './hostile/kubernetes.ts';
import { PLACES } from './hostile/places.ts';
import { complaining, type HostileRun, runHostile } from './hostile/run.ts';
import { textsAt } from './hostile/string-fields.ts';

const folder = (name: string): string => path.resolve(import.meta.dirname, '../../fixtures/rebalance', name);

/** Those in which each kind of foreign text is a part of what is told. */
const SCENARIOS = [
  'challenge',
  'cannot-fit-quota',
  'cannot-fit-node',
  'cannot-fit-limit-range',
  'hold-horizontal-autoscaler',
  'hold-vertical-autoscaler',
  'hold-resize-pending',
  'resize-infeasible',
  'hold-unsupported-owner',
  'no-data-not-running',
] as const;

const JSON_TYPE = { 'content-type': 'application/json' };

/** As the API server refuses, in words of its own. */
function refusal(status: number, words: string): DoubleReply {
  const reason = status === 403 ? 'Forbidden' : 'InternalError';
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: words, reason, code: status };
  return { status, headers: JSON_TYPE, body: JSON.stringify(body) };
}

function metricsRefusal(words: string): DoubleReply {
  return { status: 422, headers: JSON_TYPE, body: JSON.stringify({ status: 'error', errorType: '422', error: words }) };
}

/** Names of ours in a scenario, to be replaced by such as give orders. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  challenge: ['auth-service', 'cart-service', 'checkout-service', 'recommendation-service'],
  'rollout-mode': ['shop', 'mixed', 'sleepy', 'app'],
  'hold-cooldown': ['app', 'settled', 'just-raised'],
};

const runs: HostileRun[] = [];

describe.each(SCENARIOS.map((name, index) => [name, index] as const))('hostile text over %s', (name, index) => {
  let clean: HostileRun;
  let attacked: HostileRun;
  beforeAll(async () => {
    const scenario = loadScenario(folder(name));
    clean = await runHostile('rebalance', scenario);
    attacked = await runHostile('rebalance', withHostileCluster(scenario, index * 22));
    runs.push(attacked);
  });

  test('changes no verdict, rule, number or action, and nothing on the platform', () => {
    expect(attacked.judgement).toBe(clean.judgement);
    expect(attacked.changes).toEqual(clean.changes);
    // What an issue is about may have the owner's kind and name in it, which are a stranger's here.
    expect(name === 'hold-unsupported-owner' ? attacked.issues.length : attacked.issues).toEqual(
      name === 'hold-unsupported-owner' ? clean.issues.length : clean.issues,
    );
  });

  test('posts nothing that pings, links or formats, and no model says it', () => {
    expect(attacked.harm).toEqual([]);
    expect(attacked.report.run.words?.by).not.toBe('model');
    expect(attacked.report.run.analysis?.by).not.toBe('model');
    expect(attacked.prompts.join('\n')).not.toMatch(/[\p{Cf}]/u);
  });
});

test.each([
  ['autoscalers', 'kubernetes', /autoscalers/, (words: string) => refusal(403, words)],
  ['quotas and ranges', 'kubernetes', /resourcequotas|limitranges/, (words: string) => refusal(403, words)],
  ['nodes', 'kubernetes', /list nodes/, (words: string) => refusal(403, words)],
  ['the change itself', 'kubernetes', /patch pods/, (words: string) => refusal(422, words)],
  ['all series', 'victoriametrics', /query/, metricsRefusal],
  ['kills', 'victoriametrics', /query_range/, metricsRefusal],
] as const)('an error about %s gives no orders', async (about, system, operations, reply) => {
  // Autoscalers of the second kind are asked for where a cluster has them.
  const scenario = loadScenario(folder(about === 'autoscalers' ? 'hold-vertical-autoscaler' : 'challenge'));
  const run = (words: string): Promise<HostileRun> =>
    runHostile('rebalance', scenario, {
      inPlaceOf: complaining(system, (operation) => operations.test(operation), reply(words)),
    });
  const plain = await run('something went wrong');
  const attacked = await run(marked(about.length));
  runs.push(attacked);

  expect(attacked.judgement).toBe(plain.judgement);
  expect(attacked.changes).toEqual(plain.changes);
  expect(attacked.issues).toEqual(plain.issues);
  expect(attacked.harm).toEqual([]);
  expect(JSON.stringify([attacked.facts, attacked.report])).toContain(MARK);
});

test.each(Object.entries(NAMES))(
  'names of things in %s that give orders change nothing but the names',
  async (name, names) => {
    const loaded = loadScenario(folder(name));
    const { scenario, back } = renamed(loaded, names);
    const clean = await runHostile('rebalance', loaded);
    const attacked = await runHostile('rebalance', scenario);
    runs.push(attacked);
    const withoutIds = (text: string): string => text.replaceAll(/"id":"[0-9a-f]+"/g, '"id":""');

    expect(withoutIds(back(attacked.judgement))).toBe(withoutIds(clean.judgement));
    expect(attacked.changes.map(back)).toEqual(clean.changes);
    expect(attacked.issues).toHaveLength(clean.issues.length);
    expect(attacked.harm).toEqual([]);
  },
);

test('each place of the facts was reached by a hostile text in one of these runs', () => {
  const reached = Object.entries(PLACES['rebalance'] ?? {}).filter(([, place]) => place === 'text' || place === 'name');
  const missed = reached.flatMap(([field]) =>
    runs.some(({ facts }) => facts.some((one) => textsAt(one, field).some((text) => text.includes(MARK))))
      ? []
      : [field],
  );

  expect(missed).toEqual([]);
});
