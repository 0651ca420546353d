// A scenario folder made from a stored run: its facts instead of a platform. `nightshift export` writes one, the scenario tests
// judge it again. It is plain data that a person reads before it is committed.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { CallerError, ConfigurationError } from '../core/errors.ts';
import { canonicalJson, type JsonObject } from '../core/json.ts';
import { TeamPolicy } from '../core/policy.ts';
import type { ReportedDecision } from '../core/report.ts';
import type { Duty } from '../runtime/duty.ts';
import type { RecordedOutcome } from '../runtime/recording.ts';
import {
  firstDifference,
  judgeAgain,
  type Judgement,
  type JudgementInput,
  type RecordedRun,
} from '../runtime/replay.ts';

const JsonMembers = z.record(z.string(), z.json());

const Case = z.strictObject({
  why: z.string().min(10).describe('What this case shows, one or two sentences by a person'),
  now: z.iso.datetime({ offset: true }),
  scope: JsonMembers,
  policy: z
    .looseObject({ duties: JsonMembers })
    .describe('As the policy file has it; what is left out has its default'),
  expect: z.record(z.string(), z.string()).describe('Subject to rule id'),
});

const Outcomes = z.array(
  z.strictObject({
    subject: z.record(z.string(), z.string()),
    outcome: z.strictObject({ actionId: z.string().optional(), state: z.string(), detail: z.string() }),
  }),
);

export interface RecordedCase {
  readonly why: string;
  readonly scope: JsonObject;
  /** Subject to rule id, as `rulesOf` names them. */
  readonly expect: Readonly<Record<string, string>>;
  readonly input: JudgementInput;
}

/** Addresses and names of other systems, which rules rarely need and which nobody wants in a repository. */
const ADDRESSES = ['chat', 'tracker', 'clusters', 'ci'] as const;

/** Whether a scenario folder holds facts, to be judged without a platform. */
export function isRecordedCase(folder: string): boolean {
  return existsSync(path.join(folder, 'observed', 'facts.json'));
}

/** Writes the folder; it must not be there, or be empty. Gives the files, relative to it. */
export async function writeRecordedCase(folder: string, duty: Duty, run: RecordedRun): Promise<readonly string[]> {
  const there = await readdir(folder).catch(() => []);
  if (there.length > 0) {
    throw new CallerError(`The folder ${folder} is not empty.`, {
      field: '--out',
      remedy: 'Name a new one, such as fixtures/<duty>/<what it shows>: what a person reviewed is not overwritten.',
    });
  }
  const { record, recording } = run;
  const { facts, policy, outcomes, scope, now } = recording;
  const judged = judgeAgain(duty, { facts, policy, outcomes });
  const team = without(withoutAddresses(duty, { facts, policy, outcomes }, judged), TeamPolicy.parse({ version: 1 }));
  const part = without(policy.duty as object, duty.policy.safeParse({}).data ?? {});
  const text = {
    why: `Recorded from run ${record.id} of ${duty.name}. Say here what it shows, and check each rule under expect.`,
    now,
    scope,
    policy: { version: policy.team.version, ...team, duties: { [duty.name]: part } },
    expect: rulesOf(judged, scope),
  };
  const files = new Map([
    ['case.yaml', stringify(text, { singleQuote: true, lineWidth: 110 })],
    ['observed/facts.json', jsonText(facts)],
    ...(outcomes.length === 0 ? [] : ([['observed/outcomes.json', jsonText(outcomes)]] as const)),
    ['expected/report.json', jsonText(judged)],
  ]);
  for (const [file, content] of files) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), content);
  }
  return [...files.keys()];
}

/** The team's policy without the addresses, as far as the judgement stays the same without them. */
function withoutAddresses(duty: Duty, input: JudgementInput, judged: Judgement): object {
  let team = { ...(input.policy.team as object) };
  for (const part of ADDRESSES) {
    const less = Object.fromEntries(Object.entries(team).filter(([name]) => name !== part));
    const again = judgeAgain(duty, { ...input, policy: { team: less, duty: input.policy.duty } });
    if (firstDifference(judged, again) === undefined) {
      team = less;
    }
  }
  return team;
}

/** What somebody has set: members that differ from their defaults. A default that changes is to show in the test. */
function without(value: object, defaults: object): object {
  const usual = new Map(Object.entries(defaults));
  return Object.fromEntries(
    Object.entries(value).filter(([name, member]) => canonicalJson(member) !== canonicalJson(usual.get(name))),
  );
}

/** Reads and checks the folder; a ConfigurationError names file and field. */
export function readRecordedCase(folder: string, duty: Duty): RecordedCase {
  const stated = checked(Case, parse(readFileSync(path.join(folder, 'case.yaml'), 'utf8')), folder, 'case.yaml');
  const facts = JSON.parse(readFileSync(path.join(folder, 'observed', 'facts.json'), 'utf8')) as unknown;
  const outcomesFile = path.join(folder, 'observed', 'outcomes.json');
  const outcomes = existsSync(outcomesFile)
    ? checked(Outcomes, JSON.parse(readFileSync(outcomesFile, 'utf8')), folder, 'observed/outcomes.json')
    : [];
  const observedAt = (facts as { readonly now?: unknown }).now;
  if (observedAt !== stated.now) {
    throw new ConfigurationError(
      `The scenario ${folder} says two times: ${stated.now} in case.yaml, ${String(observedAt)} in observed/facts.json.`,
      { remedy: 'Facts hold the time that was decided by: change both, or neither.' },
    );
  }
  const { duties, ...team } = stated.policy;
  return {
    why: stated.why,
    scope: stated.scope,
    expect: stated.expect,
    input: {
      facts,
      policy: { team, duty: duties[duty.name] ?? {} },
      outcomes: outcomes as readonly RecordedOutcome[],
    },
  };
}

/** Subject to rule id; a subject by the names that the scope does not say already. */
export function rulesOf(
  { decisions }: { readonly decisions: readonly Pick<ReportedDecision, 'subject' | 'rule'>[] },
  scope: JsonObject,
): Record<string, string> {
  return Object.fromEntries(
    decisions.map(({ subject, rule }) => [
      Object.entries(subject)
        .filter(([name, value]) => scope[name] !== value)
        .map(([, value]) => value)
        .join('/'),
      rule,
    ]),
  );
}

function checked<T>(schema: z.ZodType<T>, value: unknown, folder: string, file: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      ({ path: at, message }) => `${at.map(String).join('.') || '(whole)'}: ${message}`,
    );
    throw new ConfigurationError(`${path.join(folder, file)} is wrong: ${issues.join('; ')}.`);
  }
  return parsed.data;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 1)}\n`;
}
