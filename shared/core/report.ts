// What a run tells people: canonical JSON first, then the message and the issues made from it.
import type { ActionState } from './action.ts';
import type { Decision } from './decision.ts';
import type { Message } from './document.ts';
import type { JsonObject } from './json.ts';

/** What became of an `act`: `planned` in a dry run, `observed` where policy only looks, else what the executor did. */
export type OutcomeState =
  | 'applied'
  | 'repeated'
  | 'waiting'
  | 'planned'
  | 'observed'
  | 'refused'
  | 'stale'
  | 'failed'
  | 'unknown';

export interface Outcome {
  /** The effect key; absent where nothing was stored. */
  readonly actionId?: string;
  readonly state: OutcomeState;
  /** The guardrail or the platform's answer, one sentence. */
  readonly detail: string;
}

/** A decision with what became of it. `outcome` is present exactly when the verdict is `act`. */
export interface DecidedOutcome {
  readonly decision: Decision;
  readonly outcome?: Outcome;
}

/** Something that the run could not see or that is set up wrongly, told before everything else. */
export interface Problem {
  /** `configuration` makes the run refused; `platform` may recover by itself. */
  readonly kind: 'configuration' | 'platform';
  readonly message: string;
}

/** What `report.ts` of a duty gives: the summary in the agreed shape and the words for people. */
export interface Report {
  readonly summary: JsonObject;
  readonly message: Message;
  /** Something was changed or escalated, or is wrong: post now. Otherwise the message goes out once a day. */
  readonly newsworthy: boolean;
}

/** The action as the canonical report lists it. */
export interface ReportedAction {
  readonly id: string | null;
  readonly kind: string;
  readonly target: JsonObject;
  readonly from: JsonObject;
  readonly to: JsonObject;
  readonly rule: string;
  readonly outcome: OutcomeState;
  readonly detail: string;
  readonly state?: ActionState;
}

/** The canonical report's `decisions` entry. */
export interface ReportedDecision {
  readonly subject: Readonly<Record<string, string>>;
  readonly verdict: string;
  readonly rule: string;
  readonly reason: string;
  readonly evidence: Readonly<Record<string, number | string | boolean | null>>;
}

export interface ReportedDelivery {
  readonly id: string;
  readonly kind: string;
  readonly state: 'pending' | 'delivered' | 'failed';
  readonly url: string | null;
  readonly detail: string | null;
}

/** The HTTP reply, the `--json` output and the stored result of a run. */
export interface CanonicalReport {
  readonly summary: JsonObject;
  readonly run: {
    readonly id: string;
    readonly duty: string;
    readonly scope: JsonObject;
    readonly trigger: string;
    readonly dry_run: boolean;
    readonly result: 'done' | 'refused';
    readonly now: string;
    readonly problems: readonly Problem[];
  };
  readonly decisions: readonly ReportedDecision[];
  readonly actions: readonly ReportedAction[];
  readonly deliveries: readonly ReportedDelivery[];
}
