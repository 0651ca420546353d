// The duty from end to end over the embedded platform: what it asks for again, what it remembers, and what a failing platform costs.
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { loadScenario, mergeDeep, parseScenario, type Scenario } from '../../../fixtures/platform/scenario.ts';
import type { Summary } from '../../../functions/pipeline-report/schema-summary.ts';
import type { JsonObject } from '../../../shared/core/json.ts';
import type { CanonicalReport } from '../../../shared/core/report.ts';
import { openScenario, type RunningScenario } from '../../../shared/local/scenario.ts';
import type { RunRequest } from '../../../shared/runtime/run.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../../fixtures/pipeline-report');

const open: RunningScenario[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) {
    await one.close();
  }
});

async function opened(scenario: Scenario, policy: JsonObject = {}): Promise<RunningScenario> {
  const merged = mergeDeep(scenario.policy, mergeDeep({ chat: null }, policy)) as JsonObject;
  const running = await openScenario({ ...scenario, policy: merged }, { duty: 'pipeline-report', deadlineSeconds: 5 });
  open.push(running);
  return running;
}

const named = (name: string): Scenario => loadScenario(path.join(FOLDER, name));

async function run(running: RunningScenario, request: Partial<RunRequest> = {}): Promise<CanonicalReport> {
  const result = await running.run(request);
  if (result.kind === 'busy') {
    throw new Error('busy');
  }
  return result.report;
}

const summaryOf = (report: CanonicalReport): Summary => report.summary as unknown as Summary;

/** What the platform was asked since the last call, by operation. */
function asker(running: RunningScenario): () => Record<string, number> {
  let seen = 0;
  return () => {
    const calls = running.platform.calls.slice(seen).filter(({ system }) => system === 'bitbucket');
    seen = running.platform.calls.length;
    return Object.fromEntries(
      [...Map.groupBy(calls, ({ operation }) => operation)].map(([name, own]) => [name, own.length]),
    );
  };
}

test('what is known is not asked for again, nor for a longer window or for one repository', async () => {
  const running = await opened(named('quiet-day'));
  const asked = asker(running);
  await run(running);
  expect(asked()).toMatchObject({ 'list pipelines': 3, 'list steps': 36 });
  await run(running);
  expect(asked()).toEqual({ 'list repositories': 1 });
  const week = await run(running, { scope: { workspace: 'example', from: '2026-02-26', to: '2026-03-03' } });
  expect(asked()).toEqual({ 'list repositories': 1 });
  expect(summaryOf(week).total.runs).toBe(36);
  const one = await run(running, {
    scope: { workspace: 'example', repository: 'cart', from: '2026-03-01', to: '2026-03-03' },
  });
  expect(asked()).toEqual({ 'list repositories': 1 });
  expect(summaryOf(one).total.runs).toBe(9);
});

test('a first run that is short of requests is made good by later ones, and ends at the same numbers', async () => {
  const running = await opened(named('first-run-short'));
  const whole = { workspace: 'example', from: '2026-02-20', to: '2026-03-03' };
  const first = summaryOf(await run(running));
  expect(first.coverage.is_short).toBe(true);
  for (let hour = 0; hour < 8; hour += 1) {
    running.platform.clock.advance(3_600_000);
    await run(running);
  }
  const last = summaryOf(await run(running, { scope: whole }));
  expect(last.coverage).toMatchObject({ days_known: 28, days_wanted: 28, steps_unread: 0 });
  expect(last.total.runs).toBe(6 * 12 * 2);
  const plenty = await opened(named('first-run-short'), { ci: { bitbucket: { requestsPerHour: 900 } } });
  const { coverage: _coverage, ...atOnce } = summaryOf(await run(plenty, { scope: whole }));
  const { coverage: _other, ...bit } = last;
  expect(bit).toEqual(atOnce);
}, 60_000);

test('a build that ran over the end of its day is counted when it has ended, once', async () => {
  const scenario = parseScenario({
    name: 'over-midnight',
    case: { why: 'A build that begins late', now: '2026-03-04T00:20:00Z', scope: { workspace: 'example' }, expect: {} },
    policy: { version: 1, ci: { bitbucket: { workspace: 'example' } } },
    bitbucket: {
      repositories: [
        {
          slug: 'shop',
          pipelines: [
            {
              number: 1,
              commit: 'aaaaaaa',
              createdAt: '2026-03-03T23:55:00Z',
              steps: [{ name: 'Build', seconds: 3600 }],
            },
            {
              number: 2,
              commit: 'bbbbbbb',
              createdAt: '2026-03-03T12:00:00Z',
              steps: [{ name: 'Build', seconds: 60 }],
            },
          ],
        },
      ],
    },
  });
  const running = await opened(scenario);
  expect(summaryOf(await run(running))).toMatchObject({ total: { runs: 1 }, coverage: { running: 1 } });
  running.platform.clock.advance(2 * 3_600_000);
  expect(summaryOf(await run(running))).toMatchObject({ total: { runs: 2 }, coverage: { running: 0 } });
  expect(summaryOf(await run(running))).toMatchObject({ total: { runs: 2 } });
});

test('a failure is new on its first day, and known with its first day from then on', async () => {
  const running = await opened(named('broken-branch'));
  const [first] = summaryOf(await run(running)).failures;
  expect(first?.is_new).toBe(true);
  const later = await run(running, {
    now: '2026-03-20T07:00:00Z',
    scope: { workspace: 'example', from: '2026-03-03', to: '2026-03-19' },
  });
  expect(summaryOf(later).failures.find(({ id }) => id === first?.id)?.first_seen).toBe(first?.first_seen);
});

test('a finding is escalated only where policy says so', async () => {
  const running = await opened(named('broken-branch'), {
    duties: { 'pipeline-report': { escalate: ['broken-branch'] } },
  });
  const { decisions } = await run(running);
  expect(decisions.map(({ verdict, rule }) => `${verdict} ${rule}`)).toEqual([
    'escalate pipeline-report/broken-branch',
    'skip pipeline-report/new-failure',
    'skip pipeline-report/known-failure',
  ]);
});

test('logs over the day’s number are left out and said', async () => {
  const running = await opened(named('broken-branch'), { duties: { 'pipeline-report': { logsPerDay: 1 } } });
  expect(summaryOf(await run(running)).coverage).toMatchObject({ logs_read: 1, logs_skipped: 2 });
});

describe('a caller', () => {
  test.each([
    [{ workspace: 'other' }, 'knows no workspace'],
    [{ workspace: 'example', repository: 'nothing' }, 'No repository "nothing"'],
    [{ workspace: 'example', from: '2027-01-01' }, 'not yet'],
    [{ workspace: 'example', from: '2026-03-03', to: '2026-03-01' }, 'before from'],
    [{ workspace: 'example', from: 'yesterday' }, 'not a day'],
  ])('who asks for %o is told what is wrong', async (scope, message) => {
    const running = await opened(named('quiet-day'));
    await expect(running.run({ scope })).rejects.toThrow(message);
  });
});

describe('while the platform fails', () => {
  // A log or a report of tests that is garbage is what the build wrote.
  const cases = [
    ...['list repositories', 'list pipelines', 'list steps', 'list commits', 'read changed files'].flatMap(
      (operation) => (['500', 'garbage', 'refuse'] as const).map((kind) => [operation, kind] as const),
    ),
    ...['read step log', 'read test report'].map((operation) => [operation, '500'] as const),
  ];
  test.each(cases)(
    '"%s" answering %s costs a line in the report, and nothing once it works again',
    async (operation, kind) => {
      const running = await opened(named('broken-branch'));
      running.platform.inject({ system: 'bitbucket', operation, kind });
      const failing = await run(running);
      expect(failing.run.result).toBe('done');
      expect(failing.run.problems.length).toBeGreaterThan(0);
      running.platform.clearFaults();
      const { coverage: _now, ...mended } = summaryOf(await run(running));
      const undisturbed = await opened(named('broken-branch'));
      const { coverage: _then, ...expected } = summaryOf(await run(undisturbed));
      expect(mended).toEqual(expected);
    },
    20_000,
  );
});
