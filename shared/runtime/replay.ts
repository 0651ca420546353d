// The judgement of a stored run, made again from what it recorded: decide and report, and nothing else of a duty. It reads the
// store and touches neither clock nor world.
import type { z } from 'zod';
import { CallerError, ConfigurationError } from '../core/errors.ts';
import { canonicalJson, type JsonObject } from '../core/json.ts';
import { masked } from '../core/mask.ts';
import { TeamPolicy } from '../core/policy.ts';
import type { DecidedOutcome, Outcome, ReportedDecision } from '../core/report.ts';
import type { Store } from '../ports/store.ts';
import { checkOneVerdictEach } from './checked.ts';
import type { Duty } from './duty.ts';
import { readRecording, type RecordedOutcome, type Recording } from './recording.ts';
import { reportedDecision } from './reporting.ts';
import { readRun, type RunRecord } from './run-record.ts';

/** What is compared byte for byte. */
export interface Judgement {
  readonly summary: JsonObject;
  readonly decisions: readonly ReportedDecision[];
}

export interface JudgementInput {
  readonly facts: unknown;
  readonly policy: { readonly team: unknown; readonly duty: unknown };
  readonly outcomes: readonly RecordedOutcome[];
  /** As the run had it, so that text which looks like a secret is masked in the same places. */
  readonly mask?: (text: string) => string;
}

/** For a change that the recorded run did not want: nobody can know what would have become of it. */
const NO_OUTCOME: Outcome = { state: 'planned', detail: 'No outcome of this change was recorded.' };

/** Decides and reports on recorded facts. A ConfigurationError says where they do not fit today's code. */
export function judgeAgain(duty: Duty, input: JudgementInput): Judgement {
  const facts = fitting(duty.facts, input.facts, `The facts do not fit ${duty.name} as it is now`);
  const policy = {
    team: fitting(TeamPolicy, input.policy.team, 'The policy of the team does not fit this version'),
    duty: fitting(duty.policy, input.policy.duty, `The policy of ${duty.name} does not fit this version`),
  };
  const outcomes = new Map(input.outcomes.map(({ subject, outcome }) => [canonicalJson(subject), outcome]));
  const decisions = duty.decide(facts, policy);
  checkOneVerdictEach(duty, decisions);
  const decided = decisions.map((decision): DecidedOutcome =>
    decision.verdict === 'act'
      ? { decision, outcome: outcomes.get(canonicalJson(decision.subject)) ?? NO_OUTCOME }
      : { decision },
  );
  const { summary } = duty.report({ facts, policy, decided, dryRun: false });
  return masked(input.mask ?? ((text) => text), { summary, decisions: decisions.map(reportedDecision) });
}

function fitting<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.map(String).join('.') ?? '';
    throw new ConfigurationError(`${what}: ${field === '' ? '(whole)' : field}: ${issue?.message ?? 'not valid'}.`, {
      remedy: 'Replay it with the version that recorded it.',
    });
  }
  return parsed.data;
}

/** The first place in which two judgements differ, as JSON on both sides; `undefined` stands for nothing there. */
export interface Difference {
  /** Such as `decisions[3].reason`. */
  readonly path: string;
  readonly recorded: string | undefined;
  readonly replayed: string | undefined;
}

/** The first difference of two JSON values, the order of the keys included; `undefined` when they are the same text. */
export function firstDifference(recorded: unknown, replayed: unknown, path = ''): Difference | undefined {
  const [a, b] = [JSON.stringify(recorded), JSON.stringify(replayed)];
  if (a === b) {
    return undefined;
  }
  if (Array.isArray(recorded) && Array.isArray(replayed)) {
    const place = Array.from({ length: Math.max(recorded.length, replayed.length) }).findIndex(
      (_, index) => JSON.stringify(recorded[index]) !== JSON.stringify(replayed[index]),
    );
    return firstDifference(recorded[place], replayed[place], `${path}[${String(place)}]`);
  }
  if (isObject(recorded) && isObject(replayed)) {
    const [before, after] = [Object.keys(recorded), Object.keys(replayed)];
    if (JSON.stringify([...before].sort()) === JSON.stringify([...after].sort()) && before.join() !== after.join()) {
      return { path: `${path} (order of keys)`, recorded: before.join(', '), replayed: after.join(', ') };
    }
    const key = [...before, ...after].find((one) => JSON.stringify(recorded[one]) !== JSON.stringify(replayed[one]));
    return key === undefined
      ? { path, recorded: a, replayed: b }
      : firstDifference(recorded[key], replayed[key], path === '' ? key : `${path}.${key}`);
  }
  return { path, recorded: a, replayed: b };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface RecordedRun {
  readonly record: RunRecord;
  readonly recording: Recording;
  /** As the report of the run has it. */
  readonly judgement: Judgement;
}

/** A finished run with all that its judgement was made of. A CallerError says why a run has none. */
export async function recordedRun(store: Store, runId: string): Promise<RecordedRun> {
  const run = await readRun({ ports: { store } }, runId);
  if (run === undefined) {
    throw new CallerError(`There is no run ${runId}.`, { field: 'run', remedy: '`nightshift runs` lists them.' });
  }
  const { record, report } = run;
  const recording = record.recording === undefined ? undefined : await readRecording(store, record.recording);
  if (report === undefined || recording === undefined || !('facts' in recording)) {
    const why = record.notRecorded ?? `It is ${record.state}. ${record.error ?? 'It stored no facts.'}`;
    throw new CallerError(`Run ${runId} cannot be replayed: ${why}`, { field: 'run' });
  }
  return { record, recording, judgement: { summary: report.summary, decisions: report.decisions } };
}

/** The first difference between what a run reported and what its duty says of the same facts now. */
export function replayRun(duty: Duty, run: RecordedRun, mask?: (text: string) => string): Difference | undefined {
  const { facts, policy, outcomes } = run.recording;
  return firstDifference(
    run.judgement,
    judgeAgain(duty, { facts, policy, outcomes, ...(mask === undefined ? {} : { mask }) }),
  );
}
