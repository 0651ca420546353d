// The duty from end to end over the embedded platform: what is started, what is told, and what became of it, minute by minute.
import { afterEach, describe, expect, it } from 'vitest';
import type { RunningScenario } from '../../../shared/local/scenario.ts';
import { settle } from '../../../shared/runtime/settle.ts';
import {
  actionsOf,
  type Door,
  hostOf,
  minutes,
  openBuilds,
  openDoor,
  LOST_NAME,
  openMade,
  pullRequestShop,
  said,
  started,
} from '../../support/builds.ts';

const SECRET = 'nightshift-test-bitbucket-webhook-secret';
const DEFINITION = 'pipelines:\n  default:\n    - step:\n        name: Build\n        script: [npm ci]\n';

const open: { close(): Promise<void> }[] = [];

function kept<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one);
  return one;
}

afterEach(async () => {
  for (const one of open.splice(0).reverse()) {
    await one.close();
  }
});

async function scenario(name: string): Promise<RunningScenario> {
  return kept(await openBuilds(name));
}

async function door(running: RunningScenario): Promise<Door> {
  return kept(await openDoor(running));
}

describe('a build that failed for no fault of its own', () => {
  it('is run again once, and the line that told it is edited when it has passed', async () => {
    const running = await scenario('transient');
    await minutes(running, 1);
    expect(said(running).join()).toContain(
      '⏳ <https://bitbucket.org/example/shop/pipelines/results/13|Pipeline #13 was started',
    );
    await minutes(running, 7);
    expect(started(running)).toEqual(['shop #13']);
    expect(said(running)).toHaveLength(1);
    expect(said(running).join()).toContain(
      '✅ <https://bitbucket.org/example/shop/pipelines/results/13|Pipeline #13 passed.>',
    );
    expect((await actionsOf(running)).map(({ state, judged }) => [state, judged?.rule])).toEqual([
      ['settled', 'verify/rerun-passed'],
    ]);
    expect(running.platform.violations()).toEqual([]);
  });

  it('has one status on its commit, which goes from running to its end', async () => {
    const running = await scenario('transient');
    const statuses = (): readonly (readonly unknown[])[] =>
      running.platform.doubles.bitbucket.workspace.repositories.flatMap((repository) =>
        [...repository.statuses.values()].flatMap((ofCommit) =>
          [...ofCommit.values()].map(({ key, state }) => [key.startsWith('nightshift-') && key.length <= 40, state]),
        ),
      );
    await minutes(running, 1);
    expect(statuses()).toEqual([[true, 'INPROGRESS']]);
    await minutes(running, 7);
    expect(statuses()).toEqual([[true, 'SUCCESSFUL']]);
  });

  it('is told by its status alone where the team has no chat', async () => {
    const running = kept(await openBuilds('transient', {}, { chat: null }));
    await minutes(running, 2);
    expect(started(running)).toEqual(['shop #13']);
    expect(said(running)).toEqual([]);
    const statuses = running.platform.doubles.bitbucket.workspace.repositories.flatMap(({ statuses: own }) => [...own]);
    expect(statuses).toHaveLength(1);
  });

  it('is not run a third time when its rerun fails, which is counted', async () => {
    const running = await scenario('failed-again');
    await minutes(running, 12);
    expect(started(running)).toEqual(['shop #13']);
    expect(said(running).join()).toContain(
      '❌ <https://bitbucket.org/example/shop/pipelines/results/13|Pipeline #13 failed again',
    );
    const { report } = (await running.run()) as { report: { summary: object } };
    expect(report.summary).toMatchObject({ pipelines_failed: 0 });
  });

  it('is told on its pull request where policy says so, in one comment that is kept up to date', async () => {
    const running = kept(
      await openMade(
        { repositories: [pullRequestShop()] },
        { duties: { 'pipeline-retry': { tell: { reruns: ['pull-request'] } } } },
      ),
    );
    await minutes(running, 8);
    const comments = running.platform.doubles.bitbucket.workspace.repository('shop')?.comments.get(5) ?? [];
    expect(comments).toHaveLength(1);
    expect(comments[0]?.raw).toContain('✅ [Pipeline \\#13 passed.]');
    expect(comments[0]?.raw).toContain('EAI_AGAIN');
    expect(running.platform.violations()).toEqual([]);
  });
});

describe('webhooks', () => {
  it('of one failure, sent fifty times at once, make one rerun', async () => {
    const running = await scenario('transient');
    const { url } = await door(running);
    const sent = await running.platform.doubles.bitbucket.deliverWebhooks({ url, secret: SECRET, copies: 50 });
    expect(new Set(sent.map(({ status }) => status))).toEqual(new Set([200]));
    await settle(hostOf(running));
    expect(started(running)).toEqual(['shop #13']);
    await minutes(running, 3);
    expect(started(running)).toEqual(['shop #13']);
  });

  it('of the end of a rerun have it judged with the next tick of settle', async () => {
    const running = await scenario('transient');
    const { url } = await door(running);
    const { bitbucket } = running.platform.doubles;
    await bitbucket.deliverWebhooks({ url, secret: SECRET });
    await settle(hostOf(running));
    running.platform.clock.advance(130_000);
    await settle(hostOf(running));
    expect((await actionsOf(running)).map(({ state }) => state)).toEqual(['applied']);
    await bitbucket.deliverWebhooks({ url, secret: SECRET });
    await settle(hostOf(running));
    await settle(hostOf(running));
    expect((await actionsOf(running)).map(({ state }) => state)).toEqual(['settled']);
  });

  it('with another signature are refused and start nothing', async () => {
    const running = await scenario('transient');
    const { url } = await door(running);
    const sent = await running.platform.doubles.bitbucket.deliverWebhooks({ url, secret: 'a secret of somebody else' });
    expect(new Set(sent.map(({ status }) => status))).toEqual(new Set([401]));
    await settle(hostOf(running));
    expect(started(running)).toEqual([]);
  });
});

describe('a storm', () => {
  it(
    'of a hundred failures is one incident; its reruns go out spread once it is over, within the requests of an hour',
    { timeout: 180_000 },
    async () => {
      const names = Array.from({ length: 100 }, (_, index) => `service-${String(index).padStart(3, '0')}`);
      const running = kept(
        await openMade({
          repositories: names.map((slug, index) => ({
            slug,
            branches: { main: 'aaaaaaa1' },
            pipelineFile: { '*': DEFINITION },
            pipelines: [
              {
                number: 1,
                commit: 'aaaaaaa1',
                createdAt: `-${String(120 + (index % 60))}s`,
                steps: [{ name: 'Build', seconds: 30, result: ['FAILED', 'SUCCESSFUL'], log: [LOST_NAME, 'ok'] }],
              },
            ],
          })),
        }),
      );
      const { bitbucket, jira } = running.platform.doubles;
      const perMinute: number[] = [];
      while (started(running).length < 100 && perMinute.length < 90) {
        const before = started(running).length;
        await minutes(running, 1);
        perMinute.push(started(running).length - before);
      }
      expect(new Set(started(running)).size).toBe(100);
      expect(perMinute.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => 0));
      expect(Math.max(...perMinute)).toBe(5);
      expect(jira.state().issues).toHaveLength(1);
      expect(bitbucket.mostRequestsOfAnHour()).toBeLessThan(1000);
      // Steps and log of each are read once, branch and definition right before its rerun. Forty are looked at in the run that lists
      // them, the others are asked for by name.
      const calls = (wanted: string): number =>
        running.platform.calls.filter(({ operation }) => operation === wanted).length;
      expect(
        ['list steps', 'read step log', 'read branch', 'read file', 'start pipeline', 'read pipeline'].map(calls),
      ).toEqual([100, 100, 100, 100, 100, 60]);
      expect(running.platform.calls.filter(({ system, status }) => system === 'bitbucket' && status === 429)).toEqual(
        [],
      );
    },
  );
});

describe('text that others control', () => {
  it('stays text in the chat and in the status of the commit', async () => {
    const running = await scenario('hostile-text');
    await minutes(running, 8);
    const told = said(running).join();
    expect(told).not.toMatch(/<!channel>|<!here>|<https:\/\/evil|<@U0ALICE>/);
    expect(told).toContain('&lt;!channel&gt;');
    expect(running.platform.violations()).toEqual([]);
  });
});
