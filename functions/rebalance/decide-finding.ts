// What a rule gives, before holds and room have had their say.
import type { Evidence, Reason } from '../../shared/core/decision.ts';
import type { Change } from './schema-facts.ts';

/** A change that a rule wants: a raise is against harm, a trim for thrift. `change` is `null` where no size can be named. */
export interface Wish {
  readonly verdict: 'raise' | 'trim';
  readonly reason: Reason;
  readonly change: Change | null;
}

/** A change whose size is known. */
export interface SizedWish extends Wish {
  readonly change: Change;
}

export interface Skip {
  readonly verdict: 'skip';
  readonly reason: Reason;
}

export interface Concern {
  readonly verdict: 'escalate';
  readonly reason: Reason;
  /** What a person can do, one sentence each. */
  readonly advice: readonly string[];
}

/** What keeps a wish from being carried out, and what a person can do about it where it stands. */
export interface Hold {
  readonly reason: Reason;
  readonly advice: readonly string[];
}

export type Finding = Wish | Skip | Concern;

export function isWish(finding: Finding): finding is Wish {
  return finding.verdict === 'raise' || finding.verdict === 'trim';
}

/** A reason under this duty's rule id. */
export function reasonOf(rule: string, label: string, sentence: string, evidence: Evidence): Reason {
  return { rule: `rebalance/${rule}`, label, sentence, evidence };
}
