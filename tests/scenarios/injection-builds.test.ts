// Hostile text in everything of a build that a stranger can write to: messages, authors, files, branches, steps, definitions, tests,
// logs, variables, errors of Bitbucket. What is run again, told and suspected stays the same, and nothing of it pings, links or formats.
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { type Hostile, withHostileBuilds, withRunningBuild } from './hostile/bitbucket.ts';
import { MARK, marked } from './hostile/corpus.ts';
import { skeletonOf } from './hostile/outward.ts';
import { PLACES } from './hostile/places.ts';
import { complaining, type HostileRun, runHostile } from './hostile/run.ts';
import { textsAt } from './hostile/string-fields.ts';

const folder = (duty: string, name: string): string => path.resolve(import.meta.dirname, '../../fixtures', duty, name);

const SCENARIOS = [
  ['pipeline-retry', 'transient'],
  ['pipeline-retry', 'flaky-test'],
  ['pipeline-retry', 'regular-failure'],
  ['pipeline-retry', 'pull-requests'],
  ['pipeline-retry', 'variables'],
  ['pipeline-retry', 'mixed-failure'],
  ['pipeline-retry', 'branch-moved'],
  ['pipeline-retry', 'log-absent'],
  ['pipeline-retry', 'told-with-suspects'],
  ['pipeline-report', 'broken-branch'],
  ['pipeline-report', 'not-a-commit'],
  ['pipeline-report', 'slower-step'],
  ['pipeline-report', 'asked-window'],
  ['pipeline-report', 'hostile-text'],
] as const;

const runs: [string, HostileRun][] = [];

/** Everywhere that policy lets a duty tell: also in comments, and of failures that are not run again. */
const LOUD = {
  'pipeline-retry': {
    tell: { reruns: ['chat', 'pull-request', 'build-status'], regular: ['chat', 'pull-request', 'build-status'] },
  },
  'pipeline-report': { branches: ['*'] },
};

describe.each(SCENARIOS.map(([duty, name], index) => [duty, name, index] as const))(
  'hostile text over %s %s',
  (duty, name, index) => {
    let hostile: Hostile;
    let clean: HostileRun;
    let attacked: HostileRun;
    beforeAll(async () => {
      const loaded = loadScenario(folder(duty, name));
      const policy = {
        ...loaded.policy,
        duties: { [duty]: { ...(loaded.policy['duties'] as Record<string, object>)[duty], ...LOUD[duty] } },
      };
      const stated = { ...loaded, policy };
      const scenario = name === 'broken-branch' ? withRunningBuild(stated) : stated;
      hostile = withHostileBuilds(scenario, index * 18);
      clean = await runHostile(duty, scenario, { minutesLater: 20 });
      attacked = await runHostile(duty, hostile.scenario, { minutesLater: 20 });
      runs.push([duty, attacked]);
    });

    test('changes no verdict, rule, number or action, and starts nothing else', () => {
      expect(comparable(hostile.back(JSON.parse(attacked.judgement)))).toEqual(comparable(JSON.parse(clean.judgement)));
      const bodies = (changes: readonly string[]): unknown[] =>
        changes.map((change) =>
          change.replace(
            /^(\S+ \S+) (.*)$/s,
            (_, to: string, body: string) => `${to} ${JSON.stringify(hostile.back(JSON.parse(body || '{}')))}`,
          ),
        );
      expect(bodies(attacked.changes)).toEqual(bodies(clean.changes));
      expect(attacked.issues).toHaveLength(clean.issues.length);
    });

    test('is told without a ping, a link or a format of its own', () => {
      expect(attacked.harm).toEqual([]);
    });

    test('leaves the page with the tags that it has without it', () => {
      const [own, foreign] = [skeletonOf(clean.page), skeletonOf(attacked.page)];

      expect([...new Set(foreign.tags)].sort()).toEqual([...new Set(own.tags)].sort());
      expect(foreign.links.filter((link) => !/^http:\/\/127\.0\.0\.1|^https:\/\/bitbucket\.org\//.test(link))).toEqual(
        [],
      );
    });
  },
);

/** A failure of a report is known by a hash of its words, which are a stranger's here: what is said of it is the same. */
function comparable(judgement: unknown): unknown {
  const { decisions, actions } = judgement as { decisions: { subject: object }[]; actions: unknown[] };
  return {
    decisions: decisions
      .map(({ subject, ...rest }) => JSON.stringify('cluster' in subject ? rest : { subject, ...rest }))
      .sort(),
    actions,
  };
}

test.each([
  ['pipeline-retry', 'transient', /list steps|steps/],
  ['pipeline-retry', 'transient', /list pipelines/],
  ['pipeline-report', 'broken-branch', /commit|diffstat/],
  ['pipeline-report', 'broken-branch', /steps/],
] as const)('%s over %s: an error of Bitbucket at %s gives no orders', async (duty, name, operations) => {
  const scenario = loadScenario(folder(duty, name));
  const run = (words: string): Promise<HostileRun> => {
    const body = JSON.stringify({ type: 'error', error: { message: words } });
    const reply = { status: 400, headers: { 'content-type': 'application/json' }, body };
    return runHostile(duty, scenario, {
      inPlaceOf: complaining('bitbucket', (operation) => operations.test(operation), reply),
    });
  };
  const plain = await run('something went wrong');
  const attacked = await run(marked(operations.source.length));
  runs.push([duty, attacked]);

  expect(attacked.judgement).toBe(plain.judgement);
  expect(attacked.changes).toEqual(plain.changes);
  expect(attacked.harm).toEqual([]);
  expect(JSON.stringify([attacked.facts, attacked.report])).toContain(MARK);
});

test.each(['pipeline-retry', 'pipeline-report'])(
  'each place of the facts of %s was reached by a hostile text',
  (duty) => {
    const reached = Object.entries(PLACES[duty] ?? {}).filter(([, place]) => place === 'text' || place === 'name');
    const missed = reached.flatMap(([field]) =>
      runs.some(
        ([of, { facts }]) =>
          of === duty && facts.some((one) => textsAt(one, field).some((text) => text.includes(MARK))),
      )
        ? []
        : [field],
    );

    expect(missed).toEqual([]);
  },
);
