// What a duty is to the runtime: a manifest and five functions. `functions/<duty>/index.ts` puts them together.
import type { z } from 'zod';
import type { Decision } from '../core/decision.ts';
import type { Message } from '../core/document.ts';
import type { JsonObject } from '../core/json.ts';
import type { Policy, TeamPolicy } from '../core/policy.ts';
import type { DecidedOutcome, Problem, Report } from '../core/report.ts';
import type { RequiredMetric } from '../core/required-metric.ts';
import type { History, Memory, Ports } from '../ports/ports.ts';

/** What `observe` may use. `now` is the run's time (ISO) and becomes part of the facts. */
export interface ObserveInput<Scope, DutyPolicy> {
  readonly scope: Scope;
  readonly policy: Policy<DutyPolicy>;
  readonly now: string;
  readonly ports: Pick<Ports, 'cluster' | 'metrics' | 'ci'>;
  readonly history: History;
  readonly memory: Memory;
  /** What came from outside for this scope since the last run, oldest first; checked by the duty's `event`. */
  readonly events: readonly JsonObject[];
  /** Tells a person at a terminal what is being read. */
  readonly progress: (message: string) => void;
}

export interface ReportInput<Facts, DutyPolicy> {
  readonly facts: Facts;
  readonly policy: Policy<DutyPolicy>;
  readonly decided: readonly DecidedOutcome[];
  readonly dryRun: boolean;
}

/** A document to be remembered. Without `keepSeconds` it stays until it is replaced. */
export interface Remembered {
  readonly value: JsonObject;
  readonly keepSeconds?: number;
}

export interface RememberInput<Facts, DutyPolicy> {
  readonly facts: Facts;
  readonly policy: Policy<DutyPolicy>;
  readonly decided: readonly DecidedOutcome[];
}

export interface Duty<Scope extends JsonObject = JsonObject, Facts = unknown, DutyPolicy = unknown> {
  readonly name: string;
  /** The scope as a request gives it; unknown fields are refused. */
  readonly scope: z.ZodType<Scope>;
  /** This duty's part of the policy; `{}` gives the defaults. */
  readonly policy: z.ZodType<DutyPolicy>;
  readonly facts: z.ZodType<Facts>;
  /** The action kinds that its decisions may propose, none for a duty that only tells; where policy only observes all of them, nothing is escalated outside. */
  readonly actionKinds: readonly string[];
  /** What a webhook or a caller may hand to a run of it; absent for a duty that takes no events. */
  readonly event?: z.ZodType<JsonObject>;
  /** What it reads from the metrics store, for the doctor; absent for a duty that reads nothing there. */
  readonly requiredMetrics?: readonly RequiredMetric[];
  /**
   * The part of the scope whose runs share lease, memory and history, such as the workspace of a window; the whole scope when absent.
   */
  sharedScope?(scope: Scope): JsonObject;
  /** All scopes that the policy names, for a tick that names none. */
  scopes(policy: DutyPolicy, team: TeamPolicy): readonly Scope[];
  observe(input: ObserveInput<Scope, DutyPolicy>): Promise<Facts>;
  decide(facts: Facts, policy: Policy<DutyPolicy>): readonly Decision[];
  /** What could not be seen, from the facts. A problem of kind `configuration` makes the run refused: nothing is acted on. */
  problems(facts: Facts): readonly Problem[];
  report(input: ReportInput<Facts, DutyPolicy>): Report;
  /** What the next run of this scope is to know, by key: pure, and stored in the commit that ends the run. A dry run remembers nothing. */
  remember?(input: RememberInput<Facts, DutyPolicy>): Readonly<Record<string, Remembered>>;
  /** The report of a stored run as a page of the one-process host, from its summary; absent for a duty that has no page. */
  page?(summary: JsonObject): Message;
}

/** Keeps the types of a duty's parts together; the runtime sees them erased. */
export function defineDuty<Scope extends JsonObject, Facts, DutyPolicy>(
  duty: Duty<Scope, Facts, DutyPolicy>,
): Duty<Scope, Facts, DutyPolicy> {
  return duty;
}
