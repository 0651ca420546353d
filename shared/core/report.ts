// What a run tells people: canonical JSON first, then the message and the issues made from it.
import type { ActionState } from './action.ts';
import type { Decision, Escalation } from './decision.ts';
import { code, type Message, paragraph, text, type Block } from './document.ts';
import type { JsonObject } from './json.ts';
import type { Evidence } from './wording/evidence.ts';

/** What became of an `act`: `planned` in a dry run, `observed` where policy only looks, else what the executor did. */
/** `begun`: the platform may have done it, which shows later; it is looked after and told then. */
export type OutcomeState =
  'applied' | 'begun' | 'repeated' | 'waiting' | 'planned' | 'observed' | 'refused' | 'stale' | 'failed' | 'unknown';

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

/**
 * The escalation that a decided subject leads to: its own, or the one that a change which failed leads to.
 * A refusal by a guardrail is policy at work and no escalation; the message tells it.
 */
export function escalationOf(decided: DecidedOutcome): Escalation | undefined {
  const { decision, outcome } = decided;
  if (decision.escalation !== undefined) {
    return decision.escalation;
  }
  if (decision.action === undefined || outcome === undefined || !isFailure(outcome)) {
    return undefined;
  }
  const { action, reason } = decision;
  const subject = Object.values(decision.subject).join('/');
  return {
    about: { rule: reason.rule, failed: action.kind, workload: action.guard.workload, ...scopeNames(action) },
    title: `${reason.label}: the change of ${subject} ${outcome.state === 'unknown' ? 'has an unknown end' : 'failed'}`,
    body: [
      paragraph(text(reason.sentence)),
      paragraph(
        text('Wanted: '),
        code(JSON.stringify(action.to)),
        text(' in place of '),
        code(JSON.stringify(action.from)),
      ),
      paragraph(text(`What happened: ${outcome.detail}`)),
      paragraph(
        text(
          'Nothing more is tried until the next run finds the same need. Mend the cause, or make the change by hand.',
        ),
      ),
    ],
  };
}

/** Whether an outcome means that a person must look: the change was wanted and allowed, and did not certainly happen. */
export function isFailure(outcome: Outcome): boolean {
  return outcome.state === 'failed' || outcome.state === 'unknown';
}

function scopeNames(action: NonNullable<Decision['action']>): Record<string, string> {
  const names: Record<string, string> = {};
  for (const key of ['cluster', 'namespace']) {
    const value = action.target[key];
    if (typeof value === 'string') {
      names[key] = value;
    }
  }
  return names;
}

/** Something that the run could not see or that is set up wrongly, told before everything else. */
export interface Problem {
  /** `configuration` makes the run refused; `platform` may recover by itself. */
  readonly kind: 'configuration' | 'platform';
  readonly message: string;
}

/**
 * What `report.ts` of a duty gives: the summary in the agreed shape and the words for people.
 * Whether and when the message goes out is the runtime's business: when there is news, else once a day.
 */
export interface Report {
  readonly summary: JsonObject;
  readonly message: Message;
  readonly corrections?: readonly Correction[];
  /** What a model may make of the message's block of role `words`; absent where code's sentences are the last word. */
  readonly wording?: Wording;
  /** What a model may say in the thread of the message beside what stands in it already; absent where there is nothing to explain. */
  readonly analysis?: Wording;
  readonly notices?: readonly Notice[];
  /** What is worth a message besides changes and escalations, as the facts that make it what it is: told once a day each. */
  readonly news?: readonly JsonObject[];
}

export interface Wording {
  /** The file prompts/<duty>/<prompt>.md. */
  readonly prompt: string;
  /** Made when a model is asked: most runs have none. */
  readonly evidence: () => Evidence;
}

/** Whose sentences stand in the message, and why the template's where a model was asked. */
export interface ReportedWords {
  readonly by: 'model' | 'template';
  readonly why: string | null;
}

/**
 * What a change of ours is about, or what was found of a build, said beside the build in the CI system, once for each place, and kept
 * up to date: a status of the commit, or a comment on the pull request. Never an action: nothing depends on it.
 */
export interface Notice {
  /** The effect key of the change; of a finding without a change a hash of its facts, under which a later one takes its place. */
  readonly about: string;
  readonly repository: string;
  readonly place:
    | { readonly kind: 'build-status'; readonly commit: string; readonly name: string; readonly url: string }
    | { readonly kind: 'pull-request'; readonly pullRequest: number };
  /** One sentence: what was done or found, and why. */
  readonly sentence: string;
  /** For a comment: what tells the cause. A block of kind `action` says what became of the change. */
  readonly body: readonly Block[];
}

/** A change that was told as done turned out otherwise: said once, in the thread of the message that told it. */
export interface Correction {
  /** The effect key of the change. */
  readonly actionId: string;
  readonly message: Message;
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
    /** That nothing is changed now, and why; absent while nothing is paused. */
    readonly paused?: string;
    /** Absent where no model was to be asked: none is configured, nothing was told, or nothing happened. */
    readonly words?: ReportedWords;
    /** The same of the analysis in the thread; where the template stands, nothing is said there. */
    readonly analysis?: ReportedWords;
  };
  readonly decisions: readonly ReportedDecision[];
  readonly actions: readonly ReportedAction[];
  readonly deliveries: readonly ReportedDelivery[];
}
