// `npm run demo`: one namespace on the embedded platform, one tick of `rebalance` exactly as deployed, and the same tick again.
// With --keep the platform and the one-process host stay up, to be looked at.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import type { JiraState } from '../../fixtures/platform/jira/site.ts';
import type { SlackState } from '../../fixtures/platform/slack/workspace.ts';
import type { CanonicalReport } from '../core/report.ts';
import { answer } from '../runtime/http.ts';
import type { JournalEntry } from '../runtime/journal.ts';
import { renderJournal } from './cli/history.ts';
import { renderReport } from './cli/run.ts';
import { adfText, slackText } from './demo-text.ts';
import { followClock } from './follow-clock.ts';
import { openScenario, type RunningScenario } from './scenario.ts';
import { scenarioHost } from './scenario-host.ts';

const SCENARIO = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');
const COLUMNS = 160;
/** A scheduler that is not sure repeats its tick soon. */
const REPEAT_MILLISECONDS = 30_000;

function say(text = ''): void {
  console.log(text);
}

function heading(text: string): void {
  say(`\n━━ ${text} ${'━'.repeat(Math.max(0, 100 - text.length))}\n`);
}

async function demo(keep: boolean): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-demo-'));
  const running = await openScenario(loadScenario(SCENARIO, keep ? new Date() : undefined), {
    duty: 'rebalance',
    storePath: path.join(folder, 'state.sqlite'),
  });
  try {
    say(
      'Nightshift demo: Kubernetes, VictoriaMetrics, Slack and Jira are played by servers on this machine that speak their real protocols.',
    );
    say(running.scenario.case.why);

    heading('First tick: POST /rebalance');
    const first = reportOf(await running.run({ trigger: 'schedule' }));
    say(renderReport(first, COLUMNS));
    heading('The numbers behind each verdict');
    for (const decision of first.decisions) {
      say(`${Object.values(decision.subject).slice(1).join('/')}: ${decision.verdict} by ${decision.rule}`);
      say(
        `  ${Object.entries(decision.evidence)
          .filter(([, value]) => value !== null)
          .map(([key, value]) => `${key}=${String(value)}`)
          .join(' ')}`,
      );
    }
    heading('Slack, as people see it');
    showSlack(running.platform.doubles.slack.state());
    heading('The same message as Slack got it (blocks)');
    say(JSON.stringify(running.platform.doubles.slack.state().messages[0]?.blocks, undefined, 2));
    heading('Jira');
    showJira(running.platform.doubles.jira.state());
    heading('Journal');
    say(await journal(running));

    heading('The same tick again');
    const before = effects(running);
    running.platform.clock.advance(REPEAT_MILLISECONDS);
    const second = reportOf(await running.run({ trigger: 'schedule' }));
    say(renderReport(second, COLUMNS));
    const after = effects(running);
    say(
      `\nChanges of the cluster: ${String(before.changes)} after the first tick, ${String(after.changes)} after the second.`,
    );
    say(
      `Slack messages: ${String(before.messages)}, then ${String(after.messages)}. Jira issues: ${String(before.issues)}, then ${String(after.issues)}.`,
    );
    if (JSON.stringify(before) !== JSON.stringify(after)) {
      throw new Error('The second tick did something that the first had done.');
    }
    if (keep) {
      using _alive = followClock(running);
      await stay(running);
    }
  } finally {
    await running.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function reportOf(result: Awaited<ReturnType<RunningScenario['run']>>): CanonicalReport {
  if (result.kind === 'busy') {
    throw new Error(`Another run (${result.runId}) holds the scope.`);
  }
  return result.report;
}

/** What the platform itself says was done to it. */
function effects(running: RunningScenario): { changes: number; messages: number; issues: number } {
  const { platform } = running;
  return {
    changes: platform.calls.filter(
      (call) => call.system === 'kubernetes' && call.method === 'PATCH' && call.status === 200,
    ).length,
    messages: platform.doubles.slack.state().messages.length,
    issues: platform.doubles.jira.state().issues.length,
  };
}

function showSlack(state: SlackState): void {
  for (const message of state.messages) {
    const channel = state.channels.find((one) => one.id === message.channel);
    say(`#${channel?.name ?? message.channel}${message.threadTs === undefined ? '' : ' (in the thread)'}`);
    say(slackText(message.blocks ?? []));
  }
}

function showJira(state: JiraState): void {
  for (const issue of state.issues) {
    say(`${issue.key}: ${issue.summary}  [${issue.labels.join(', ')}]`);
    say(adfText(issue.description));
  }
}

async function journal(running: RunningScenario): Promise<string> {
  const documents = await running.store.query<JournalEntry>('journal', {
    where: [{ field: 'at', op: '>=', value: '' }],
    orderBy: { field: 'at', direction: 'ascending' },
    limit: 100,
  });
  return renderJournal(
    documents.map((document) => document.data),
    COLUMNS,
  );
}

/** Leaves everything running and says where to look. */
async function stay(running: RunningScenario): Promise<void> {
  const host = await scenarioHost(running, {
    functions: [
      {
        name: running.ready.duty.name,
        schedule: undefined,
        lastRun: undefined,
        answer: (incoming) => answer(running.ready, incoming),
      },
    ],
  });
  heading('Still running (Ctrl-C ends it)');
  say(`Nightshift       ${host.url}    curl -X POST ${host.url}/rebalance -d '{"dry_run":true}'`);
  for (const [system, url] of Object.entries(running.platform.urls)) {
    say(`${system.padEnd(16)} ${url}`);
  }
  say(`\nA shell of its own on this platform:`);
  for (const [name, value] of Object.entries(running.variables)) {
    say(`  export ${name}='${value}'`);
  }
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => {
      resolve();
    });
    process.once('SIGTERM', () => {
      resolve();
    });
  });
  await host.stop();
}

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
await demo(values.keep);
