// One run over a scenario with a model that obeys strangers, and what is compared of it: judgement, changes, and what people are shown.
import type { Double, DoubleReply, DoubleRequest } from '../../../fixtures/platform/kit.ts';
import type { Scenario } from '../../../fixtures/platform/scenario.ts';
import type { JsonObject } from '../../../shared/core/json.ts';
import type { CanonicalReport } from '../../../shared/core/report.ts';
import { reportPage } from '../../../shared/local/report-page.ts';
import { openScenario, type RunningScenario } from '../../../shared/local/scenario.ts';
import { recordedRun } from '../../../shared/runtime/replay.ts';
import { TEXTS } from './corpus.ts';
import { harmIn } from './outward.ts';

export interface HostileRun {
  readonly report: CanonicalReport;
  /** Of each run that was made. */
  readonly facts: readonly unknown[];
  /** Verdicts, rules, numbers, actions: all that no text may change. */
  readonly judgement: string;
  /** What was asked of the platforms to be changed, in order. */
  readonly changes: readonly string[];
  /** Issues: how many, of what fingerprint. */
  readonly issues: readonly string[];
  readonly harm: readonly string[];
  readonly prompts: readonly string[];
  /** Pages of the one-process host that show this run. */
  readonly page: string;
}

interface RunOptions {
  readonly inPlaceOf?: (double: Double) => Double;
  /** Runs again so much later, with what the first run remembered; what is told of is the second. */
  readonly minutesLater?: number;
}

export async function runHostile(
  duty: string,
  scenario: Scenario,
  { inPlaceOf, minutesLater }: RunOptions = {},
): Promise<HostileRun> {
  const policy = { ...scenario.policy, model: { ollama: {} } } as JsonObject;
  const running = await openScenario(
    { ...scenario, policy },
    {
      duty,
      // An error in a stranger's words is no error of the descriptions.
      ...(inPlaceOf === undefined ? {} : { serving: { inPlaceOf, unchecked: true } }),
    },
  );
  try {
    const { platform } = running;
    platform.doubles.ollama.say(TEXTS.map((text) => ({ text })));
    const facts: unknown[] = [];
    const run = async (): Promise<CanonicalReport> => {
      const result = await running.run();
      if (result.kind === 'busy') {
        throw new Error('The scope was busy.');
      }
      facts.push((await recordedRun(running.store, result.report.run.id)).recording.facts);
      return result.report;
    };
    let report = await run();
    if (minutesLater !== undefined) {
      platform.clock.advance(minutesLater * 60_000);
      report = await run();
    }
    return {
      report,
      facts,
      judgement: judgementOf(report),
      changes: platform.calls
        .filter(({ system, method }) => (system === 'kubernetes' && method === 'PATCH') || isRerun(system, method))
        .filter(({ path }) => system(path) !== undefined)
        .map(({ method, path, requestBody }) => `${method} ${path} ${requestBody}`),
      issues: platform.doubles.jira.state().issues.map(({ labels }) =>
        [...labels]
          .filter((label) => label.startsWith('nightshift-'))
          .sort()
          .join(' '),
      ),
      harm: harmIn(running),
      page: await pageOf(running, report.run.id),
      prompts: platform.doubles.ollama.asked.map(({ messages }) => messages.map(({ content }) => content).join('\n')),
    };
  } finally {
    await running.close();
  }
}

/** A system that answers what `when` picks by an error in the given words, and all else as ever. */
export function complaining(
  system: string,
  when: (operation: string, request: DoubleRequest) => boolean,
  reply: DoubleReply,
): (double: Double) => Double {
  return (double) =>
    double.system !== system
      ? double
      : {
          ...methodsOf(double),
          handle: (request) => (when(double.operationOf(request), request) ? reply : double.handle(request)),
        };
}

/** Some doubles are classes: what they can do stands in their prototype. */
function methodsOf(double: Double): Double {
  return {
    system: double.system,
    operationOf: (request) => double.operationOf(request),
    handle: (request) => double.handle(request),
    expiredToken: (request) => double.expiredToken(request),
    tooManyRequests: (seconds) => double.tooManyRequests(seconds),
    serverError: () => double.serverError(),
  };
}

async function pageOf({ ready, store }: RunningScenario, run: string): Promise<string> {
  const { duty, surroundings } = ready;
  const pages = new Map(duty.page === undefined ? [] : [[duty.name, duty.page.bind(duty)]]);
  const ports = { ...surroundings.ports, store };
  const reply = await reportPage({ ports }, pages, { duty: duty.name, method: 'GET', url: `/?run=${run}` });
  return reply.status === 200 ? reply.body : '';
}

function isRerun(system: string, method: string): boolean {
  return system === 'bitbucket' && method === 'POST';
}

/** Calls that change what runs; comments and statuses are words. */
function system(path: string): string | undefined {
  return /\/comments|\/statuses\/build|selfsubject/i.test(path) ? undefined : path;
}

function judgementOf({ decisions, actions }: CanonicalReport): string {
  const numbers = (evidence: CanonicalReport['decisions'][number]['evidence']): JsonObject =>
    Object.fromEntries(Object.entries(evidence).filter(([, value]) => typeof value !== 'string'));
  return JSON.stringify({
    decisions: decisions.map(({ subject, verdict, rule, evidence }) => ({
      subject,
      verdict,
      rule,
      evidence: numbers(evidence),
    })),
    actions: actions.map(({ detail: _, ...action }) => action),
  });
}
