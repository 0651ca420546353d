// Subject, verdict, reason, decision: what every duty's `decide` gives, in the words of the glossary.
import type { ActionProposal } from './action.ts';
import type { Block } from './document.ts';
import type { Evidence, Subject } from './subject.ts';

export type { Evidence, Subject };

export type Verdict = 'act' | 'escalate' | 'skip';

/** Why a verdict was given. */
export interface Reason {
  /** `<duty>/<rule>`, the same in log, message, journal and fixture. */
  readonly rule: string;
  /** A few words for lists, such as "healthy" or "inconsistent metrics". */
  readonly label: string;
  /** One sentence made by code from the evidence. */
  readonly sentence: string;
  readonly evidence: Evidence;
}

/** What a person has to look at. Delivered as one open issue for each fingerprint. */
export interface Escalation {
  /** What the issue is about; its hash is the fingerprint. Names and rule only, never numbers or times. */
  readonly about: Readonly<Record<string, string>>;
  readonly title: string;
  readonly body: readonly Block[];
}

/** The verdict on one subject, its reason, and what follows from it. */
export interface Decision {
  readonly subject: Subject;
  readonly verdict: Verdict;
  readonly reason: Reason;
  /** Present exactly when the verdict is `act`; decisions that share one effect carry equal proposals. */
  readonly action?: ActionProposal;
  /** Present exactly when the verdict is `escalate`. */
  readonly escalation?: Escalation;
}
