// Failures that a change is at fault for, over the embedded platform: who hears of them, with which suspects, and what it costs.
import { afterEach, describe, expect, test } from 'vitest';
import { openBuilds, openMade, minutes, said } from '../../support/builds.ts';
import type { RunningScenario } from '../../../shared/local/scenario.ts';

const open: RunningScenario[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) {
    await one.close();
  }
});

function kept(running: RunningScenario): RunningScenario {
  open.push(running);
  return running;
}

const LOG = "src/cart.ts(12,5): error TS2322: Type 'string' is not assignable to type 'number'.\n";
const DEFINITION =
  "pipelines:\n  default:\n    - step: {script: [make]}\n  pull-requests:\n    '**':\n      - step: {script: [make]}\n";
const hash = (letter: string): string => letter.repeat(40);

interface Made {
  readonly pipelines: readonly object[];
  readonly tell?: readonly string[];
  readonly policy?: object;
  readonly message?: string;
  readonly author?: string;
}

/** `main` at a, which passed; b changes src/cart.ts on `fix`. */
async function made({
  pipelines,
  tell = ['chat'],
  policy = {},
  message = 'Whole cents',
  author = 'Grace Example',
}: Made) {
  const repository = {
    slug: 'shop',
    branches: { main: hash('a'), fix: hash('b') },
    pullRequests: [{ id: 5, source: 'fix', commit: hash('b') }],
    commits: [
      {
        hash: hash('c'),
        parent: hash('b'),
        message: 'More',
        author,
        at: '2026-03-04T09:56:00Z',
        files: ['src/menu.ts'],
      },
      { hash: hash('b'), parent: hash('a'), message, author, at: '2026-03-04T09:50:00Z', files: ['src/cart.ts'] },
      { hash: hash('a'), message: 'Before', at: '2026-03-03T09:00:00Z' },
    ],
    pipelineFile: { '*': DEFINITION },
    pipelines,
  };
  return kept(
    await openMade(
      { repositories: [repository] },
      {
        // Without the daily message: what is told is told for its own sake.
        chat: { slack: { channel: '#builds', post: 'news' } },
        duties: { 'pipeline-retry': { tell: { regular: tell } } },
        ...policy,
      },
    ),
  );
}

const passed = { number: 11, commit: hash('a'), createdAt: '-20h', steps: [{ name: 'Build', seconds: 60 }] };
const failed = (more: object = {}): object => ({
  number: 12,
  commit: hash('b'),
  branch: 'fix',
  createdAt: '-6m',
  steps: [{ name: 'Build', result: 'FAILED', seconds: 60, log: LOG }],
  ...more,
});

function callsOf(running: RunningScenario, operation: string): number {
  return running.platform.calls.filter((call) => call.system === 'bitbucket' && call.operation === operation).length;
}

describe('a failure that a change is at fault for', () => {
  test('is told once in the chat, with its suspects, their links and authors', async () => {
    const running = kept(await openBuilds('told-with-suspects'));
    await minutes(running, 3);
    expect(said(running)).toHaveLength(1);
    const told = said(running).join();
    expect(told).toContain('passed last in <https://bitbucket.org/example/shop/pipelines/results/11|#11>');
    expect(told).toMatch(
      /\*HIGH\* <https:\/\/bitbucket\.org\/example\/shop\/commits\/c{7}3c{4}0+\|c{7}3c{4}> Prices are whole cents \(Grace Example\)\. The failure names src\/cart\.ts/,
    );
    expect(running.platform.violations()).toEqual([]);
  });

  test('has one status on its commit, which no merge waits for', async () => {
    const running = kept(await openBuilds('told-with-suspects'));
    await minutes(running, 2);
    const statuses = running.platform.doubles.bitbucket.workspace.repositories.flatMap((repository) =>
      [...repository.statuses.values()].flatMap((ofCommit) => [...ofCommit.values()]),
    );
    expect(statuses.map(({ state, name }) => [state, name])).toEqual([['STOPPED', 'Nightshift: why #12 failed']]);
    expect(statuses[0]?.description).toMatch(/^HIGH: c{7}3c{4} \(Grace Example\)\. The failure names src\/cart\.ts/);
  });

  test('of a pull request has one comment, in which a later failure takes the place of the one before', async () => {
    const later = failed({ number: 13, commit: hash('c'), branch: undefined, pullRequest: 5, createdAt: '+1m' });
    const running = await made({
      tell: ['pull-request'],
      pipelines: [passed, failed({ branch: undefined, pullRequest: 5 }), later],
    });
    const comments = (): readonly string[] =>
      (running.platform.doubles.bitbucket.workspace.repository('shop')?.comments.get(5) ?? []).map(({ raw }) => raw);
    await minutes(running, 1);
    expect(comments()).toHaveLength(1);
    expect(comments()[0]).toContain('\\#12');
    expect(comments()[0]).toContain('Grace Example');
    await minutes(running, 8);
    expect(comments()).toHaveLength(1);
    expect(comments()[0]).toContain('\\#13');
    expect(said(running).join()).not.toContain('Fault of a change');
  });

  test('costs no request and no word where policy tells nobody', async () => {
    const running = await made({ tell: [], pipelines: [passed, failed()] });
    await minutes(running, 2);
    expect(callsOf(running, 'list commits') + callsOf(running, 'read changed files')).toBe(0);
    expect(said(running).join()).not.toContain('Fault of a change');
  });

  test('is told although policy only looks at reruns', async () => {
    const running = await made({ pipelines: [passed, failed()], policy: { modes: [] } });
    await minutes(running, 1);
    expect(said(running).join()).toContain('*Fault of a change*');
  });

  test('of a branch that never passed has the commits as suspects that main has not', async () => {
    const running = await made({ pipelines: [passed, failed()] });
    await minutes(running, 1);
    expect(said(running).join()).toMatch(/\*HIGH\* <[^|]+\|b{12}> Whole cents/);
    expect(said(running).join()).not.toContain('only commit since the last build that passed');
  });

  test('with no pass anywhere says so', async () => {
    const running = await made({ pipelines: [failed()] });
    await minutes(running, 1);
    expect(said(running).join()).toContain('No build that passed is known');
  });

  test('beyond the number of a run is told without suspects, and says so', async () => {
    const policy = { duties: { 'pipeline-retry': { tell: { regular: ['chat'] }, correlations: 1 } } };
    const running = await made({ policy, pipelines: [passed, failed(), failed({ number: 13, createdAt: '-5m' })] });
    await minutes(running, 1);
    expect(callsOf(running, 'list commits')).toBe(1);
    expect(said(running).join()).toContain('one run does so for 1 failures at most');
  });
});

describe('while the platform fails', () => {
  test.each([
    ['list commits', '500', 'Its commits cannot be read'],
    ['list commits', 'garbage', 'Its commits cannot be read'],
    ['list commits', 'refuse', 'Its commits cannot be read'],
    ['read changed files', '500', 'The files that its commits change cannot be read'],
  ] as const)(
    '"%s" answering %s has the failure told without suspects, with the reason',
    async (operation, kind, why) => {
      const running = await made({ pipelines: [passed, failed()] });
      running.platform.inject({ system: 'bitbucket', operation, kind });
      await minutes(running, 1);
      expect(said(running)).toHaveLength(1);
      expect(said(running).join()).toContain('*Fault of a change*');
      expect(said(running).join()).toContain(why);
      expect(said(running).join()).not.toContain('HIGH');
    },
  );
});

describe('text that others control', () => {
  const evil = '<!channel> <@U0ALICE> *bold* [x](https://evil.example) @{557058:1} ```';

  test('in commits stays text in chat, comment and status', async () => {
    const running = await made({
      tell: ['chat', 'pull-request', 'build-status'],
      message: evil,
      author: '<!here> @{557058:2} Mallory',
      pipelines: [passed, failed({ branch: undefined, pullRequest: 5 })],
    });
    await minutes(running, 2);
    expect(said(running).join()).not.toMatch(/<!channel>|<!here>|<@U0ALICE>|<https:\/\/evil/);
    expect(said(running).join()).toContain('&lt;!channel&gt;');
    const [comment] = running.platform.doubles.bitbucket.workspace.repository('shop')?.comments.get(5) ?? [];
    expect(comment?.raw).toContain('Mallory');
    expect(comment?.raw).not.toMatch(/@\{|\]\(https:\/\/evil/);
    expect(running.platform.violations()).toEqual([]);
  });
});
