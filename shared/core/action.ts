// Actions as data: what is to change on the platform, under which key it happens once, and how far it got.
import { hashOf } from './fingerprint.ts';
import type { JsonObject } from './json.ts';
import type { Evidence, Subject } from './subject.ts';

/** What a decision asks for. The executor alone turns it into an effect. */
export interface ActionProposal {
  /** `<system>.<verb>`, a file in shared/actions. */
  readonly kind: string;
  /** What is changed, by names and UID, so that a thing re-created under the same name is another target. */
  readonly target: JsonObject;
  /** The state that the facts showed, and the state that is wanted; the shape belongs to the kind. */
  readonly from: JsonObject;
  readonly to: JsonObject;
  /** What guardrails need to know and cannot read from the change itself. */
  readonly guard: ActionGuard;
}

export interface ActionGuard {
  /** Names and labels that protection is matched against. */
  readonly names: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** The workload that the target is a part of, and how many such parts it has: for the share changed at once. */
  readonly workload: string;
  readonly workloadSize: number;
  /** How many of those parts this action touches (all of them for a template). */
  readonly touches: number;
  /** The name of the part when it is a single one (a pod): two changes of one part count as one part for the share. */
  readonly part?: string;
  /** The size that the workload declares for what is changed, in the unit of `to`, when it declares one: for the growth cap. */
  readonly declared?: JsonObject;
}

/**
 * The life of an action:
 * `waiting` (for approval) → `intended` (stored, the platform may have been touched) → `applied` → `settled` | `undone`.
 * `failed`, `stale`, `declined` and `expired` end it without an effect; `unknown` means that a person must look.
 */
export type ActionState =
  'waiting' | 'intended' | 'applied' | 'settled' | 'undone' | 'failed' | 'stale' | 'declined' | 'expired' | 'unknown';

/** States in which an action is over: a new action for the same target and change may start in the next epoch. */
export const CLOSED_STATES: readonly ActionState[] = ['settled', 'undone', 'failed', 'stale', 'declined', 'expired'];

/** How to take an action back, or why that cannot be done. */
export type Inverse =
  | { readonly kind: string; readonly target: JsonObject; readonly from: JsonObject; readonly to: JsonObject }
  | { readonly none: string };

/** An action as it is stored under its effect key. */
export interface ActionRecord extends ActionProposal {
  /** The effect key. */
  readonly id: string;
  readonly epoch: number;
  readonly inverse: Inverse;
  readonly duty: string;
  /** `duty` scope as one string, see `scopeKey`. */
  readonly scope: string;
  readonly runId: string;
  readonly subject: Subject;
  readonly rule: string;
  readonly sentence: string;
  readonly evidence: Evidence;
  readonly state: ActionState;
  /** ISO times. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly appliedAt?: string;
  /** What the platform said, in one sentence. */
  readonly outcome?: string;
  /** When `settle` looks at it next, ISO: to judge it, to account for it, to let it expire. Absent when it is over. */
  readonly dueAt?: string;
  /** Hash over what an approval binds to, made when it was proposed. */
  readonly binding?: string;
  /** When nobody can approve it any more, ISO. */
  readonly expiresAt?: string;
  /** Who approved it, where somebody had to. */
  readonly approvedBy?: string;
  /** The platform was asked and its answer never came: until `dueAt` the change may still show. */
  readonly replyLost?: true;
  /** What the target looked like before the change, for the judge; absent when that could not be read. */
  readonly before?: JsonObject;
  /** What the judge found when it was closed. */
  readonly judged?: { readonly rule: string; readonly evidence: Evidence; readonly succeeded?: boolean };
  /** Its judgement was put off once for missing data. */
  readonly extended?: boolean;
  /** The action that this one takes back. */
  readonly undoes?: string;
  /** Who takes the other one back. */
  readonly by?: string;
}

/** The key under which one effect happens once (law 5): never of the run, so that a repeat finds it. */
export function effectKey(action: Pick<ActionProposal, 'kind' | 'target' | 'from' | 'to'>, epoch: number): string {
  return hashOf({ kind: action.kind, target: action.target, from: action.from, to: action.to, epoch });
}

/** The key of a target, under which its epoch (the number of its closed actions) is counted. */
export function targetKey(action: Pick<ActionProposal, 'kind' | 'target'>): string {
  return hashOf({ kind: action.kind, target: action.target });
}
